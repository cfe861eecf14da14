//! The upgrade against the boot loader of the laboratory, in virtual time, over a line that does what lines do.

#[allow(dead_code, unreachable_pub, reason = "the laboratory uses all of it, and shows it")]
#[path = "../../../../tests/src/mcu/rom.rs"]
pub(in crate::mcu) mod rom;

mod bench;
mod cuts;

use super::image::Image;
use super::loader::Fault;
use super::outcome::{End, Failure, Phase};
use super::part::{PAGE, Product};
use super::upgrade::{Output, Upgrade};
use proptest::prelude::*;
use rom::{Boot, Rom, Wrong, program};
use shunt_decision::Timestamp;
use std::time::Duration;

const BOARD: &str = "stm32g030";
/// As long as the firmware that ships.
const LENGTH: usize = 15_148;
/// Nothing takes longer: 28 KiB go over the line thrice in 10 s, and what is lost is looked for.
const PATIENCE: Duration = Duration::from_secs(300);

/// When an upgrade begins.
fn start() -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(1_000)
}

/// What the line does to bytes that go over it: to the part (`true`), or from it.
type Line<'a> = Box<dyn FnMut(bool, Vec<u8>) -> Vec<u8> + 'a>;

struct World<'a> {
    rom: Rom,
    line: Line<'a>,
    /// Sees the part after each byte.
    watch: Box<dyn FnMut(&Rom) + 'a>,
    keeps: bool,
    ran: bool,
    fallback: Option<Image>,
    kept: Option<Image>,
    told: Vec<(Phase, u8)>,
    took: Duration,
}

impl<'a> World<'a> {
    /// A part with the firmware 1.0.0 and what it keeps.
    fn new() -> Self {
        let mut flash = program(BOARD, "1.0.0", LENGTH);
        flash.resize(28 * 1024, 0xff);
        flash.extend([0x5a; 4 * 1024]);
        Self::with(&flash)
    }

