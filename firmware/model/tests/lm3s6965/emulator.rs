//! QEMU with the firmware, its pins seen through qtest, and hung by the debugger's port.

use crate::line::PATIENCE;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The port of the outputs among the emulator's GPIO devices, which are made in the order of the ports.
const PORT_B: usize = 1;
/// The pin of the lamp, which blinks all the time.
const LAMP: u8 = 4;
/// `b .`, the instruction that never ends, as bytes; and where it is put, far from variables and stack.
const BRANCH_TO_ITSELF: &str = "fee7";
const SPARE_RAM: u32 = 0x2000_8000;

pub(crate) struct Emulator {
    process: Child,
    control: Reader,
    commands: UnixStream,
    pins: Reader,
    debugger: UnixStream,
    _folder: tempfile::TempDir,
}

/// Lines as they come, read by a thread, so that they can be waited for.
type Reader = Receiver<String>;

impl Emulator {
    /// Starts the emulator, and gives it with the other end of the firmware's UART.
    pub(crate) fn start(image: &Path) -> (Self, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let listen = |name: &str| UnixListener::bind(folder.path().join(name)).unwrap();
        let listeners = ["uart", "qmp", "qtest", "gdb"].map(listen);
        let socket = |name: &str| format!("unix:{}", folder.path().join(name).display());
        // It stays halted (-S) until the pins are watched.
        let process = Command::new("qemu-system-arm")
            .args(["-M", "lm3s6965evb", "-accel", "tcg", "-display", "none", "-monitor", "none", "-S"])
            .args(["-serial", &socket("uart"), "-qmp", &socket("qmp"), "-gdb", &socket("gdb")])
            .args(["-qtest", &socket("qtest"), "-qtest-log", "none"])
            .arg("-kernel")
            .arg(image)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "failed to start qemu-system-arm: {error}; install it by: apt-get install qemu-system-arm"
                )
            });
        let guard = Guard(Some(process));
        let [uart, qmp, qtest, debugger] = listeners.map(|listener| accept(&listener));
        let mut emulator = Self {
            process: guard.disarm(),
            control: lines(qmp.try_clone().unwrap()),
            commands: qmp,
            pins: lines(qtest.try_clone().unwrap()),
            debugger,
            _folder: folder,
        };
        emulator.command("qmp_capabilities", &json!({}));
        let devices = emulator.command("qom-list", &json!({ "path": "/machine/unattached" }));
        let ports: Vec<&str> = devices
            .as_array()
            .unwrap()
            .iter()
            .filter(|device| device["type"].as_str().unwrap().contains("pl061"))
            .map(|device| device["name"].as_str().unwrap())
            .collect();
        let mut qtest = &qtest;
        writeln!(qtest, "irq_intercept_out /machine/unattached/{}", ports[PORT_B]).unwrap();
        assert_eq!(emulator.pins.recv_timeout(PATIENCE).unwrap(), "OK");
        emulator.command("cont", &json!({}));
        (emulator, uart)
    }

    /// The changes of the output pins since the last call; not the lamp's.
    pub(crate) fn pins_changed(&mut self) -> Vec<(u8, bool)> {
        self.pins.try_iter().filter_map(|line| change(&line)).collect()
    }

    /// Waits for so many changes of the output pins; not the lamp's.
    pub(crate) fn wait_for_pins(&mut self, count: usize) -> Vec<(u8, bool)> {
        let deadline = Instant::now() + PATIENCE;
        let mut changes = Vec::new();
        while changes.len() < count {
            let line = self.pins.recv_timeout(left(deadline));
            changes.extend(change(&line.unwrap_or_else(|_| panic!("only {changes:?} in {PATIENCE:?}"))));
        }
        changes
    }

    /// Waits for an event of the machine.
    pub(crate) fn wait_for_event(&mut self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.control.recv_timeout(left(deadline));
            let line = line.unwrap_or_else(|_| panic!("no event {name} in {PATIENCE:?}"));
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["event"] == name {
                return;
            }
        }
    }

    /// Has the processor do nothing any more but one endless loop, as a fault of its program would. The loop is put
    /// into spare RAM by the debugger's port: the image itself knows nothing of tests.
    pub(crate) fn hang(&mut self) {
        self.debugger.write_all(b"\x03").unwrap();
        self.packet();
        // QEMU takes single registers from those alone who have asked what registers there are.
        self.ask("qXfer:features:read:target.xml:0,ff");
        assert_eq!(self.ask(&format!("M{SPARE_RAM:x},2:{BRANCH_TO_ITSELF}")), "OK", "the loop is written");
        let digits: String = SPARE_RAM.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(self.ask(&format!("Pf={digits}")), "OK", "the program counter is set");
        self.write_packet("c");
    }

    /// Resets the MCU from without, as its reset pin would.
    pub(crate) fn reset(&mut self) {
        self.command("system_reset", &json!({}));
    }

    fn command(&mut self, name: &str, arguments: &Value) -> Value {
        writeln!(self.commands, "{}", json!({ "execute": name, "arguments": arguments })).unwrap();
        loop {
            let line = self.control.recv_timeout(PATIENCE).expect("the emulator does not answer");
            let mut message: Value = serde_json::from_str(&line).unwrap();
            assert!(message.get("error").is_none(), "{line}");
            if let Some(answer) = message.get_mut("return") {
                return answer.take();
            }
        }
    }

    fn ask(&mut self, packet: &str) -> String {
        self.write_packet(packet);
        self.packet()
    }

    fn write_packet(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        write!(self.debugger, "+${packet}#{sum:02x}").unwrap();
    }

    /// The next packet of the debugger's port: `$content#sum`; acknowledgements are passed over.
    fn packet(&mut self) -> String {
        let mut content = String::new();
        let mut byte = [0];
        loop {
            self.debugger.read_exact(&mut byte).unwrap();
            match byte[0] {
                b'$' => content.clear(),
                b'#' => break,
                other => content.push(char::from(other)),
            }
        }
        self.debugger.read_exact(&mut [0; 2]).unwrap();
        content
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Ends the emulator when something goes wrong before there is an [`Emulator`].
struct Guard(Option<Child>);

impl Guard {
    fn disarm(mut self) -> Child {
        self.0.take().unwrap()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            let _gone = process.kill();
            let _reaped = process.wait();
        }
    }
}

/// Waits for the emulator to connect.
fn accept(listener: &UnixListener) -> UnixStream {
    let (sender, receiver) = mpsc::channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || sender.send(listener.accept().unwrap().0));
    let stream = receiver.recv_timeout(PATIENCE).expect("the emulator did not connect");
    stream.set_read_timeout(None).unwrap();
    stream
}

fn lines(stream: UnixStream) -> Reader {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// `IRQ raise 2` or `IRQ lower 2`, but for the lamp.
fn change(line: &str) -> Option<(u8, bool)> {
    let mut words = line.split_whitespace();
    let (Some("IRQ"), Some(level), Some(pin)) = (words.next(), words.next(), words.next()) else {
        return None;
    };
    let pin: u8 = pin.parse().unwrap();
    (pin != LAMP).then_some((pin, level == "raise"))
}
