//! What a probe takes on the wire, held against what its link is charged for it.

use super::far::{TARGET_V4, TARGET_V6};
use super::probes::written;
use shunt::probe::Spent;
use shunt_config::Target;
use shunt_decision::Packets;
use socket2::Socket;
use std::mem::MaybeUninit;

/// What a far end that goes on sending may have under way when the probe hangs up, and what is taken for it: the whole
/// receive buffer of a page over TLS.
const UNDER_WAY: u32 = 16 * 1024;

/// All that a connection should ever carry: the 32 KiB that are read of a page over TLS at the most, what lies in the
/// buffers then, and headers.
const ENOUGH: u32 = 48 * 1024;

/// What came by.
#[derive(Debug, Default)]
pub struct Seen {
    pub sent: u32,
    pub received: u32,
    pub bytes: u32,
}

impl Seen {
    /// Takes in the next packet to or from the target; `false`: there is none.
    pub fn next(&mut self, tap: &Socket, target: &Target) -> bool {
        // Segments that go out together come by as one packet.
        let mut buffer = [MaybeUninit::<u8>::uninit(); 65_536];
        let Ok(length) = tap.recv(&mut buffer) else { return false };
        let packet = written(&buffer[..length]);
        let (from, to) = match (packet[0] >> 4, target.is_ipv4()) {
            (4, true) => (packet[12..16] == TARGET_V4.octets(), packet[16..20] == TARGET_V4.octets()),
            (6, false) => (packet[8..24] == TARGET_V6.octets(), packet[24..40] == TARGET_V6.octets()),
            _ => (false, false),
        };
        self.sent += u32::from(to);
        self.received += u32::from(from);
        self.bytes += if from || to { u32::try_from(length).unwrap() } else { 0 };
        true
    }
}

/// Holds what came by against the price and the bill.
pub fn no_more_than_charged(target: &Target, seen: &Seen, bill: Spent, answered: bool) {
    let charged = target.cost() + bill.bytes;
    println!("{target}: {seen:?}, {charged} bytes charged, {bill:?}");
    assert!(seen.bytes <= charged, "{target}: {seen:?}, {charged} charged");
    assert!(charged <= target.cost().max(seen.bytes) + UNDER_WAY, "{target}: {seen:?}, {charged} charged");
    assert!(seen.bytes <= ENOUGH, "{target}: {seen:?}");
    let (most_sent, most_received) = target.packets();
    let Packets { sent, received } = bill.packets;
    // The core knows of those of an answer when it hears of it.
    let known = if answered { most_received } else { 0 };
    assert!(
        seen.sent <= most_sent + sent && seen.received <= known + received,
        "{target}: {seen:?}, {bill:?}"
    );
}
