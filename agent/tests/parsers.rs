//! What strangers send to probes, and what a disk has kept: the entries of the fuzz targets, with bytes by chance and with answers that are broken
//! by chance, so that the targets cannot rot unseen.

#![allow(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use shunt::fuzz::ENTRIES;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Answers that are believed, so that what follows the first checks is reached.
const ANSWERS: [(&str, &[u8]); 12] = [
    // The records of a good answer, of A and of AAAA; an alias before the address.
    ("dns_answer", &[2, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]),
    (
        "dns_answer",
        b"\x03\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
    ),
    ("dns_answer", b"\x02\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01x\xc0\x0c\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01"),
    // Echo replies: ICMPv4, ICMPv6.
    ("echo_reply", &[0, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]),
    ("echo_reply", &[129, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]),
    // An ARP reply of 192.0.2.1 to 127.0.0.1.
    (
        "neighbour",
        &[0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1],
    ),
    // A UDP datagram.
    (
        "packet",
        &[
            0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 127, 0, 0, 1, 0, 53, 192, 0, 0, 12, 0, 0, 1,
            2, 3, 4,
        ],
    ),
    // A page with a mark, whole and in pieces; its second line on; one without a body.
    ("page", b"\x02HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n.mark."),
    ("page", b"\x02HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n.ma\r\n2\r\nrk\r\n0\r\n\r\n"),
    ("page", b"\x06Server: x\r\nContent-Length: 4\r\n\r\nmark"),
    ("page", b"\x01HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
    // The records of a block: carrier, path, turns of the loop, the interface's counters, looks at them.
    (
        "recording",
        &[
            3, 0x31, 5, 0, 0, 1, 6, 0x31, 1, 1, 0, 0, 0, 0x01, 1, 0x03, 0, 0, 9, 0x21, 7, 0, 4, 4, 0x82, 18, 4,
            4, 1, 0, 0, 0x01, 9,
        ],
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_believed_for_what_they_are_not(bytes in vec(any::<u8>(), 0..600)) {
        for (_, entry) in ENTRIES {
            entry(&bytes);
        }
    }

    /// Some bytes are others, the end is cut off or goes on.
    #[test]
    fn no_broken_answer_is_believed_for_what_it_is_not(
        answer in 0..ANSWERS.len(),
        others in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        more in vec(any::<u8>(), 0..64),
    ) {
        let (name, bytes) = ANSWERS[answer];
        let mut bytes = [bytes, &more].concat();
        for (place, byte) in others {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len() + 1));
        for (_, entry) in ENTRIES.into_iter().filter(|(entry, _)| *entry == name) {
            entry(&bytes);
        }
    }
}

#[test]
fn every_entry_has_answers_and_a_fuzz_target_and_every_target_an_entry() {
    let entries: BTreeSet<String> = ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(ANSWERS.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>(), entries);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let mut targets = BTreeSet::new();
    for file in fs::read_dir(folder.join("fuzz_targets")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if !fs::read_to_string(&file).unwrap().contains("shunt::fuzz") {
            // Of another crate, whose tests look after it.
            continue;
        }
        let call = format!("fuzz_target!(|bytes: &[u8]| shunt::fuzz::{name}(bytes));");
        assert!(fs::read_to_string(&file).unwrap().contains(&call), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        targets.insert(name);
    }
    assert_eq!(targets, entries);
}
