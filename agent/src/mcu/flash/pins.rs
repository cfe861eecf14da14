//! The MCU's BOOT0 and NRST on lines of this machine (Linux `Documentation/userspace-api/gpio/chardev.rst`).

use gpiocdev::Request;
use gpiocdev::line::{Drive, Value};
use shunt_config::McuPins;
use std::fmt;
use std::time::Duration;
use tokio::time::sleep;

/// Whom `gpioinfo` shows as the lines' user.
const CONSUMER: &str = "shunt mcu flash";
/// A reset takes a microsecond (DS12991); a capacitor at the pin, the usual 100 nF, some milliseconds.
const PULSE: Duration = Duration::from_millis(20);
/// The part looks at BOOT0 some microseconds after its reset ends, which that capacitor draws out.
const LOOKED: Duration = Duration::from_millis(50);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pin {
    Boot0,
    Reset,
}

/// Sets a line to its active level, or not.
type Set = Box<dyn Fn(Pin, bool) -> Result<(), String> + Send + Sync>;

/// The lines, held as long as the upgrade lasts: nobody else resets the MCU meanwhile.
pub(super) struct Pins(pub(super) Set);

impl Pins {
    /// Takes the lines; the MCU notices nothing.
    ///
    /// # Errors
    /// A phrase that completes "failed to …".
    pub(super) fn take(pins: &McuPins) -> Result<Self, String> {
        let taken = |line: u32, request: gpiocdev::Result<Request>| {
            request
                .map(|request| (request, line))
                .map_err(|error| format!("use line {line} of {}: {error}; see gpioinfo", pins.chip.display()))
        };
        let mut boot0 = Request::builder();
        boot0.on_chip(&pins.chip).with_consumer(CONSUMER).with_line(pins.boot0).as_output(Value::Inactive);
        let mut reset = Request::builder();
        reset.on_chip(&pins.chip).with_consumer(CONSUMER).with_line(pins.reset).as_output(Value::Active);
        // The MCU pulls it low itself whenever it resets, so it is never driven high.
        reset.with_drive(Drive::OpenDrain);
        let boot0 = taken(pins.boot0, boot0.request())?;
        let reset = taken(pins.reset, reset.request())?;
        Ok(Self(Box::new(move |pin, active| {
            let (request, line, value) = match pin {
                Pin::Boot0 => (&boot0.0, boot0.1, if active { Value::Active } else { Value::Inactive }),
                Pin::Reset => (&reset.0, reset.1, if active { Value::Inactive } else { Value::Active }),
            };
            request.set_value(line, value).map(drop).map_err(|error| format!("switch line {line}: {error}"))
        })))
    }

    /// Resets the MCU into its boot loader, or into its program. BOOT0 is low after it: the next reset is the program's, which
    /// the upgrade asks for from within.
    ///
    /// # Errors
    /// A phrase that completes "failed to …".
    pub(super) async fn restart(&self, into_loader: bool) -> Result<(), String> {
        let Self(set) = self;
        set(Pin::Boot0, into_loader)?;
        set(Pin::Reset, true)?;
        sleep(PULSE).await;
        set(Pin::Reset, false)?;
        sleep(LOOKED).await;
        set(Pin::Boot0, false)
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pins")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_that_is_none_is_told_with_the_line() {
        let pins = McuPins { chip: "/dev/null".into(), boot0: 3, reset: 4 };
        let failure = Pins::take(&pins).map(drop).unwrap_err();
        assert!(failure.starts_with("use line 3 of /dev/null: "), "{failure}");
    }
}
