//! What the connection of a page really costs. How much a far end sends, it decides itself: so the kernel's own count of
//! a connection's segments and bytes is read when it ends, however it ends, and what it took beyond the price that was
//! paid for the probe goes on the link's bill.

use super::super::spent::{Bill, Spent};
use super::super::sys::{self, TcpUse};
use shunt_decision::Packets;
use socket2::Socket;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::time::Duration;

/// A TCP header with the options of a first segment, as in the price of a probe (`config/src/cost.rs`). Most segments
/// have 8 bytes less, which makes up for the few with more (selective acknowledgements).
const TCP: u32 = 40;
/// An IPv4 header without options (RFC 791) and an IPv6 header (RFC 8200).
const IPV4: u32 = 20;
const IPV6: u32 = 40;
/// Segments of an orderly end that come after the count was read: FIN and ACK both ways (RFC 9293).
const GOODBYES: u32 = 4;
/// What may be under way where nothing was established: an answer, and what refuses it.
const STRAYS: u32 = 2;
/// No path carries less in a full segment (RFC 9293, section 3.7.1).
const LEAST_SEGMENT: u32 = 536;

/// A far end from which nothing came for so long, or for two round trips, has nothing under way.
const QUIET: Duration = Duration::from_millis(200);

/// How an exchange ended, as far as the count is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was given up, or ended without an answer.
    Unanswered,
    /// It was answered, and so many bytes of the body at the most were left unread; `None`: nobody knows how many.
    Answered {
        /// Of the body, still to come or read by nobody.
        left: Option<u64>,
    },
}

/// Holds the connection's socket to the end, and reads the count then.
#[derive(Debug)]
pub(super) struct Meter {
    socket: Socket,
    ip: u32,
    paid: Spent,
    bill: Bill,
    /// Until something better is known.
    pub(super) ending: Ending,
}

impl Meter {
    /// Counts what goes over `socket` to or from `target`; `paid` is the price of the probe.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub(super) fn on(socket: &Socket, target: IpAddr, paid: Spent, bill: Bill) -> std::io::Result<Self> {
        let ip = if target.is_ipv4() { IPV4 } else { IPV6 };
        Ok(Self { socket: socket.try_clone()?, ip, paid, bill, ending: Ending::Unanswered })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.ending != (Ending::Answered { left: Some(0) }) {
            // It ends with a reset: the far end stops sending, and the kernel does not go on for minutes saying goodbye.
            let _else_it_ends_in_order = self.socket.set_linger(Some(Duration::ZERO));
        }
        // The kernel counts for every TCP socket.
        if let Ok(mut used) = sys::tcp_use(self.socket.as_fd()) {
            // An older kernel does not tell the window; it is never more than the buffer.
            let buffer = self.socket.recv_buffer_size().ok().and_then(|size| u32::try_from(size).ok());
            used.window = used.window.min(buffer.unwrap_or(u32::MAX));
            self.bill.add(beyond(&used, self.ip, self.paid, self.ending));
        }
    }
}

/// What a connection took, and may yet take, beyond its price.
fn beyond(used: &TcpUse, ip: u32, paid: Spent, ending: Ending) -> Spent {
    let (coming, packets) = to_come(used, ending);
    let (sent, received) = (
        used.segments_sent.saturating_add(packets.sent),
        used.segments_received.saturating_add(packets.received),
    );
    let headers = u64::from(sent.saturating_add(received)) * u64::from(ip + TCP);
    let stray = u64::from(used.astray) * u64::from(used.segment_size.max(LEAST_SEGMENT));
    let bytes = headers + used.bytes_sent + used.bytes_received + stray + u64::from(coming);
    // The core takes those of an answer for granted when it hears of it.
    let known = if ending == Ending::Unanswered { 0 } else { paid.packets.received };
    Spent {
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX).saturating_sub(paid.bytes),
        packets: Packets {
            sent: sent.saturating_sub(paid.packets.sent),
            received: received.saturating_sub(known),
        },
    }
}

