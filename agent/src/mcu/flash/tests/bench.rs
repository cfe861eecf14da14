//! A whole upgrade over a port, with pins: a part whose firmware decides as the real one does, behind a pair of sockets.

use super::super::line::Line;
use super::super::pins::{Pin, Pins};
use super::super::run::{FlashError, Flashed, Job, over};
use super::rom::{Boot, Rom, Wrong, program};
use super::{BOARD, LENGTH};
use crate::mcu::flash::Image;
use shunt_config::McuPort;
use shunt_modem::Port;
use shunt_watchdog::{Board, Instant as At, Watchdog};
use shunt_wire::{Capabilities, FRAME_BYTES, ResetCause, encode};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tempfile::TempDir;

/// The processor, its pins and what it does.
struct Part {
    rom: Rom,
    /// `None`: the boot loader runs, or nothing.
    firmware: Option<Watchdog>,
    loads: bool,
    boot0: bool,
    /// Resets by its pin, each with the level of BOOT0.
    resets: Vec<bool>,
    /// What firmware of a version says that it is, where that is another one.
    lies: Vec<(&'static str, &'static str)>,
    begun: Instant,
}

impl Part {
    fn now(&self) -> At {
        At::from_millis(u64::try_from(self.begun.elapsed().as_millis()).unwrap())
    }

    /// A reset, by whatever it was.
    fn start(&mut self) {
        self.rom.enter();
        (self.firmware, self.loads) = (None, true);
        if self.boot0 {
            return;
        }
        let boot = self.rom.reset();
        self.loads = boot == Boot::Loader;
        if let Boot::Program(_, version) = boot {
            let lie = self.lies.iter().find(|(real, _)| *real == version);
            let software = lie.map_or(version.leak() as &'static str, |(_, told)| *told);
            let board = Board { name: BOARD, software, capabilities: Capabilities::BOOT_LOADER };
            self.firmware = Some(Watchdog::new(board, None, ResetCause::Software, self.now()));
        }
    }

    fn receive(&mut self, byte: u8) -> Vec<u8> {
        let now = self.now();
        let mut said = Vec::new();
        if let Some(firmware) = &mut self.firmware {
            let mut buffer = [0; FRAME_BYTES];
            for frame in firmware.receive(byte, now).into_iter().chain(firmware.poll_frame(now)) {
                said.extend(encode(&frame, &mut buffer).unwrap());
            }
            if firmware.wants_boot_loader() {
                self.rom.enter();
                (self.firmware, self.loads) = (None, true);
            }
        } else if self.loads {
            said = self.rom.receive(byte);
            if self.rom.take_left() {
                self.start();
            }
        }
        said
    }
}

struct Bench {
    part: Arc<Mutex<Part>>,
    line: Line,
    home: TempDir,
}

impl Bench {
    fn new(wired: bool) -> Self {
        let part = Part {
            rom: Rom::new(&program(BOARD, "1.0.0", LENGTH)),
            firmware: None,
            loads: true,
            boot0: false,
            resets: Vec::new(),
            lies: Vec::new(),
            begun: Instant::now(),
        };
        let part = Arc::new(Mutex::new(part));
        part.lock().unwrap().start();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let far = Arc::clone(&part);
        // It ends with the line.
        std::thread::spawn(move || serve(&theirs, &far));
        let port = Port::new(File::from(OwnedFd::from(ours))).unwrap();
        let wires = Arc::clone(&part);
        let pins = Pins(Box::new(move |pin, active| {
            let mut part = wires.lock().unwrap();
            match (pin, active) {
                (Pin::Boot0, high) => part.boot0 = high,
                (Pin::Reset, true) => part.loads = false,
                (Pin::Reset, false) => {
                    let boot0 = part.boot0;
                    part.resets.push(boot0);
                    part.start();
                }
            }
            Ok(())
        }));
        let line = Line { port, name: "ttyS9".into(), pins: wired.then_some(pins) };
        Self { part, line, home: tempfile::tempdir().unwrap() }
    }

