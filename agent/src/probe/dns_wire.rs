//! DNS questions and answers on the wire (RFC 1035, RFC 3596): only what a probe needs, and strictly.

use shunt_decision::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Longest name on the wire (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 255;
/// Longest label (as above).
const MAX_LABEL: usize = 63;
/// The header's length.
const HEADER: usize = 12;
/// Records of an answer that are looked at: 512 bytes have room for 31 records of the shortest useful kind.
const MAX_RECORDS: u16 = 32;
/// Record types of IPv4 and IPv6 addresses.
const A: u16 = 1;
const AAAA: u16 = 28;
/// Class IN.
const CLASS_IN: u16 = 1;

/// One question as it stands on the wire: name, type and class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    bytes: Vec<u8>,
    kind: u16,
    expected: Option<IpAddr>,
}

/// What a server said to our question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// An address of the kind asked for.
    Good,
    /// An error, or no such address.
    Bad,
    /// Addresses, but not the one that was expected: somebody answers in the server's place.
    Other,
}

/// What a server said of where a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The first address that lies beyond the link, and how long it may be used.
    There(IpAddr, Duration),
    /// Only addresses at this end of the link, such as this one.
    Near(IpAddr),
    /// No address that another machine can have.
    Nothing,
}

impl Question {
    /// Asks for the A (or AAAA) records of `name`; `None` when it is no domain name.
    pub(super) fn new(name: &str, family: Family) -> Option<Self> {
        let kind = match family {
            Family::V4 => A,
            Family::V6 => AAAA,
        };
        let mut bytes = Vec::with_capacity(name.len() + 6);
        for label in name.split('.').filter(|_| !name.is_empty()) {
            let length = u8::try_from(label.len()).ok()?;
            (1..=MAX_LABEL).contains(&label.len()).then_some(())?;
            bytes.push(length);
            bytes.extend(label.bytes());
        }
        bytes.push(0);
        (bytes.len() <= MAX_NAME).then_some(())?;
        bytes.extend(kind.to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        Some(Self { bytes, kind, expected: None })
    }

    /// The same, of which only an answer with this address is good.
    pub(super) fn expecting(self, expected: Option<IpAddr>) -> Self {
        Self { expected, ..self }
    }

    /// The whole query, which asks for recursion.
    pub(super) fn query(&self, id: u16) -> Vec<u8> {
        const RECURSION_DESIRED: u16 = 0x0100;
        let mut query = Vec::with_capacity(HEADER + self.bytes.len());
        for field in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
            query.extend(field.to_be_bytes());
        }
        query.extend(&self.bytes);
        query
    }

    /// Reads an answer; `None` when it does not answer this question with this id.
    pub(super) fn answer(&self, id: u16, message: &[u8]) -> Option<Answer> {
        let Some(mut records) = self.records(id, message)? else { return Some(Answer::Bad) };
        let Some((first, _)) = records.next() else { return Some(Answer::Bad) };
        let good = self
            .expected
            .is_none_or(|wanted| first == wanted || records.any(|(address, _)| address == wanted));
        Some(if good { Answer::Good } else { Answer::Other })
    }

    /// What an answer tells of where a name is, when `is_near` knows the addresses at this end of the link; `None` when it
    /// does not answer this question with this id.
    pub(super) fn found(&self, id: u16, message: &[u8], is_near: impl Fn(IpAddr) -> bool) -> Option<Told> {
        let Some(records) = self.records(id, message)? else { return Some(Told::Nothing) };
        let mut near = None;
        for (address, life) in records.filter(|(address, _)| is_elsewhere(*address)) {
            if !is_near(address) {
                return Some(Told::There(address, life));
            }
            near.get_or_insert(address);
        }
        Some(near.map_or(Told::Nothing, Told::Near))
    }

