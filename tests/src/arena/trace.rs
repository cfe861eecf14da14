//! Delivery traces in Mahimahi's format: what a real cellular link could carry, and when it could not.
//!
//! Each line is a time in milliseconds from the start of the recording at which the link could carry one packet of
//! 1,500 bytes; the recording repeats when its last time has passed (R. Netravali et al., "Mahimahi: Accurate
//! Record-and-Replay for HTTP", USENIX ATC 2015). A file that ends in `.gz` is decompressed.

use super::weather::Span;
use crate::error::{Doing, LabError, Result};
use flate2::read::MultiGzDecoder;
use shunt_decision::Timestamp;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longest text of a trace: a link of 100 Mbit/s for more than an hour.
const MAX_TEXT: u64 = 256 * 1024 * 1024;
const NANOS_A_MILLI: u64 = 1_000_000;

/// The moments at which one direction of a link could carry a packet, for ever repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// Milliseconds from the start, ascending, each once.
    times: Vec<u32>,
    period: u64,
}

impl Deliveries {
    /// Reads the text of a trace; `name` is what a fault calls it.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or is not a trace: the line and what is wrong with it.
    pub fn parse(text: impl Read, name: &str) -> Result<Self> {
        let reading = || format!("the trace {name}");
        let garbled = |fault: String| LabError::Garbled { reading: reading(), fault };
        let mut times: Vec<u32> = Vec::new();
        let mut left = BufReader::new(text.take(MAX_TEXT + 1));
        let (mut line, mut bytes) = (String::new(), 0);
        for number in 1_u64.. {
            line.clear();
            let length =
                left.read_line(&mut line).doing(|| format!("read line {number} of {}", reading()))?;
            if length == 0 {
                break;
            }
            bytes += length as u64;
            if bytes > MAX_TEXT {
                return Err(garbled(format!("it is longer than {MAX_TEXT} bytes; cut it")));
            }
            let time: u32 = line.trim_end().parse().map_err(|_| {
                let shown: String = line.trim_end().chars().take(40).collect();
                garbled(format!("line {number} is not a time in milliseconds: {shown:?}"))
            })?;
            match times.last() {
                Some(last) if *last > time => {
                    return Err(garbled(format!(
                        "line {number} goes back in time, from {last} to {time} ms"
                    )));
                }
                Some(last) if *last == time => {}
                Some(_) | None => times.push(time),
            }
        }
        match times.last() {
            None => Err(garbled("it is empty".into())),
            Some(0) => Err(garbled("it lasts no time at all".into())),
            Some(last) => Ok(Self { period: u64::from(*last) * NANOS_A_MILLI, times }),
        }
    }

    /// The first moment from `at` on at which a packet passes.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Timestamp {
        let into = at.as_nanos() % self.period;
        let base = at.as_nanos() - into;
        let place = self.times.partition_point(|time| u64::from(*time) * NANOS_A_MILLI < into);
        let wait = self.times.get(place).map_or(self.period, |time| u64::from(*time) * NANOS_A_MILLI);
        Timestamp::from_nanos(base + wait)
    }

    /// The times until `end` in which nothing passed for at least `shortest`. A packet that passes takes a millisecond,
    /// so that two gaps with one packet between them stay two.
    #[must_use]
    pub fn gaps(&self, shortest: Duration, end: Timestamp) -> Vec<Span> {
        let mut each = Vec::new();
        let mut before = 0;
        for time in self.times.iter().map(|time| u64::from(*time) * NANOS_A_MILLI) {
            let free = before + NANOS_A_MILLI;
            if u128::from(time.saturating_sub(free)) >= shortest.as_nanos() {
                each.push((free, time));
            }
            before = time;
        }
        let rounds = end.as_nanos() / self.period + 1;
        let bases = (0..rounds).map(|round| round * self.period);
        bases
            .flat_map(|base| each.iter().map(move |(from, to)| (base + from, base + to)))
            .map(|(from, to)| Span { from: Timestamp::from_nanos(from), to: Timestamp::from_nanos(to) })
            .take_while(|span| span.from < end)
            .collect()
    }
}

/// Both directions of a recorded link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The files' name without direction and ending.
    pub name: String,
    /// From the user.
    pub up: Deliveries,
    /// Towards the user.
    pub down: Deliveries,
}

