//! What waits for the machine while the hands are lent to another. Lines are not read meanwhile, so most of it is the agent's,
//! and of what is so only the newest counts: however often that changes in the minutes that a message takes, no order, no end
//! and no PIN is pushed out by it.

use shunt_recovery::Event;
use shunt_recovery::facts::Fact;
use std::collections::VecDeque;
use std::mem::discriminant;

/// More than the orders and ends that may come while something else is done. Beyond it the oldest go.
const MOST: usize = 64;

/// Events in the order in which they are to be told.
#[derive(Debug, Default)]
pub(super) struct Held(VecDeque<Event>);

impl Held {
    /// Holds one more, instead of the one that it makes void.
    pub(super) fn push(&mut self, event: Event) {
        // What other modems know of a card goes before what this one's card wants.
        if let (Event::Elsewhere(_), Some(held)) =
            (&event, self.0.iter_mut().find(|held| supersedes(&event, held)))
        {
            *held = event;
            return;
        }
        self.0.retain(|held| !supersedes(&event, held));
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front()
    }
}

/// Whether nobody needs to hear `old` who hears `new`.
fn supersedes(new: &Event, old: &Event) -> bool {
    match new {
        Event::Data { .. } | Event::Clock(_) | Event::Elsewhere(_) | Event::Hardware(_) | Event::Pin(_) => {
            discriminant(new) == discriminant(old)
        }
        Event::Fact(fact) => match (fact, old) {
            (Fact::HostIp(_) | Fact::Usage(..) | Fact::Signal(_), Event::Fact(old)) => {
                discriminant(fact) == discriminant(old)
            }
            _ => false,
        },
        Event::Ended { .. } | Event::Order(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_recovery::facts::{Addresses, Counter, Usage};
    use shunt_recovery::{Elsewhere, End, Order, Pin, TaskId, UnixTime};

    #[test]
    fn what_changes_all_the_time_pushes_out_nothing_but_itself() {
        let mut held = Held::default();
        let kept = [
            Event::Ended { id: TaskId(1), end: End::Done },
            Event::Elsewhere(Elsewhere::default()),
            Event::Pin(Pin::parse("4711").unwrap()),
            Event::Order(Order::Retry),
        ];
        kept.iter().cloned().for_each(|event| held.push(event));
        for turn in 0..1_000 {
            held.push(Event::Data { flows: turn % 2 == 0 });
            held.push(Event::Fact(Fact::HostIp(Addresses::default())));
            held.push(Event::Fact(Fact::Usage(Counter::Host, Usage { received: turn, sent: 0 })));
            held.push(Event::Clock(UnixTime(turn)));
        }
        let all: Vec<Event> = std::iter::from_fn(|| held.pop()).collect();
        assert_eq!(all[..4], kept);
        let usage = Usage { received: 999, sent: 0 };
        let newest = [
            Event::Data { flows: false },
            Event::Fact(Fact::HostIp(Addresses::default())),
            Event::Fact(Fact::Usage(Counter::Host, usage)),
            Event::Clock(UnixTime(999)),
        ];
        assert_eq!(all[4..], newest, "the newest of each, once");
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut held = Held::default();
        for id in 0..1_000 {
            held.push(Event::Ended { id: TaskId(id), end: End::Done });
        }
        assert_eq!(std::iter::from_fn(|| held.pop()).count(), MOST);
    }
}
