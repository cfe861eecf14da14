//! What an operator gets wrong of a modem, and what is said about it.

use super::faults::Row;
use super::{TWO_LINKS, faults};

/// More of a modem that has all it needs.
macro_rules! a_modem_with {
    ($more:literal) => {
        concat!("link = \"lte\"\nusb = \"2c7c:0125\"\n", $more)
    };
}

/// Keys of a modem (with `[[modem]]` in line 10), and what is said about them.
const OF_A_MODEM: &[Row] = &[
    ("usb = \"2c7c:0125\"", 10, "modem[1].link", "the modem has no link; name the link that it carries"),
    ("link = \"lte\"", 10, "modem \"lte\".usb", "nothing says which modem is meant; add usb"),
    ("link = \"ltee\"\nusb = \"2c7c:0125\"", 11, "modem \"ltee\".link", "did you mean \"lte\"?"),
    ("link = \"dsl\"\nusb = \"2c7c:0125\"", 11, "modem \"dsl\".link", "name one of the links: fiber, lte"),
    ("link = \"lte\"\nusb = \"2c7c\"", 12, "modem \"lte\".usb", "as lsusb does"),
    ("link = \"lte\"\nimei = \"490154203237519\"", 12, "modem \"lte\".imei", "do not fit the last of them"),
    ("link = \"lte\"\nimei = 490154203237518", 12, "modem \"lte\".imei", "15 digits in \"quotes\""),
    (
        "link = \"lte\"\nport = \"/dev/ttyUSB2\"",
        12,
        "modem \"lte\".port",
        "name the modem by usb, imei or path",
    ),
    ("link = \"lte\"\npath = \"../1-1\"", 12, "modem \"lte\".path", "/sys/bus/usb/devices"),
    (
        "link = \"lte\"\nusb = \"2c7c:0125\"\npath = \"1-1\"",
        13,
        "modem \"lte\".path",
        "keep one of port, path, usb and imei",
    ),
    (
        "link = \"lte\"\nusb = \"2c7c:0125\"\n[[modem]]\nlink = \"lte\"\nusb = \"2c7c:0126\"",
        14,
        "modem \"lte\".link",
        "give each modem a link of its own",
    ),
    (
        "link = \"lte\"\nusb = \"2c7c:0125\"\n[[modem]]\nlink = \"fiber\"\nusb = \"2c7c:0125\"",
        15,
        "modem \"fiber\".usb",
        "tell two modems apart by imei",
    ),
    (
        "link = \"lte\"\nusb = \"2c7c:0125\"\n[[modem]]\nlink = \"fiber\"\nname = \"LTE\"\nusb = \"2c7c:0126\"",
        15,
        "modem \"LTE\".name",
        "two modems are called \"lte\"",
    ),
    (a_modem_with!("apm = \"x\""), 13, "modem \"lte\".apm", "did you mean apn?"),
    (a_modem_with!("slot = 1"), 13, "modem \"lte\".slot", "move it to [[modem.sim]]"),
    (a_modem_with!("metered = true"), 13, "modem \"lte\".metered", "move it to [[link]]"),
    (a_modem_with!("apn = \"two words\""), 13, "modem \"lte\".apn", "write it as the provider does"),
    (a_modem_with!("user = \"me\""), 13, "modem \"lte\".user", "without password_file"),
    (a_modem_with!("password_file = \"/p\""), 13, "modem \"lte\".password_file", "without user"),
    (a_modem_with!("auth = \"pap\""), 13, "modem \"lte\".auth", "add user and password_file"),
    (a_modem_with!("user = \"me\"\npassword_file = \"/p\""), 13, "modem \"lte\".user", "add auth = \"chap\""),
    (a_modem_with!("user = 'a\"b'"), 13, "modem \"lte\".user", "without quotes and backslashes"),
    (a_modem_with!("ip = \"ipv4\""), 13, "modem \"lte\".ip", "\"v4\", \"v6\", \"v4v6\""),
    (a_modem_with!("context = 0"), 13, "modem \"lte\".context", "from 1 to 16"),
    (a_modem_with!("pin_file = \"1234\""), 13, "modem \"lte\".pin_file", "is not an absolute path"),
    (a_modem_with!("allowance = \"5\""), 13, "modem \"lte\".allowance", "has no unit of data"),
    (a_modem_with!("allowance = 5"), 13, "modem \"lte\".allowance", "is not an amount of data"),
    (a_modem_with!("billing_day = 31"), 13, "modem \"lte\".billing_day", "from 1 to 28"),
    (a_modem_with!("return_after = \"1h\""), 13, "modem \"lte\".return_after", "add a second [[modem.sim]]"),
    (a_modem_with!("watch = \"1s\""), 13, "modem \"lte\".watch", "from 5s to 10m"),
    (a_modem_with!("sim = 3"), 13, "modem \"lte\".sim", "double brackets"),
    (
        a_modem_with!("[[modem.sim]]\n[[modem.sim]]\nslot = 2"),
        13,
        "modem \"lte\".sim[1].slot",
        "each needs its slot",
    ),
    (
        a_modem_with!("[[modem.sim]]\nslot = 2\n[[modem.sim]]\nslot = 2"),
        16,
        "modem \"lte\".sim[2].slot",
        "another SIM is in slot 2",
    ),
    (a_modem_with!("[[modem.sim]]\nslot = 5"), 14, "modem \"lte\".sim[1].slot", "from 0 to 4"),
    (a_modem_with!("[modem.power]\nline = 3"), 13, "modem \"lte\".power.chip", "add it, such as chip"),
    (
        a_modem_with!("[modem.power]\nchip = \"gpiochip0\""),
        13,
        "modem \"lte\".power.line",
        "add it, such as line",
    ),
    (
        a_modem_with!("[modem.power]\nchip = \"gpiochip0\"\nline = 1\nactive = 1"),
        16,
        "modem \"lte\".power.active",
        "\"high\", \"low\"",
    ),
    (
        a_modem_with!("[modem.power]\nby = \"mcu\""),
        13,
        "modem \"lte\".power",
        "add [watchdog.mcu] with its port",
    ),
    (
        a_modem_with!("[modem.power]\nby = \"mcu\"\nline = 3\n[watchdog.mcu]\nport = \"/dev/ttyS1\""),
        15,
        "modem \"lte\".power.line",
        "remove chip, line and active",
    ),
    (a_modem_with!("[modem.power]\nby = \"relay\""), 14, "modem \"lte\".power.by", "\"gpio\", \"mcu\""),
    (
        a_modem_with!(
            "[modem.power]\nby = \"mcu\"\n[[modem]]\nlink = \"fiber\"\npath = \"1-1\"\n\
             [modem.power]\nby = \"mcu\"\n[watchdog.mcu]\nport = \"/dev/ttyS1\""
        ),
        18,
        "modem \"fiber\".power",
        "that is the one of modem \"lte\"",
    ),
    (
        a_modem_with!("[modem.remote]\nenabled = true"),
        14,
        "modem \"lte\".remote.enabled",
        "nobody may order anything",
    ),
    (
        a_modem_with!("[modem.remote]\noperators = []"),
        14,
        "modem \"lte\".remote.operators",
        "1 to 16 operators",
    ),
    (
        a_modem_with!("[modem.remote]\noperators = [1]"),
        14,
        "modem \"lte\".remote.operators",
        "1 is no operator",
    ),
    (
        a_modem_with!("[modem.remote]\noperators = [{ name = \"a\", number = \"+15550100\" }]"),
        14,
        "modem \"lte\".remote.operators",
        "has no secret_file",
    ),
    (
        a_modem_with!(
            "[modem.remote]\noperators = [{ name = \"a\", number = \"0170\", secret_file = \"/s\" }]"
        ),
        14,
        "modem \"lte\".remote.operators.number",
        "with its country code",
    ),
    (
        a_modem_with!(
            "[modem.remote]\noperators = [{ name = \"a\", numbr = \"+15550100\", number = \"+15550100\", secret_file = \"/s\" }]"
        ),
        14,
        "modem \"lte\".remote.operators",
        "did you mean number?",
    ),
    (
        a_modem_with!("[modem.remote]\ncountry = \"+49\""),
        14,
        "modem \"lte\".remote.country",
        "alone in \"quotes\"",
    ),
    (
        a_modem_with!("[modem.remote]\ntrunk = \"abc\""),
        14,
        "modem \"lte\".remote.trunk",
        "where there is nothing",
    ),
    (
        a_modem_with!("[modem.remote]\ncodes = \"hotp\""),
        14,
        "modem \"lte\".remote.codes",
        "\"counter\", \"time\"",
    ),
    (a_modem_with!("[modem.remote]\ndigits = 5"), 14, "modem \"lte\".remote.digits", "from 6 to 8"),
    (a_modem_with!("[modem.remote]\nper_number = 0"), 14, "modem \"lte\".remote.per_number", "from 1 to 600"),
    (a_modem_with!("[modem.remote]\nin_all = 601"), 14, "modem \"lte\".remote.in_all", "from 1 to 600"),
];

#[test]
fn each_fault_of_a_modem_is_named() {
    for (text, line, key, part) in OF_A_MODEM {
        let found = faults(&format!("{TWO_LINKS}[[modem]]\n{text}\n"));
        let [fault] = found.as_slice() else { panic!("{text}: not one fault: {found:#?}") };
        assert_eq!((fault.line, fault.key.as_str()), (*line, *key), "{fault}");
        assert!(fault.to_string().contains(part), "{fault}\nlacks {part}");
    }
    assert!(faults(&format!("{TWO_LINKS}[modem]\nlink = \"lte\""))[0].mend.contains("double brackets"));
    let many: String = (0..17).map(|_| "[[modem]]\n").collect();
    assert!(faults(&format!("{TWO_LINKS}{many}")).iter().any(|fault| fault.mend == "keep at most 16"));
}
