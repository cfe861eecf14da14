//! Which modem is meant.

use super::sysfs::Device;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Digits of an IMEI, the last of which checks the others.
const IMEI_DIGITS: usize = 15;

/// Vendor and product of a device, as USB and PCI have them; written `2c7c:0125`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId {
    /// Who makes it.
    pub vendor: u16,
    /// What it is. Many modems change it with their mode.
    pub product: u16,
}

/// A modem's own number (3GPP TS 23.003, 6.2): 15 digits, the last of which is a check digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imei(String);

/// Which modem is meant, by what stays the same when it comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one at this place: the whole path in sysfs, or its last part (`1-2`, `0000:02:00.0`).
    Path(PathBuf),
    /// The only one of this vendor and product.
    Id(DeviceId),
    /// The one that says so: found wherever it is, by asking each.
    Imei(Imei),
    /// The one at the end of this serial line (`/dev/ttyS1`).
    Line(PathBuf),
}

/// Why a text says no modem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not two numbers of four hexadecimal digits.
    #[error(
        "failed to read {text:?} as vendor and product: write four hexadecimal digits, a colon and four more, as lsusb does"
    )]
    Id {
        /// What was written.
        text: String,
    },
    /// Not 15 digits, or the last does not fit the others.
    #[error(
        "failed to read {text:?} as an IMEI: it has 15 digits, the last of which checks the others; AT+CGSN tells it"
    )]
    Imei {
        /// What was written.
        text: String,
    },
}

impl Imei {
    /// The 15 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `line` of the answer to `AT+CGSN` tells this number. Some modems leave the check digit out, or have the two
    /// digits of the software version in its place; some write quotes, or the command's name before it.
    #[must_use]
    pub fn is_told_by(&self, line: &str) -> bool {
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        let bare = self.0.get(..IMEI_DIGITS - 1).unwrap_or_default();
        match digits.len() {
            IMEI_DIGITS => digits == self.0,
            len => len.abs_diff(IMEI_DIGITS) == 1 && digits.starts_with(bare),
        }
    }
}

impl Selector {
    /// Whether `device` may be the one; an IMEI can only be asked for.
    #[must_use]
    pub fn admits(&self, device: &Device) -> bool {
        match self {
            Self::Path(path) => {
                let path = path.strip_prefix("/sys").unwrap_or(path);
                device.path == path || device.path.file_name() == Some(path.as_os_str())
            }
            Self::Id(id) => device.id == Some(*id),
            Self::Imei(_) => true,
            Self::Line(line) => device.ports.iter().any(|port| port.node == *line),
        }
    }
}

impl FromStr for DeviceId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(digits, 16).ok().filter(|_| plain)
        };
        text.split_once(':')
            .and_then(|(vendor, product)| Some(Self { vendor: number(vendor)?, product: number(product)? }))
            .ok_or_else(|| ParseError::Id { text: text.to_owned() })
    }
}

impl FromStr for Imei {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Luhn's formula: every second digit is doubled, and the sum of all digits is a multiple of ten.
        let weigh = |(place, digit): (usize, char)| {
            let digit = digit.to_digit(10)?;
            Some(if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        };
        let sum: Option<u32> = text.chars().enumerate().map(weigh).sum();
        if text.len() == IMEI_DIGITS && sum.is_some_and(|sum| sum % 10 == 0) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::Imei { text: text.to_owned() })
        }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "the modem at {}", path.display()),
            Self::Id(id) => write!(f, "the modem {id}"),
            Self::Imei(imei) => write!(f, "the modem with the IMEI {}", imei.0),
            Self::Line(line) => write!(f, "the modem on {}", line.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_imeis_are_checked() {
        let id: DeviceId = "2C7c:0125".parse().unwrap();
        assert_eq!((id, id.to_string().as_str()), (DeviceId { vendor: 0x2c7c, product: 0x125 }, "2c7c:0125"));
        for text in ["2c7c", "2c7c:125", "2c7c:01255", "+c7c:0125", ""] {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
        let imei: Imei = "490154203237518".parse().unwrap();
        for text in ["490154203237519", "49015420323751", "4901542032375180", "49015420323751x", ""] {
            assert!(text.parse::<Imei>().is_err(), "{text}");
        }
        for line in ["490154203237518", "+CGSN: \"490154203237518\"", "49015420323751", "4901542032375101"] {
            assert!(imei.is_told_by(line), "{line}");
        }
        for line in ["490154203237519", "490154203237508", "", "+CGSN: 1", "OK"] {
            assert!(!imei.is_told_by(line), "{line}");
        }
    }
}
