//! The real agent with a modem in its config whose port is not there: it waits, says so, and answers for it.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod netns;

use netns::DEADLINE;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two looks at what is awaited.
const LOOK: Duration = Duration::from_millis(50);

struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// The agent with this modem behind its second link; awaited until it answers.
    fn with(directory: &Path, modem: &str) -> Self {
        let socket = directory.join("shunt.sock");
        let config = directory.join("shunt.toml");
        let text = format!(
            "targets = [\"198.51.100.1\"]\n[agent]\nsocket = {socket:?}\nstate_dir = {:?}\n\
             [canary]\nenabled = false\n[[link]]\nname = \"fiber\"\ninterface = \"wan0\"\n\
             [[link]]\nname = \"lte\"\ninterface = \"wan1\"\nmetered = true\n\
             [[modem]]\nname = \"quectel\"\nlink = \"lte\"\n{modem}\n",
            directory.join("state"),
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_shunt"))
            .args(["run", "--config", config.to_str().unwrap()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { child, socket };
        daemon.until("an answer", |daemon| daemon.ask(&["status"]).status.success());
        daemon
    }

    fn ask(&self, args: &[&str]) -> Output {
        let mut all = args.to_vec();
        all.extend(["--socket", self.socket.to_str().unwrap()]);
        Command::new(env!("CARGO_BIN_EXE_shunt")).args(&all).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(args);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !done(self) {
            assert!(
                Instant::now() < end,
                "waited in vain for {what}: {:?}",
                self.ask(&["modem", "status", "--json"])
            );
            sleep(LOOK);
        }
    }

    /// What standard error says of a command that must fail with this code.
    fn refused(&self, code: i32, args: &[&str]) -> String {
        let output = self.ask(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_modem_whose_port_is_not_there_is_waited_for_and_told() {
    netns::within("a_modem_whose_port_is_not_there_is_waited_for_and_told", || {
        let directory = tempfile::tempdir().unwrap();
        let port = directory.path().join("ttyS9");
        let daemon = Daemon::with(directory.path(), &format!("port = {port:?}"));
        daemon.until("the modem's trouble", |daemon| {
            daemon.json(&["modem", "status", "--json"])[0]["trouble"].is_string()
        });
        let modem = &daemon.json(&["modem", "status", "--json"])[0];
        assert_eq!((modem["name"].as_str(), modem["link"].as_str()), (Some("quectel"), Some("lte")));
        assert_eq!(
            (modem["readiness"].as_str(), modem["port"].as_str()),
            (Some("no_modem"), None),
            "{modem}"
        );
        assert_eq!(
            (modem["counters"]["commands"].as_u64(), modem["counters"]["urcs_lost"].as_u64()),
            (Some(0), Some(0))
        );
        daemon.until("the warning", |daemon| {
            let status = daemon.json(&["status", "--json"]);
            status["warnings"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it.as_str().unwrap().starts_with("modem quectel: "))
        });
        let status = daemon.json(&["status", "--json"]);
        assert!(status["links"][1]["modem"].as_str().unwrap().contains("not found"), "{status}");
        assert!(status["links"][0]["modem"].is_null());
        let page = daemon.ask(&["status"]);
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(page.contains("Modem: lte stands by: not found"), "{page}");

        // What needs the modem says that it is not there; what would break its session is refused with the reason.
        assert!(daemon.refused(1, &["modem", "at", "AT+CSQ"]).contains("it is not there"));
        let harmful = daemon.refused(2, &["modem", "at", "AT+CFUN=0"]);
        assert!(harmful.contains("shunt modem reset"), "{harmful}");
        assert!(daemon.refused(2, &["modem", "at", "AT+CFUN=0", "--unsafe"]).contains("shunt modem reset"));
        assert!(daemon.refused(2, &["modem", "at", "AT+QCFG=\"usbnet\",1"]).contains("--unsafe"));
        let unknown = daemon.refused(1, &["modem", "at", "AT+QCFG=\"usbnet\",1", "--unsafe"]);
        assert!(unknown.contains("it is not there"), "{unknown}");
        assert!(
            daemon
                .refused(2, &["modem", "at", "AT+CSQ", "--modem", "lte"])
                .contains("the modems are quectel")
        );
        assert!(daemon.refused(2, &["modem", "status", "lte"]).contains("the modems are quectel"));
        assert!(daemon.refused(2, &["modem", "reset", "--rung", "hammer"]).contains("the rungs are fence"));
        assert!(daemon.refused(2, &["modem", "sim", "--slot", "2"]).contains("add [[modem.sim]]"));
        let pin = directory.path().join("pin");
        for (text, code, why) in [("4711\n", 1, "not known yet"), ("47\n", 2, "four to eight digits")] {
            std::fs::write(&pin, text).unwrap();
            let said = daemon.refused(code, &["modem", "sim", "--pin-file", pin.to_str().unwrap()]);
            assert!(said.contains(why) && !said.contains("47"), "{said}");
        }
        assert!(daemon.refused(2, &["modem", "sms", "send", "nobody", "x"]).contains("nobody"));
        assert!(daemon.ask(&["modem", "retry", "quectel"]).status.success());
        assert_eq!(daemon.json(&["modem", "sms", "list", "--json"]), serde_json::json!([]));

        // The link is judged by its own signs: a modem that cannot be asked fails nothing.
        assert!(daemon.ask(&["stop"]).status.success());
    });
}

#[test]
fn a_secret_that_cannot_be_read_is_told_with_its_file_and_never_shown() {
    netns::within("a_secret_that_cannot_be_read_is_told_with_its_file_and_never_shown", || {
        let directory = tempfile::tempdir().unwrap();
        let pin = directory.path().join("pin");
        std::fs::write(&pin, "12x4\n").unwrap();
        let daemon = Daemon::with(directory.path(), &format!("port = \"/dev/ttyS9\"\npin_file = {pin:?}"));
        daemon.until("the trouble", |daemon| {
            daemon.json(&["modem", "status", "--json"])[0]["trouble"].is_string()
        });
        let modem = daemon.json(&["modem", "status", "--json"]).to_string();
        assert!(modem.contains("a PIN has four to eight digits") && modem.contains("/pin"), "{modem}");
        assert!(!modem.contains("12x4"), "{modem}");
        assert!(daemon.refused(1, &["modem", "reset"]).contains("the modem is not driven"));
    });
}
