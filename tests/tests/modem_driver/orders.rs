//! The operator's orders and messages.

use crate::bench::{Bench, DEADLINE, Setup};
use shunt_lab::modem::{Card, Power as Rail, Profile};
use shunt_modem::at::{Final, Outcome};
use shunt_modem::driver::api::{Answer, AtReply, Order, OrderError, Received, State, Told};
use shunt_recovery::{Happening, Rung, RungResult};
use shunt_sms::Address;
use std::time::Duration;

async fn at(bench: &Bench, text: &str) -> Result<AtReply, OrderError> {
    let (answer, reply) = Answer::new();
    let limit = Duration::from_secs(5);
    bench.order(Order::At { line: text.parse().unwrap(), limit, answer }).await;
    tokio::time::timeout(DEADLINE, reply).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_command_by_hand_is_sent_behind_the_machines() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    let reply = at(&bench, "AT+QTEMP").await.unwrap();
    assert_eq!(reply.outcome, Outcome::Final(Final::Ok));
    assert_eq!(reply.lines, ["+QTEMP: 38,38,36"]);
    let reply = at(&bench, "AT+NONSENSE?").await.unwrap();
    assert_ne!(reply.outcome, Outcome::Final(Final::Ok));
    // Twenty at once: as many as may wait are answered, the others are told to come again.
    let mut replies = Vec::new();
    for _ in 0..20 {
        let (answer, reply) = Answer::new();
        let limit = Duration::from_secs(5);
        bench.order(Order::At { line: "AT+CSQ".parse().unwrap(), limit, answer }).await;
        replies.push(reply);
    }
    let (mut sent, mut busy) = (0, 0);
    for reply in replies {
        match reply.await.unwrap() {
            Ok(_) => sent += 1,
            Err(OrderError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(sent >= 8 && sent + busy == 20, "{sent} {busy}");
    bench.verified().await;
}

#[tokio::test]
async fn a_command_for_a_modem_that_is_away_is_refused() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    bench.act(|modem, now| modem.set_power(false, now));
    bench.until("no ports", |state| state.ports.is_empty()).await;
    assert_eq!(at(&bench, "AT+CSQ").await, Err(OrderError::Away));
    assert_eq!(bench.act(|modem, _| modem.power()), Rail::Cut);
}

#[tokio::test]
async fn a_reset_and_a_power_cycle_by_order() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    for (rung, boots) in [(Rung::Reset, 2), (Rung::Usb, 2), (Rung::Power, 3)] {
        let from = bench.journal().len();
        bench.order(Order::Run(rung)).await;
        bench.helped(from, rung).await;
        assert_eq!(bench.act(|modem, _| modem.counts().boots), boots, "{rung:?}");
    }
    let counts = bench.act(|modem, _| modem.counts());
    assert_eq!((counts.resets, counts.power_cuts, counts.abrupt_cuts), (1, 1, 0));
}

#[tokio::test]
async fn what_a_modem_has_no_hardware_for_is_refused() {
    let power = shunt_modem::driver::api::Power::None;
    let bench = Bench::new(Setup { power, usb: false, ..Setup::default() });
    bench.verified().await;
    for rung in [Rung::Usb, Rung::Power] {
        let from = bench.journal().len();
        bench.order(Order::Run(rung)).await;
        let refused = |what: &Happening| matches!(what, Happening::RungEnded { rung: ended, result: RungResult::Refused, .. } if *ended == rung);
        bench.told(from, "the refusal", refused).await;
    }
}

#[tokio::test]
async fn messages_come_and_are_deleted_only_once_they_are_taken() {
    let bench = Bench::new(Setup::default());
    bench.heard.lock().unwrap().refuse = 1;
    bench.verified().await;
    for text in ["one", "two", "three"] {
        assert!(bench.act(move |modem, now| modem.deliver("+491700000008", text, now)));
    }
    bench.until("three messages", |state| state.counters.messages == 3).await;
    let heard = bench.heard.lock().unwrap().messages.clone();
    let texts: Vec<_> = heard
        .iter()
        .map(|received| match received {
            Received::Message(message) => format!("{:?}", message.content),
            other => panic!("{other:?}"),
        })
        .collect();
    for text in ["one", "two", "three"] {
        assert_eq!(texts.iter().filter(|told| told.contains(text)).count(), 1, "{texts:?}");
    }
    assert_eq!(bench.heard.lock().unwrap().refuse, 0, "the first was refused, and came again");
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let (answer, list) = Answer::new();
        bench.order(Order::List { answer }).await;
        if list.await.unwrap().unwrap().is_empty() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "they are still in the modem");
    }
}

