//! From one TOML value to one value of the model, or to a complaint with its mend.

use crate::keys;
use humantime::format_duration;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// Characters of a wrong value that are repeated in the message.
pub(crate) const MAX_SHOWN: usize = 60;

/// Longest duration text. Any sensible one is far shorter, and the parser behind it cannot add up more than
/// a `Duration` holds in so few characters.
const MAX_DURATION_TEXT: usize = 20;

/// The kernel's IFNAMSIZ (linux/if.h) without the closing zero.
const MAX_INTERFACE: usize = 15;

/// The kernel's `sun_path` (unix(7)) without the closing zero.
const MAX_SOCKET_PATH: usize = 107;

/// The longest group name that useradd and its kin accept.
const MAX_GROUP: usize = 32;

/// Log levels, as `tracing` calls them.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// What is wrong with a value, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) why: String,
    pub(crate) mend: String,
}

impl Complaint {
    pub(crate) fn new(why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { why: why.into(), mend: mend.into() }
    }
}

/// A value or a complaint.
pub(crate) type Parsed<T> = Result<T, Complaint>;

/// `text` in quotes, shortened, without anything that would disturb a terminal.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().count() > MAX_SHOWN {
        let head: String = text.chars().take(MAX_SHOWN).collect();
        return format!("\"{}…\"", head.escape_debug());
    }
    format!("\"{}\"", text.escape_debug())
}

/// A value as it is called in a message.
pub(crate) fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string().chars().take(MAX_SHOWN).collect(),
        DeValue::Float(number) => number.to_string().chars().take(MAX_SHOWN).collect(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

/// A text.
pub(crate) fn text<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    value.as_str().ok_or_else(|| {
        Complaint::new(format!("{} is not a text", show(value)), "write the value in \"quotes\"")
    })
}

/// `true` or `false`.
pub(crate) fn boolean(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| {
        Complaint::new(
            format!("{} is neither true nor false", show(value)),
            "write true or false, without quotes",
        )
    })
}

/// A whole number within `range`.
pub(crate) fn integer(range: RangeInclusive<i64>) -> impl Fn(&DeValue<'_>) -> Parsed<i64> {
    move |value| {
        let mend =
            || format!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        let DeValue::Integer(number) = value else {
            return Err(Complaint::new(format!("{} is not a whole number", show(value)), mend()));
        };
        let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| Complaint::new(format!("{} is out of range", show(value)), mend()))
    }
}

/// A duration within `range`.
pub(crate) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Parsed<Duration> {
    move |value| {
        let example = "write a number and a unit in quotes, such as \"500ms\" or \"2s\"";
        let text = match value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(_) | DeValue::Float(_) => {
                return Err(Complaint::new(format!("{} has no unit of time", show(value)), example));
            }
            _ => return Err(Complaint::new(format!("{} is not a duration", show(value)), example)),
        };
        let bounds = format!(
            "write a duration from {} to {}",
            format_duration(*range.start()),
            format_duration(*range.end())
        );
        if text.len() > MAX_DURATION_TEXT {
            return Err(Complaint::new(format!("{} is too long for a duration", quoted(text)), bounds));
        }
        let parsed = humantime::parse_duration(text)
            .map_err(|_| Complaint::new(format!("{} is not a duration", quoted(text)), example))?;
        if parsed < *range.start() {
            return Err(Complaint::new(format!("{} is too short", quoted(text)), bounds));
        }
        if parsed > *range.end() {
            // "10M" is ten months to the parser; whoever wrote it meant minutes.
            let minutes = if text.ends_with('M') { " (minutes are written \"m\")" } else { "" };
            return Err(Complaint::new(
                format!("{} is too long", quoted(text)),
                format!("{bounds}{minutes}"),
            ));
        }
        Ok(parsed)
    }
}

/// A share above 0 up to 100 percent: `"20%"`, `20` or `2.5`.
pub(crate) fn percent(value: &DeValue<'_>) -> Parsed<f64> {
    let number: Option<f64> = match value {
        DeValue::String(text) => text.strip_suffix('%').and_then(|number| number.trim().parse().ok()),
        DeValue::Integer(number) => i32::from_str_radix(number.as_str(), number.radix()).ok().map(f64::from),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    let mend = "write a percentage above 0, up to 100, such as \"20%\"";
    let number =
        number.ok_or_else(|| Complaint::new(format!("{} is not a percentage", show(value)), mend))?;
    // NaN is in no range.
    if number > 0.0 && number <= 100.0 {
        return Ok(number);
    }
    Err(Complaint::new(format!("{} is out of range", show(value)), mend))
}

/// One of a few words.
pub(crate) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&DeValue<'_>) -> Parsed<T> {
    move |value| {
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let choice = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let given = value.as_str().unwrap_or_default();
        words.iter().find(|(name, _)| *name == given).map(|(_, meant)| *meant).ok_or_else(|| {
            let mend = keys::nearest(given, &names)
                .map_or_else(|| format!("write one of {choice}"), |near| format!("did you mean \"{near}\"?"));
            Complaint::new(format!("{} is not one of {choice}", show(value)), mend)
        })
    }
}