    fn with(flash: &[u8]) -> Self {
        Self {
            rom: Rom::new(flash),
            line: Box::new(|_, bytes| bytes),
            watch: Box::new(|_| {}),
            keeps: true,
            ran: true,
            fallback: None,
            kept: None,
            told: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn wrong(mut self, wrong: Wrong) -> Self {
        self.rom.set_wrong(wrong);
        self
    }

    /// Brings a version into the part. The loader may be where the last attempt left it.
    fn flash(&mut self, version: &str) -> End {
        let image = Image::parse(&program(BOARD, version, LENGTH)).unwrap();
        let upgrade = Upgrade::new(image, self.fallback.take(), self.ran, start());
        self.carry_out(upgrade)
    }

    fn carry_out(&mut self, mut upgrade: Upgrade) -> End {
        let (mut now, begun, erased) = (start(), start(), self.erasures());
        while now.since(begun) < PATIENCE {
            let sent = upgrade.take_outgoing();
            let mut quiet = sent.is_empty();
            if !quiet {
                let heard = (self.line)(true, sent);
                let mut answer = Vec::new();
                for byte in heard {
                    answer.extend(self.rom.receive(byte));
                    (self.watch)(&self.rom);
                }
                let answer = (self.line)(false, answer);
                now = now + Duration::from_millis(1);
                for part in answer.chunks(7) {
                    upgrade.receive(part, now);
                }
            }
            while let Some(output) = upgrade.poll_output() {
                quiet = false;
                match output {
                    Output::Keep(before) => {
                        assert_eq!(self.erasures(), erased, "kept before anything is erased");
                        self.kept = self.keeps.then_some(before);
                        upgrade.kept(self.keeps, now);
                    }
                    Output::At(phase, percent) => self.told.push((phase, percent)),
                    Output::Ended(end) => {
                        self.took = now.since(begun);
                        return end;
                    }
                }
            }
            if quiet && let Some(due) = upgrade.poll_timeout() {
                now = now.max(due);
                upgrade.handle_timeout(now);
            }
        }
        panic!("no end in {PATIENCE:?}; {:?}", self.told)
    }

    fn erasures(&self) -> usize {
        self.rom.wear().1.len()
    }

    /// What the part does now, left to itself; it must not be dead, whether it is reset as the upgrade asked for or its
    /// supply goes.
    fn boots(&mut self) -> Boot {
        let power = self.rom.clone().power();
        assert_ne!(power, Boot::Dead);
        if self.rom.take_left() {
            let boot = self.rom.reset();
            assert_eq!(boot, power);
        }
        power
    }
}

fn firmware(version: &str) -> Boot {
    Boot::Program(BOARD.into(), version.into())
}

#[test]
fn a_part_is_flashed_what_it_keeps_stays_and_the_old_program_is_kept() {
    let mut world = World::new();
    assert_eq!(world.flash("1.1.0"), End::Done(true));
    assert_eq!(world.boots(), firmware("1.1.0"));
    assert_eq!(world.kept.as_ref().unwrap().bytes(), program(BOARD, "1.0.0", LENGTH).next_multiple());
    assert!(world.rom.flash()[28 * 1024..].iter().all(|byte| *byte == 0x5a));
    // Page 2 is the same in both, and the last six are not used; the first goes first.
    assert_eq!(world.rom.wear().1, [0, 7, 6, 5, 4, 3, 1]);
    let phases: Vec<Phase> = world.told.iter().map(|(phase, _)| *phase).collect();
    assert!(phases.is_sorted_by_key(|phase| *phase as u8), "{phases:?}");
    assert!(world.told.contains(&(Phase::Reading, 100)) && world.told.contains(&(Phase::Writing, 100)));
    // The same once more: nothing is erased, and nothing kept.
    world.rom.enter();
    world.kept = None;
    assert_eq!(world.flash("1.1.0"), End::Done(false));
    assert_eq!((world.boots(), world.erasures(), world.kept), (firmware("1.1.0"), 7, None));
}

trait Whole {
    fn next_multiple(self) -> Vec<u8>;
}

impl Whole for Vec<u8> {
    /// In whole double words.
    fn next_multiple(mut self) -> Vec<u8> {
        self.resize(self.len().next_multiple_of(8), 0xff);
        self
    }
}

#[test]
fn an_empty_part_is_flashed_and_starts_without_a_loss_of_its_supply() {
    let mut world = World::with(&[]);
    world.ran = false;
    assert_eq!(world.rom.reset(), Boot::Loader);
    assert_eq!(world.flash("1.1.0"), End::Done(true));
    assert!(world.kept.is_none() && world.rom.take_left());
    assert_eq!(world.rom.reset(), firmware("1.1.0"));
}

#[test]
fn nothing_is_touched_when_something_is_not_as_it_should_be() {
    let table = [
        (Wrong::Product(0x460), Failure::Product(Product(0x460)), false),
        (Wrong::Protected, Failure::Protected, false),
    ];
    for (wrong, failure, started) in table {
        let mut world = World::new().wrong(wrong);
        assert_eq!(world.flash("1.1.0"), End::Failed(failure));
        assert_eq!(
            (world.erasures(), world.rom.wear().0, world.rom.take_left()),
            (0, 0, started),
            "{wrong:?}"
        );
        assert_eq!(world.boots(), firmware("1.0.0"));
    }
    // Its erasure is acknowledged and not done: it is read back before any other page is erased.
    let mut world = World::new().wrong(Wrong::Kept(0));
    assert_eq!(world.flash("1.1.0"), End::Failed(Failure::Protected));
    assert_eq!((world.erasures(), world.rom.wear().0, world.boots()), (0, 0, firmware("1.0.0")));
    let mut world = World::new();
    world.keeps = false;
    assert_eq!(world.flash("1.1.0"), End::Failed(Failure::Keep));
    assert_eq!((world.erasures(), world.rom.take_left()), (0, true), "and the old program goes on");
}

#[test]
fn a_silent_line_and_a_stranger_are_no_boot_loader() {
    for answer in [&b""[..], b"\x00\x05hello\x00", b"login: "] {
        let mut world = World::new();
        world.line = Box::new(move |to_part, _| if to_part { Vec::new() } else { answer.to_vec() });
        assert_eq!(world.flash("1.1.0"), End::Failed(Failure::NoLoader));
        assert!(world.took < Duration::from_secs(15), "{:?}", world.took);
    }
    // What is sent comes back.
    let mut world = World::new();
    let mut echo = Vec::new();
    world.line = Box::new(move |to_part, bytes| {
        if to_part {
            echo = bytes;
            return Vec::new();
        }
        std::mem::take(&mut echo)
    });
    assert_eq!(world.flash("1.1.0"), End::Failed(Failure::NoLoader));
}

#[test]
fn whatever_write_the_line_dies_at_the_part_waits_in_its_loader_and_a_second_run_mends_it() {
    let (mut died, mut torn) = (0, 0);
    for write in 0.. {
        let mut world = World::new().wrong(Wrong::DeadAtWrite(write));
        let end = world.flash("1.1.0");
        if end == End::Done(true) {
            break;
        }
        died += 1;
        assert_eq!(end, End::Failed(Failure::Lost), "write {write}");
        // The head alone makes it a program; half of a double word is none of it.
        let boots = world.boots();
        assert_eq!(boots, Boot::Loader, "write {write}");
        let erased = world.erasures();
        world.rom.set_wrong(Wrong::Nothing);
        // Without a loss of its supply: the loader still waits for the rest of the block.
        world.ran = false;
        world.fallback = world.kept.take();
        let mut end = world.flash("1.1.0");
        // The head itself is torn: whoever reads it stops, so it is erased unread after a reset into the loader.
        if end == End::Failed(Failure::Torn) {
            torn += 1;
            let old = Image::parse(&program(BOARD, "1.0.0", LENGTH)).unwrap();
            world.rom.enter();
            let image = Image::parse(&program(BOARD, "1.1.0", LENGTH)).unwrap();
            end = world.carry_out(Upgrade::unread(image, Some(old), start()));
        }
        assert_eq!(end, End::Done(true), "write {write}");
        assert_eq!(world.boots(), firmware("1.1.0"));
        assert!(world.kept.is_none(), "what was left of it is not kept");
        assert_eq!(world.erasures(), erased + 14, "unread, and so all of them");
    }
    assert!((50..60).contains(&died) && torn == 1, "{died} writes, {torn} of a head");
}

#[test]
fn a_write_that_is_refused_or_loses_a_byte_is_done_again() {
    for wrong in [Wrong::RefusedAtWrite, Wrong::LostAtWrite] {
        for write in [0, 7, 30, 49, 52] {
            let mut world = World::new().wrong(wrong(write));
            assert_eq!(world.flash("1.1.0"), End::Done(true), "{:?}", wrong(write));
            assert_eq!(world.boots(), firmware("1.1.0"));
            assert!(world.rom.flash()[28 * 1024..].iter().all(|byte| *byte == 0x5a));
        }
    }
}

#[test]
fn what_cannot_be_written_is_given_up_for_the_program_that_was_there() {
    let mut world = World::new().wrong(Wrong::Stubborn);
    assert_eq!(world.flash("1.1.0"), End::Failed(Failure::RolledBack(Fault::Garbled)));
    assert_eq!(world.boots(), firmware("1.0.0"));
    assert!(world.told.contains(&(Phase::Restoring, 100)) && world.took < Duration::from_secs(30));
    let mut world = World::new().wrong(Wrong::Kept(3));
    assert_eq!(world.flash("1.1.0"), End::Failed(Failure::RolledBack(Fault::Garbled)));
    assert_eq!(world.boots(), firmware("1.0.0"));
    // A page that takes nothing at all: there is no program, and no dead part.
    for page in [0, 1, 7] {
        let mut world = World::new().wrong(Wrong::Worn(page));
        assert_eq!(world.flash("1.1.0"), End::Failed(Failure::Broken(Fault::Garbled)), "page {page}");
        assert_eq!(world.boots(), Boot::Loader);
        assert!(world.erasures() < 20, "{} erasures", world.erasures());
    }
    // What an earlier upgrade kept is good for the next one too.
    let mut world = World::new().wrong(Wrong::DeadAtWrite(20));
    world.flash("1.1.0");
    let old = world.rom.clone();
    let mut again = World::with(old.flash());
    again.rom = Rom::new(&program(BOARD, "1.0.0", LENGTH));
    again.rom.set_wrong(Wrong::Stubborn);
    again.fallback = world.kept;
    assert_eq!(again.flash("1.1.0"), End::Failed(Failure::RolledBack(Fault::Garbled)));
    assert_eq!(again.boots(), firmware("1.0.0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Noise, lost bytes and silences, anywhere: the part ends with a whole program or in its loader, and once the line is
    /// sound it is flashed.
    #[test]
    fn no_line_kills_the_part(seed: u64, rate in 40_u64..4_000, page_kept in 0_usize..14) {
        let mut state = seed;
        let mut chance = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut world = World::new();
        world.line = Box::new(move |_, bytes| {
            let mut out = Vec::new();
            for byte in bytes {
                match (chance() % rate, chance() % 4) {
                    (0, 0) => {}
                    (0, 1) => out.push(byte ^ 1 << (chance() % 8)),
                    (0, 2) => out.extend([byte, chance() as u8]),
                    (0, _) => return out,
                    _ => out.push(byte),
                }
            }
            out
        });
        let end = world.flash("1.1.0");
        let boots = world.boots();
        match end {
            End::Done(_) => prop_assert_eq!(boots, firmware("1.1.0")),
            End::Failed(Failure::RolledBack(_)) => prop_assert_eq!(boots, firmware("1.0.0")),
            End::Failed(Failure::Lost | Failure::Broken(_)) => prop_assert_eq!(boots, Boot::Loader),
            End::Failed(Failure::NotStarted) => prop_assert_eq!(boots, firmware("1.1.0")),
            End::Failed(_) => {
                prop_assert_eq!(boots, firmware("1.0.0"));
                prop_assert_eq!(world.erasures(), 0);
            }
        }
        prop_assert!(world.rom.flash()[28 * 1024..].iter().all(|byte| *byte == 0x5a));
        if let Some(kept) = &world.kept {
            let was = World::new();
            prop_assert_eq!(kept.page(page_kept), was.kept_page(page_kept));
        }
        world.line = Box::new(|_, bytes| bytes);
        let left = world.rom.take_left();
        if left || world.rom.is_deaf() {
            world.rom.enter();
        }
        let end = world.flash("1.1.0");
        prop_assert!(matches!(end, End::Done(_)), "{:?}", end);
        prop_assert_eq!(world.boots(), firmware("1.1.0"));
    }
}

impl World<'_> {
    fn kept_page(&self, page: usize) -> &[u8] {
        &self.rom.flash()[page * PAGE..(page + 1) * PAGE]
    }
}
