//! The MCU's BOOT0 and NRST on lines of this machine (Linux `Documentation/userspace-api/gpio/chardev.rst`).

use gpiocdev::Request;
use gpiocdev::line::{Drive, Value};
use shunt_config::McuPins;
use std::thread::sleep;
use std::time::Duration;

/// Whom `gpioinfo` shows as the lines' user.
const CONSUMER: &str = "shunt mcu flash";
/// A reset takes a microsecond (DS12991); a capacitor at the pin, the usual 100 nF, some milliseconds.
const PULSE: Duration = Duration::from_millis(20);

/// The lines, held as long as the upgrade lasts: nobody else resets the MCU meanwhile.
#[derive(Debug)]
pub(super) struct Pins {
    boot0: (Request, u32),
    reset: (Request, u32),
}

impl Pins {
    /// Takes the lines; the MCU notices nothing. It blocks.
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
        Ok(Self { boot0: taken(pins.boot0, boot0.request())?, reset: taken(pins.reset, reset.request())? })
    }

    /// Resets the MCU into its boot loader, or into its program. It blocks for a moment.
    ///
    /// # Errors
    /// A phrase that completes "failed to …".
    pub(super) fn restart(&self, into_loader: bool) -> Result<(), String> {
        let set = |(request, line): &(Request, u32), value| {
            request.set_value(*line, value).map_err(|error| format!("switch line {line}: {error}"))
        };
        set(&self.boot0, if into_loader { Value::Active } else { Value::Inactive })?;
        set(&self.reset, Value::Inactive)?;
        sleep(PULSE);
        set(&self.reset, Value::Active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_that_is_none_is_told_with_the_line() {
        let pins = McuPins { chip: "/dev/null".into(), boot0: 3, reset: 4 };
        let failure = Pins::take(&pins).unwrap_err();
        assert!(failure.starts_with("use line 3 of /dev/null: "), "{failure}");
    }
}
