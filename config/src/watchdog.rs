//! `[watchdog]`: who restarts the gateway when the agent fails, and after which times.

use crate::keys::{WATCHDOG, WATCHDOG_MCU};
use crate::modem::{chip, gpio_line};
use crate::values::{Complaint, Parsed, boolean, duration, integer, path, quoted, text, usb_id};
use crate::walk::{Place, Section, Setting, Walker, later};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: Duration = seconds(86_400);

/// Below 10 s a late turn of a busy machine could be a reset; above 10 min users restart the gateway themselves.
const DEVICE_TIMEOUT: RangeInclusive<Duration> = seconds(10)..=seconds(600);
/// As above, and at the least what the firmware itself needs to tell a silence from a busy line.
const FEED_TIMEOUT: RangeInclusive<Duration> = seconds(5)..=seconds(600);
/// Below half a minute no gateway has booted, and the MCU would reset it for ever.
const BOOT_GRACE: RangeInclusive<Duration> = seconds(30)..=seconds(3_600);
/// Steps of the escalation. Above an hour each a dead gateway stays dead for most of a day.
const STEP: RangeInclusive<Duration> = seconds(1)..=seconds(3_600);
/// Capacitors of a modem's supply are empty after seconds; its recovery waits for a quarter of a minute.
const MODEM_OFF: RangeInclusive<Duration> = seconds(1)..=seconds(15);
/// A reset line is seen within milliseconds, a supply that is cut within seconds.
const RESET_HOLD: RangeInclusive<Duration> = seconds(1)..=seconds(60);
/// Below a minute a bad image is a boot loop; above a week the MCU takes no time for one.
const BACKOFF: RangeInclusive<Duration> = seconds(60)..=seconds(7 * 86_400);
/// Resets in a row: the MCU counts them in a byte.
const MOST_RESETS: RangeInclusive<i64> = 0..=255;
/// A restart of the agent takes seconds; above a day nobody comes back from maintenance.
const LEASE: RangeInclusive<Duration> = seconds(60)..=DAY;

/// `[watchdog]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchdog {
    /// The kernel's watchdog that is fed (`/dev/watchdog`); `None`: none is.
    pub device: Option<PathBuf>,
    /// How long that waits for a feed, in whole seconds.
    pub device_timeout: Duration,
    /// `[watchdog.mcu]`: the microcontroller on the board.
    pub mcu: Mcu,
}

/// `[watchdog.mcu]`. All times are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mcu {
    /// Where it is; `None`: there is none.
    pub port: Option<McuPort>,
    /// After a boot of the gateway or of the MCU: nothing is done in this time.
    pub boot_grace: Duration,
    /// The longest silence between feeds.
    pub feed_timeout: Duration,
    /// How long the alert stands before the next step.
    pub alert: Duration,
    /// Whether silence cuts the modem's supply, as a step of its own.
    pub cut_modem: bool,
    /// How long the modem stays off.
    pub modem_off: Duration,
    /// How long the modem is given to come back.
    pub modem_settle: Duration,
    /// How long the gateway is given to shut down.
    pub shutdown: Duration,
    /// How long it is held in reset.
    pub reset_hold: Duration,
    /// The distance to the second reset in a row, doubled by each further one.
    pub backoff_shortest: Duration,
    /// Up to this.
    pub backoff_longest: Duration,
    /// After feeds without a gap for so long, the distance is the shortest again.
    pub backoff_healthy: Duration,
    /// So many resets in a row, and no further one for silence until the gateway was healthy; 0: no such end.
    pub most_resets: u8,
    /// The longest lease that is granted.
    pub longest_lease: Duration,
    /// The lease that is asked for when the agent is stopped.
    pub stop_lease: Duration,
    /// The lines by which its boot loader is started for an upgrade; `None`: its firmware is asked to.
    pub pins: Option<McuPins>,
}

/// Lines of this machine that go straight to pins of the MCU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McuPins {
    /// The GPIO chip.
    pub chip: PathBuf,
    /// Its line to BOOT0: high at a reset starts the boot loader.
    pub boot0: u32,
    /// Its line to NRST: low resets, and it is never driven high.
    pub reset: u32,
}

/// Where the MCU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McuPort {
    /// On this serial line.
    Path(PathBuf),
    /// Behind the only USB adapter of this vendor and product.
    Usb {
        /// Who makes it.
        vendor: u16,
        /// What it is.
        product: u16,
    },
}

