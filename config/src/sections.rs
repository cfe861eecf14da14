//! The sections that hold for all links.

use crate::defaults;
use crate::kernel::{MAX_LINKS, RULES};
use crate::values::{
    Complaint, Parsed, boolean, duration, group, integer, interface, log_filter, not_unicast, path, percent,
    quoted, show, socket, text, word,
};
use crate::walk::{Section, Setting, Walker};
use crate::{
    Agent, Canary, DailyWindow, Damping, Failback, FailbackMode, Failover, Kernel, LogFormat, TimeLimit,
};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use toml::de::DeValue;

/// The last rule priority before the kernel's own rule for `main`, 32766.
const LAST_PRIORITY: u32 = 32_765;

/// Tables that the kernel knows by these numbers: default, main, local (linux/rtnetlink.h).
const KERNEL_TABLES: std::ops::RangeInclusive<i64> = 253..=255;

/// Route protocol numbers that others are known to use (linux/rtnetlink.h). Shunt removes routes that carry
/// its own number and that it does not want, so that a shared number would cost others their routes.
const TAKEN_PROTOCOLS: &[(u8, &str)] = &[
    (8, "GateD"),
    (9, "router advertisements"),
    (10, "MRT"),
    (11, "zebra (FRR)"),
    (12, "BIRD"),
    (13, "DECnet"),
    (14, "XORP"),
    (15, "Netsukuku"),
    (16, "DHCP"),
    (17, "mrouted"),
    (18, "keepalived"),
    (42, "Babel"),
    (84, "OVN"),
    (99, "Open/R"),
    (186, "BGP"),
    (187, "IS-IS"),
    (188, "OSPF"),
    (189, "RIP"),
    (192, "EIGRP"),
];

/// `[probe]` as written, so that a link can be laid over it.
#[derive(Debug, Clone)]
pub(crate) struct ProbeSettings {
    pub(crate) interval: Setting<Duration>,
    pub(crate) standby_interval: Setting<Duration>,
    pub(crate) timeout: Setting<Duration>,
    pub(crate) quorum: Setting<u8>,
}

impl ProbeSettings {
    pub(crate) const fn defaults() -> Self {
        Self {
            interval: Setting::default(defaults::PROBE.interval),
            standby_interval: Setting::default(defaults::PROBE.standby_interval),
            timeout: Setting::default(defaults::PROBE.timeout),
            quorum: Setting::default(defaults::PROBE.quorum),
        }
    }

    /// The section's keys over `self`.
    pub(crate) fn overlaid<'t>(self, walk: &mut Walker, section: &Section<'t>) -> Self {
        let quorum = |value: &DeValue<'_>| {
            integer(1..=i64::from(defaults::MAX_QUORUM))(value)
                .map(|number| u8::try_from(number).unwrap_or(u8::MAX))
        };
        let interval = || duration(defaults::INTERVAL);
        Self {
            interval: walk.override_of(section, "interval", self.interval, interval()),
            standby_interval: walk.override_of(
                section,
                "standby_interval",
                self.standby_interval,
                interval(),
            ),
            timeout: walk.override_of(section, "timeout", self.timeout, duration(defaults::TIMEOUT)),
            quorum: walk.override_of(section, "quorum", self.quorum, quorum),
        }
    }
}

/// `[limits]` as written.
#[derive(Debug, Clone)]
pub(crate) struct LimitSettings {
    pub(crate) loss: Setting<f64>,
    pub(crate) rtt: Setting<Option<TimeLimit>>,
    pub(crate) jitter: Setting<Option<TimeLimit>>,
}

impl LimitSettings {
    pub(crate) const fn defaults() -> Self {
        Self {
            loss: Setting::default(defaults::LIMITS.loss_percent),
            rtt: Setting::default(defaults::LIMITS.rtt),
            jitter: Setting::default(defaults::LIMITS.jitter),
        }
    }

    /// The section's keys over `self`.
    pub(crate) fn overlaid<'t>(self, walk: &mut Walker, section: &Section<'t>) -> Self {
        let limit = |value: &DeValue<'_>| time_limit(value).map(Some);
        Self {
            loss: walk.override_of(section, "loss", self.loss, percent),
            rtt: walk.override_of(section, "rtt", self.rtt, limit),
            jitter: walk.override_of(section, "jitter", self.jitter, limit),
        }
    }
}