    /// The addresses in an answer to this question; `None` inside for an error.
    fn records<'m>(&self, id: u16, message: &'m [u8]) -> Option<Option<Records<'m>>> {
        const RESPONSE: u16 = 0x8000;
        const OPCODE: u16 = 0x7800;
        const CODE: u16 = 0x000f;
        let mut reader = Reader(message);
        let [theirs, flags, questions, answers] =
            [reader.short()?, reader.short()?, reader.short()?, reader.short()?];
        reader.skip(4)?;
        let question = reader.take(self.bytes.len())?;
        let ours = theirs == id
            && flags & (RESPONSE | OPCODE) == RESPONSE
            && questions == 1
            && question.eq_ignore_ascii_case(&self.bytes);
        ours.then_some(())?;
        let good = flags & CODE == 0;
        Some(good.then(|| Records { reader, kind: self.kind, left: answers.min(MAX_RECORDS) }))
    }
}

/// Whether it can be the address of another machine: blockers answer with this one's.
const fn is_elsewhere(address: IpAddr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// The addresses of one kind among the answers, with their times to live; it ends where they end too early.
struct Records<'a> {
    reader: Reader<'a>,
    kind: u16,
    left: u16,
}

impl Iterator for Records<'_> {
    type Item = (IpAddr, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            self.reader.skip_name()?;
            let [kind, class] = [self.reader.short()?, self.reader.short()?];
            let life = self.reader.long()?;
            let length = self.reader.short()?;
            let data = self.reader.take(usize::from(length))?;
            if kind != self.kind || class != CLASS_IN {
                continue;
            }
            let address: Option<IpAddr> = match kind {
                A => <[u8; 4]>::try_from(data).ok().map(|octets| Ipv4Addr::from(octets).into()),
                _ => <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            };
            if let Some(address) = address {
                return Some((address, Duration::from_secs(life.into())));
            }
        }
        None
    }
}