/// Reads traces: pairs of files `NAME.up` and `NAME.down`, with or without `.gz`, or folders of such. Of a folder,
/// files with other names are left alone.
///
/// # Errors
/// When a file cannot be read or is not a trace, when a direction is missing, and when nothing is found.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Arc<Trace>>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).doing(|| format!("read the folder {}", path.display()))?;
            let found: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.extend(found.into_iter().filter(|path| direction(path).is_some()));
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() && !paths.is_empty() {
        return Err(unusable("the folders given", "there is no NAME.up or NAME.down in them"));
    }
    let mut named = Vec::new();
    for file in &files {
        let Some((name, up)) = direction(file) else {
            let fault = "a trace is called NAME.up or NAME.down, with or without .gz";
            return Err(unusable(&file.display().to_string(), fault));
        };
        named.push((name, up, read(file)?));
    }
    named.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut traces = Vec::new();
    let mut left = named.into_iter().peekable();
    while let Some((name, is_up, first)) = left.next() {
        match left.next_if(|(other, up, _)| *other == name && *up && !is_up) {
            Some((_, _, up)) => traces.push(Arc::new(Trace { name, up, down: first })),
            None => {
                let missing = if is_up { "down" } else { "up" };
                return Err(unusable(
                    &name,
                    &format!("its other direction is missing: name {name}.{missing} too"),
                ));
            }
        }
    }
    Ok(traces)
}

fn unusable(name: &str, fault: &str) -> LabError {
    LabError::Garbled { reading: format!("the trace {name}"), fault: fault.into() }
}

/// A trace's name, and whether it is the direction from the user.
fn direction(path: &Path) -> Option<(String, bool)> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    match name.rsplit_once('.')? {
        (name, "up") => Some((name.into(), true)),
        (name, "down") => Some((name.into(), false)),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Deliveries> {
    let name = path.display().to_string();
    let file = File::open(path).doing(|| format!("open the trace {name}"))?;
    if path.extension().is_some_and(|ending| ending == "gz") {
        Deliveries::parse(MultiGzDecoder::new(BufReader::new(file)), &name)
    } else {
        Deliveries::parse(file, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const fn ms(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * NANOS_A_MILLI)
    }

    #[test]
    fn a_packet_waits_for_the_next_opportunity_and_the_recording_repeats() {
        let trace = Deliveries::parse(&b"0\n5\n5\n5\n305\n1000\n"[..], "tiny").unwrap();
        assert_eq!(trace.next(ms(0)), ms(0));
        assert_eq!(trace.next(ms(1)), ms(5));
        assert_eq!(trace.next(ms(5)), ms(5));
        assert_eq!(trace.next(ms(6)), ms(305));
        assert_eq!(trace.next(ms(999)), ms(1000));
        assert_eq!(trace.next(ms(7_001)), ms(7_005));
        let gaps = trace.gaps(Duration::from_millis(299), ms(2_000));
        let spans: Vec<_> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(
            spans,
            [(ms(6), ms(305)), (ms(306), ms(1000)), (ms(1006), ms(1305)), (ms(1306), ms(2000))]
        );
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        let fault = |text: &str| Deliveries::parse(text.as_bytes(), "x").unwrap_err().to_string();
        assert_eq!(fault("1\n2\nabc\n"), "read the trace x: line 3 is not a time in milliseconds: \"abc\"");
        assert_eq!(fault("5\n4\n"), "read the trace x: line 2 goes back in time, from 5 to 4 ms");
        assert_eq!(fault(""), "read the trace x: it is empty");
        assert_eq!(fault("0\n0\n"), "read the trace x: it lasts no time at all");
        assert!(Deliveries::parse(&[0xff, 0xfe, 0x0a][..], "x").is_err());
    }

    #[test]
    fn pairs_are_found_in_a_folder_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut packed =
            GzEncoder::new(File::create(folder.path().join("a.up.gz")).unwrap(), Compression::fast());
        packed.write_all(b"1\n2\n").unwrap();
        packed.finish().unwrap();
        std::fs::write(folder.path().join("a.down"), "3\n").unwrap();
        std::fs::write(folder.path().join("README.md"), "no trace").unwrap();
        let traces = load(&[folder.path().to_owned()]).unwrap();
        assert_eq!(traces.len(), 1);
        assert_eq!(traces[0].name, "a");
        assert_eq!(traces[0].up.times, [1, 2]);
        assert_eq!(traces[0].down.times, [3]);

        std::fs::remove_file(folder.path().join("a.down")).unwrap();
        let missing = load(&[folder.path().join("a.up.gz")]).unwrap_err().to_string();
        assert_eq!(missing, "read the trace a: its other direction is missing: name a.down too");
        std::fs::write(folder.path().join("b.up.gz"), "not compressed").unwrap();
        assert!(load(&[folder.path().join("b.up.gz")]).is_err());
        assert!(load(&[folder.path().join("README.md")]).is_err());
        assert!(load(&[folder.path().join("c.up")]).is_err());
    }
}
