//! Remote control: who is heard, when, and how often. Time is virtual.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are part of the test")]

use shunt_sms::control::{
    Action, Answer, Control, Digits, Operator, Order, Outcome, Policy, PolicyError, Rate, Refusal, Rolling,
    SaveId, Saved, Secret,
};
use shunt_sms::{Address, Content, Flaws, Message, Number, Timestamp, UnixTime};
use std::time::Duration;

const ALICE: &str = "+491711234567";
const BOB: &str = "+491719876543";
const MALLORY: &str = "+12125550100";

/// The codes of Alice's secret from counter 0 on (RFC 4226, appendix D).
const CODES: [&str; 10] =
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

fn policy() -> Policy {
    let operator = |name: &str, number: &str, secret: &[u8]| Operator {
        name: name.to_owned(),
        number: Number::parse(number).unwrap(),
        secret: Secret::new(secret).unwrap(),
    };
    Policy::new(vec![
        operator("alice", ALICE, b"12345678901234567890"),
        operator("bob", BOB, b"a secret that is bob's own"),
    ])
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn message(sender: &str, text: &str) -> Message<()> {
    Message {
        sender: Address::recipient(sender).unwrap(),
        sent: None,
        content: Content::Text(text.to_owned()),
        flaws: Flaws::default(),
        parts: 1,
        missing: vec![],
        tags: vec![],
    }
}

fn drain(control: &mut Control) -> Vec<Action> {
    std::iter::from_fn(|| control.poll_action()).collect()
}

fn refusal(actions: &[Action]) -> Option<Refusal> {
    actions.iter().find_map(|action| match action {
        Action::Journal(entry) => match entry.outcome {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::Accepted => None,
        },
        _ => None,
    })
}

fn save_id(actions: &[Action]) -> Option<SaveId> {
    actions.iter().find_map(|action| match action {
        Action::Save(id, _) => Some(*id),
        _ => None,
    })
}

fn answer(actions: &[Action]) -> Option<Answer> {
    actions.iter().find_map(|action| match action {
        Action::Answer { answer, .. } => Some(*answer),
        _ => None,
    })
}

/// Sends a message, saves what is to be saved, and gives what was ordered, or why not.
fn order(control: &mut Control, sender: &str, text: &str, now: u64) -> Result<Order, Option<Refusal>> {
    control.handle_message(&message(sender, text), at(now), None);
    let actions = drain(control);
    let Some(id) = save_id(&actions) else { return Err(refusal(&actions)) };
    control.handle_saved(id, true, at(now));
    let after = drain(control);
    let performed = after.into_iter().find_map(|action| match action {
        Action::Perform { order, .. } => Some(order),
        _ => None,
    });
    performed.ok_or(refusal(&actions))
}

#[test]
fn a_right_code_is_saved_before_its_order_is_given_out() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    assert!(control.handle_message(&message(ALICE, "force lte 30 755224"), at(1), None));
    let actions = drain(&mut control);
    let [Action::Save(id, saved)] = &actions[..] else { panic!("{actions:?}") };
    control.handle_saved(*id, true, at(2));
    let wanted = Order::Force { link: "lte".to_owned(), minutes: 30.try_into().ok() };
    match &drain(&mut control)[..] {
        [Action::Journal(entry), Action::Perform { order, operator, number }] => {
            assert_eq!((entry.outcome, entry.order.as_ref()), (Outcome::Accepted, Some(&wanted)));
            assert_eq!((order, operator.as_str(), number.to_string()), (&wanted, "alice", ALICE.to_owned()));
        }
        other => panic!("{other:?}"),
    }
    // A restart at any moment after the saving: the code is used.
    let read: Saved = postcard::from_bytes(&postcard::to_allocvec(saved).unwrap()).unwrap();
    let mut again = Control::new(policy(), read, at(0)).unwrap();
    assert_eq!(order(&mut again, ALICE, "status 755224", 1), Err(Some(Refusal::UsedCode)));
    assert_eq!(order(&mut again, ALICE, "status 287082", 2), Ok(Order::Status));
}

