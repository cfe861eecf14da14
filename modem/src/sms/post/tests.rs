//! Each message once: in tables, without a modem.

use super::super::{Place, Stored};
use super::*;

const REPORT: &str = "0006D60B911326880736F4111011719551401110117195714000";

fn at(secs: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(secs)
}

#[test]
fn what_is_told_of_while_messages_are_listed_is_listed_next() {
    let nothing = || Some(Listing { stored: Vec::new(), more: false });
    let mut post = Post::new(true);
    assert!(matches!(post.work(at(1)), Some(Work::List)));
    post.look();
    post.listed(nothing(), at(1));
    assert!(matches!(post.work(at(1)), Some(Work::List)), "it may have come too late for the list");
    post.listed(nothing(), at(1));
    assert!(post.work(at(1)).is_none());
    // A list that failed is asked for again.
    post.look();
    assert!(post.work(at(1)).is_some());
    post.listed(None, at(1));
    assert!(post.work(at(1)).is_none() && post.work(at(1) + AGAIN).is_some());
}

#[test]
fn what_the_modem_brought_is_kept_until_it_is_taken_whatever_the_modem_does() {
    let mut post = Post::new(true);
    post.brought(REPORT, at(1));
    let (number, received) = post.hand_over(at(1)).unwrap();
    assert!(matches!(received, Received::Report(_)), "{received:?}");
    // It is not taken; then the modem boots.
    post.answered(number, false, at(2));
    assert!(post.hand_over(at(61)).is_none(), "a minute later, not at once");
    assert_eq!(post.due(), Some(at(62)));
    assert!(post.hand_over(at(62)).is_some());
    // The modem boots while its answer is awaited: that is no reason to ask twice.
    post.restart(at(63));
    assert!(post.hand_over(at(63)).is_none());
    post.answered(number + 1, false, at(64));
    let (number, _) = post.hand_over(at(124)).unwrap();
    post.restart(at(125));
    post.answered(number, true, at(126));
    // Nothing is to be deleted of it, and it does not come again.
    assert!(matches!(post.work(at(126)), Some(Work::List)));
    post.restart(at(127));
    assert!(post.hand_over(at(127)).is_none());
}

fn list(post: &mut Post, places: &[u16], now: Timestamp) {
    assert!(matches!(post.work(now), Some(Work::List)));
    let stored = places.iter().map(|place| Stored::of(Place::from(*place), REPORT)).collect();
    post.listed(Some(Listing { stored, more: false }), now);
}

fn to_delete(post: &mut Post, now: Timestamp) -> Option<Receipt> {
    match post.work(now)? {
        Work::Delete(receipt) => Some(receipt),
        Work::List => None,
    }
}

#[test]
fn what_was_taken_and_not_deleted_when_the_modem_booted_is_deleted_and_not_handed_over_again() {
    let mut post = Post::new(true);
    list(&mut post, &[3], at(1));
    let (number, _) = post.hand_over(at(1)).unwrap();
    // It boots before the answer; and again in the midst of the deletion.
    post.restart(at(2));
    post.answered(number, true, at(3));
    for (place, now) in [(4, at(4)), (5, at(6))] {
        list(&mut post, &[place], now);
        assert!(post.hand_over(now).is_none());
        let receipt = to_delete(&mut post, now).unwrap();
        post.deleted(Some(receipt), now);
        post.restart(now);
    }
    // It is known once: the same text again is another message.
    list(&mut post, &[6, 7], at(8));
    let receipt = to_delete(&mut post, at(8)).unwrap();
    assert!(receipt.stored().eq([REPORT]));
    post.deleted(None, at(8));
    assert!(post.hand_over(at(8)).is_some());
}

#[test]
fn a_message_that_cannot_be_deleted_keeps_no_other_waiting() {
    let mut post = Post::new(true);
    list(&mut post, &[1, 2], at(1));
    let (first, _) = post.hand_over(at(1)).unwrap();
    post.answered(first, true, at(1));
    let mut now = at(1);
    for _ in 0..TRIES {
        let receipt = to_delete(&mut post, now).unwrap();
        assert!(post.hand_over(now).is_none(), "while it is worked for");
        post.deleted(Some(receipt), now);
        assert!(post.work(now).is_none());
        now = now + AGAIN;
    }
    let (second, _) = post.hand_over(now).unwrap();
    post.answered(second, false, now);
    // Nor is it handed over again; after a boot it is tried anew.
    assert!(to_delete(&mut post, now).is_none());
}

#[test]
fn what_could_not_be_deleted_is_tried_again_after_a_boot_and_never_handed_over_again() {
    let mut post = Post::new(true);
    list(&mut post, &[1], at(1));
    let (first, _) = post.hand_over(at(1)).unwrap();
    post.answered(first, true, at(1));
    let mut now = at(1);
    for _ in 0..TRIES {
        let receipt = to_delete(&mut post, now).unwrap();
        post.deleted(Some(receipt), now);
        now = now + AGAIN;
    }
    post.look();
    list(&mut post, &[1], now);
    assert!(to_delete(&mut post, now).is_none() && post.hand_over(now).is_none());
    post.restart(now);
    list(&mut post, &[1], now);
    assert!(to_delete(&mut post, now).is_some() && post.hand_over(now).is_none());
}

#[test]
fn what_nobody_takes_is_bounded() {
    let mut post = Post::new(true);
    for _ in 0..2 * BROUGHT {
        post.brought("00", at(1));
    }
    assert_eq!(post.brought.len(), BROUGHT);
}
