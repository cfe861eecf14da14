//! The reader of recordings and the replay, reachable for a fuzzer. Nothing of the agent calls it.

use super::record::{Course, Record};
use super::replay;
use super::segment::{Header, Segment, begin, frame, preface};
use super::tally::Tally;
use super::wire::put_value;
use super::{Recording, Unreadable};
use crate::daemon::core_config;
use shunt_decision::{Failover, PerFamily, Timestamp};
use std::path::Path;

/// Two links, so that there is something to decide.
const CONFIG: &str = "targets = [\"192.0.2.1\", \"2001:db8::1\"]\n\
                      [[link]]\nname = \"a\"\ninterface = \"a0\"\n[[link]]\nname = \"b\"\ninterface = \"b0\"\n";

/// A segment of a recording, and its replay. The first byte says what the rest is: checksums, and what tells an agent its
/// own recordings, are no riddle that chance solves.
pub fn recording(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let mut file = match choice % 4 {
        // What follows the preface.
        0 => preface(),
        // The header.
        1 => preface(),
        _ => beginning(),
    };
    match choice % 4 {
        0 => file.extend(rest),
        1 => {
            frame(rest, &mut file);
            frame(&ended(&[]), &mut file);
        }
        // A block; the records of one.
        2 => frame(rest, &mut file),
        _ => frame(&ended(rest), &mut file),
    }
    if let Err(why) = Segment::parse(bytes) {
        assert!(why != Unreadable::Damaged || bytes.starts_with(&preface()), "it is not even ours");
    }
    let Ok(segment) = Segment::parse(&file) else { return };
    let records = segment.records().count();
    let last = segment.records().last();
    assert!(matches!(last.map(|timed| timed.record), Some(Record::End(_))), "a block has no end");
    if segment.damage.is_none() {
        let torn = Segment::parse(&[&*file, &[0xff]].concat());
        let kept = torn.map(|torn| (torn.damage.is_some(), torn.records().count()));
        assert_eq!(kept, Ok((true, records)), "a torn tail cost what was whole");
    }
    // Whatever comes of it, it comes.
    let _any = replay::same(&Recording { segments: vec![("a".into(), segment)], skipped: Vec::new() });
}

/// Preface and header of a core that was told nothing yet.
fn beginning() -> Vec<u8> {
    let Ok(config) = shunt_config::parse(CONFIG, Path::new("fuzz.toml")) else { return Vec::new() };
    let (config, at, seed) = (core_config(&config), Timestamp::from_nanos(1), 1);
    let core = Failover::new(config.clone(), seed, at);
    let mut checkpoint = Vec::new();
    put_value(&mut checkpoint, &core);
    begin(&Header {
        run: 1,
        sequence: 0,
        lost: 0,
        at,
        wall: 1,
        seed,
        targets: vec![vec!["192.0.2.1".to_owned(), "2001:db8::1".to_owned()]; config.links.len()],
        config,
        uplinks: PerFamily { v4: None, v6: None },
        facts: core.facts(),
        tally: Tally::default(),
        checkpoint,
    })
}

/// A block of these records.
fn ended(records: &[u8]) -> Vec<u8> {
    let mut block = records.to_vec();
    Course::put_end(&Tally::default(), &mut block);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carrier and path of a link, two turns of the loop, the interface's counters, two looks at them:
    /// `agent/tests/parsers.rs` breaks them.
    #[test]
    fn records_that_make_sense_are_read() {
        let records = [
            0x31, 5, 0, 0, 1, 6, 0x31, 1, 1, 0, 0, 0, 0x01, 1, 0x03, 0, 0, 9, 0x21, 7, 0, 4, 4, 0x82, 18, 4,
            4, 1, 0, 0, 0x01, 9,
        ];
        let mut file = beginning();
        frame(&ended(&records), &mut file);
        let segment = Segment::parse(&file).unwrap();
        assert_eq!((segment.damage, segment.records().count()), (None, 11));
    }
}
