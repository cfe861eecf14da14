//! Thousands of random lives of a modem that gets, stores and sends messages, and of a host that takes them: the driver's
//! own post, mailbox and session, against the simulated modem, in virtual time. Whatever happens when, each message is handed
//! over once, save that what the modem still stores when the agent dies comes again; and none is sent twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

#[path = "../common/dice.rs"]
mod dice;
mod host;
mod world;

use dice::Dice;
use host::{Desk, Mood, tag};
use shunt_lab::modem::{About, Cure, Fault, Modem, Network, Profile, Service};
use std::time::Duration;
use tokio::time::sleep;
use world::World;

/// A minute's worth for two processors.
const STORIES: u64 = 10_000;
/// Turns of one story.
const TURNS: u32 = 12;
/// Longer than a modem is given up and messages that nothing told of are looked for.
const SETTLED: Duration = Duration::from_secs(6 * 3_600);

impl Dice {
    fn seconds(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.roll(1_000 * below))
    }

    fn cure(&mut self) -> Cure {
        match self.roll(3) {
            0 => Cure::After(self.seconds(90)),
            1 => Cure::Reopen,
            _ => Cure::PowerCut,
        }
    }
}

/// What was to go over the air.
#[derive(Default)]
struct Air {
    delivered: Vec<String>,
    written: Vec<String>,
}

fn disturb(world: &World, dice: &mut Dice) {
    let few = 1 + u32::try_from(dice.roll(3)).unwrap();
    let fault = match dice.roll(14) {
        0 | 1 => Fault::Late { by: dice.seconds(90), count: few },
        2 | 3 => Fault::Cut { count: few },
        4 => Fault::Garbage { count: few },
        5 => Fault::Interrupt { about: About::Network, count: 8 * few },
        6 => Fault::Storm { count: 30 * few, every: Duration::from_millis(1 + dice.roll(50)) },
        7 => Fault::Hang(dice.cure()),
        8 => Fault::PortHang(0, dice.cure()),
        9 => Fault::Sluggish(dice.seconds(12), Cure::After(dice.seconds(120))),
        10 => Fault::CardBusy(Cure::After(dice.seconds(60))),
        11 => Fault::CardLost(Cure::After(dice.seconds(60))),
        12 => Fault::Lost(Cure::After(dice.seconds(120))),
        _ => return world.act(|modem, _| modem.forget_echo()),
    };
    world.act(|modem, now| modem.fault(fault, now));
}

fn interrupt(world: &World, desk: &Desk, dice: &mut Dice) {
    match dice.roll(10) {
        0 => world.act(|modem, now| {
            modem.set_power(false, now);
            modem.set_power(true, now);
        }),
        1 => world.act(|modem, now| modem.rebind(now)),
        2 => desk.dies.set(true),
        _ => {}
    }
}

fn deliver(world: &World, air: &mut Air, dice: &mut Dice) {
    for _ in 0..dice.roll(4) {
        let number = air.delivered.len();
        let text = format!("<{number}> is a message").repeat(if dice.roll(4) == 0 { 12 } else { 1 });
        let reference = u8::try_from(number).unwrap();
        assert!(world.act(|modem, now| modem.deliver_long("+491700000008", &text, reference, now)));
        air.delivered.push(text);
    }
}

fn write(desk: &Desk, air: &mut Air, dice: &mut Dice) {
    if dice.roll(4) == 0 {
        let number = air.written.len();
        let text = format!("<{number}> is an answer").repeat(if dice.roll(4) == 0 { 12 } else { 1 });
        desk.drafts.borrow_mut().push_back(text.clone());
        air.written.push(text);
    }
}

async fn fate(world: &World, desk: &Desk, seed: u64) -> Air {
    let mut dice = Dice(seed);
    let mut air = Air::default();
    for _ in 0..TURNS {
        for _ in 0..dice.roll(3) {
            disturb(world, &mut dice);
        }
        interrupt(world, desk, &mut dice);
        for _ in 0..dice.roll(2) {
            let mood = Mood { takes: dice.roll(3) > 0, after: dice.seconds(20) };
            desk.moods.borrow_mut().push_back(mood);
        }
        deliver(world, &mut air, &mut dice);
        write(desk, &mut air, &mut dice);
        sleep(if dice.roll(2) == 0 { dice.seconds(2) } else { dice.seconds(60) }).await;
    }
    world.act(Modem::mend);
    world.act(|modem, now| modem.set_network(Network { service: Service::Home, ..Network::default() }, now));
    sleep(SETTLED).await;
    air
}

fn judge(world: &World, desk: &Desk, air: &Air) {
    let taken = desk.taken.borrow();
    for text in &air.delivered {
        let doubtful = desk.doubtful.borrow().iter().any(|doubtful| doubtful == text);
        let whole = taken.iter().filter(|taken| taken.whole && taken.text == *text).count();
        let cut = taken.iter().filter(|taken| !taken.whole && taken.text.contains(tag(text))).count();
        assert!(whole > 0, "{text} is lost");
        assert!(doubtful || (whole, cut) == (1, 0), "{text}: {whole} times, and {cut} in part");
    }
    assert_eq!(world.act(|modem, _| (modem.waiting(), modem.stored_texts().count())), (0, 0));
    let sent = desk.sent.borrow();
    assert!(desk.drafts.borrow().is_empty());
    world.act(|modem, _| {
        for (text, told) in sent.iter() {
            let whole: String = modem
                .sent()
                .iter()
                .filter(|sent| sent.text.contains(tag(text)))
                .map(|sent| &*sent.text)
                .collect();
            // What no answer came to may have been sent, all of it or in part, but never twice.
            assert!(whole == *text || !told && text.starts_with(&whole), "{text} ({told}): {whole:?}");
        }
    });
}

/// Tells one, and how many messages came and were written in it: stories without any would show nothing.
fn story(seed: u64) -> (usize, usize) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let profile = Profile { stores_on_card: seed % 2 == 1, ..Profile::default() };
        let world = World::new(profile, seed);
        let desk = Desk::default();
        let air = tokio::select! {
            biased;
            () = world.run() => unreachable!(),
            () = host::run(&world, &desk) => unreachable!(),
            air = fate(&world, &desk, seed) => air,
        };
        judge(&world, &desk, &air);
        (air.delivered.len(), air.written.len())
    })
}

/// Tells each `step`th story from `first` on.
fn stories(first: u64, step: u64) -> (usize, usize) {
    let (mut delivered, mut written) = (0, 0);
    for seed in (first..STORIES).step_by(usize::try_from(step).unwrap()) {
        let told = std::panic::catch_unwind(|| story(seed));
        let Ok((came, went)) = told else { panic!("story {seed} failed") };
        delivered += came;
        written += went;
    }
    (delivered, written)
}

#[test]
fn no_story_costs_a_message() {
    let processors = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    let (delivered, written) = std::thread::scope(|scope| {
        let tellers: Vec<_> =
            (0..processors).map(|first| scope.spawn(move || stories(first, processors))).collect();
        let told = tellers.into_iter().map(|teller| teller.join().unwrap());
        told.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    });
    println!("{STORIES} stories: {delivered} messages came, {written} were written");
    assert!(delivered as u64 > 10 * STORIES && written as u64 > STORIES);
}