/// Another card has other messages in the same places: what was given out of the first is not deleted from it.
#[tokio::test]
async fn a_message_of_one_card_costs_the_next_card_none() {
    let profile = Profile { stores_on_card: true, ..Profile::quick() };
    let bench = Bench::new(Setup { profile, ..Setup::default() });
    bench.heard.lock().unwrap().hold = Some(|told| matches!(told, Told::Message { .. }));
    bench.verified().await;
    let from = "+491700000008";
    assert!(bench.act(move |modem, now| modem.deliver(from, "of the first", now)));
    let Told::Message { taken, .. } = bench.held("the message").await else { panic!() };
    bench.heard.lock().unwrap().hold = None;
    // Without a restart of the modem.
    bench.act(|modem, now| modem.insert(0, Some(Card::other()), now));
    let other = Card::other().iccid;
    bench
        .until("the other card", |state| {
            state.machine.iccid.as_ref().is_some_and(|card| card.as_str() == other)
        })
        .await;
    bench.verified().await;
    assert!(bench.act(move |modem, now| modem.deliver(from, "of the second", now)));
    taken.give(());
    bench.until("both to be taken", |state| state.counters.messages == 2).await;
    let heard = bench.heard.lock().unwrap().messages.clone();
    let [Received::Message(message)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(message.content.to_string(), "of the second");
    assert_eq!(bench.act(|modem, _| modem.counts().boots), 1);
}

#[tokio::test]
async fn messages_go_out() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    let (answer, sent) = Answer::new();
    let to = Address::recipient("+491700000009").unwrap();
    bench.order(Order::Send { to, text: "shunt ".repeat(40), answer }).await;
    let references = tokio::time::timeout(DEADLINE, sent).await.unwrap().unwrap().unwrap();
    assert_eq!(references.len(), 2);
    let sent = bench.act(|modem, _| modem.sent().to_vec());
    assert_eq!(sent.iter().map(|sent| sent.to.as_str()).collect::<Vec<_>>(), ["+491700000009"; 2]);
    let text: String = sent.into_iter().map(|sent| sent.text).collect();
    assert_eq!(text, "shunt ".repeat(40));
}

#[tokio::test]
async fn the_ports_are_let_go_and_what_is_known_is_saved_when_the_agent_lets_go() {
    let bench = Bench::new(Setup::default());
    bench.verified().await;
    // What a counter tells first is nobody's.
    let commands = bench.state.borrow().counters.commands;
    bench.until("a whole round of questions", |state| state.counters.commands >= commands + 20).await;
    bench.act(|modem, _| modem.count_traffic(30_000, 12_000));
    let carried = |state: &State| state.machine.allowance.is_some_and(|card| card.used == 42_000);
    bench.until("what was carried", carried).await;
    assert!(bench.heard.lock().unwrap().saved.is_empty(), "so little is not worth a write");
    let port = bench.state.borrow().ports.first().cloned().unwrap();
    let open = || shunt_modem::Port::open(&port, 115_200);
    assert!(open().is_err(), "it is the driver's alone");
    let Bench { orders, driver, heard, .. } = bench;
    drop(orders);
    tokio::time::timeout(DEADLINE, driver).await.unwrap().unwrap();
    assert!(open().is_ok());
    let saved = heard.lock().unwrap().saved.last().cloned().unwrap();
    let carried: Vec<_> = saved.cards.iter().map(|card| card.bytes).collect();
    assert_eq!(carried, [42_000], "its last word is what the card carried");
}