/// Reads from the front, and never beyond the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.take(4)?.first_chunk()?))
    }

    /// Passes over a name; a pointer ends it and need not be followed.
    fn skip_name(&mut self) -> Option<()> {
        for _ in 0..MAX_NAME {
            let length = *self.take(1)?.first()?;
            match length {
                0 => return Some(()),
                0xc0.. => return self.skip(1),
                _ if usize::from(length) <= MAX_LABEL => self.skip(usize::from(length))?,
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question() -> Question {
        Question::new("example.com", Family::V4).unwrap()
    }

    /// Answers a query: flags, then records after the question.
    fn answer(query: &[u8], flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut message = query.to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        message.extend(records.concat());
        message
    }

    const V4_RECORD: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
    const CNAME: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 12];
    const V6_RECORD: &[u8] =
        &[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    #[test]
    fn the_query_is_as_rfc_1035_draws_it() {
        let bytes = question().query(0xabcd);
        assert_eq!(bytes[..12], [0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[12..], *b"\x07example\x03com\0\0\x01\0\x01");
    }

    #[test]
    fn answers_are_judged() {
        let question = question();
        let query = question.query(7);
        let judge = |flags, records: &[&[u8]]| question.answer(7, &answer(&query, flags, records));
        assert_eq!(judge(0x8180, &[V4_RECORD]), Some(Answer::Good));
        assert_eq!(judge(0x8180, &[CNAME, V4_RECORD]), Some(Answer::Good));
        assert_eq!(judge(0x8180, &[]), Some(Answer::Bad), "empty");
        assert_eq!(judge(0x8180, &[CNAME]), Some(Answer::Bad), "only an alias");
        assert_eq!(judge(0x8180, &[V6_RECORD]), Some(Answer::Bad), "the other kind");
        assert_eq!(judge(0x8182, &[]), Some(Answer::Bad), "SERVFAIL");
        assert_eq!(judge(0x8183, &[V4_RECORD]), Some(Answer::Bad), "NXDOMAIN");
        assert_eq!(judge(0x8185, &[]), Some(Answer::Bad), "REFUSED");
        assert_eq!(judge(0x8180, &[&V4_RECORD[..9]]), Some(Answer::Bad), "cut short");
        assert_eq!(judge(0x0100, &[V4_RECORD]), None, "a query");
        assert_eq!(question.answer(8, &answer(&query, 0x8180, &[V4_RECORD])), None, "another id");
        let other = Question::new("example.org", Family::V4).unwrap();
        assert_eq!(question.answer(7, &answer(&other.query(7), 0x8180, &[V4_RECORD])), None, "another name");
        let upper = query.to_ascii_uppercase();
        assert_eq!(
            question.answer(7, &answer(&upper, 0x8180, &[V4_RECORD])),
            Some(Answer::Good),
            "letter case"
        );
    }

    #[test]
    fn an_expected_address_must_be_among_the_answers() {
        let expecting = |address: [u8; 4]| question().expecting(Some(address.into()));
        let query = question().query(7);
        let other = [&V4_RECORD[..15], &[9]].concat();
        let judge = |question: Question, flags, records: &[&[u8]]| {
            question.answer(7, &answer(&query, flags, records))
        };
        assert_eq!(judge(expecting([192, 0, 2, 1]), 0x8180, &[CNAME, &other, V4_RECORD]), Some(Answer::Good));
        assert_eq!(judge(expecting([192, 0, 2, 1]), 0x8180, &[&other]), Some(Answer::Other));
        assert_eq!(
            judge(expecting([192, 0, 2, 1]), 0x8180, &[CNAME]),
            Some(Answer::Bad),
            "no address at all"
        );
        assert_eq!(judge(expecting([192, 0, 2, 1]), 0x8183, &[V4_RECORD]), Some(Answer::Bad), "NXDOMAIN");
    }

    #[test]
    fn the_first_address_of_another_machine_is_found_with_its_time_to_live() {
        let question = question();
        let query = question.query(7);
        let near = IpAddr::from([192, 0, 2, 9]);
        let found = |flags, records: &[&[u8]]| {
            question.found(7, &answer(&query, flags, records), |address| address == near)
        };
        let blocked = [&V4_RECORD[..12], &[0, 0, 0, 0]].concat();
        let here = [&V4_RECORD[..12], &[127, 0, 0, 1]].concat();
        let at_this_end = [&V4_RECORD[..12], &[192, 0, 2, 9]].concat();
        let there = Told::There(IpAddr::from([192, 0, 2, 1]), Duration::from_secs(60));
        assert_eq!(found(0x8180, &[CNAME, &blocked, &here, V4_RECORD]), Some(there));
        assert_eq!(found(0x8180, &[&at_this_end, V4_RECORD]), Some(there));
        assert_eq!(found(0x8180, &[&blocked, &at_this_end]), Some(Told::Near(near)));
        assert_eq!(found(0x8180, &[&blocked, &here]), Some(Told::Nothing));
        assert_eq!(found(0x8183, &[V4_RECORD]), Some(Told::Nothing), "NXDOMAIN");
        let other = question.found(8, &answer(&query, 0x8180, &[V4_RECORD]), |_| false);
        assert_eq!(other, None, "another id");
    }

    #[test]
    fn the_family_of_the_server_chooses_the_record() {
        let question = Question::new("example.com", Family::V6).unwrap();
        let query = question.query(7);
        assert_eq!(question.answer(7, &answer(&query, 0x8180, &[V6_RECORD])), Some(Answer::Good));
        assert_eq!(question.answer(7, &answer(&query, 0x8180, &[V4_RECORD])), Some(Answer::Bad));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(Question::new("a..b", Family::V4), None);
        assert_eq!(Question::new(&"a".repeat(64), Family::V4), None);
        assert_eq!(Question::new(&["abcdefg"; 40].join("."), Family::V4), None);
        assert!(Question::new("", Family::V4).is_some(), "the root is a name");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let question = question();
            let _ = question.answer(7, &bytes);
            let mut message = question.query(7);
            message[2] = 0x80;
            message[6..8].copy_from_slice(&[0xff, 0xff]);
            message.extend(bytes);
            prop_assert!(question.answer(7, &message).is_some());
        }
    }
}
