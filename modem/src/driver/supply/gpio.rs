//! A GPIO line by its character device (Linux `Documentation/userspace-api/gpio/chardev.rst`). The line is kept as long as
//! the driver runs: what the kernel does with a line that was let go is the chip's own affair. Before it is let go, it is set
//! so that the supply is on.

use crate::driver::api::Gpio;
use crate::driver::hands::Broken;
use crate::driver::tasks::OTHER;
use gpiocdev::Request;
use gpiocdev::line::Value;
use std::fmt;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::error;

/// Whom `gpioinfo` shows as the line's user.
const CONSUMER: &str = "shunt modem supply";

/// Sets a line that is held as long as this is.
type Set = Box<dyn Fn(bool) -> gpiocdev::Result<()> + Send + Sync>;
/// Takes a line, with the supply so.
type Take = fn(&Gpio, bool) -> gpiocdev::Result<Set>;

/// A line that was taken. Whoever lets go of it last gives the supply back: the driver, or a change that it no longer waits
/// for.
struct Line {
    config: Gpio,
    set: Set,
}

/// The line that switches the supply.
pub(in crate::driver) struct Switch {
    config: Gpio,
    take: Take,
    line: Option<Arc<Line>>,
}

impl Switch {
    pub(super) fn new(config: Gpio) -> Self {
        Self { config, take, line: None }
    }

    /// Switches the supply. Off the runtime: a line behind I²C takes its time.
    pub(super) async fn set(&mut self, on: bool) -> Result<(), Broken> {
        let (config, take, line) = (self.config.clone(), self.take, self.line.clone());
        let switched = spawn_blocking(move || {
            if let Some(line) = line {
                (line.set)(on)?;
                return Ok(line);
            }
            let set = take(&config, on)?;
            Ok(Arc::new(Line { config, set }))
        });
        match switched.await {
            Ok(Ok(line)) => {
                self.line = Some(line);
                Ok(())
            }
            Ok(Err(reason)) => {
                tell(&self.config, &reason);
                Err(OTHER)
            }
            Err(_the_runtime_ends) => Err(OTHER),
        }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.line.is_some();
        f.debug_struct("Switch").field("config", &self.config).field("taken", &taken).finish_non_exhaustive()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Err(reason) = (self.set)(true) {
            tell(&self.config, &reason);
        }
    }
}

fn tell(config: &Gpio, reason: &gpiocdev::Error) {
    let Gpio { chip, line, .. } = config;
    error!(chip = %chip.display(), line, %reason, "failed to switch the modem's supply; see gpioinfo");
}

fn take(config: &Gpio, on: bool) -> gpiocdev::Result<Set> {
    let value = |on| if on { Value::Active } else { Value::Inactive };
    let mut builder = Request::builder();
    builder.on_chip(&config.chip).with_consumer(CONSUMER).with_line(config.line).as_output(value(on));
    if config.active_low {
        builder.as_active_low();
    }
    let (request, line) = (builder.request()?, config.line);
    Ok(Box::new(move |on| request.set_value(line, value(on)).map(drop)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::future::Future as _;
    use std::io::Write as _;
    use std::task::{Context, Waker};

    fn gpio(chip: &std::path::Path) -> Gpio {
        Gpio { chip: chip.into(), line: 3, active_low: true }
    }

    /// In the place of a chip: a file into which each value is written behind the last.
    fn stand_in(config: &Gpio, on: bool) -> gpiocdev::Result<Set> {
        let mut file = File::options().append(true).create(true).open(&config.chip).unwrap();
        write!(file, "taken {}", u8::from(on)).unwrap();
        Ok(Box::new(move |on| {
            write!(&file, " {}", u8::from(on)).unwrap();
            Ok(())
        }))
    }

    #[tokio::test]
    async fn a_line_that_is_not_there_is_an_error_and_no_hang() {
        assert_eq!(Switch::new(gpio("/dev/null".as_ref())).set(true).await, Err(OTHER));
    }

    #[tokio::test]
    async fn a_line_that_is_let_go_of_gives_the_supply_back_first() {
        let home = tempfile::tempdir().unwrap();
        let chip = home.path().join("gpiochip0");
        let mut switch = Switch { take: stand_in, ..Switch::new(gpio(&chip)) };
        switch.set(true).await.unwrap();
        switch.set(false).await.unwrap();
        assert_eq!(std::fs::read_to_string(&chip).unwrap(), "taken 1 0");
        drop(switch);
        assert_eq!(std::fs::read_to_string(&chip).unwrap(), "taken 1 0 1");
    }

    #[test]
    fn a_cut_that_nobody_waits_for_any_more_does_not_come_behind_the_giving_back() {
        let home = tempfile::tempdir().unwrap();
        let chip = home.path().join("gpiochip0");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut switch = Switch { take: stand_in, ..Switch::new(gpio(&chip)) };
            switch.set(true).await.unwrap();
            let mut cut = Box::pin(switch.set(false));
            let _begun = cut.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        // It waits for what was begun.
        drop(runtime);
        let told = std::fs::read_to_string(&chip).unwrap();
        assert!(told.ends_with(" 1"), "{told}");
    }
}
