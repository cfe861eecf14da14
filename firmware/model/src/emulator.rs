//! QEMU with the firmware of the LM3S6965, its pins seen through qtest, and hung by the debugger's port.
//!
//! In the library, since the tests of the image and those of the agent in front of it use it.

use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// For an answer, a boot, or the hardware watchdog: many times what they take, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The port of the outputs among the emulator's GPIO devices, which are made in the order of the ports.
const PORT_B: usize = 1;
/// `b .`, the instruction that never ends, as bytes; and where it is put, far from variables and stack.
const BRANCH_TO_ITSELF: &str = "fee7";
const SPARE_RAM: u32 = 0x2000_8000;

/// Why the emulator cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// There is no image to run.
    #[error(transparent)]
    Image(#[from] shunt_firmware::BuildError),
    /// It cannot be started.
    #[error("failed to start qemu-system-arm: {0}; install it by: apt-get install qemu-system-arm")]
    Start(io::Error),
    /// One of its sockets does not work.
    #[error("failed to talk to qemu-system-arm: {0}; has it ended?")]
    Talk(#[from] io::Error),
    /// It says what nobody expected.
    #[error("failed to understand qemu-system-arm: {0}; is it a newer one than 7.2?")]
    Answer(String),
    /// What is waited for does not come.
    #[error("failed to see {awaited} within {PATIENCE:?}; instead: {instead}")]
    Late {
        /// What.
        awaited: String,
        /// What came.
        instead: String,
    },
}

type Result<T> = std::result::Result<T, EmulatorError>;

/// An output of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// High: something is wrong.
    Alert,
    /// High cuts the modem's supply.
    ModemOff,
    /// High asks the host to shut down.
    Shutdown,
    /// High holds the host in reset.
    HostReset,
}

impl Output {
    /// Of the pins of port B; `None`: the lamp, which blinks all the time, or a pin that is not used.
    const fn of(pin: u8) -> Option<Self> {
        match pin {
            0 => Some(Self::Alert),
            1 => Some(Self::ModemOff),
            2 => Some(Self::Shutdown),
            3 => Some(Self::HostReset),
            _ => None,
        }
    }
}

/// An output that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputChange {
    /// When that was heard of.
    pub at: Instant,
    /// Which.
    pub output: Output,
    /// Its level from then on.
    pub high: bool,
}

/// A running board. The emulator ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    _process: Process,
    control: Reader,
    commands: UnixStream,
    pins: Reader,
    debugger: UnixStream,
    _folder: tempfile::TempDir,
}

/// Lines as they come, with their time, read by a thread, so that they can be waited for.
type Reader = Receiver<(Instant, String)>;

/// Ends with its value.
#[derive(Debug)]
struct Process(Child);

impl Emulator {
    /// Builds the image and starts the emulator with it; gives it with the other end of the firmware's UART.
    ///
    /// # Errors
    /// When the compiler's target or QEMU is missing; the message says how to install it.
    pub fn lm3s6965() -> Result<(Self, UnixStream)> {
        Self::start(&shunt_firmware::build(shunt_firmware::LM3S6965)?)
    }

    fn start(image: &Path) -> Result<(Self, UnixStream)> {
        let folder = tempfile::tempdir()?;
        let place = |name: &str| folder.path().join(name);
        let listen = |name: &str| UnixListener::bind(place(name));
        let (uart, qmp, qtest, debugger) =
            (listen("uart")?, listen("qmp")?, listen("qtest")?, listen("gdb")?);
        let process = Process(spawn(image, &place)?);
        let (uart, qmp, qtest, debugger) = (accept(uart)?, accept(qmp)?, accept(qtest)?, accept(debugger)?);
        let mut emulator = Self {
            _process: process,
            control: lines(qmp.try_clone()?),
            commands: qmp,
            pins: lines(qtest.try_clone()?),
            debugger,
            _folder: folder,
        };
        emulator.intercept(&qtest)?;
        emulator.command("cont", &json!({}))?;
        Ok((emulator, uart))
    }

    /// Has each change of the outputs told.
    fn intercept(&mut self, mut qtest: &UnixStream) -> Result<()> {
        self.command("qmp_capabilities", &json!({}))?;
        let devices = self.command("qom-list", &json!({ "path": "/machine/unattached" }))?;
        let is_port = |device: &&Value| text(device, "type").is_some_and(|kind| kind.contains("pl061"));
        let port = devices.as_array().into_iter().flatten().filter(is_port).nth(PORT_B);
        let port = port.and_then(|device| text(device, "name"));
        let port = port.ok_or_else(|| EmulatorError::Answer(format!("no port B in {devices}")))?;
        writeln!(qtest, "irq_intercept_out /machine/unattached/{port}")?;
        match self.pins.recv_timeout(PATIENCE) {
            Ok((_, answer)) if answer == "OK" => Ok(()),
            other => Err(EmulatorError::Answer(format!("{other:?} to irq_intercept_out"))),
        }
    }

    /// The changes of the outputs since the last call.
    pub fn changes(&mut self) -> Vec<OutputChange> {
        self.pins.try_iter().filter_map(|line| change(&line)).collect()
    }

    /// Watches the outputs for so long, and gives the first change if there is one.
    pub fn watch_for(&mut self, time: Duration) -> Option<OutputChange> {
        let deadline = Instant::now() + time;
        loop {
            let line = self.pins.recv_timeout(left(deadline)).ok()?;
            if let Some(change) = change(&line) {
                return Some(change);
            }
        }
    }