/// Bytes of data, and packets, that come by after the count was read.
fn to_come(used: &TcpUse, ending: Ending) -> (u32, Packets) {
    let both = |packets| Packets { sent: packets / 2, received: packets / 2 };
    let left = match ending {
        _ if !used.established => return (0, both(STRAYS)),
        Ending::Answered { left: Some(0) } => return (0, both(GOODBYES)),
        // Its last byte has come, or nothing comes that would have to be stopped.
        _ if used.far_end_is_done || used.quiet >= QUIET.max(used.rtt * 2) => 0,
        Ending::Answered { left: Some(left) } => u32::try_from(left).unwrap_or(u32::MAX),
        Ending::Answered { left: None } | Ending::Unanswered => u32::MAX,
    };
    // The far end may have filled the window by then; each segment that still comes is answered by a reset.
    let data = left.min(used.window);
    let segments = data.div_ceil(used.segment_size.max(LEAST_SEGMENT));
    (data, Packets { sent: 1 + segments, received: segments })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: Spent = Spent { bytes: 1_600, packets: Packets { sent: 7, received: 6 } };
    const USED: TcpUse = TcpUse {
        established: true,
        far_end_is_done: true,
        bytes_sent: 100,
        bytes_received: 300,
        segments_sent: 5,
        segments_received: 4,
        astray: 0,
        segment_size: 1_448,
        window: 4_000,
        quiet: Duration::ZERO,
        rtt: Duration::from_millis(150),
    };

    const WHOLE: Ending = Ending::Answered { left: Some(0) };

    fn spent(bytes: u32, sent: u32, received: u32) -> Spent {
        Spent { bytes, packets: Packets { sent, received } }
    }

    #[test]
    fn what_costs_no_more_than_its_price_is_not_billed() {
        assert_eq!(beyond(&USED, IPV4, PAID, WHOLE), Spent::default());
    }

    #[test]
    fn what_came_beyond_the_price_is_billed_in_whole_packets() {
        let long = TcpUse { bytes_received: 20_000, segments_received: 18, segments_sent: 14, ..USED };
        // 14 and 18 segments and two goodbyes each way.
        let all = 36 * 60 + 100 + 20_000;
        assert_eq!(beyond(&long, IPV4, PAID, WHOLE), spent(all - 1_600, 16 - 7, 20 - 6));
        let lossy = TcpUse { astray: 2, ..long };
        assert_eq!(beyond(&lossy, IPV6, PAID, WHOLE).bytes, all + 36 * 20 + 2 * 1_448 - 1_600);
    }

    #[test]
    fn what_may_be_under_way_is_billed_with_it() {
        let free = Spent::default();
        let counted = 9 * 60 + 400;
        for (done, established, ending, data, sent, received) in [
            (false, true, Ending::Unanswered, 4_000, 4, 3),
            (false, true, Ending::Answered { left: None }, 4_000, 4, 3),
            (false, true, Ending::Answered { left: Some(1_000) }, 1_000, 2, 1),
            (true, true, Ending::Unanswered, 0, 1, 0),
            (false, false, Ending::Unanswered, 0, 1, 1),
            (false, true, WHOLE, 0, 2, 2),
        ] {
            let used = TcpUse { far_end_is_done: done, established, ..USED };
            let all = counted + data + (sent + received) * 60;
            assert_eq!(beyond(&used, IPV4, free, ending), spent(all, 5 + sent, 4 + received), "{ending:?}");
        }
        let under_way = |millis| {
            let quiet = Duration::from_millis(millis);
            to_come(&TcpUse { far_end_is_done: false, quiet, ..USED }, Ending::Unanswered).0
        };
        assert_eq!((under_way(299), under_way(300)), (4_000, 0));
    }

    #[test]
    fn packets_of_an_answer_that_nobody_took_are_billed_all() {
        let billed = beyond(&USED, IPV4, PAID, Ending::Unanswered);
        assert_eq!(billed, spent(0, 0, 4));
    }
}
