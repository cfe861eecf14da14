//! Whatever is in a file, it gives a configuration or faults: never a panic.

use crate::{LoadError, load, parse};
use proptest::prelude::*;
use std::path::Path;

const REFERENCE: &str = include_str!("../../shunt.toml");

/// What the faults promise of themselves; an outcome either way is fine.
fn survives(text: &str) {
    if let Err(faults) = parse(text, Path::new("noise.toml")) {
        let listed = faults.as_slice();
        assert!(!listed.is_empty() && listed.len() <= 64);
        assert!(listed.is_sorted_by_key(|fault| (fault.line, fault.column)));
        for fault in listed {
            assert!(fault.line >= 1 && fault.line <= text.matches('\n').count() + 1);
            assert!(!fault.why.is_empty() && !fault.mend.is_empty());
        }
        let shown = faults.to_string();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_text_of_the_letters_of_toml(text in "[\\[\\]{}=.,\"'# \\n\\\\a-c0-9:/%é-]{0,80}") {
        survives(&text);
    }

    #[test]
    fn any_value_of_any_key(pick in any::<prop::sample::Index>(), value in "[ -~é]{0,20}", bare in any::<bool>()) {
        let lines: Vec<_> = REFERENCE.lines().filter(|line| line.contains(" = ")).collect();
        let line = lines[pick.index(lines.len())];
        let key = line.split(" = ").next().unwrap_or_default();
        let value = if bare { value } else { format!("{value:?}") };
        survives(&REFERENCE.replace(line, &format!("{} = {value}", key.trim_start_matches('#'))));
    }

    #[test]
    fn any_piece_of_the_reference_replaced(
        from in any::<prop::sample::Index>(), length in 0usize..60, piece in any::<String>(),
    ) {
        let start = REFERENCE.floor_char_boundary(from.index(REFERENCE.len()));
        let end = REFERENCE.floor_char_boundary((start + length).min(REFERENCE.len()));
        survives(&format!("{}{piece}{}", &REFERENCE[..start], &REFERENCE[end..]));
    }
}

#[test]
fn deep_nests_and_long_numbers_do_no_harm() {
    survives(&format!("a{} = 1", ".a".repeat(2000)));
    survives(&format!("a{} = 1", ".a".repeat(100_000)));
    survives(&format!("a = {}{}", "[".repeat(2000), "]".repeat(2000)));
    survives("[probe]\ninterval = \"18446744073709551615s1000ms\"");
    survives("[kernel]\nmark_mask = 0xffffffffffffffffffffffff\n[limits]\nloss = nan");
    survives("\u{feff}[probe]\r\ninterval = \"1s\"\r\n");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shunt.toml");
    let message = |path: &Path| load(path).unwrap_err().to_string();
    assert!(message(&path).contains("cannot be read") && message(&path).contains("--config FILE"));
    assert!(matches!(load(directory.path()), Err(LoadError::Unreadable { .. })));
    std::fs::write(&path, b"# good\n# \xff\n").unwrap();
    assert!(message(&path).contains("shunt.toml:2: the line is not UTF-8"), "{}", message(&path));
    std::fs::write(&path, "#\n".repeat(200_000)).unwrap();
    assert!(message(&path).contains("longer than 262144 bytes"));
    std::fs::write(&path, super::TWO_LINKS).unwrap();
    assert_eq!(load(&path).unwrap(), super::valid(super::TWO_LINKS));
    std::fs::write(&path, "").unwrap();
    assert!(message(&path).contains("there is no link"));
}