/// A duration, or a multiple of what is usual: `"5x"`.
fn time_limit(value: &DeValue<'_>) -> Parsed<TimeLimit> {
    let Some(times) = value.as_str().and_then(|given| given.strip_suffix('x')) else {
        return duration(defaults::LIMIT)(value).map(TimeLimit::At);
    };
    let (least, most) = (defaults::TIMES_BASELINE.start(), defaults::TIMES_BASELINE.end());
    match times.trim().parse::<f64>() {
        Ok(times) if defaults::TIMES_BASELINE.contains(&times) => Ok(TimeLimit::TimesBaseline(times)),
        Ok(_) | Err(_) => Err(Complaint::new(
            format!("{} is not a multiple from {least}x to {most}x", show(value)),
            "write how many times the usual is too much, such as \"5x\", or a duration",
        )),
    }
}

pub(crate) fn agent<'t>(walk: &mut Walker, root: &Section<'t>) -> Agent {
    const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
    let section = walk.section(root, "agent");
    let default = defaults::agent();
    Agent {
        socket: walk.read(&section, "socket", default.socket, socket).value,
        group: walk.read(&section, "group", default.group, group).value,
        state_dir: walk.read(&section, "state_dir", default.state_dir, path).value,
        log: walk.read(&section, "log", default.log, log_filter).value,
        log_format: walk.read(&section, "log_format", default.log_format, word(FORMATS)).value,
    }
}

pub(crate) fn failover<'t>(walk: &mut Walker, root: &Section<'t>) -> Failover {
    let section = walk.section(root, "failover");
    let default = defaults::FAILOVER.recovery_time_objective;
    let objective = walk.read(&section, "recovery_time_objective", default, duration(defaults::OBJECTIVE));
    Failover { recovery_time_objective: objective.value }
}

/// The words of `failback.mode`.
#[derive(Clone, Copy)]
enum Mode {
    Auto,
    Window,
    Manual,
}

pub(crate) fn failback<'t>(walk: &mut Walker, root: &Section<'t>) -> Failback {
    const MODES: &[(&str, Mode)] =
        &[("auto", Mode::Auto), ("window", Mode::Window), ("manual", Mode::Manual)];
    let section = walk.section(root, "failback");
    let default = defaults::FAILBACK;
    let mode = walk.read(&section, "mode", Mode::Auto, word(MODES));
    let window = walk.read(&section, "window", None, |value| daily_window(value).map(Some));
    let hold_down = walk.read(&section, "hold_down", default.hold_down, duration(defaults::HOLD_DOWN)).value;
    let mode = match (mode.value, window.value) {
        (Mode::Window, Some(window)) => FailbackMode::Window(window),
        (Mode::Window, None) => {
            if let (Some(place), false) = (mode.place(), window.refused()) {
                let mend = "add when traffic may move back, such as window = \"02:00-04:00\"";
                walk.fault(place.clone(), Complaint::new("mode \"window\" needs a window", mend));
            }
            default.mode
        }
        (other, window_given) => {
            if let (Some(place), Some(_), false) = (window.place(), window_given, mode.refused()) {
                let why = "a window has no effect unless mode is \"window\"";
                walk.fault(place.clone(), Complaint::new(why, "set mode = \"window\", or remove the window"));
            }
            if matches!(other, Mode::Manual) { FailbackMode::Manual } else { default.mode }
        }
    };
    Failback { mode, hold_down }
}

/// `"HH:MM-HH:MM"`.
fn daily_window(value: &DeValue<'_>) -> Parsed<DailyWindow> {
    let given = text(value)?;
    let mend = "write two times of day from 00:00 to 23:59, such as \"02:00-04:00\"";
    let parts = given.split_once('-').and_then(|(from, to)| Some((time_of_day(from)?, time_of_day(to)?)));
    let (from, to) =
        parts.ok_or_else(|| Complaint::new(format!("{} is not a window of time", quoted(given)), mend))?;
    if from == to {
        return Err(Complaint::new(
            format!("{} closes when it opens", quoted(given)),
            "write two different times; for a move at any time set mode = \"auto\"",
        ));
    }
    Ok(DailyWindow { from, to })
}

/// Seconds after midnight.
fn time_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60)
}

pub(crate) fn damping<'t>(walk: &mut Walker, root: &Section<'t>) -> Damping {
    let section = walk.section(root, "damping");
    let half_life =
        walk.read(&section, "half_life", defaults::DAMPING.half_life, duration(defaults::HALF_LIFE));
    Damping { half_life: half_life.value }
}

/// `[canary]`; its interface is kept as written, since a link may not have the same.
pub(crate) fn canary<'t>(walk: &mut Walker, root: &Section<'t>) -> (Canary, Setting<String>) {
    let section = walk.section(root, "canary");
    let default = defaults::canary();
    let enabled = walk.read(&section, "enabled", default.enabled, boolean).value;
    let interface = walk.read(&section, "interface", default.interface, interface);
    let source = walk.read(&section, "source", default.source, canary_source).value;
    (Canary { enabled, interface: interface.value.clone(), source }, interface)
}

