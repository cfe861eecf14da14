//! QEMU: a machine with one processor, as much memory as a small gateway, a real watchdog, and a console to read.

use crate::board::Board;
use crate::error::{Result, VmError};
use crate::report::{Report, Standing};
use shunt_vm::Said;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = "qemu-system-aarch64";
const DOING: &str = "run the emulator";

/// The virtual board with the processor of many gateways; `i6300esb` is a real watchdog on PCI. Nothing of the host is
/// reachable from within: there is no network card.
const MACHINE: &[&str] = &[
    "-machine",
    "virt",
    "-cpu",
    "cortex-a53",
    "-smp",
    "1",
    "-m",
    "256",
    "-no-user-config",
    "-nodefaults",
    "-display",
    "none",
    "-serial",
    "stdio",
    "-device",
    "i6300esb",
    "-watchdog-action",
    "reset",
    "-device",
    "virtio-blk-pci,drive=disk",
];

/// What the machine starts with.
#[derive(Debug)]
pub(crate) struct Parts<'p> {
    pub(crate) kernel: &'p Path,
    pub(crate) initrd: &'p Path,
    pub(crate) disk: &'p Path,
}

/// A kernel that panics is to say so and end, not to boot again.
const COMMAND_LINE: &str = "console=ttyAMA0 loglevel=4 panic=0";

/// Several times what the whole story takes on two idle cores.
const DEADLINE: Duration = Duration::from_secs(600);

/// So often it is looked after the MCU's pins.
const LOOK: Duration = Duration::from_millis(50);

/// Lines of the console that an error quotes.
const QUOTED: usize = 30;

/// Boots the machine, and hears it to the end of its story.
pub(crate) fn run(parts: &Parts<'_>, mut board: Board, verbose: bool) -> Result<Report> {
    let mut command = Command::new(PROGRAM);
    command
        .args(MACHINE)
        .arg("-kernel")
        .arg(parts.kernel)
        .arg("-initrd")
        .arg(parts.initrd)
        .arg("-drive")
        .arg(format!("id=disk,if=none,format=raw,file={}", parts.disk.display()))
        .args(["-append", COMMAND_LINE]);
    board.attach(&mut command)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let start = |source| VmError::Start { doing: DOING, program: PROGRAM.to_owned(), source };
    let mut child = command.spawn().map_err(start)?;
    let console = child.stdout.take();
    let running = Running(child);
    board.connect()?;
    let heard = hear(console.map(read), &mut board, verbose);
    drop(running);
    heard
}

/// The emulator, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

fn hear(lines: Option<Receiver<String>>, board: &mut Board, verbose: bool) -> Result<Report> {
    let begin = Instant::now();
    let mut report = Report::default();
    let mut tail = VecDeque::new();
    let mut standing = Standing::Open;
    while standing == Standing::Open {
        let line =
            lines.as_ref().map_or(Err(RecvTimeoutError::Disconnected), |lines| lines.recv_timeout(LOOK));
        standing = match line {
            Ok(line) => {
                show(&line, verbose);
                let said = Said::read(&line);
                if tail.len() == QUOTED {
                    tail.pop_front();
                }
                tail.push_back(line);
                said.map_or(Standing::Open, |said| report.hear(begin.elapsed(), said))
            }
            Err(RecvTimeoutError::Timeout) if begin.elapsed() < DEADLINE => Standing::Open,
            Err(RecvTimeoutError::Timeout) => {
                Standing::Bad(format!("it is not done after {} s", DEADLINE.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Standing::Bad("it ended in the middle of the story".to_owned())
            }
        };
        if standing == Standing::Open {
            board.tick()?;
        }
    }
    match standing {
        Standing::Bad(what) => Err(VmError::Gateway { what, console: Vec::from(tail).join("\n  ") }),
        Standing::Open | Standing::Good => Ok(report),
    }
}

#[allow(clippy::print_stderr, reason = "a command line's output is its purpose")]
fn show(line: &str, verbose: bool) {
    if verbose {
        eprintln!("  {line}");
    }
}

/// Reads the console on a thread of its own: it has no end that could be waited for.
fn read(console: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(console);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    lines
}
