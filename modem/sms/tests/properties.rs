//! What must hold for any text and any octets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers are part of the test"
)]

use proptest::prelude::*;
use shunt_sms::pdu::{Draft, Incoming, Reference, Submit};
use shunt_sms::{Address, Body, Content, Flaws, fuzz};
use std::fs;
use std::path::Path;

fn draft(text: &str) -> Draft {
    Draft {
        recipient: Address::recipient("+491711234567").unwrap(),
        text: text.to_owned(),
        report: true,
        validity: None,
    }
}

fn again(submit: &Submit) -> Submit {
    match Incoming::from_hex(&submit.to_hex()).unwrap() {
        Incoming::Submit(submit) => submit,
        other => panic!("{other:?}"),
    }
}

/// Messages of each kind, to be broken.
const WHOLE: [&str; 4] = [
    "07911356131313F64004850120390011609232239180A006080400100201D7327BFD6EB340E2321BF46E83EA7790F59D1E97DBE1341B442F",
    "07919730071111F10414D04937BD2C7797E9D3E614000811309291024061080442043504410442",
    "0006D60B911326880736F4111011719551401110117195714000",
    "0041010C910661345542F60008A0050003000301306F3044",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_as_it_was_written(
        text in prop_oneof!["\\PC{0,600}", "[ -~€\\[\\]{}äß\n]{0,700}", "[а-я😁]{0,300}"],
        reference in any::<u16>(),
        wide in any::<bool>(),
    ) {
        let reference =
            if wide { Reference::Wide(reference) } else { Reference::Narrow(reference.to_le_bytes()[0]) };
        let parts = draft(&text).parts(reference).unwrap();
        let read: Vec<Submit> = parts.iter().map(again).collect();
        prop_assert_eq!(&read, &parts);
        // 164 octets are the longest TPDU (23.040 9.2.3.16 with its longest head).
        prop_assert!(parts.iter().all(|part| part.length() <= 164));
        // Each part is whole by itself, and all together are the text.
        for part in &read {
            prop_assert_eq!(part.body().read().1, Flaws::default());
        }
        let whole = Body::join(read.iter().map(|part| Some(part.body())));
        prop_assert_eq!(whole, (Content::Text(text), Flaws::default()));
    }

    #[test]
    fn no_octets_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz::sms(&bytes);
        fuzz::sms_command(&bytes);
    }

    #[test]
    fn no_broken_message_panics(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
    ) {
        let hex = which.get(&WHOLE);
        let mut bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        fuzz::sms(&bytes);
    }

    #[test]
    fn no_words_panic(text in "(status|FORCE|release|[a-z]{1,8}) ?[a-z0-9.]{0,8} ?[0-9]{0,7} ?[0-9]{0,9}") {
        fuzz::sms_command(text.as_bytes());
    }
}

#[test]
fn every_entry_has_a_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in ["sms", "sms_command"] {
        let target = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("shunt_sms::fuzz::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