fn canary_source(value: &DeValue<'_>) -> Parsed<Ipv4Addr> {
    let given = text(value)?;
    let mend = "write a free unicast IPv4 address, such as \"198.19.255.254\"";
    let address: Ipv4Addr = given
        .parse()
        .map_err(|_| Complaint::new(format!("{} is not an IPv4 address", quoted(given)), mend))?;
    let link_local = address.is_link_local().then_some("is link-local, and routers do not forward it");
    match not_unicast(IpAddr::V4(address)).or(link_local) {
        None => Ok(address),
        Some(why) => Err(Complaint::new(format!("{} {why}", quoted(given)), mend)),
    }
}

/// `[kernel]`, for so many links.
pub(crate) fn kernel<'t>(walk: &mut Walker, root: &Section<'t>, links: usize) -> Kernel {
    let section = walk.section(root, "kernel");
    let default = defaults::KERNEL;
    let table_base = walk.read(&section, "table_base", default.table_base, table_base).value;
    let rule_base = walk.read(&section, "rule_base", default.rule_base, rule_base).value;
    let mark_mask =
        walk.read(&section, "mark_mask", default.mark_mask, |value| mark_mask(value, links)).value;
    let protocol = walk.read(&section, "protocol", default.protocol, protocol).value;
    Kernel { table_base, rule_base, mark_mask, protocol }
}

fn table_base(value: &DeValue<'_>) -> Parsed<u32> {
    let others = i64::try_from(MAX_LINKS).unwrap_or(i64::MAX);
    let base = integer(1..=i64::from(u32::MAX) - others)(value)?;
    let last = base + others;
    if base <= *KERNEL_TABLES.end() && last >= *KERNEL_TABLES.start() {
        return Err(Complaint::new(
            format!("the tables {base} to {last} include 253 to 255, which are the kernel's own"),
            format!("choose a number from 256, or below {}", KERNEL_TABLES.start() - others),
        ));
    }
    u32::try_from(base)
        .map_err(|_| Complaint::new(format!("{base} is out of range"), "choose a smaller number"))
}

fn rule_base(value: &DeValue<'_>) -> Parsed<u32> {
    let highest = LAST_PRIORITY + 1 - RULES;
    integer(1..=i64::from(highest))(value).map(|base| u32::try_from(base).unwrap_or(highest)).map_err(
        |fault| {
            let why = format!("{}: 1,000 priorities from there do not fit before main's 32766", fault.why);
            if value.is_integer() { Complaint::new(why, fault.mend) } else { fault }
        },
    )
}

fn mark_mask(value: &DeValue<'_>, links: usize) -> Parsed<u32> {
    let mask = integer(1..=i64::from(u32::MAX))(value)
        .ok()
        .and_then(|mask| u32::try_from(mask).ok())
        .ok_or_else(|| {
            let mend = "write a mask of 32 bits with one run of ones, without quotes, such as 0x7f000000";
            Complaint::new(format!("{} is not a mask for firewall marks", show(value)), mend)
        })?;
    let marks = Kernel::marks(mask);
    if marks.checked_add(1).is_some_and(|next| !next.is_power_of_two()) {
        return Err(Complaint::new(
            format!("the bits of {mask:#010x} are not side by side"),
            "write one run of ones, such as 0x7f000000",
        ));
    }
    let needed = u32::try_from(links).unwrap_or(u32::MAX);
    if marks < needed {
        let bits = u32::BITS - needed.leading_zeros();
        return Err(Complaint::new(
            format!("{mask:#010x} has marks for {marks} links, and there are {links}"),
            format!("give it at least {bits} bits, as 0x7f000000 does"),
        ));
    }
    Ok(mask)
}

fn protocol(value: &DeValue<'_>) -> Parsed<u8> {
    let mend = "choose a number that nobody uses, such as 157; see /etc/iproute2/rt_protos";
    let number = integer(0..=i64::from(u8::MAX))(value)?;
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    if number <= 4 {
        return Err(Complaint::new(format!("{number} is one of the kernel's own protocols, 0 to 4"), mend));
    }
    match TAKEN_PROTOCOLS.iter().find(|(taken, _)| *taken == number) {
        None => Ok(number),
        Some((_, owner)) => Err(Complaint::new(format!("{number} marks the routes of {owner}"), mend)),
    }
}