#[test]
fn what_cannot_be_saved_is_not_done_and_its_code_is_spent() {
    for late in [false, true] {
        let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
        control.handle_message(&message(ALICE, "release 755224"), at(0), None);
        let id = save_id(&drain(&mut control)).unwrap();
        if late {
            assert_eq!(control.poll_timeout(), Some(at(30)));
            control.handle_timeout(at(29));
            assert_eq!(control.poll_action(), None);
            control.handle_message(&message(BOB, "status 000000"), at(29), None);
            assert_eq!(refusal(&drain(&mut control)), Some(Refusal::Busy));
        }
        control.handle_saved(id, late, at(if late { 30 } else { 1 }));
        let actions = drain(&mut control);
        assert_eq!((refusal(&actions), answer(&actions)), (Some(Refusal::NotSaved), Some(Answer::NotSaved)));
        assert!(!actions.iter().any(|action| matches!(action, Action::Perform { .. })));
        assert_eq!(order(&mut control, ALICE, "release 755224", 40), Err(Some(Refusal::UsedCode)));
        // What is told of a saving long given up changes nothing.
        control.handle_saved(id, true, at(41));
        assert_eq!(control.poll_action(), None);
    }
}

#[test]
fn only_allowed_numbers_are_heard_and_strangers_get_no_answer() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    for sender in [MALLORY, "491711234567", "12345"] {
        assert!(control.handle_message(&message(sender, "status 755224"), at(1), None));
        match &drain(&mut control)[..] {
            [Action::Journal(entry)] => {
                assert_eq!(entry.outcome, Outcome::Refused(Refusal::Stranger));
                assert_eq!((entry.order.as_ref(), entry.operator.as_ref()), (None, None));
            }
            other => panic!("{other:?}"),
        }
        assert!(!control.handle_message(&message(sender, "Your parcel is here"), at(1), None));
        assert_eq!(control.poll_action(), None);
    }
    // Another operator's number with this one's code.
    assert!(matches!(order(&mut control, BOB, "status 755224", 2), Err(Some(Refusal::WrongCode { .. }))));
    assert_eq!(order(&mut control, ALICE, "status 755224", 2), Ok(Order::Status));
    // A flood of strangers is counted, not told, and keeps nobody out.
    for _ in 0..1_000 {
        control.handle_message(&message(MALLORY, "status 000000"), at(3), None);
    }
    assert_eq!(drain(&mut control).len(), 20 - 3);
    assert_eq!(order(&mut control, ALICE, "status 287082", 4), Ok(Order::Status));
    control.handle_message(&message(MALLORY, "status 000000"), at(3 + 3_600), None);
    let actions = drain(&mut control);
    assert!(
        matches!(&actions[..], [Action::Journal(entry)] if entry.outcome == Outcome::Refused(Refusal::Stranger))
    );
}

#[test]
fn what_was_too_much_to_tell_is_told_by_number() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    for _ in 0..25 {
        control.handle_message(&message(MALLORY, "status 000000"), at(1), None);
    }
    drain(&mut control);
    control.handle_message(&message(MALLORY, "status 000000"), at(3_601), None);
    match &drain(&mut control)[..] {
        [Action::Journal(entry)] => assert_eq!(entry.untold, 5),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_order_is_answered_to_operators_only() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    assert!(control.handle_message(&message(ALICE, "hello?"), at(1), None));
    let actions = drain(&mut control);
    assert_eq!(
        (refusal(&actions), answer(&actions)),
        (Some(Refusal::NotUnderstood), Some(Answer::NotUnderstood))
    );
    let torn = Message { parts: 2, missing: vec![2], ..message(ALICE, "status 755224[…]") };
    control.handle_message(&torn, at(2), None);
    assert_eq!(refusal(&drain(&mut control)), Some(Refusal::Incomplete));
    // Our own answers are no orders, and an echo of them ends by the limits.
    let mut heard = 0;
    for second in 0..100 {
        control.handle_message(&message(ALICE, &Answer::NotUnderstood.to_string()), at(second), None);
        heard += usize::from(answer(&drain(&mut control)).is_some());
    }
    assert_eq!(heard, 8);
}