/// What holds where the file says nothing: the times are those of the firmware.
pub(crate) const DEFAULT: Watchdog = Watchdog {
    device: None,
    device_timeout: seconds(60),
    mcu: Mcu {
        port: None,
        boot_grace: seconds(300),
        feed_timeout: seconds(30),
        alert: seconds(30),
        cut_modem: false,
        modem_off: seconds(10),
        modem_settle: seconds(60),
        shutdown: seconds(60),
        reset_hold: seconds(10),
        backoff_shortest: seconds(600),
        backoff_longest: seconds(4 * 3_600),
        backoff_healthy: seconds(1_800),
        most_resets: 0,
        longest_lease: seconds(3_600),
        stop_lease: seconds(600),
        pins: None,
    },
};

pub(crate) fn watchdog<'t>(walk: &mut Walker, root: &Section<'t>) -> Watchdog {
    let section = walk.section(root, WATCHDOG);
    let device = walk.read(&section, "device", DEFAULT.device, |value| path(value).map(Some)).value;
    let device_timeout =
        walk.read(&section, "device_timeout", DEFAULT.device_timeout, whole(DEVICE_TIMEOUT)).value;
    let inner = walk.inner(&section, "mcu", WATCHDOG_MCU);
    Watchdog { device, device_timeout, mcu: mcu(walk, &inner) }
}

fn mcu<'t>(walk: &mut Walker, section: &Section<'t>) -> Mcu {
    let default = DEFAULT.mcu;
    let port = port(walk, section);
    let pins = pins(walk, section);
    let mut time = |key: &str, default, range| walk.read(section, key, default, whole(range));
    let boot_grace = time("boot_grace", default.boot_grace, BOOT_GRACE);
    let feed_timeout = time("feed_timeout", default.feed_timeout, FEED_TIMEOUT);
    let shortest = time("backoff_shortest", default.backoff_shortest, BACKOFF);
    let longest = time("backoff_longest", default.backoff_longest, BACKOFF);
    let healthy = time("backoff_healthy", default.backoff_healthy, BACKOFF);
    let longest_lease = time("longest_lease", default.longest_lease, LEASE);
    let stop_lease = time("stop_lease", default.stop_lease, LEASE);
    let mcu = Mcu {
        port,
        pins,
        alert: time("alert", default.alert, STEP).value,
        modem_off: time("modem_off", default.modem_off, MODEM_OFF).value,
        modem_settle: time("modem_settle", default.modem_settle, STEP).value,
        shutdown: time("shutdown", default.shutdown, STEP).value,
        reset_hold: time("reset_hold", default.reset_hold, RESET_HOLD).value,
        cut_modem: walk.read(section, "cut_modem", default.cut_modem, boolean).value,
        most_resets: walk.read(section, "most_resets", default.most_resets, most_resets).value,
        boot_grace: boot_grace.value,
        feed_timeout: feed_timeout.value,
        backoff_shortest: shortest.value,
        backoff_longest: longest.value,
        backoff_healthy: healthy.value,
        longest_lease: longest_lease.value,
        stop_lease: stop_lease.value,
    };
    let least = "a gateway that boots would be judged sooner than one that runs";
    at_least(walk, &boot_grace, ("boot_grace", "feed_timeout"), &feed_timeout, least);
    at_least(
        walk,
        &longest,
        ("backoff_longest", "backoff_shortest"),
        &shortest,
        "the longest is the upper end",
    );
    let closer = "resets would come closer together than the shortest";
    at_least(walk, &healthy, ("backoff_healthy", "backoff_shortest"), &shortest, closer);
    at_least(walk, &longest_lease, ("longest_lease", "stop_lease"), &stop_lease, "no longer one is granted");
    mcu
}

/// Complains where `time` is below `least`, of which the names are given.
fn at_least(
    walk: &mut Walker,
    time: &Setting<Duration>,
    (name, least_name): (&str, &str),
    least: &Setting<Duration>,
    why: &str,
) {
    if time.value < least.value
        && let Some(place) = later(time, least)
    {
        let [time, least] = [time.value, least.value].map(humantime::format_duration);
        let complaint = Complaint::new(
            format!("{name} ({time}) is below {least_name} ({least}), and {why}"),
            format!("raise {name}, or lower {least_name}"),
        );
        walk.fault(place.clone(), complaint);
    }
}

