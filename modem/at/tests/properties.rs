//! What must hold for every stream: cutting it changes nothing, and no reply is taken for another's.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

mod model;

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reply_is_taken_for_anothers(bytes in vec(any::<u8>(), 0..1_200)) {
        model::at_conversation(&bytes);
    }

    #[test]
    fn cutting_the_stream_anywhere_gives_the_same(bytes in vec(any::<u8>(), 0..160)) {
        model::at_stream(&bytes);
    }
}

#[test]
fn every_entry_has_a_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let mut targets = BTreeSet::new();
    for file in fs::read_dir(folder.join("fuzz_targets")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("at_") {
            let call = format!("fuzz_target!(|bytes: &[u8]| model::{name}(bytes));");
            assert!(fs::read_to_string(&file).unwrap().contains(&call), "{name}");
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
            targets.insert(name);
        }
    }
    assert_eq!(targets, model::ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