#[test]
fn wrong_codes_lock_out_for_growing_times_and_over_a_restart() {
    let mut control =
        Control::new(Policy { per_number: Rate::an_hour(1_000), ..policy() }, Saved::default(), at(0))
            .unwrap();
    let mut now = 0;
    // Failure by failure: how long it locks out.
    for (failures, lock) in
        [(1, None), (2, None), (3, Some(60)), (4, Some(120)), (5, Some(240)), (6, Some(480))]
    {
        let lock = lock.map(Duration::from_secs);
        let wrong = order(&mut control, ALICE, "status 000000", now);
        assert_eq!(wrong, Err(Some(Refusal::WrongCode { failures, lock })));
        if let Some(lock) = lock {
            // A right code is refused as well, is not spent, and lengthens nothing.
            let left = lock.saturating_sub(Duration::from_secs(1));
            let locked = order(&mut control, ALICE, "status 755224", now + 1);
            assert_eq!(locked, Err(Some(Refusal::LockedOut { left })));
            now += lock.as_secs();
        }
    }
    // Others are not concerned.
    assert!(matches!(
        order(&mut control, BOB, "status 000000", 1),
        Err(Some(Refusal::WrongCode { failures: 1, .. }))
    ));
    // A restart begins the time anew, and the next lock is twice as long.
    let mut again = Control::new(policy(), control.saved().clone(), at(0)).unwrap();
    let left = Duration::from_secs(480);
    assert_eq!(order(&mut again, ALICE, "status 755224", 0), Err(Some(Refusal::LockedOut { left })));
    let wrong = order(&mut again, ALICE, "status 000000", 480);
    assert_eq!(wrong, Err(Some(Refusal::WrongCode { failures: 7, lock: Some(2 * left) })));
    // A right code wipes the slate.
    assert_eq!(order(&mut again, ALICE, "status 755224", 480 + 960), Ok(Order::Status));
    let wrong = order(&mut again, ALICE, "status 000000", 480 + 961);
    assert_eq!(wrong, Err(Some(Refusal::WrongCode { failures: 1, lock: None })));
}

#[test]
fn codes_are_good_once_in_order_and_within_the_look_ahead() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    for (now, code, good) in [
        (0, CODES[3], true),
        (1, CODES[0], false),
        (2, CODES[3], false),
        (3, CODES[4], true),
        (4, CODES[9], true),
    ] {
        let wanted = if good { Ok(Order::Status) } else { Err(Some(Refusal::UsedCode)) };
        assert_eq!(order(&mut control, ALICE, &format!("status {code}"), now), wanted, "{code}");
    }
    // A look-ahead of two: the third next is beyond.
    let narrow = Policy { rolling: Rolling::Counter { look_ahead: 2 }, ..policy() };
    let mut control = Control::new(narrow, Saved::default(), at(0)).unwrap();
    let beyond = order(&mut control, ALICE, &format!("status {}", CODES[3]), 0);
    assert!(matches!(beyond, Err(Some(Refusal::WrongCode { .. }))));
    assert_eq!(order(&mut control, ALICE, &format!("status {}", CODES[2]), 1), Ok(Order::Status));
}

