//! What an operator gets wrong, and what is said about it.

use super::{TWO_LINKS, faults};

/// A text before the two links; then the line, the key, and a part of the message.
pub(super) type Row = (&'static str, usize, &'static str, &'static str);

const GENERAL: &[Row] = &[
    ("[probe]\nintervall = \"1s\"", 2, "probe.intervall", "did you mean interval?"),
    ("[prob]\ninterval = \"1s\"", 1, "prob", "did you mean probe?"),
    ("colour = 1", 1, "colour", "known here: targets, resolvers, agent"),
    ("interval = \"1s\"", 1, "interval", "move it to [probe]"),
    ("interface = \"eth0\"", 1, "interface", "move it to [[link]]"),
    ("[agent]\ntargets = [\"1.1.1.1\"]", 2, "agent.targets", "move it to the top of the file"),
    ("probe = 3", 1, "probe", "write [probe] on a line of its own"),
    ("[[probe]]\ninterval = \"1s\"", 1, "probe", "there is only one"),
    (
        "[probe]\ninterval = \"5 parsecs\"",
        2,
        "probe.interval",
        "is not a duration; write a number and a unit",
    ),
    ("[probe]\ninterval = 5", 2, "probe.interval", "5 has no unit of time"),
    ("[probe]\ninterval = \"9ms\"", 2, "probe.interval", "too short; write a duration from 10ms to 1h"),
    ("[probe]\ninterval = \"10M\"", 2, "probe.interval", "minutes are written \"m\""),
    ("[probe]\ntimeout = \"11s\"", 2, "probe.timeout", "too long; write a duration from 10ms to 10s"),
    ("[probe]\nquorum = 0", 2, "probe.quorum", "0 is out of range; write a whole number from 1 to 160"),
    ("[probe]\nquorum = \"1\"", 2, "probe.quorum", "is not a whole number"),
    ("[probe]\nquorum = 3", 2, "probe.quorum", "the IPv4 targets of link \"fiber\" weigh 2 together"),
    (
        "[probe]\ninterval = \"2s\"\nstandby_interval = \"1s\"",
        3,
        "probe.standby_interval",
        "at least as long",
    ),
    ("[limits]\nloss = \"0%\"", 2, "limits.loss", "out of range"),
    ("[limits]\nloss = 101", 2, "limits.loss", "up to 100"),
    ("[limits]\nloss = \"20\"", 2, "limits.loss", "is not a percentage"),
    ("[limits]\nrtt = \"3s\"", 2, "limits.rtt", "make the rtt limit shorter than timeout"),
    ("[limits]\nrtt = \"1x\"", 2, "limits.rtt", "is not a multiple from 1.5x to 100x"),
    ("[limits]\njitter = \"x\"", 2, "limits.jitter", "write how many times the usual is too much"),
    ("[failback]\nmode = \"windw\"", 2, "failback.mode", "did you mean \"window\"?"),
    ("[failback]\nmode = \"window\"", 2, "failback.mode", "needs a window"),
    ("[failback]\nwindow = \"02:00-04:00\"", 2, "failback.window", "has no effect"),
    ("[failback]\nmode = \"window\"\nwindow = \"2-4\"", 3, "failback.window", "is not a window of time"),
    ("[failback]\nmode = \"window\"\nwindow = \"02:00-02:00\"", 3, "failback.window", "closes when it opens"),
    ("[failback]\nhold_down = \"0s\"", 2, "failback.hold_down", "from 1s to 1day"),
    ("[damping]\nhalf_life = \"2d\"", 2, "damping.half_life", "too long"),
    ("[canary]\nenabled = \"yes\"", 2, "canary.enabled", "write true or false"),
    ("[canary]\ninterface = \"eth0\"", 6, "link \"fiber\".interface", "the canary enters by"),
    ("[canary]\nsource = \"224.0.0.1\"", 2, "canary.source", "is a multicast address"),
    ("[canary]\nsource = \"fe80::1\"", 2, "canary.source", "is not an IPv4 address"),
    ("[agent]\nsocket = \"shunt.sock\"", 2, "agent.socket", "is not an absolute path"),
    ("[agent]\nsocket = \"/run/\"", 2, "agent.socket", "names a directory"),
    ("[agent]\nstate_dir = \"/\"", 2, "agent.state_dir", "write the whole path"),
    ("[agent]\ngroup = \"\"", 2, "agent.group", "is not the name of a group"),
    ("[agent]\nlog = \"inof\"", 2, "agent.log", "did you mean \"info\"?"),
    ("[agent]\nlog_format = true", 2, "agent.log_format", "\"text\", \"json\""),
    ("[recording]\nsize = 4", 2, "recording.size", "4 is not a size; write a whole number and a unit"),
    ("[recording]\nsize = \"+4 MiB\"", 2, "recording.size", "is not a size"),
    ("[recording]\nsize = \"4 MIB\"", 2, "recording.size", "is not a size"),
    ("[recording]\nsize = \"512 KiB\"", 2, "recording.size", "out of range"),
    ("[recording]\nsize = \"99999999999999999999 MiB\"", 2, "recording.size", "is not a size"),
    ("[recording]\nenabled = 1", 2, "recording.enabled", "write true or false"),
    ("[watchdog]\ndevice = \"watchdog0\"", 2, "watchdog.device", "is not an absolute path"),
    ("[watchdog]\ndevice_timeout = \"5s\"", 2, "watchdog.device_timeout", "from 10s to 10m"),
    ("[watchdog]\nport = \"/dev/ttyS1\"", 2, "watchdog.port", "move it to [watchdog.mcu]"),
    ("[watchdog]\nmcu = \"/dev/ttyS1\"", 2, "watchdog.mcu", "write [watchdog.mcu] on a line of its own"),
    ("[watchdog.mcu]\nport = \"ttyS1\"", 2, "watchdog.mcu.port", "is not an absolute path"),
    ("[watchdog.mcu]\nport = \"/dev/ttyACM0\"", 2, "watchdog.mcu.port", "by its link in /dev/serial/by-id"),
    ("[watchdog.mcu]\nusb = \"1a86\"", 2, "watchdog.mcu.usb", "as lsusb does"),
    (
        "[watchdog.mcu]\nusb = \"1a86:7523\"\nport = \"/dev/ttyS1\"",
        3,
        "watchdog.mcu.port",
        "keep one of port and usb",
    ),
    ("[watchdog.mcu]\nboot0_line = 3\nreset_line = 4", 2, "watchdog.mcu.boot0_line", "here is no chip"),
    (
        "[watchdog.mcu]\nreset_line = 4\nchip = \"gpiochip0\"",
        3,
        "watchdog.mcu.chip",
        "add it, such as boot0_line = 17",
    ),
    (
        "[watchdog.mcu]\nchip = \"gpiochip0\"\nboot0_line = 4\nreset_line = 4",
        4,
        "watchdog.mcu.reset_line",
        "line 4 cannot go to BOOT0 and to the reset pin",
    ),
    ("[watchdog.mcu]\nalert = \"1500ms\"", 2, "watchdog.mcu.alert", "write whole seconds"),
    ("[watchdog.mcu]\nfeed_timeout = \"1s\"", 2, "watchdog.mcu.feed_timeout", "from 5s to 10m"),
    ("[watchdog.mcu]\nmodem_off = \"1m\"", 2, "watchdog.mcu.modem_off", "from 1s to 15s"),
    ("[watchdog.mcu]\nmost_resets = 256", 2, "watchdog.mcu.most_resets", "from 0 to 255"),
    ("[watchdog.mcu]\ncut_modem = \"no\"", 2, "watchdog.mcu.cut_modem", "write true or false"),
    (
        "[watchdog.mcu]\nfeed_timeout = \"6m\"",
        2,
        "watchdog.mcu.feed_timeout",
        "boot_grace (5m) is below feed_timeout (6m)",
    ),
    (
        "[watchdog.mcu]\nbackoff_longest = \"5m\"",
        2,
        "watchdog.mcu.backoff_longest",
        "raise backoff_longest, or lower backoff_shortest",
    ),
    (
        "[watchdog.mcu]\nbackoff_shortest = \"1h\"",
        2,
        "watchdog.mcu.backoff_shortest",
        "raise backoff_healthy, or lower backoff_shortest",
    ),
    (
        "[watchdog.mcu]\nstop_lease = \"2h\"",
        2,
        "watchdog.mcu.stop_lease",
        "raise longest_lease, or lower stop_lease",
    ),
    ("[kernel]\ntable_base = 200", 2, "kernel.table_base", "include 253 to 255"),
    ("[kernel]\ntable_base = 0", 2, "kernel.table_base", "out of range"),
    ("[kernel]\nrule_base = 31767", 2, "kernel.rule_base", "do not fit before main's 32766"),
    ("[kernel]\nmark_mask = 0", 2, "kernel.mark_mask", "is not a mask"),
    ("[kernel]\nmark_mask = 0x5", 2, "kernel.mark_mask", "not side by side"),
    ("[kernel]\nmark_mask = 0x1", 2, "kernel.mark_mask", "there are 2; give it at least 2 bits"),
    ("[kernel]\nprotocol = 4", 2, "kernel.protocol", "kernel's own protocols"),
    ("[kernel]\nprotocol = 16", 2, "kernel.protocol", "the routes of DHCP"),
    ("targets = []", 1, "targets", "cannot be judged"),
    ("targets = \"1.1.1.1\"", 1, "targets", "write a list in brackets"),
    ("targets = [\"1.1.1.1\",\n \"1.1.1.1\"]", 2, "targets", "twice"),
    ("targets = [\"gateway\"]", 1, "targets", "write a whole name with its domain, such as"),
    ("targets = [\"example.com/path\"]", 1, "targets", "neither an IP address nor a name"),
    ("targets = [\"Example.com:443\"]", 1, "targets", "\"tcp://example.com:443\" for a connection"),
    ("targets = [\"tcp://example.com\"]", 1, "targets", "add one, such as \"tcp://example.com:443\""),
    ("targets = [\"example.com\", \"EXAMPLE.com.\"]", 1, "targets", "example.com is in the list twice"),
    (
        "targets = [{ target = \"dns://a.example/b.c\", answer = \"::1\" }]",
        1,
        "targets.answer",
        "write an IPv4",
    ),
    ("targets = [\"1.1.1.1:53\"]", 1, "targets", "\"tcp://1.1.1.1:53\" for a connection"),
    ("targets = [\"1.1.1.0/24\"]", 1, "targets", "is a network"),
    ("targets = [\"[2620:fe::fe]\"]", 1, "targets", "write \"2620:fe::fe\""),
    ("targets = [\"ftp://1.1.1.1\"]", 1, "targets", "or \"https://HOST/PATH\""),
    ("targets = [\"http://\"]", 1, "targets", "write a whole name with its domain"),
    ("targets = [\"http://portal/\"]", 1, "targets", "names no host that can be looked up"),
    ("targets = [\"http://1.1.1/\"]", 1, "targets", "neither an IP address nor a name"),
    ("targets = [\"http://127.0.0.1/\"]", 1, "targets", "loopback"),
    ("targets = [\"http://2620:fe::fe/\"]", 1, "targets", "write it as \"[2620:fe::fe]\""),
    ("targets = [\"http://me:x@example.com/\"]", 1, "targets", "probes log in nowhere"),
    ("targets = [\"http://example.com/#a\"]", 1, "targets", "leave out \"#\" and what follows"),
    ("targets = [\"http://example.com/a b\"]", 1, "targets", "write other letters as %XX"),
    ("targets = [\"http://example.com:0/\"]", 1, "targets", "from 1 to 65535"),
    ("targets = [{ target = \"http://a.example\", status = 100 }]", 1, "targets.status", "from 200 to 599"),
    ("targets = [{ target = \"1.1.1.1\", status = 204 }]", 1, "targets.status", "remove status"),
    ("targets = [{ target = \"http://a.example\", body = \"\" }]", 1, "targets.body", "1 to 256 bytes"),
    ("targets = [{ target = \"1.1.1.1\", body = \"x\" }]", 1, "targets.body", "remove body"),
    (
        "targets = [{ target = \"http://1.1.1.1\", family = \"v4\" }]",
        1,
        "targets.family",
        "which is for names",
    ),
    ("targets = [{ target = \"http://a.example\", family = \"4\" }]", 1, "targets.family", "\"v4\", \"v6\""),
    ("resolvers = \"9.9.9.9\"", 1, "resolvers", "is not a list of resolvers; write a list"),
    ("resolvers = []", 1, "resolvers", "write a list of 1 to 8 addresses"),
    ("resolvers = [\"9.9.9.9:53\"]", 1, "resolvers", "write addresses without ports"),
    ("resolvers = [\"127.0.0.1\"]", 1, "resolvers", "loopback"),
    ("resolvers = [\"9.9.9.9\", \"9.9.9.9\"]", 1, "resolvers", "remove one of them"),
    (
        "targets = [{ target = \"http://a.example\", family = \"v6\" }]\nresolvers = [\"9.9.9.9\"]",
        2,
        "resolvers",
        "link \"fiber\" looks up a.example over IPv6",
    ),
    (
        "targets = [\"tcp://a.example:1\"]\nresolvers = [\"2620:fe::fe\"]",
        2,
        "resolvers",
        "link \"fiber\" looks up a.example over IPv4",
    ),
    ("targets = [\"tcp://1.1.1.1\"]", 1, "targets", "has no port"),
    ("targets = [\"tcp://1.1.1.1:0\"]", 1, "targets", "from 1 to 65535"),
    ("targets = [\"tcp://2620:fe::fe\"]", 1, "targets", "write it as \"[2620:fe::fe]\""),
    ("targets = [\"dns://9.9.9.9\"]", 1, "targets", "asks for no name"),
    ("targets = [\"127.0.0.1\"]", 1, "targets", "loopback"),
    ("targets = [\"fe80::1\"]", 1, "targets", "link-local"),
    ("targets = [1]", 1, "targets", "write a text in \"quotes\", or a { table }"),
    ("targets = [{ weight = 2 }]", 1, "targets", "names no target; add it, such as target = \"1.1.1.1\""),
    ("targets = [{ target = \"1.1.1.1\", wieght = 2 }]", 1, "targets", "did you mean weight?"),
    ("targets = [{ target = \"1.1.1.1\", colour = 2 }]", 1, "targets", "known here: target, weight"),
    ("targets = [{ target = \"1.1.1.1\", weight = 0 }]", 1, "targets.weight", "from 1 to 10"),
    ("targets = [{ target = \"1.1.1.1\", weight = 11 }]", 1, "targets.weight", "11 is out of range"),
    ("targets = [{ target = \"1.1.1.x\" }]", 1, "targets.target", "neither an IP address nor a name"),
    ("targets = [{ target = \"1.1.1.1\", weight = 2 },\n \"1.1.1.1\"]", 2, "targets", "twice"),
    ("targets = [{ target = \"1.1.1.1\", answer = \"1.1.1.1\" }]", 1, "targets.answer", "remove answer"),
    ("targets = [{ target = \"dns://1.1.1.1/a.b\", answer = \"x\" }]", 1, "targets.answer", "\"192.0.2.7\""),
    (
        "targets = [{ target = \"dns://1.1.1.1/a.b\", answer = \"::1\" }]",
        1,
        "targets.answer",
        "write an IPv4",
    ),
    (
        "targets = [{ target = \"1.1.1.1\", weight = 2 }]\n[probe]\nquorum = 3",
        3,
        "probe.quorum",
        "weigh 2 together; add targets of that family, or lower the quorum",
    ),
    ("a = 1\na = 2", 2, "", "keep one of the two"),
    ("[probe]\ninterval = 1s", 2, "", "this is not TOML"),
];

#[test]
fn each_general_fault_is_named() {
    for (text, line, key, part) in GENERAL {
        let found = faults(&format!("{text}\n{}", TWO_LINKS));
        let [fault] = found.as_slice() else { panic!("{text}: not one fault: {found:#?}") };
        assert_eq!((fault.line, fault.key.as_str()), (*line, *key), "{fault}");
        assert!(fault.to_string().contains(part), "{fault}\nlacks {part}");
    }
}

/// Keys of a second link (with `[[link]]` in line 4), and what is said about them.
const OF_A_LINK: &[Row] = &[
    ("interface = \"b0\"", 4, "link[2].name", "the link has no name"),
    ("name = \"b\"", 4, "link \"b\".interface", "the link has no interface"),
    ("name = \"A\"\ninterface = \"b0\"", 5, "link \"A\".name", "two links are called \"a\""),
    ("name = \"b\"\ninterface = \"a0\"", 6, "link \"b\".interface", "already the interface of link \"a\""),
    ("name = \"b c\"\ninterface = \"b0\"", 5, "link[2].name", "cannot be the name of a link"),
    ("name = \"b\"\ninterface = \"sixteen-letters-\"", 6, "link \"b\".interface", "the kernel allows 15"),
    ("name = \"b\"\ninterface = \"b/0\"", 6, "link \"b\".interface", "cannot be an interface name"),
    ("name = \"b\"\ninterface = \"lo\"", 6, "link \"b\".interface", "loopback"),
    ("name = \"b\"\ninterface = \"b0\"\ngateway = \"::1\"", 7, "link \"b\".gateway", "move it to gateway6"),
    ("name = \"b\"\ninterface = \"b0\"\ngateway = \"of\"", 7, "link \"b\".gateway", "\"on-link\""),
    (
        "name = \"b\"\ninterface = \"b0\"\ntimeout = \"1s\"",
        7,
        "link \"b\".timeout",
        "move it to [link.probe]",
    ),
    ("name = \"b\"\ninterface = \"b0\"\nmetered = 1", 7, "link \"b\".metered", "true nor false"),
    ("name = \"b\"\ninterface = \"b0\"\nprobe_budget = 5", 7, "link \"b\".probe_budget", "\"100 MB/month\""),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \"5 MB\"",
        7,
        "link \"b\".probe_budget",
        "is not an amount of data in a period",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \"5 MB/year\"",
        7,
        "link \"b\".probe_budget",
        "write day, week or month",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \"5 mb/day\"",
        7,
        "link \"b\".probe_budget",
        "has no unit of data; write B, KB",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \". MB/day\"",
        7,
        "link \"b\".probe_budget",
        "has no number",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \"2000 GB/day\"",
        7,
        "link \"b\".probe_budget",
        "out of range",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe_budget = \"600 KB/month\"",
        7,
        "link \"b\".probe_budget",
        "at 432 bytes each time; allow at least \"623 KB/month\"",
    ),
    (
        "name = \"b\"\ninterface = \"b0\"\nprobe = { interval = \"1ms\" }",
        7,
        "link \"b\".probe.interval",
        "too short",
    ),
];

