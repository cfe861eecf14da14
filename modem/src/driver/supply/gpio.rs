//! A GPIO line by its character device (Linux `Documentation/userspace-api/gpio/chardev.rst`). The line is kept as long as
//! the driver runs: what the kernel does with a line that was let go is the chip's own affair.

use crate::driver::api::Gpio;
use crate::driver::hands::Broken;
use crate::driver::tasks::OTHER;
use gpiocdev::Request;
use gpiocdev::line::Value;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::error;

/// Whom `gpioinfo` shows as the line's user.
const CONSUMER: &str = "shunt modem supply";

/// The line that switches the supply.
#[derive(Debug)]
pub(in crate::driver) struct Switch {
    line: Gpio,
    request: Option<Arc<Request>>,
}

impl Switch {
    pub(super) fn new(line: Gpio) -> Self {
        Self { line, request: None }
    }

    /// Switches the supply. Off the runtime: a line behind I²C takes its time.
    pub(super) async fn set(&mut self, on: bool) -> Result<(), Broken> {
        let (line, request) = (self.line.clone(), self.request.clone());
        let switched = spawn_blocking(move || switch(&line, request, on)).await;
        match switched {
            Ok(Ok(request)) => {
                self.request = Some(request);
                Ok(())
            }
            Ok(Err(reason)) => {
                let Gpio { chip, line, .. } = &self.line;
                error!(chip = %chip.display(), line, %reason, "failed to switch the modem's supply; see gpioinfo");
                Err(OTHER)
            }
            Err(_the_runtime_ends) => Err(OTHER),
        }
    }
}

fn switch(line: &Gpio, request: Option<Arc<Request>>, on: bool) -> gpiocdev::Result<Arc<Request>> {
    let value = if on { Value::Active } else { Value::Inactive };
    if let Some(request) = request {
        request.set_value(line.line, value)?;
        return Ok(request);
    }
    let mut builder = Request::builder();
    builder.on_chip(&line.chip).with_consumer(CONSUMER).with_line(line.line).as_output(value);
    if line.active_low {
        builder.as_active_low();
    }
    Ok(Arc::new(builder.request()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_not_there_is_an_error_and_no_hang() {
        let gone = Gpio { chip: "/dev/null".into(), line: 3, active_low: true };
        assert_eq!(Switch::new(gone).set(true).await, Err(OTHER));
    }
}
