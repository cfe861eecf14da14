//! What became of each packet: by its number, not by the order of arrival, because two paths have two delays.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Packets whose neighbours may still arrive: 3 s at 20,000 packets/s, far beyond any delay of the laboratory.
const WINDOW: usize = 65_536;
/// Moves that are remembered; further ones are only counted.
const MOVES: usize = 4_096;

/// What became of the stream's packets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not, although later ones did (or the stream was stopped).
    pub lost: u64,
    /// Packets that arrived more than once.
    pub duplicates: u64,
    /// The longest time between two packets that arrived one after the other.
    pub longest_silence: Duration,
    /// The far end's interface by which the newest packet came.
    pub path: Option<u32>,
    /// Each change of the path.
    pub moves: Vec<Move>,
    /// Changes of the path beyond those remembered.
    pub further_moves: u64,
    /// Packets before this report's first, which an earlier report told of.
    pub forgotten: u64,
    newest: u64,
}

/// The stream changed its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The far end's interface before.
    pub from: u32,
    /// And after.
    pub to: u32,
    /// From the arrival of the last packet on the old path to that of the first on the new one; zero where they
    /// overlapped, because the new path is the shorter one.
    pub gap: Duration,
    /// Packets between the two that never arrived.
    pub lost: u64,
    /// When the first packet on the new path arrived, `CLOCK_REALTIME` in nanoseconds.
    pub at: u64,
}

impl Report {
    /// Counts what was sent and did not arrive.
    pub(super) fn close(&mut self, sent: u64) {
        self.lost += sent.saturating_sub(self.newest());
        self.newest = self.newest.max(sent);
    }

    /// The highest number that arrived.
    pub(super) fn newest(&self) -> u64 {
        self.newest.max(self.forgotten)
    }

    /// The longest gap of all moves.
    #[must_use]
    pub fn longest_gap(&self) -> Option<Duration> {
        self.moves.iter().map(|step| step.gap).max()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets received, {} lost, {} moves", self.received, self.lost, self.moves.len())?;
        match self.path {
            Some(path) => write!(f, ", now by interface {path}"),
            None => write!(f, ", none yet"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    interface: u32,
}

/// The running count. `settled` packets are judged; those in the window may still be overtaken.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// The number of the window's first packet.
    first: u64,
    window: VecDeque<Option<Arrival>>,
    report: Report,
    /// The last packet that arrived, in the order of numbers, and how many were lost since.
    last: Option<Arrival>,
    lost_since: u64,
    latest_arrival: u64,
}

impl Tally {
    /// The count, and begins a new one behind its newest packet. The path that this packet took is remembered, so
    /// that a move right after is measured.
    pub(super) fn take(&mut self) -> Report {
        while !self.window.is_empty() {
            self.settle_one();
        }
        let report = self.report();
        self.report = Report { forgotten: report.newest, ..Report::default() };
        report
    }

    pub(super) fn arrived(&mut self, number: u64, at: u64, interface: u32) {
        if number == 0 {
            return; // not a packet of the stream
        }
        self.first = self.first.max(1);
        if number < self.first {
            return; // told of by an earlier report, or later than the window: counted as lost
        }
        while number - self.first >= WINDOW as u64 {
            self.settle_one();
        }
        let place = usize::try_from(number - self.first).unwrap_or(0);
        if self.window.len() <= place {
            self.window.resize(place + 1, None);
        }
        let Some(slot) = self.window.get_mut(place) else { return };
        if slot.is_some() {
            self.report.duplicates += 1;
            return;
        }
        *slot = Some(Arrival { at, interface });
        self.report.received += 1;
        if self.latest_arrival != 0 {
            let silence = Duration::from_nanos(at.saturating_sub(self.latest_arrival));
            self.report.longest_silence = self.report.longest_silence.max(silence);
        }
        self.latest_arrival = self.latest_arrival.max(at);
    }

    /// The count, as if nothing that is missing were to arrive any more.
    pub(super) fn report(&self) -> Report {
        let mut copy = self.clone();
        while !copy.window.is_empty() {
            copy.settle_one();
        }
        copy.report.path = copy.last.map(|last| last.interface);
        copy.report.newest = copy.first.saturating_sub(1);
        copy.report
    }

    fn settle_one(&mut self) {
        self.first += 1;
        let Some(Some(arrival)) = self.window.pop_front() else {
            self.report.lost += 1;
            self.lost_since += 1;
            return;
        };
        if let Some(last) = self.last
            && last.interface != arrival.interface
        {
            let step = Move {
                from: last.interface,
                to: arrival.interface,
                gap: Duration::from_nanos(arrival.at.saturating_sub(last.at)),
                lost: self.lost_since,
                at: arrival.at,
            };
            if self.report.moves.len() < MOVES {
                self.report.moves.push(step);
            } else {
                self.report.further_moves += 1;
            }
        }
        self.last = Some(arrival);
        self.lost_since = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(packets: &[(u64, u64, u32)]) -> Report {
        let mut tally = Tally::default();
        for (number, millis, interface) in packets {
            tally.arrived(*number, millis * 1_000_000, *interface);
        }
        tally.report()
    }

    #[test]
    fn a_move_is_measured_between_its_neighbours() {
        let report = tally(&[(1, 1, 7), (2, 2, 7), (5, 9, 8), (6, 10, 8)]);
        assert_eq!((report.received, report.lost, report.path), (4, 2, Some(8)));
        let expected = Move { from: 7, to: 8, gap: Duration::from_millis(7), lost: 2, at: 9_000_000 };
        assert_eq!(report.moves, [expected]);
    }

    #[test]
    fn a_shorter_path_overtakes_without_a_second_move() {
        // 3 and 4 went by the new, shorter path and arrived before 1 and 2.
        let report = tally(&[(3, 1, 8), (4, 2, 8), (1, 3, 7), (2, 4, 7)]);
        assert_eq!((report.received, report.lost), (4, 0));
        assert_eq!(report.moves.len(), 1);
        assert_eq!(report.moves[0].gap, Duration::ZERO);
    }

    #[test]
    fn packets_lost_at_the_end_count_when_the_stream_is_closed() {
        let mut report = tally(&[(1, 1, 7), (1, 1, 7)]);
        report.close(4);
        assert_eq!((report.received, report.lost, report.duplicates), (1, 3, 1));
    }

    #[test]
    fn the_window_is_bounded() {
        let mut tally = Tally::default();
        tally.arrived(1, 1, 7);
        tally.arrived(WINDOW as u64 * 3, 2, 7);
        assert!(tally.window.len() <= WINDOW);
        assert_eq!(tally.report().lost, WINDOW as u64 * 3 - 2);
    }

    #[test]
    fn a_taken_report_is_not_told_again() {
        let mut tally = Tally::default();
        tally.arrived(1, 1, 7);
        tally.arrived(3, 1, 7);
        let report = tally.take();
        assert_eq!((report.received, report.lost), (2, 1));
        tally.arrived(4, 2, 8);
        let mut rest = tally.report();
        rest.close(5);
        assert_eq!((rest.received, rest.lost, rest.forgotten), (1, 1, 3));
        assert_eq!(rest.moves.len(), 1, "the path before is remembered");
    }
}
