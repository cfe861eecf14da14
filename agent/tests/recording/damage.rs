//! Recordings that were cut off, damaged, of another version, or made up: never a panic, never the memory.

use super::small;
use crc::{CRC_32_ISO_HDLC, Crc};
use proptest::prelude::*;
use shunt::recording::replay;
use shunt::recording::{Damage, OpenError, Recording, Segment, Unreadable, open};
use std::sync::LazyLock;

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(small);

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Where each frame begins and ends: its head, and its payload.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = 19 + usize::from(bytes[18]);
    let mut frames = Vec::new();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        frames.push((at, at + 8 + length));
        at += 8 + length;
    }
    frames
}

/// Makes all checksums right again.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    for (begin, end) in frames(&SMALL) {
        if end <= bytes.len() {
            let checksum = CRC.checksum(&bytes[begin + 8..end]);
            bytes[begin + 4..begin + 8].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    bytes
}

fn recording(segment: Segment) -> Recording {
    Recording { segments: vec![("a".into(), segment)], skipped: Vec::new() }
}

/// Whatever comes of it, it comes.
fn replay(bytes: &[u8]) -> Option<Recording> {
    let recording = recording(Segment::parse(bytes).ok()?);
    let _any = replay::same(&recording);
    Some(recording)
}

#[test]
fn a_torn_tail_costs_the_last_block_only() {
    let frames = frames(&SMALL);
    let (last, end) = *frames.last().unwrap();
    let whole = Segment::parse(&SMALL).unwrap();
    assert_eq!(whole.damage, None);
    for cut in [last + 1, last + 7, last + 8, end - 1] {
        let segment = Segment::parse(&SMALL[..cut]).unwrap();
        assert_eq!(segment.damage, Some(Damage::Torn { bytes: cut - last }));
        let report = replay::same(&recording(segment)).unwrap();
        assert_eq!(report.same.unwrap().difference, None);
        assert!(report.holes[0].contains("was cut off"), "{:?}", report.holes);
    }
    // Blocks that the file system has given but not filled.
    let mut zeroes = SMALL.clone();
    zeroes.resize(end + 4_096, 0);
    assert!(Segment::parse(&zeroes).unwrap().damage.is_some());
}

#[test]
fn a_damaged_block_ends_what_is_replayed() {
    let frames = frames(&SMALL);
    assert!(frames.len() > 4, "{frames:?}");
    let mut damaged = SMALL.clone();
    damaged[frames[2].0 + 20] ^= 1;
    let segment = Segment::parse(&damaged).unwrap();
    assert_eq!(segment.damage, Some(Damage::Block { block: 2, bytes: SMALL.len() - frames[2].0 }));
    assert_eq!(replay::same(&recording(segment)).unwrap().same.unwrap().difference, None);
    damaged[frames[1].0 + 20] ^= 1;
    assert_eq!(Segment::parse(&damaged).unwrap_err(), Unreadable::Damaged);
}

#[test]
fn strangers_and_other_versions_are_told_apart() {
    assert_eq!(Segment::parse(b"").unwrap_err(), Unreadable::Foreign);
    assert_eq!(Segment::parse(b"\x7fELF and so on, and so on").unwrap_err(), Unreadable::Foreign);
    assert_eq!(Segment::parse(&SMALL[..12]).unwrap_err(), Unreadable::Empty);
    assert_eq!(Segment::parse(&SMALL[..frames(&SMALL)[0].1]).unwrap_err(), Unreadable::Empty);
    for place in [8, 10] {
        let mut newer = SMALL.clone();
        newer[place] ^= 0x40;
        let error = Segment::parse(&newer).unwrap_err();
        assert_eq!(error, Unreadable::OtherVersion { agent: env!("CARGO_PKG_VERSION").into() });
    }
}

#[test]
fn a_directory_is_read_as_far_as_it_goes() {
    let home = tempfile::tempdir().unwrap();
    assert!(matches!(open(home.path()), Err(OpenError::None { .. })));
    assert!(matches!(open(&home.path().join("none")), Err(OpenError::Io { .. })));
    std::fs::write(home.path().join("0000000001.shuntrec"), "#!/bin/sh").unwrap();
    let error = open(home.path()).unwrap_err().to_string();
    assert!(error.ends_with("it is not a recording of shunt"), "{error}");
    std::fs::write(home.path().join("0000000002.shuntrec"), &*SMALL).unwrap();
    std::fs::write(home.path().join("notes.txt"), "hello").unwrap();
    let recording = open(home.path()).unwrap();
    assert_eq!((recording.segments.len(), recording.skipped.len()), (1, 1));
    assert!(replay::same(&recording).unwrap().holes[0].starts_with("0000000001.shuntrec is left out"));
}

/// Another action at one place: the replay says where it parts.
#[test]
fn a_difference_is_named() {
    let (begin, end) = frames(&SMALL)[2];
    // The first reply: a round trip that was not.
    let place = (begin + 8..end).find(|place| SMALL[*place] >> 4 == 1 && *place > begin + 40).unwrap();
    let changed = (place + 1..place + 12).find_map(|place| {
        let mut changed = SMALL.clone();
        changed[place] ^= 0x10;
        let recording = recording(Segment::parse(&sealed(changed)).ok().filter(|s| s.damage.is_none())?);
        replay::same(&recording).ok()?.same?.difference
    });
    let difference = changed.unwrap();
    assert!(difference.at.ends_with('Z') && !difference.how.is_empty(), "{difference:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let mut framed = SMALL[..frames(&SMALL)[0].1].to_vec();
        framed.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        framed.extend(CRC.checksum(&bytes).to_le_bytes());
        framed.extend(&bytes);
        prop_assert!(replay(&bytes).is_none());
        let _ = replay(&framed);
    }

    /// Bytes changed anywhere, with wrong and with right checksums.
    #[test]
    fn any_change_is_survived(changes in proptest::collection::vec((0..SMALL.len(), any::<u8>()), 1..6), cut in 0..SMALL.len(), cuts: bool, seal: bool) {
        let mut bytes = SMALL.clone();
        for (place, byte) in changes {
            // Lengths are left alone half the time, so that the change is read as what it is.
            let in_head = frames(&SMALL).iter().any(|(begin, _)| (*begin..begin + 8).contains(&place));
            if !(seal && in_head) {
                bytes[place] = byte;
            }
        }
        if seal {
            bytes = sealed(bytes);
        }
        if cuts {
            bytes.truncate(cut);
        }
        let _ = replay(&bytes);
    }

    /// The state of the core is the most delicate part: it is changed alone.
    #[test]
    fn any_state_is_survived(changes in proptest::collection::vec((0.0..1.0, any::<u8>()), 1..4)) {
        let (begin, end) = frames(&SMALL)[0];
        let mut bytes = SMALL.clone();
        for (part, byte) in changes {
            let place = begin + 8 + ((end - begin - 8) as f64 * part) as usize;
            bytes[place] = byte;
        }
        let _ = replay(&sealed(bytes));
    }
}
