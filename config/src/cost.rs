//! What a probe costs the link it goes over, in bytes, so that a budget can be kept to and told before anything is sent.
//!
//! Counted is what a provider counts: whole IP packets, in both directions, without layer 2. The figures are those of the
//! packets that the agent really sends (`agent/tests/probe_bytes.rs` holds them against the packets that come by).
//! How long a page and its certificates are, the server decides: its figures are those of a small one, and what a page
//! takes beyond them is charged afterwards, by the kernel's own count.
//! A look-up of a name is beside the probe for which it is made (see [`look_up_cost`]).
//! A canary costs no more than a probe of the same target. A question to the link's own gateway (ARP, neighbour
//! discovery) goes no further than the gateway, and counts for nothing.

use crate::{Host, Page, Target};
use std::net::IpAddr;

/// An IPv4 header without options (RFC 791) and an IPv6 header (RFC 8200).
const IPV4: u32 = 20;
const IPV6: u32 = 40;
/// An echo header (RFC 792, RFC 4443) with the 16 bytes by which the agent knows its own.
const ECHO: u32 = 8 + 16;
/// A TCP header with the options of a first segment: maximum segment size, SACK, timestamps and window scale.
const TCP: u32 = 40;
/// Segments of a handshake and an orderly close: SYN, SYN, ACK, FIN, ACK, FIN, ACK. Without an answer the kernel
/// repeats the first one at most six times in the longest timeout of 10 s, which comes to the same.
const SEGMENTS: u32 = 7;
/// A UDP header (RFC 768) and the header of a DNS message (RFC 1035).
const DNS: u32 = 8 + 12;
/// What a name on the wire has beyond its text, and the type and class of the question (RFC 1035).
const QUESTION: u32 = 2 + 4;
/// Address records that an answer is taken to hold. Large sites give up to eight; how many come, the server decides.
const RECORDS: u32 = 8;
/// A record with a compressed name, around its address (RFC 1035).
const RECORD: u32 = 12;
/// Request, answer and their acknowledgements.
const PAGE_SEGMENTS: u32 = 4;
/// What every request for a page has beside its host and path.
const REQUEST: u32 = 76;
/// The head of an answer and a small page. How long they are, the server decides.
const ANSWER: u32 = 800;
/// Hello, certificates, finish and tickets in both directions: two certificates of usual size are most of it. A session
/// that is resumed costs less.
const TLS: u32 = 4_500;
/// Their segments, and the acknowledgements.
const TLS_SEGMENTS: u32 = 8;

/// Packets out (SYN, ACK, FIN, ACK) and in (SYN, ACK, FIN) of a connection that is opened and closed.
const TCP_PACKETS: (u32, u32) = (4, 3);
/// The same with the request, its answer in two segments and an acknowledgement of each.
const PAGE_PACKETS: (u32, u32) = (4 + 3, 3 + 3);
/// The same with the flights of a handshake of TLS, in segments of the size of an Ethernet, the tickets and the
/// goodbyes. They are more than there are as a rule: too many hide a user's packet or two, too few are taken for users'
/// until the connection has ended, when the kernel's count puts it right.
const TLS_PACKETS: (u32, u32) = (7 + 9, 6 + 9);

/// A query for a name is sent so many times to each resolver that does not answer.
pub const LOOK_UP_TRIES: u32 = 3;

/// Bytes of one look-up of a name at so many resolvers, at the most: each is asked again and again, and answers the last
/// query. As a rule it is half of that.
#[must_use]
pub fn look_up_cost(name: &str, ipv6: bool, resolvers: usize) -> u32 {
    let ip = if ipv6 { IPV6 } else { IPV4 };
    let each = LOOK_UP_TRIES * query(ip, name) + answer(ip, name, ipv6);
    each.saturating_mul(u32::try_from(resolvers).unwrap_or(u32::MAX))
}

/// Packets of one look-up of a name at so many resolvers that leave, and that come, at the most.
#[must_use]
pub fn look_up_packets(resolvers: usize) -> (u32, u32) {
    let answers = u32::try_from(resolvers).unwrap_or(u32::MAX);
    (answers.saturating_mul(LOOK_UP_TRIES), answers)
}