#[test]
fn each_fault_of_a_link_is_named() {
    for (text, line, key, part) in OF_A_LINK {
        let found = faults(&format!("[[link]]\nname = \"a\"\ninterface = \"a0\"\n[[link]]\n{text}\n"));
        let [fault] = found.as_slice() else { panic!("{text}: not one fault: {found:#?}") };
        assert_eq!((fault.line, fault.key.as_str()), (*line, *key), "{fault}");
        assert!(fault.to_string().contains(part), "{fault}\nlacks {part}");
    }
}

#[test]
fn missing_links_and_a_single_bracket() {
    assert!(faults("[link]\nname = \"a\"")[0].mend.contains("double brackets"));
    assert!(faults("[probe]\n")[0].why.contains("there is no link"));
    let many: String =
        (0..128).map(|n| format!("[[link]]\nname = \"l{n}\"\ninterface = \"e{n}\"\n")).collect();
    assert!(faults(&many).iter().any(|fault| fault.why == "128 links are too many"));
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_file() {
    let text = "[kernel]\nprotocol = 2\n[probe]\ninterval = 1\nspeed = 2\n[[link]]\nname = \"é\"\n\
                interface = \"eth0\"\n[[link]]\ninterface = \"eth0\"\ntargets = [\"x\", \"1.1.1.1\", \"y\"]\n";
    let found: Vec<_> = faults(text).into_iter().map(|fault| (fault.line, fault.column, fault.key)).collect();
    let expected = [
        (2, 12, "kernel.protocol"),
        (4, 12, "probe.interval"),
        (5, 1, "probe.speed"),
        (7, 8, "link[1].name"),
        (9, 1, "link[2].name"),
        (10, 13, "link[2].interface"),
        (11, 12, "link[2].targets"),
        (11, 28, "link[2].targets"),
    ];
    assert_eq!(found, expected.map(|(line, column, key)| (line, column, key.to_owned())));
}

#[test]
fn more_faults_than_anybody_reads_are_counted() {
    let text: String = (0..100).map(|n| format!("unknown{n} = 1\n")).collect();
    let faults = crate::parse(&format!("{text}{TWO_LINKS}"), std::path::Path::new("x")).unwrap_err();
    assert_eq!((faults.as_slice().len(), faults.omitted()), (64, 36));
    assert!(faults.to_string().ends_with("and 36 more"));
}