    /// Waits for so many changes of the outputs.
    ///
    /// # Errors
    /// When they do not come; each within [`PATIENCE`] of the one before.
    pub fn wait_for_changes(&mut self, count: usize) -> Result<Vec<OutputChange>> {
        let mut changes = Vec::new();
        let mut deadline = Instant::now() + PATIENCE;
        while changes.len() < count {
            match self.pins.recv_timeout(left(deadline)) {
                Ok(line) => {
                    let news = change(&line);
                    if news.is_some() {
                        deadline = Instant::now() + PATIENCE;
                    }
                    changes.extend(news);
                }
                Err(_) => {
                    return Err(late(format!("{count} changes of the outputs"), format!("{changes:?}")));
                }
            }
        }
        Ok(changes)
    }

    /// Waits for an event of the machine.
    ///
    /// # Errors
    /// When it does not come within [`PATIENCE`].
    pub fn wait_for_event(&mut self, name: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while let Ok((_, line)) = self.control.recv_timeout(left(deadline)) {
            if parse(&line)?.get("event").is_some_and(|event| event == name) {
                return Ok(());
            }
        }
        Err(late(format!("the event {name}"), "nothing".into()))
    }

    /// Has the processor do nothing any more but one endless loop, as a fault of its program would. The loop is put
    /// into spare RAM by the debugger's port: the image itself knows nothing of tests.
    ///
    /// # Errors
    /// When the debugger's port does not take it.
    pub fn hang(&mut self) -> Result<()> {
        self.debugger.write_all(b"\x03")?;
        self.packet()?;
        // QEMU takes single registers from those alone who have asked what registers there are.
        self.ask("qXfer:features:read:target.xml:0,ff")?;
        let digits: String = SPARE_RAM.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        for order in [format!("M{SPARE_RAM:x},2:{BRANCH_TO_ITSELF}"), format!("Pf={digits}")] {
            let answer = self.ask(&order)?;
            if answer != "OK" {
                return Err(EmulatorError::Answer(format!("{answer} to {order}")));
            }
        }
        self.write_packet("c")
    }

    /// Resets the MCU from without, as its reset pin would.
    ///
    /// # Errors
    /// When the emulator does not answer.
    pub fn reset(&mut self) -> Result<()> {
        self.command("system_reset", &json!({})).map(drop)
    }

    fn command(&mut self, name: &str, arguments: &Value) -> Result<Value> {
        writeln!(self.commands, "{}", json!({ "execute": name, "arguments": arguments }))?;
        let deadline = Instant::now() + PATIENCE;
        while let Ok((_, line)) = self.control.recv_timeout(left(deadline)) {
            let mut message = parse(&line)?;
            if message.get("error").is_some() {
                return Err(EmulatorError::Answer(format!("{line} to {name}")));
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
        }
        Err(late(format!("an answer to {name}"), "nothing".into()))
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        self.write_packet(packet)?;
        self.packet()
    }

    fn write_packet(&mut self, packet: &str) -> Result<()> {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        Ok(write!(self.debugger, "+${packet}#{sum:02x}")?)
    }

    /// The next packet of the debugger's port: `$content#sum`; acknowledgements are passed over.
    fn packet(&mut self) -> Result<String> {
        let mut content = String::new();
        loop {
            let mut byte = [0];
            self.debugger.read_exact(&mut byte)?;
            match byte {
                [b'$'] => content.clear(),
                [b'#'] => break,
                [other] => content.push(char::from(other)),
            }
        }
        self.debugger.read_exact(&mut [0; 2])?;
        Ok(content)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts it halted (`-S`): it is to run only when the pins are watched.
fn spawn(image: &Path, place: &impl Fn(&str) -> PathBuf) -> Result<Child> {
    let socket = |name: &str| format!("unix:{}", place(name).display());
    Command::new("qemu-system-arm")
        .args(["-M", "lm3s6965evb", "-accel", "tcg", "-display", "none", "-monitor", "none", "-S"])
        .args(["-serial", &socket("uart"), "-qmp", &socket("qmp"), "-gdb", &socket("gdb")])
        .args(["-qtest", &socket("qtest"), "-qtest-log", "none"])
        .arg("-kernel")
        .arg(image)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(EmulatorError::Start)
}

/// Waits for the emulator to connect.
fn accept(listener: UnixListener) -> Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(listener.accept()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(accepted) => Ok(accepted?.0),
        Err(_) => Err(late("its connection".into(), "nothing".into())),
    }
}

fn lines(stream: UnixStream) -> Reader {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(io::Result::ok) {
            if sender.send((Instant::now(), line)).is_err() {
                break;
            }
        }
    });
    receiver
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn parse(line: &str) -> Result<Value> {
    serde_json::from_str(line).map_err(|error| EmulatorError::Answer(format!("{line}: {error}")))
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn late(awaited: String, instead: String) -> EmulatorError {
    EmulatorError::Late { awaited, instead }
}

/// `IRQ raise 2` or `IRQ lower 2`, but for the lamp.
fn change((at, line): &(Instant, String)) -> Option<OutputChange> {
    let mut words = line.split_whitespace();
    let (Some("IRQ"), Some(level), Some(pin)) = (words.next(), words.next(), words.next()) else {
        return None;
    };
    let output = Output::of(pin.parse().ok()?)?;
    Some(OutputChange { at: *at, output, high: level == "raise" })
}