fn query(ip: u32, name: &str) -> u32 {
    ip + DNS + QUESTION + u32::try_from(name.len()).unwrap_or(u32::MAX / 16)
}

fn answer(ip: u32, name: &str, ipv6: bool) -> u32 {
    query(ip, name) + RECORDS * (RECORD + if ipv6 { 16 } else { 4 })
}

impl Target {
    /// Bytes of one probe and its answer, headers from IP up included, as far as they are known beforehand.
    #[must_use]
    pub fn cost(&self) -> u32 {
        let ip = if self.is_ipv4() { IPV4 } else { IPV6 };
        match self {
            Self::Icmp(_) => 2 * (ip + ECHO),
            Self::Tcp(_) => SEGMENTS * (ip + TCP),
            Self::Dns { name, .. } => query(ip, name) + answer(ip, name, !self.is_ipv4()),
            Self::Page(page) => page.cost(ip),
        }
    }

    /// Bytes of one look-up of its host's name at those of `resolvers` that are asked for it; 0 for an address.
    #[must_use]
    pub fn look_up_cost(&self, resolvers: &[IpAddr]) -> u32 {
        match self.host() {
            Host::Address(_) => 0,
            Host::Name { name, ipv6 } => {
                let asked = resolvers.iter().filter(|resolver| resolver.is_ipv6() == *ipv6);
                look_up_cost(name, *ipv6, asked.count())
            }
        }
    }
}

impl Target {
    /// Packets of one probe that leave, and that come: at the most, where all is well and the page is small.
    #[must_use]
    pub const fn packets(&self) -> (u32, u32) {
        match self {
            Self::Icmp(_) | Self::Dns { .. } => (1, 1),
            Self::Tcp(_) => TCP_PACKETS,
            Self::Page(page) if page.secure => TLS_PACKETS,
            Self::Page(_) => PAGE_PACKETS,
        }
    }
}

impl Page {
    /// Of a small page, as those are that are made for such checks.
    fn cost(&self, ip: u32) -> u32 {
        let text = self.path.len() + self.authority().len();
        let plain = u32::try_from(text).unwrap_or(u32::MAX / 4) + REQUEST + ANSWER;
        let (tls, more) = if self.secure { (TLS, TLS_SEGMENTS) } else { (0, 0) };
        (SEGMENTS + PAGE_SEGMENTS + more) * (ip + TCP) + plain + tls
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::valid;

    #[test]
    fn each_kind_has_its_price_in_each_family() {
        for (text, bytes) in [
            ("192.0.2.1", 88),
            ("2001:db8::1", 128),
            ("tcp://192.0.2.1:443", 420),
            ("tcp://[2001:db8::1]:443", 560),
            ("dns://192.0.2.1/example.com", 2 * 57 + 8 * 16),
            ("dns://[2001:db8::1]/example.com", 2 * 77 + 8 * 28),
            ("http://192.0.2.1/a", 11 * 60 + 11 + 876),
            ("https://example.com/a", 19 * 60 + 13 + 876 + 4_500),
        ] {
            if text.starts_with("https") && !cfg!(feature = "https") {
                // Such a program has no such probes.
                continue;
            }
            let link = "[[link]]\nname = \"a\"\ninterface = \"a0\"";
            let config = valid(&format!("targets = [\"{text}\"]\n{link}"));
            assert_eq!(config.links[0].targets[0].target.cost(), bytes, "{text}");
        }
    }

    #[test]
    fn a_look_up_is_paid_for_each_resolver_of_its_family() {
        for (target, bytes) in [
            ("\"192.0.2.1\"", 0),
            ("\"example.com\"", 2 * (4 * 57 + 8 * 16)),
            ("{ target = \"tcp://example.com:443\", family = \"v6\" }", 4 * 77 + 8 * 28),
        ] {
            let servers = "resolvers = [\"192.0.2.1\", \"192.0.2.2\", \"2001:db8::1\"]";
            let config = valid(&format!(
                "targets = [{target}]\n{servers}\n[[link]]\nname = \"a\"\ninterface = \"a0\""
            ));
            let link = &config.links[0];
            assert_eq!(link.targets[0].target.look_up_cost(&link.resolvers), bytes, "{target}");
        }
    }
}
