//! Long messages: put together whatever happened to their parts, and never lost.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers are part of the test"
)]

use proptest::prelude::*;
use shunt_sms::pdu::{Deliver, Draft, Incoming, Reference};
use shunt_sms::{Address, Content, Limits, Message, Number, Out, Reassembly, ServiceTime, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// The parts of a text, as they come from `sender`.
fn parts(sender: &str, text: &str, reference: u8, minute: u16) -> Vec<Deliver> {
    let recipient = Address::recipient("+15550100").unwrap();
    let draft = Draft { recipient, text: text.to_owned(), report: false, validity: None };
    let sent = draft.parts(Reference::Narrow(reference)).unwrap();
    let deliver = |submit: &shunt_sms::pdu::Submit| Deliver {
        service_centre: None,
        sender: Number::parse(sender).unwrap().address(),
        protocol: 0,
        class: None,
        sent: ServiceTime::new([2026, 1, 1, 0, minute, 0], 0),
        part: submit.part(),
        body: submit.body().clone(),
    };
    // Over the air and back.
    let hex = sent.iter().map(|submit| deliver(submit).to_hex());
    let read = hex.map(|hex| match Incoming::from_hex(&hex).unwrap() {
        Incoming::Deliver(deliver) => deliver,
        other => panic!("{other:?}"),
    });
    read.collect()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn drain(reassembly: &mut Reassembly<usize>) -> (Vec<Message<usize>>, Vec<usize>) {
    let (mut messages, mut duplicates) = (Vec::new(), Vec::new());
    while let Some(out) = reassembly.poll() {
        match out {
            Out::Message(message) => messages.push(message),
            Out::Duplicate(tag) => duplicates.push(tag),
        }
    }
    (messages, duplicates)
}

const ALICE: &str = "+491711234567";
const MALLORY: &str = "+12125550100";

#[test]
fn a_part_that_never_comes_is_told_after_the_wait() {
    let mut reassembly = Reassembly::new(Limits::default());
    let text = "x".repeat(400);
    for (tag, part) in parts(ALICE, &text, 7, 0).into_iter().enumerate().filter(|(tag, _)| *tag != 1) {
        reassembly.take(part, tag, at(tag as u64));
    }
    assert_eq!(drain(&mut reassembly), (vec![], vec![]));
    assert_eq!(reassembly.poll_timeout(), Some(at(3_602)));
    reassembly.handle_timeout(at(3_601));
    assert_eq!(reassembly.poll(), None);
    reassembly.handle_timeout(at(3_602));
    let (messages, _) = drain(&mut reassembly);
    assert_eq!(messages[0].missing, [2]);
    assert!(!messages[0].is_whole());
    assert_eq!(messages[0].content, Content::Text(format!("{}[…]{}", "x".repeat(153), "x".repeat(94))));
    assert_eq!(messages[0].tags, [0, 2]);
    assert_eq!((reassembly.held(), reassembly.poll_timeout()), (0, None));
}

#[test]
fn the_same_text_under_the_same_reference_a_minute_later_is_a_message_of_its_own() {
    let mut reassembly = Reassembly::new(Limits::default());
    let text = "x".repeat(200);
    for minute in 0..3 {
        for (tag, part) in parts(ALICE, &text, 7, minute).into_iter().enumerate() {
            reassembly.take(part, tag, at(0));
        }
        let (messages, duplicates) = drain(&mut reassembly);
        assert_eq!((messages.len(), duplicates.len()), (1, 0));
    }
    // Another one while the first is not complete: what is there of it is given out.
    let (first, second) = (parts(ALICE, &text, 8, 0), parts(ALICE, &"y".repeat(200), 8, 1));
    reassembly.take(first[0].clone(), 0, at(0));
    reassembly.take(second[0].clone(), 1, at(0));
    reassembly.take(second[1].clone(), 2, at(0));
    let (messages, _) = drain(&mut reassembly);
    assert_eq!(messages.iter().map(|message| message.missing.clone()).collect::<Vec<_>>(), [vec![2], vec![]]);
}

#[test]
fn the_same_place_read_twice_is_not_given_up_before_its_message_is() {
    let mut reassembly = Reassembly::new(Limits::default());
    let part = parts(ALICE, &"x".repeat(200), 7, 0)[0].clone();
    reassembly.take(part.clone(), 4, at(0));
    reassembly.take(part.clone(), 4, at(0));
    assert_eq!(drain(&mut reassembly), (vec![], vec![]));
    reassembly.take(part, 5, at(0));
    assert_eq!(drain(&mut reassembly), (vec![], vec![5]));
}

#[test]
fn a_flood_of_parts_neither_grows_memory_nor_pushes_out_others_nor_is_lost() {
    let limits = Limits { messages: 8, parts: 20, ..Limits::default() };
    let mut reassembly = Reassembly::new(limits);
    let own = parts(ALICE, &"x".repeat(300), 1, 0);
    reassembly.take(own[0].clone(), 100_000, at(0));
    let mut tags = BTreeSet::new();
    let mut written = Vec::new();
    for tag in 0..2_000_usize {
        if tag % 3 == 0 {
            let reference = u8::try_from(tag / 3 % 251).unwrap();
            written = parts(MALLORY, &"y".repeat(700), reference, u16::try_from(tag / 753).unwrap());
        }
        let part = written[tag % 3].clone();
        reassembly.take(part, tag, at(1 + tag as u64 / 100));
        assert!(reassembly.held() <= limits.parts);
        let (messages, duplicates) = drain(&mut reassembly);
        tags.extend(messages.into_iter().flat_map(|message| message.tags));
        assert!(duplicates.is_empty());
    }
    assert!(!tags.contains(&100_000));
    reassembly.take(own[1].clone(), 100_001, at(60));
    let (messages, _) = drain(&mut reassembly);
    assert!(messages[0].is_whole(), "{messages:?}");
    reassembly.finish();
    tags.extend(drain(&mut reassembly).0.into_iter().flat_map(|message| message.tags));
    assert_eq!(tags, (0..2_000).collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order, any copies, any losses: what came whole is given out whole and once, the rest incomplete, every place
    /// exactly once.
    #[test]
    fn whatever_comes_is_given_out_once(
        texts in proptest::collection::vec("[a-z€я😁]{1,500}", 1..5),
        order in proptest::collection::vec((any::<prop::sample::Index>(), 0..40_u64), 1..60),
        messages in 1..8_usize,
        room in 3..64_usize,
    ) {
        let all: Vec<Deliver> = (0..).zip(&texts).flat_map(|(n, text)| parts(ALICE, text, n, 0)).collect();
        let mut reassembly = Reassembly::new(Limits { messages, parts: room, ..Limits::default() });
        let (mut given, mut again) = (Vec::new(), Vec::new());
        let mut now = 0;
        for (tag, (pick, pause)) in order.iter().enumerate() {
            now += pause;
            reassembly.take(pick.get(&all).clone(), tag, at(now));
            prop_assert!(reassembly.held() <= room);
            let (messages, duplicates) = drain(&mut reassembly);
            given.extend(messages);
            again.extend(duplicates);
        }
        reassembly.handle_timeout(at(now + 3_600));
        given.extend(drain(&mut reassembly).0);
        prop_assert_eq!(reassembly.held(), 0);
        let mut tags: Vec<usize> = given.iter().flat_map(|message| message.tags.clone()).chain(again).collect();
        tags.sort_unstable();
        prop_assert_eq!(tags, (0..order.len()).collect::<Vec<_>>());
        for message in given.iter().filter(|message| message.missing.is_empty()) {
            prop_assert!(texts.iter().any(|text| message.content == Content::Text(text.clone())));
            prop_assert!(message.is_whole());
        }
    }

    /// With room enough, each text whose parts all came is given out exactly once.
    #[test]
    fn what_came_whole_is_given_out_whole(
        texts in proptest::collection::vec("[a-z€я😁]{72,500}", 1..5),
        order in any::<prop::sample::Index>(),
        copies in 1..3_usize,
    ) {
        let mut all: Vec<Deliver> = (0..).zip(&texts).flat_map(|(n, text)| parts(ALICE, text, n, 0)).collect();
        all = (0..copies).flat_map(|_| all.clone()).collect();
        // Some permutation out of all.
        let len = all.len();
        for place in 0..len {
            all.swap(place, (order.index(usize::MAX).wrapping_mul(place + 7) / 5) % len);
        }
        let mut reassembly = Reassembly::new(Limits::default());
        let mut given = Vec::new();
        for (tag, part) in all.into_iter().enumerate() {
            reassembly.take(part, tag, at(tag as u64));
            given.extend(drain(&mut reassembly).0);
        }
        let mut got: Vec<String> = given
            .iter()
            .filter(|message| message.parts > 1 || copies == 1)
            .map(|message| message.content.to_string())
            .collect();
        let mut wanted: Vec<String> =
            (0..).zip(&texts).filter(|(n, text)| copies == 1 || parts(ALICE, text, *n, 0).len() > 1).map(|(_, text)| text.clone()).collect();
        got.sort();
        wanted.sort();
        prop_assert_eq!(got, wanted);
        prop_assert_eq!(reassembly.held(), 0);
    }
}