fn port<'t>(walk: &mut Walker, section: &Section<'t>) -> Option<McuPort> {
    let port = walk.read(section, "port", None, |value| line(value).map(Some));
    let usb = walk.read(section, "usb", None, |value| {
        usb_id(value).map(|(vendor, product)| Some(McuPort::Usb { vendor, product }))
    });
    if port.value.is_some()
        && usb.value.is_some()
        && let Some(place) = later(&port, &usb)
    {
        let why = "the MCU is found in one way, and here are two";
        walk.fault(place.clone(), Complaint::new(why, "keep one of port and usb"));
    }
    port.value.or(usb.value)
}

/// All three keys of the pins, or none.
fn pins<'t>(walk: &mut Walker, section: &Section<'t>) -> Option<McuPins> {
    const KEYS: [(&str, &str); 3] = [
        ("chip", "chip = \"/dev/gpiochip0\""),
        ("boot0_line", "boot0_line = 17"),
        ("reset_line", "reset_line = 27"),
    ];
    let chip = walk.read(section, "chip", PathBuf::new(), chip);
    let boot0 = walk.read(section, "boot0_line", 0, gpio_line);
    let reset = walk.read(section, "reset_line", 0, gpio_line);
    let written = [chip.place(), boot0.place(), reset.place()].into_iter().flatten().next()?.clone();
    let missing = KEYS.iter().find(|(key, _)| section.get(key).is_none());
    if let Some((key, example)) = missing {
        let why =
            format!("the MCU's boot loader takes chip, boot0_line and reset_line, and here is no {key}");
        walk.fault(written, Complaint::new(why, format!("add it, such as {example}")));
        return None;
    }
    if boot0.value == reset.value
        && !boot0.refused()
        && !reset.refused()
        && let Some(place) = later(&boot0, &reset)
    {
        let why = format!("line {} cannot go to BOOT0 and to the reset pin", reset.value);
        walk.fault(place.clone(), Complaint::new(why, "name two lines, as gpioinfo shows them"));
    }
    Some(McuPins { chip: chip.value, boot0: boot0.value, reset: reset.value })
}

/// A serial line that keeps its name.
fn line(value: &DeValue<'_>) -> Parsed<McuPort> {
    let given = path(value)?;
    let renumbered = |node: &str| node.starts_with("/dev/ttyUSB") || node.starts_with("/dev/ttyACM");
    if given.to_str().is_some_and(renumbered) {
        return Err(Complaint::new(
            format!("{} may be another port after a restart", quoted(text(value)?)),
            "name the adapter by usb, or by its link in /dev/serial/by-id",
        ));
    }
    Ok(McuPort::Path(given))
}

/// A duration of whole seconds: the MCU and the kernel count no parts of one.
fn whole(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Parsed<Duration> {
    move |value| {
        let given = duration(range.clone())(value)?;
        if given.subsec_nanos() == 0 {
            return Ok(given);
        }
        let why = format!("{} is no whole number of seconds", quoted(text(value)?));
        Err(Complaint::new(why, "write whole seconds, such as \"30s\""))
    }
}

fn most_resets(value: &DeValue<'_>) -> Parsed<u8> {
    integer(MOST_RESETS)(value).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}

/// The one rail of the MCU, and the modems that are to be cut by it.
#[derive(Debug, Default)]
pub(crate) struct Rail {
    /// What is called so in faults, and where.
    pub(crate) modems: Vec<(String, Place)>,
}

impl Rail {
    /// Complains of modems behind a rail that is not there, or is another's.
    pub(crate) fn check(&self, walk: &mut Walker, mcu: &Mcu) {
        let Some((first, place)) = self.modems.first() else { return };
        if mcu.port.is_none() {
            let mend = "add [watchdog.mcu] with its port, or name a line by chip and line";
            walk.fault(place.clone(), Complaint::new("there is no MCU that switches the supply", mend));
        }
        for (_, place) in self.modems.iter().skip(1) {
            let why = format!("the MCU switches one supply, and that is the one of modem {}", quoted(first));
            walk.fault(place.clone(), Complaint::new(why, "name a line by chip and line for this modem"));
        }
    }
}
