//! Probes of one kind on one path that wait for their answers: a bounded list, whatever the answers come from.
//!
//! A kind that asks by a socket of its own implements [`OwnSocket`]. One whose answer comes from a task gives the
//! receiving end of a channel and asks it by [`Waiting::conclude`]; the task ends when that end is dropped.

use super::path::{Request, Watch};
use super::receive::Buffers;
use shunt_decision::{Outcome, ProbeId, Timestamp};
use socket2::Socket;
use std::collections::VecDeque;
use std::os::fd::AsRawFd as _;
use std::task::Poll;

/// Probes that wait for one target at once, unless the kind has another bound: a burst of one each 10 ms lasts 640 ms, and each costs a descriptor.
const MAX_WAITING: usize = 64;

/// What is in flight, the oldest first. `T` is what the answer comes from; it is dropped with its probe.
pub(super) struct Waiting<T> {
    probes: VecDeque<(Request, T)>,
    /// So many for one target.
    most: usize,
    dropped: u64,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self::at_most(MAX_WAITING)
    }
}

impl<T> Waiting<T> {
    /// An empty list that keeps so many for one target.
    pub(super) fn at_most(most: usize) -> Self {
        Self { probes: VecDeque::new(), most, dropped: 0 }
    }

    /// Remembers a probe; too many for one target push out the oldest of that target.
    pub(super) fn push(&mut self, request: Request, source: T) {
        let same = |(other, _): &(Request, T)| other.target == request.target;
        if self.probes.iter().filter(|probe| same(probe)).count() >= self.most
            && let Some(oldest) = self.probes.iter().position(same)
        {
            self.probes.remove(oldest);
            self.dropped += 1;
        }
        self.probes.push_back((request, source));
    }

    /// Whether no answer is awaited.
    pub(super) fn is_empty(&self) -> bool {
        self.probes.is_empty()
    }

    /// Probes forgotten because too many were in flight.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Asks each probe in turn what became of it, and forgets what is over or expired before `now`. `Ready(None)` is an end that
    /// says nothing of the target: the deadline judges. A reply that came after its deadline does not count.
    pub(super) fn conclude(
        &mut self,
        now: Timestamp,
        outcomes: &mut Vec<(ProbeId, Outcome)>,
        mut answer: impl FnMut(&mut T) -> Poll<Option<Outcome>>,
    ) {
        self.probes.retain_mut(|(request, source)| match answer(source) {
            Poll::Pending => request.expires >= now,
            Poll::Ready(outcome) => {
                let late = matches!(outcome, Some(Outcome::Reply { at, .. }) if at > request.expires);
                outcomes.extend(outcome.filter(|_| !late).map(|outcome| (request.id, outcome)));
                false
            }
        });
    }
}

/// A probe with a socket of its own.
pub(super) trait OwnSocket {
    /// By what the socket shows that the answer is there (`poll(2)`).
    const READY: libc::c_short;

    /// The socket.
    fn socket(&self) -> &Socket;

    /// What became of the probe, once the socket is ready.
    fn read(&mut self, buffers: &mut Buffers) -> Poll<Option<Outcome>>;
}

impl<T: OwnSocket> Waiting<T> {
    /// Adds the sockets to be looked at.
    pub(super) fn watch(&self, watch: &mut Watch) {
        for (_, probe) in &self.probes {
            watch.add(probe.socket().as_raw_fd(), T::READY);
        }
    }

    /// Concludes what was answered; the sockets are in the order of [`watch`](Self::watch).
    pub(super) fn drain(
        &mut self,
        now: Timestamp,
        watch: &mut Watch,
        buffers: &mut Buffers,
        outcomes: &mut Vec<(ProbeId, Outcome)>,
    ) {
        self.conclude(
            now,
            outcomes,
            |probe| if watch.next_ready() { probe.read(buffers) } else { Poll::Pending },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::TargetId;
    use std::time::Duration;

    const BEGIN: Timestamp = Timestamp::ZERO;

    fn request(id: u64, target: u8, expires_ms: u64) -> Request {
        let expires = BEGIN + Duration::from_millis(expires_ms);
        Request { id: ProbeId(id), target: TargetId(target), expires }
    }

    fn left<T: Copy>(waiting: &Waiting<T>) -> Vec<T> {
        waiting.probes.iter().map(|(_, source)| *source).collect()
    }

    #[test]
    fn the_oldest_of_the_same_target_makes_room() {
        let mut waiting = Waiting::default();
        waiting.push(request(1_000, 1, 1), 1_000);
        for id in 0..MAX_WAITING as u64 + 2 {
            waiting.push(request(id, 0, 1), id);
        }
        let expected: Vec<u64> = std::iter::once(1_000).chain(2..MAX_WAITING as u64 + 2).collect();
        assert_eq!(left(&waiting), expected);
        assert_eq!(waiting.dropped(), 2);
    }

    #[test]
    fn what_is_over_or_expired_goes_and_the_rest_waits() {
        let reply = |ms| {
            let at = BEGIN + Duration::from_millis(ms);
            Poll::Ready(Some(Outcome::Reply { rtt: Duration::from_millis(ms), at }))
        };
        let mut waiting = Waiting::default();
        waiting.push(request(1, 0, 10), reply(10));
        waiting.push(request(2, 0, 10), reply(11));
        waiting.push(request(3, 0, 10), Poll::Ready(Some(Outcome::Refused)));
        waiting.push(request(4, 0, 30), Poll::Ready(None));
        waiting.push(request(5, 0, 19), Poll::Pending);
        waiting.push(request(6, 0, 20), Poll::Pending);
        let mut outcomes = Vec::new();
        waiting.conclude(BEGIN + Duration::from_millis(20), &mut outcomes, |answer| *answer);
        let Poll::Ready(Some(first)) = reply(10) else { panic!() };
        assert_eq!(outcomes, [(ProbeId(1), first), (ProbeId(3), Outcome::Refused)]);
        assert_eq!(left(&waiting), [Poll::Pending]);
        waiting.conclude(BEGIN + Duration::from_millis(21), &mut outcomes, |answer| *answer);
        assert!(waiting.is_empty());
        assert_eq!((outcomes.len(), waiting.dropped()), (2, 0));
    }
}