#[test]
fn a_new_secret_begins_anew_and_the_old_one_is_not_good_again() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 520489", 0), Ok(Order::Status));
    let mut renewed = policy();
    renewed.operators[0].secret = Secret::new(b"abcdefghijklmnopqrst").unwrap();
    let mut control = Control::new(renewed, control.saved().clone(), at(0)).unwrap();
    assert!(matches!(order(&mut control, ALICE, "status 755224", 0), Err(Some(Refusal::WrongCode { .. }))));
    // Removed and allowed again with the same secret: what was used stays used.
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 755224", 0), Ok(Order::Status));
    let mut without = policy();
    let alice = without.operators.remove(0);
    let mut control = Control::new(without.clone(), control.saved().clone(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 287082", 0), Err(Some(Refusal::Stranger)));
    assert!(order(&mut control, BOB, "status 000000", 0).is_err());
    without.operators.push(alice);
    let mut control = Control::new(without, control.saved().clone(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 755224", 0), Err(Some(Refusal::UsedCode)));
}

#[test]
fn attempts_are_limited_per_number_and_in_all() {
    let limited = Policy { per_number: Rate::an_hour(4), in_all: Rate::an_hour(6), ..policy() };
    let mut control = Control::new(limited, Saved::default(), at(0)).unwrap();
    for (now, code) in (0..).zip(&CODES[..4]) {
        assert_eq!(order(&mut control, ALICE, &format!("status {code}"), now), Ok(Order::Status));
    }
    let fifth = format!("status {}", CODES[4]);
    assert_eq!(order(&mut control, ALICE, &fifth, 5), Err(Some(Refusal::TooManyOfNumber)));
    for _ in 0..2 {
        assert!(matches!(order(&mut control, BOB, "status 000000", 6), Err(Some(Refusal::WrongCode { .. }))));
    }
    assert_eq!(order(&mut control, BOB, "status 000000", 7), Err(Some(Refusal::TooManyInAll)));
    // An hour after the first there is room for one more, and the code is still good.
    assert_eq!(order(&mut control, ALICE, &fifth, 3_599), Err(Some(Refusal::TooManyOfNumber)));
    assert_eq!(order(&mut control, ALICE, &fifth, 3_600), Ok(Order::Status));
}

#[test]
fn codes_by_time_need_a_clock() {
    let timed = Policy { rolling: Rolling::Time { skew: 1 }, digits: Digits::Eight, ..policy() };
    let mut control = Control::new(timed, Saved::default(), at(0)).unwrap();
    control.handle_message(&message(ALICE, "status 94287082"), at(1), None);
    let actions = drain(&mut control);
    assert_eq!((refusal(&actions), answer(&actions)), (Some(Refusal::NoClock), Some(Answer::NoClock)));
    control.handle_message(&message(ALICE, "status 94287082"), at(2), Some(UnixTime(59)));
    let id = save_id(&drain(&mut control)).unwrap();
    control.handle_saved(id, true, at(2));
    assert!(drain(&mut control).iter().any(|action| matches!(action, Action::Perform { .. })));
    control.handle_message(&message(ALICE, "status 94287082"), at(3), Some(UnixTime(60)));
    assert_eq!(refusal(&drain(&mut control)), Some(Refusal::UsedCode));
}

#[test]
fn it_is_off_unless_it_is_switched_on_for_somebody() {
    let mut off = Control::off();
    assert!(!off.handle_message(&message(ALICE, "status 755224"), at(0), None));
    assert_eq!((off.poll_action(), off.poll_timeout()), (None, None));
    let new = |operators| Control::new(Policy::new(operators), Saved::default(), at(0)).map(|_| ());
    assert_eq!(new(vec![]), Err(PolicyError::Nobody));
    let alice = policy().operators.remove(0);
    let twice = Err(PolicyError::Twice { number: alice.number.clone() });
    assert_eq!(new(vec![alice.clone(), alice.clone()]), twice);
    assert_eq!(new(vec![alice; 17]), Err(PolicyError::TooMany { count: 17 }));
}

#[test]
fn no_secret_or_code_is_shown() {
    let mut control = Control::new(policy(), Saved::default(), at(0)).unwrap();
    control.handle_message(&message(ALICE, "status 755224"), at(0), None);
    control.handle_message(&message(ALICE, "force lte 999999"), at(0), None);
    let shown = format!("{control:?} {:?}", policy());
    for hidden in ["755224", "999999", "12345678901234567890", "49, 50, 51"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
}

/// A policy with this secret alone.
fn only(secret: &[u8]) -> Policy {
    let (number, secret) = (Number::parse(ALICE).unwrap(), Secret::new(secret).unwrap());
    Policy::new(vec![Operator { name: "alice".to_owned(), number, secret }])
}

#[test]
fn a_used_code_stays_used_when_its_secret_was_away_for_a_while_or_has_another_number() {
    let (a, b) = (&b"12345678901234567890"[..], &b"abcdefghijklmnopqrst"[..]);
    let mut control = Control::new(only(a), Saved::default(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 755224", 1), Ok(Order::Status));
    // Another secret for a day; one slip of the thumb with it. Then the old file is put back.
    let mut control = Control::new(only(b), control.saved().clone(), at(0)).unwrap();
    assert!(matches!(
        order(&mut control, ALICE, "status 000000", 1),
        Err(Some(Refusal::WrongCode { .. }) | None)
    ));
    let mut control = Control::new(only(a), control.saved().clone(), at(0)).unwrap();
    assert_eq!(order(&mut control, ALICE, "status 755224", 1), Err(Some(Refusal::UsedCode)));
    let policy = Policy::new(vec![Operator {
        name: "alice".to_owned(),
        number: Number::parse(MALLORY).unwrap(),
        secret: Secret::new(a).unwrap(),
    }]);
    let mut control = Control::new(policy, control.saved().clone(), at(0)).unwrap();
    assert_eq!(order(&mut control, MALLORY, "status 755224", 1), Err(Some(Refusal::UsedCode)));
}

#[test]
fn a_code_that_was_used_with_one_modem_is_used_with_all() {
    let mut one = Control::new(policy(), Saved::default(), at(0)).unwrap();
    let mut other = Control::new(policy(), Saved::default(), at(0)).unwrap();
    assert_eq!(order(&mut one, ALICE, "status 755224", 1), Ok(Order::Status));
    other.learn(one.saved());
    assert_eq!(order(&mut other, ALICE, "status 755224", 1), Err(Some(Refusal::UsedCode)));
    assert_eq!(order(&mut other, ALICE, "status 287082", 1), Ok(Order::Status));
}
