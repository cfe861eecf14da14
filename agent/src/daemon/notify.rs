//! What the service manager is told (sd_notify(3)). Without `NOTIFY_SOCKET` each of these does nothing.
//!
//! A message that cannot be delivered is logged once and not tried again: the gateway's work does not hang on it.

use sd_notify::NotifyState;
use std::sync::Once;
use std::time::Duration;

/// The manager's deadline is met this many times over, so that one late turn of the loop is no reason to be killed.
const FEEDS_PER_DEADLINE: u32 = 3;

/// How often [`watchdog`] is to be called; `None`: the manager does not watch.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|deadline| deadline / FEEDS_PER_DEADLINE)
}

/// The daemon is up (or up again, after [`reloading`]).
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    send(&[NotifyState::Status(&one_line(text))]);
}

/// The loop is alive.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// A new config is being read; [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The daemon is on its way out.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

/// The end takes so much longer than the manager was told (`TimeoutStopSec`).
pub fn more_time(longer: Duration) {
    let micros = u32::try_from(longer.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::ExtendTimeoutUsec(micros)]);
}

fn send(states: &[NotifyState<'_>]) {
    static WARNED: Once = Once::new();
    if let Err(error) = sd_notify::notify(states) {
        WARNED.call_once(|| tracing::warn!("failed to notify the service manager: {error}"));
    }
}

/// A line break would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    /// The environment of a threaded process cannot be changed safely: this runs the test below in a process of its own.
    fn in_a_process(environment: &[(&str, &str)]) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "daemon::notify::tests::child", "--nocapture"]);
        child.env("SHUNT_TEST_CHILD", "1").env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
        let output = child.envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Says all that there is to say; does nothing unless it is the child.
    #[test]
    fn child() {
        if std::env::var_os("SHUNT_TEST_CHILD").is_none() {
            return;
        }
        let watched = std::env::var_os("WATCHDOG_USEC").is_some();
        assert_eq!(watchdog_interval(), watched.then_some(Duration::from_secs(10)));
        ready("uplink fiber\nREADY=0");
        status("uplink lte");
        watchdog();
        reloading();
        stopping("asked to");
    }

    #[test]
    fn the_manager_hears_each_word() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        in_a_process(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "30000000")]);
        let next = || {
            let mut buffer = [0; 512];
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(next(), "READY=1\nSTATUS=uplink fiber READY=0\n");
        assert_eq!(next(), "STATUS=uplink lte\n");
        assert_eq!(next(), "WATCHDOG=1\n");
        let reload = next();
        assert!(reload.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reload}");
        assert_eq!(next(), "STOPPING=1\nSTATUS=asked to\n");
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        in_a_process(&[]);
    }

    #[test]
    fn a_manager_that_is_gone_does_no_harm() {
        in_a_process(&[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    }
}