/// An absolute path.
pub(crate) fn path(value: &DeValue<'_>) -> Parsed<PathBuf> {
    let given = text(value)?;
    let path = Path::new(given);
    let clean = !given.contains(char::is_control) && !path.components().any(|part| part.as_os_str() == "..");
    if path.is_absolute() && clean && path.parent().is_some() {
        return Ok(path.to_owned());
    }
    Err(Complaint::new(
        format!("{} is not an absolute path", quoted(given)),
        "write the whole path, starting with / and without \"..\"",
    ))
}

/// The path of a Unix socket.
pub(crate) fn socket(value: &DeValue<'_>) -> Parsed<PathBuf> {
    let path = path(value)?;
    let given = text(value)?;
    if given.len() > MAX_SOCKET_PATH {
        return Err(Complaint::new(
            format!("a path of {} bytes is too long for a socket", given.len()),
            format!("choose one of at most {MAX_SOCKET_PATH} bytes, such as \"/run/shunt/shunt.sock\""),
        ));
    }
    if given.ends_with('/') {
        return Err(Complaint::new(
            format!("{} names a directory", quoted(given)),
            "add the file name, such as \"/run/shunt/shunt.sock\"",
        ));
    }
    Ok(path)
}

/// Vendor and product of a USB device.
pub(crate) fn usb_id(value: &DeValue<'_>) -> Parsed<(u16, u16)> {
    let given = text(value)?;
    let number = |digits: &str| {
        let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| plain)
    };
    given.split_once(':').and_then(|(vendor, product)| Some((number(vendor)?, number(product)?))).ok_or_else(
        || {
            Complaint::new(
                format!("{} is no USB vendor and product", quoted(given)),
                "write four hexadecimal digits, a colon and four more, as lsusb does: \"2c7c:0125\"",
            )
        },
    )
}

/// A group name.
pub(crate) fn group(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    if !given.is_empty() && given.len() <= MAX_GROUP && given.chars().all(fits) && !given.starts_with('-') {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} is not the name of a group", quoted(given)),
        "write the name of a group in /etc/group, such as \"shunt\"",
    ))
}

/// A `tracing` filter of levels and `target=level` pairs. A bare target is refused: what looks like one is a
/// mistyped level, and the log would stay empty.
pub(crate) fn log_filter(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let target = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-'))
    };
    for part in given.split(',').map(str::trim) {
        let fits = match part.split_once('=') {
            Some((name, wanted)) => target(name) && level(wanted),
            None => level(part),
        };
        if !fits {
            let near = keys::nearest(part, LEVELS).map(|near| format!("did you mean \"{near}\"?"));
            let mend = near.unwrap_or_else(|| {
                format!("write one of {}, or pairs such as \"info,shunt=debug\"", LEVELS.join(", "))
            });
            return Err(Complaint::new(format!("{} is not a log level", quoted(part)), mend));
        }
    }
    Ok(given.to_owned())
}

/// The name of a network interface, as the kernel accepts it (dev_valid_name in net/core/dev.c), in printable
/// ASCII and without `%`, which the kernel takes for a pattern.
pub(crate) fn interface(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let mend = || "write the name as \"ip link\" shows it, such as \"eth0\" or \"wwan0\"".to_owned();
    if given.len() > MAX_INTERFACE {
        return Err(Complaint::new(
            format!("{} has {} bytes, and the kernel allows {MAX_INTERFACE}", quoted(given), given.len()),
            mend(),
        ));
    }
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%' | '"' | '\'' | '\\');
    if given.is_empty() || matches!(given, "." | "..") || !given.chars().all(fits) {
        return Err(Complaint::new(format!("{} cannot be an interface name", quoted(given)), mend()));
    }
    if given == "lo" {
        return Err(Complaint::new("\"lo\" is the loopback interface, which leads nowhere", mend()));
    }
    Ok(given.to_owned())
}

/// Why an address cannot be that of another machine; `None`: it can.
pub(crate) fn not_unicast(address: IpAddr) -> Option<&'static str> {
    let (v4, v6) = match address {
        IpAddr::V4(v4) => (Some(v4), None),
        IpAddr::V6(v6) => (None, Some(v6)),
    };
    if address.is_unspecified() || v4.is_some_and(|v4| v4.octets().first() == Some(&0)) {
        Some("means \"this machine\"")
    } else if address.is_loopback() {
        Some("is a loopback address")
    } else if address.is_multicast() {
        Some("is a multicast address")
    } else if v4.is_some_and(|v4| v4.octets().first().is_some_and(|first| *first >= 240)) {
        Some("is a broadcast or reserved address")
    } else if v6.is_some_and(|v6| v6.to_ipv4_mapped().is_some()) {
        Some("is an IPv4 address in IPv6 clothes")
    } else {
        None
    }
}