    fn part<T>(&self, what: impl FnOnce(&mut Part) -> T) -> T {
        what(&mut self.part.lock().unwrap())
    }

    fn backup(&self) -> PathBuf {
        self.home.path().join("mcu-before.bin")
    }

    async fn flash(&self, version: &str) -> Result<Flashed, FlashError> {
        let image = Image::parse(&program(BOARD, version, LENGTH)).unwrap();
        let job = Job { image, port: McuPort::Path("ttyS9".into()), pins: None, backup: self.backup() };
        over(&self.line, &job, |_, _| {}).await
    }

    /// What runs, and the resets by the pin.
    fn runs(&self) -> (Boot, bool, Vec<bool>) {
        self.part(|part| {
            (part.rom.clone().reset(), part.firmware.is_some(), std::mem::take(&mut part.resets))
        })
    }
}

fn serve(mut line: &UnixStream, part: &Mutex<Part>) {
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = line.read(&mut bytes) {
        let said: Vec<u8> = {
            let mut part = part.lock().unwrap();
            bytes[..count].iter().flat_map(|byte| part.receive(*byte)).collect()
        };
        if line.write_all(&said).is_err() {
            return;
        }
    }
}

fn firmware(version: &str) -> Boot {
    Boot::Program(BOARD.into(), version.into())
}

#[tokio::test]
async fn pins_are_not_touched_where_the_firmware_goes_by_itself() {
    let bench = Bench::new(true);
    let done = bench.flash("1.1.0").await.unwrap();
    assert_eq!((done.before.as_deref(), done.changed), (Some("1.0.0"), true));
    assert_eq!(bench.runs(), (firmware("1.1.0"), true, vec![]));
}

/// BOOT0 is low again when the upgrade has the part reset itself, or that would be into the loader once more.
#[tokio::test]
async fn a_silent_part_is_reset_into_its_loader_by_its_pins_and_starts_by_itself() {
    let bench = Bench::new(true);
    bench.part(|part| part.firmware = None);
    bench.part(|part| part.loads = false);
    let done = bench.flash("1.1.0").await.unwrap();
    assert_eq!(done.before, None);
    assert_eq!(bench.runs(), (firmware("1.1.0"), true, vec![true]));
}

/// What is written and does not start, or says that it is something else, is given up for the program from before; and that
/// counts only when it is the one that answers.
#[tokio::test]
async fn a_program_that_does_not_start_is_given_up_for_the_one_before_by_the_pins() {
    for (old, end) in [("1.0.0", "is back and answers"), ("8.8.8", "could not be brought back")] {
        let bench = Bench::new(true);
        bench.part(|part| part.lies = vec![("1.1.0", "9.9.9"), ("1.0.0", old)]);
        let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
        assert!(
            failed.contains("firmware 9.9.9 answers; the program from before ") && failed.contains(end),
            "{failed}"
        );
        assert_eq!(bench.runs(), (firmware("1.0.0"), true, vec![true]));
    }
    // Without pins it is told what to do.
    let bench = Bench::new(false);
    bench.part(|part| part.lies = vec![("1.1.0", "9.9.9")]);
    let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
    assert!(failed.contains("take its supply away") && failed.contains("mcu-before.bin"), "{failed}");
}

/// A reset with BOOT0 low would start what is in the flash.
#[tokio::test]
async fn a_part_that_has_no_whole_program_is_not_reset_into_it() {
    let bench = Bench::new(true);
    bench.part(|part| part.rom.set_wrong(Wrong::Worn(3)));
    let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
    assert!(
        failed.contains("no whole program") && failed.contains("run `shunt mcu flash` again"),
        "{failed}"
    );
    assert!(bench.runs().2.is_empty());
    // Nor one of which nothing is known, because it is another part.
    bench.part(|part| part.rom.set_wrong(Wrong::Product(0x460)));
    let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
    assert!(failed.contains("0x460"), "{failed}");
    assert_eq!(bench.runs().2, [true]);
}

/// Who answers on the port is nobody, for it is another one's: the MCU at the pins was resetting nothing, and guarded.
#[tokio::test]
async fn an_mcu_whose_pins_were_used_for_nothing_runs_again() {
    let mut bench = Bench::new(true);
    let (ours, nobody) = UnixStream::pair().unwrap();
    bench.line.port = Port::new(File::from(OwnedFd::from(ours))).unwrap();
    let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
    assert!(failed.contains("nothing was written") && failed.contains("is the port that of"), "{failed}");
    assert_eq!(bench.runs(), (firmware("1.0.0"), true, vec![true, false]));
    drop(nobody);
}

/// The supply went while the first double word was written: whoever reads it stops, also the loader, until it is erased.
#[tokio::test]
async fn a_first_word_that_was_left_half_written_is_erased_unread_by_the_pins_alone() {
    for wired in [true, false] {
        let bench = Bench::new(wired);
        bench.part(|part| {
            part.rom.tear(0);
            (part.firmware, part.loads) = (None, !wired);
        });
        match bench.flash("1.1.0").await {
            Ok(_) => assert!(wired),
            Err(error) => {
                let told = error.to_string();
                assert!(!wired && told.contains("stops at it") && told.contains("use a probe"), "{told}");
            }
        }
        let resets = if wired { vec![true; 3] } else { vec![] };
        let runs = if wired { firmware("1.1.0") } else { firmware("1.0.0") };
        assert_eq!(bench.runs(), (runs, wired, resets));
    }
}

/// Protected flash is neither read nor started by the loader; the pins bring the firmware back.
#[tokio::test]
async fn a_part_that_was_left_alone_runs_again() {
    let bench = Bench::new(true);
    bench.part(|part| part.rom.set_wrong(Wrong::Protected));
    let failed = bench.flash("1.1.0").await.unwrap_err().to_string();
    assert!(failed.contains("is protected") && failed.contains("its firmware runs"), "{failed}");
    assert_eq!(bench.runs(), (firmware("1.0.0"), true, vec![false]));
}

/// The firmware is asked for nothing where its program could not be kept.
#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_while_the_firmware_runs() {
    let bench = Bench::new(false);
    let image = Image::parse(&program(BOARD, "1.1.0", LENGTH)).unwrap();
    let backup = PathBuf::from("/dev/null/mcu-before.bin");
    let job = Job { image, port: McuPort::Path("ttyS9".into()), pins: None, backup };
    let failed = over(&bench.line, &job, |_, _| {}).await.unwrap_err().to_string();
    assert!(
        failed.contains("/dev/null/mcu-before.bin: ") && failed.contains("nothing was changed"),
        "{failed}"
    );
    assert_eq!(bench.runs(), (firmware("1.0.0"), true, vec![]));
}

