//! ModemManager on a message bus of its own, with the simulated modem as its only one.

use super::{Daemon, run, text, try_run, wait_for};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NAME: &str = "org.freedesktop.ModemManager1";
const MANAGER: &str = "/org/freedesktop/ModemManager1";

/// A bus and ModemManager on it.
#[derive(Debug)]
pub(crate) struct Manager {
    _manager: Daemon,
    _bus: Daemon,
    address: String,
    log: PathBuf,
}

impl Manager {
    /// Starts both and tells ModemManager of a modem of the vendor `quectel` on these sockets.
    pub(crate) fn start(home: &Path, sockets: &[PathBuf]) -> Self {
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let bus = Daemon(bus);
        let log = home.join("manager.log");
        let file = File::create(&log).unwrap();
        let manager = Command::new(super::find("ModemManager").unwrap())
            .args([
                "--test-session",
                "--test-enable",
                "--test-no-udev",
                "--test-no-suspend-resume",
                "--test-no-qrtr",
            ])
            .args(["--no-auto-scan", "--debug"])
            .env("DBUS_SESSION_BUS_ADDRESS", address.trim())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let manager = Self { _manager: Daemon(manager), _bus: bus, address: address.trim().to_owned(), log };
        let ports: Vec<String> = sockets.iter().map(|path| format!("\"{}\"", path.display())).collect();
        let ports = format!("[{}]", ports.join(","));
        let profile = [MANAGER, "org.freedesktop.ModemManager1.Test.SetProfile", "t1", "quectel", &ports];
        manager.wait("ModemManager on the bus", || {
            try_run(&mut manager.call(&profile)).status.success().then_some(())
        });
        manager
    }

    /// Waits for the modem; tells its object.
    pub(crate) fn modem(&self) -> String {
        let objects = [MANAGER, "org.freedesktop.DBus.ObjectManager.GetManagedObjects"];
        self.wait("a modem", || {
            let said = self.ask(&objects);
            let at = said.find("/org/freedesktop/ModemManager1/Modem/")?;
            said.get(at..)?.split('\'').next().map(str::to_owned)
        })
    }

    /// Calls a method; tells what it answered.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let said = try_run(&mut self.call(arguments));
        assert!(said.status.success(), "{arguments:?}: {}\n{}", text(&said), self.log());
        text(&said)
    }

    /// A property of an object, as text.
    pub(crate) fn property(&self, object: &str, interface: &str, name: &str) -> String {
        let interface = format!("{NAME}.{interface}");
        run(&mut self.call(&[object, "org.freedesktop.DBus.Properties.Get", &interface, name]))
    }

    /// Waits until a property holds this text.
    pub(crate) fn wait_for_property(&self, object: &str, interface: &str, name: &str, wanted: &str) {
        let mut last = String::new();
        wait_for(
            &format!("{name} of {object} as {wanted}"),
            || {
                last = self.property(object, interface, name);
                last.contains(wanted).then_some(())
            },
            || self.log(),
        );
    }

    fn wait<T>(&self, awaited: &str, look: impl FnMut() -> Option<T>) -> T {
        wait_for(awaited, look, || self.log())
    }

    fn call(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("gdbus");
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command.args(["call", "--session", "--timeout", "50", "--dest", NAME, "--object-path"]);
        let (object, rest) = arguments.split_first().unwrap();
        let (method, rest) = rest.split_first().unwrap();
        command.args([object, "--method", method]).args(rest);
        command
    }

    /// The end of what ModemManager logged.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}
