//! What is around the gateway's processor on a board: the watchdog MCU, which runs its own firmware in an emulator of its
//! own, its serial line, and its wire to the gateway's reset.

use crate::error::{Result, VmError};
use rustix::io::{FdFlags, fcntl_setfd};
use shunt_model::{Emulator, Output, OutputChange, PATIENCE};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

/// A serial port whose driver is built into Debian's kernel; it is `/dev/ttyS0` there, beside the console's `/dev/ttyAMA0`.
const PORT: &[&str] = &["-device", "pci-serial,chardev=mcu", "-mon", "chardev=control,mode=control"];

/// The MCU and the wire. The MCU's emulator ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Board {
    mcu: Emulator,
    orders: UnixStream,
    answers: BufReader<UnixStream>,
    /// The gateway's ends, until its emulator has inherited them: each line is to have two ends.
    ends: Vec<(&'static str, UnixStream)>,
}

impl Board {
    /// Starts the MCU: as on a board, it is there before the gateway is.
    ///
    /// # Errors
    /// When its emulator or the compiler's target is missing; the message says how to install it.
    pub(crate) fn power_on() -> Result<Self> {
        let (mcu, uart) = Emulator::lm3s6965()?;
        let (orders, control) = UnixStream::pair().map_err(VmError::Wire)?;
        orders.set_read_timeout(Some(PATIENCE)).map_err(VmError::Wire)?;
        let answers = BufReader::new(orders.try_clone().map_err(VmError::Wire)?);
        Ok(Self { mcu, orders, answers, ends: vec![("mcu", uart), ("control", control)] })
    }

    /// Has the emulator that `command` will start inherit the gateway's ends of the lines.
    ///
    /// # Errors
    /// When the system refuses that.
    pub(crate) fn attach(&self, command: &mut Command) -> Result<()> {
        for (name, end) in &self.ends {
            fcntl_setfd(end, FdFlags::empty()).map_err(|error| VmError::Wire(error.into()))?;
            command.arg("-chardev").arg(format!("socket,id={name},fd={}", end.as_raw_fd()));
        }
        command.args(PORT);
        Ok(())
    }

    /// Goes on once the gateway's emulator was started.
    ///
    /// # Errors
    /// When that does not answer.
    pub(crate) fn connect(&mut self) -> Result<()> {
        self.ends.clear();
        self.order("qmp_capabilities")
    }

    /// Carries what changed at the MCU's pins to the gateway.
    ///
    /// # Errors
    /// When the gateway's emulator does not obey.
    pub(crate) fn tick(&mut self) -> Result<()> {
        for change in self.mcu.changes() {
            for order in effect(&change) {
                self.order(order)?;
            }
        }
        Ok(())
    }

    fn order(&mut self, order: &'static str) -> Result<()> {
        writeln!(self.orders, r#"{{"execute":"{order}"}}"#).map_err(VmError::Wire)?;
        loop {
            let mut line = String::new();
            self.answers.read_line(&mut line).map_err(VmError::Wire)?;
            // Its greeting and its events come in between.
            if line.starts_with(r#"{"return""#) {
                return Ok(());
            }
            if line.is_empty() || line.starts_with(r#"{"error""#) {
                return Err(VmError::Refused { order, answer: line });
            }
        }
    }
}

/// What a change does to the gateway, in QEMU's words: it stands still while its reset is held, and begins anew after it. It
/// does not listen to the MCU's other pins, as one that has hung does not.
fn effect(change: &OutputChange) -> &'static [&'static str] {
    match (change.output, change.high) {
        (Output::HostReset, true) => &["stop"],
        (Output::HostReset, false) => &["system_reset", "cont"],
        (Output::Alert | Output::ModemOff | Output::Shutdown, _) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn only_the_reset_line_reaches_the_gateway() {
        let effect = |output, high| effect(&OutputChange { at: Instant::now(), output, high });
        for output in [Output::Alert, Output::ModemOff, Output::Shutdown] {
            assert!(effect(output, true).is_empty() && effect(output, false).is_empty(), "{output:?}");
        }
        assert_eq!(effect(Output::HostReset, true), ["stop"]);
        assert_eq!(effect(Output::HostReset, false), ["system_reset", "cont"]);
    }
}
