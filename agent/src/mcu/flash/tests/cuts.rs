//! An upgrade that is cut short: the supply, the agent, or a single word of the loader's, each after each byte.

use super::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The states that the part is in while an upgrade goes on, of those after each byte that it gets: the wanted ones, numbered.
fn states(
    mut world: World<'static>,
    mut wanted: impl FnMut(usize, &Rom) -> bool + 'static,
) -> Vec<(usize, Rom)> {
    let states = Rc::new(RefCell::new(Vec::new()));
    let (seen, mut number) = (Rc::clone(&states), 0);
    world.watch = Box::new(move |rom| {
        if wanted(number, rom) {
            seen.borrow_mut().push((number, rom.clone()));
        }
        number += 1;
    });
    world.flash("1.1.0");
    drop(world);
    Rc::into_inner(states).unwrap().into_inner()
}

/// Flashes what is left of it, as a second run does, and the part is as it should be.
fn mends(mut world: World<'_>, what: &str) {
    assert_eq!(world.flash("1.1.0"), End::Done(true), "{what}");
    assert_eq!(world.boots(), firmware("1.1.0"), "{what}");
    assert!(world.rom.flash()[28 * 1024..].iter().all(|byte| *byte == 0x5a), "{what}");
}

/// All that a loss of the supply can leave of a block whose double words are written one after the other.
fn torn(before: &[u8], after: &[u8]) -> Vec<Vec<u8>> {
    let changed = before.chunks(8).zip(after.chunks(8)).enumerate();
    let changed: Vec<usize> = changed.filter(|(_, (a, b))| a != b).map(|(word, _)| word * 8).collect();
    let erased = changed.iter().all(|at| after[*at..*at + 8] == [0xff; 8]);
    let cut = |at: &usize| [&after[..*at], &before[*at..]].concat();
    if erased { Vec::new() } else { changed.iter().map(cut).collect() }
}

/// The part's supply goes after any byte, or between two double words of a block: the part is never dead, has the one program
/// or the other or waits in its loader, and a second run mends it. An upgrade that fails is the harder one: it writes both.
#[test]
fn a_loss_of_the_supply_after_each_byte_leaves_a_whole_program_or_the_loader() {
    for wrong in [Wrong::Nothing, Wrong::Stubborn] {
        let mut left = BTreeSet::new();
        let mut last = World::new().rom.flash().to_vec();
        let mut before = last.clone();
        let changes = move |_, rom: &Rom| {
            let changed = rom.flash() != last;
            if changed {
                last = rom.flash().to_vec();
            }
            changed
        };
        for (_, rom) in states(World::new().wrong(wrong), changes) {
            left.extend(torn(&before, rom.flash()));
            before = rom.flash().to_vec();
            left.insert(before.clone());
        }
        assert!(left.len() > 300, "{} states", left.len());
        let mut boots = BTreeSet::new();
        for (number, flash) in left.iter().enumerate() {
            let boot = Rom::new(flash).power();
            assert_ne!(boot, Boot::Dead, "{wrong:?}, state {number}");
            boots.insert(format!("{boot:?}"));
            // The last double words differ in nothing that a second run would take up.
            if number % 17 == 0 || boot != Boot::Loader {
                let mut world = World::with(flash);
                world.ran = boot != Boot::Loader;
                let changed = boot != firmware("1.1.0");
                assert_eq!(world.flash("1.1.0"), End::Done(changed), "{wrong:?}, state {number}");
                assert_eq!(world.boots(), firmware("1.1.0"), "{wrong:?}, state {number}");
            }
        }
        // Erased and written to its end, or written back.
        assert_eq!(boots.len(), 2, "{boots:?}");
    }
}

/// The agent is killed, or the gateway reset, after any byte, and the part keeps its supply: its loader waits for the rest of
/// whatever it was told, and a second run finds it.
#[test]
fn an_agent_that_is_killed_after_a_byte_is_succeeded_by_another_one() {
    // Each byte around the first two erasures and the last write, elsewhere some.
    let mut last = World::new().rom.flash().to_vec();
    let changed = move |_, rom: &Rom| {
        let changed = rom.flash() != last;
        last.copy_from_slice(rom.flash());
        changed
    };
    let changes: Vec<usize> = states(World::new(), changed).into_iter().map(|(number, _)| number).collect();
    let near = [changes[0], changes[1], changes[changes.len() - 1]];
    let wanted = move |number: usize, _: &Rom| {
        number.is_multiple_of(499) || near.iter().any(|at| (at - 20..at + 20).contains(&number))
    };
    for (number, rom) in states(World::new(), wanted) {
        let mut world = World::new();
        (world.rom, world.ran) = (rom, false);
        let end = world.flash("1.1.0");
        assert!(matches!(end, End::Done(_)), "byte {number}: {end:?}");
        assert_eq!(world.boots(), firmware("1.1.0"), "byte {number}");
    }
}

/// Words that the loader says, each of the last ones, are lost once, or damaged once; and the supply may go after any byte besides.
#[test]
fn no_lost_and_no_damaged_word_of_the_loader_matters() {
    for damaged in [None, Some(0x40)] {
        for lost in (0..).filter(|lost| lost % 31 == 0 || *lost > 1_000) {
            let number = Rc::new(RefCell::new(0));
            let count = Rc::clone(&number);
            let mut world = World::new();
            world.line = Box::new(move |to_part, mut bytes| {
                if !to_part && !bytes.is_empty() {
                    *count.borrow_mut() += 1;
                    if *count.borrow() == lost + 1 {
                        bytes.truncate(bytes.len() - 1);
                        bytes.extend(damaged);
                    }
                }
                bytes
            });
            let (mut wear, what) = ((0, 0), format!("answer {lost}, {damaged:?}"));
            let told = what.clone();
            world.watch = Box::new(move |rom| {
                let (writes, erased) = rom.wear();
                if (writes, erased.len()) != wear {
                    wear = (writes, erased.len());
                }
                if rom.flash()[..8] != [0xff; 8] && wear != (0, 0) {
                    assert_ne!(rom.clone().power(), Boot::Dead, "{told}");
                }
            });
            mends(world, &what);
            if *number.borrow() <= lost {
                assert!(lost > 700, "{lost} answers");
                break;
            }
        }
    }
}

/// From any byte on nothing comes from the part, or nothing reaches it: it is in its loader, or has a program, and is told so.
#[test]
fn a_line_that_dies_one_way_leaves_no_dead_part() {
    for (dead_to_part, cut) in
        [true, false].into_iter().flat_map(|way| (1..60).map(move |cut| (way, cut * 37)))
    {
        let mut turns = 0;
        let mut world = World::new();
        world.line = Box::new(move |to_part, bytes| {
            turns += usize::from(to_part);
            if to_part == dead_to_part && turns > cut { Vec::new() } else { bytes }
        });
        let end = world.flash("1.1.0");
        let boots = world.rom.clone().power();
        match end {
            End::Done(_) | End::Failed(Failure::NotStarted) => assert_eq!(boots, firmware("1.1.0")),
            End::Failed(Failure::Lost) => assert_eq!(boots, Boot::Loader, "{dead_to_part} {cut}"),
            End::Failed(_) => assert_eq!((boots, world.erasures()), (firmware("1.0.0"), 0)),
        }
    }
}