/// What the part has then is what matters, and not that its port is gone.
#[tokio::test]
async fn a_port_that_goes_in_the_midst_does_not_hide_what_the_part_has() {
    let bench = Bench::new(false);
    let far = Arc::clone(&bench.part);
    let image = Image::parse(&program(BOARD, "1.1.0", LENGTH)).unwrap();
    let job = Job { image, port: McuPort::Path("ttyS9".into()), pins: None, backup: bench.backup() };
    let (mut bench, mut gone) = (bench, false);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let hang_up = theirs.try_clone().unwrap();
    std::thread::spawn(move || serve(&theirs, &far));
    bench.line.port = Port::new(File::from(OwnedFd::from(ours))).unwrap();
    let failed = over(&bench.line, &job, |phase, percent| {
        if phase == super::Phase::Writing && percent > 30 && !std::mem::replace(&mut gone, true) {
            hang_up.shutdown(std::net::Shutdown::Both).unwrap();
        }
    });
    let failed = failed.await.unwrap_err().to_string();
    assert!(
        failed.contains("no whole program") && failed.contains("run `shunt mcu flash` again"),
        "{failed}"
    );
    assert_eq!(bench.runs().0, Boot::Dead, "until its supply goes");
    assert_eq!(bench.part(|part| part.rom.clone().power()), Boot::Loader);
}
