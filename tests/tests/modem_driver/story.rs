//! Random stories: messages, a PIN, and answers that come late, cut or with reports in them, all at once. Whatever happens
//! when, no message is lost or handed over twice, no PIN is given that the card did not accept, and one that it accepted is not put down as lost.

use crate::bench::{Bench, DEADLINE, Setup};
use crate::dice::Dice;
use shunt_lab::modem::{About, Card, Fault, Profile};
use shunt_modem::driver::api::{Order, Received};
use shunt_recovery::{Config, Pin, Rung, SimConfig, Stage};
use std::time::{Duration, Instant};

/// Each takes some seconds on the clock of the wall.
const STORIES: u64 = 8;
/// Turns of one story.
const TURNS: u32 = 8;
/// Longer than the driver waits for a deletion or a list, at the speed of the bench.
const TOO_LATE: Duration = Duration::from_millis(3_500);

fn texts(bench: &Bench) -> Vec<String> {
    let heard = bench.heard.lock().unwrap();
    let text = |received: &Received| match received {
        Received::Message(message) => message.content.to_string(),
        other => panic!("{other:?}"),
    };
    heard.messages.iter().map(text).collect()
}

/// Waits until every one of `sent` was taken over.
async fn all_taken(bench: &Bench, sent: &[String]) {
    let deadline = Instant::now() + DEADLINE;
    let mut state = bench.state.clone();
    while let Some(missing) = sent.iter().find(|sent| !texts(bench).contains(sent)) {
        let waiting = bench.act(|modem, _| modem.waiting());
        assert!(Instant::now() < deadline, "{missing} is lost: {:?}, {waiting} wait", texts(bench));
        let _either = tokio::time::timeout(Duration::from_millis(20), state.changed()).await;
    }
}

/// What happens in one turn; the messages that were sent in it.
async fn turn(bench: &Bench, dice: &mut Dice, number: u32) -> Vec<String> {
    let few = 1 + u32::try_from(dice.roll(3)).unwrap();
    // A PIN whose answer is lost counts as refused, and that card wants a human: not while it may be on its way.
    let well = bench.state.borrow().machine.stage == Stage::Verified;
    let fault = match dice.roll(8) {
        0 if well => Some(Fault::Late { by: TOO_LATE, count: 1 }),
        1 => Some(Fault::Interrupt { about: About::Network, count: few }),
        2 => Some(Fault::Interrupt { about: About::Card, count: few }),
        3 if well => Some(Fault::Cut { count: 1 }),
        4 => Some(Fault::Storm { count: 20 * few, every: Duration::from_millis(1) }),
        5 => {
            bench.order(Order::Run(Rung::Reset)).await;
            None
        }
        _ => None,
    };
    if let Some(fault) = fault {
        bench.act(move |modem, now| modem.fault(fault, now));
    }
    let mut sent = Vec::new();
    for part in 0..dice.roll(3) {
        let text = format!("message {number} {part}");
        let delivered = text.clone();
        assert!(bench.act(move |modem, now| modem.deliver("+491700000008", &delivered, now)));
        sent.push(text);
    }
    // Some of what follows finds this done, some finds it going on.
    let mut state = bench.state.clone();
    for _ in 0..dice.roll(12) {
        let _either = tokio::time::timeout(Duration::from_millis(40), state.changed()).await;
    }
    sent
}

async fn story(seed: u64) {
    let profile = Profile { cards: [Some(Card::with_pin("4711")), None], ..Profile::quick() };
    let sims = vec![SimConfig { pin: Pin::parse("4711"), ..SimConfig::default() }];
    let recovery = Config { sims, watch: Duration::from_secs(5), ..Config::default() };
    let bench = Bench::new(Setup { profile, recovery, ..Setup::default() });
    let mut dice = Dice(seed);
    // Reports of the card come while it is read and given its PIN.
    bench.act(|modem, now| modem.fault(Fault::Interrupt { about: About::Card, count: 16 }, now));
    let mut sent = Vec::new();
    for number in 0..TURNS {
        sent.extend(turn(&bench, &mut dice, number).await);
    }
    bench.act(|modem, now| modem.mend(now));
    bench.verified().await;
    all_taken(&bench, &sent).await;
    // The card loses its supply: the PIN that it accepted is given again.
    let from = bench.journal().len();
    bench.order(Order::Run(Rung::Reset)).await;
    bench.helped(from, Rung::Reset).await;
    bench.verified().await;
    assert_eq!(bench.act(|modem, _| modem.counts().wrong_pins), 0);
    let mut taken = texts(&bench);
    taken.sort();
    sent.sort();
    assert_eq!(taken, sent, "each message once");
}

#[tokio::test]
async fn no_story_costs_a_message_or_a_pin() {
    for seed in 0..STORIES {
        println!("story {seed}");
        story(seed).await;
    }
}
