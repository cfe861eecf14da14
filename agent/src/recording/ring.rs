//! The files of a recording: a ring of segments of which the oldest makes room for the newest.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What names of segments end in; before it stands their number.
const EXTENSION: &str = "shuntrec";
/// Digits of the number: names in order of their numbers are in order of the alphabet.
const DIGITS: usize = 10;
/// Files at most: agents that start and end every minute leave as many small ones.
const MAX_FILES: usize = 512;
/// Who sees when a branch is used, and over which provider, is the operator's business.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// What is to be written at once.
#[derive(Debug)]
pub(super) struct Job {
    /// The segment that it belongs to, by a number of the recorder's own.
    pub(super) segment: u64,
    /// Bytes that all files may take together.
    pub(super) size: u64,
    /// The beginning of the segment, if this is its first block.
    pub(super) begin: Option<Vec<u8>>,
    /// The block in its frame.
    pub(super) frame: Vec<u8>,
}

/// The files in one directory. One writer has them.
#[derive(Debug)]
pub(super) struct Ring {
    directory: PathBuf,
    /// All segments, the oldest first, with their length. `None` until they were looked for.
    files: Option<VecDeque<(u64, u64)>>,
    current: Option<(u64, File)>,
    /// The newest segment that ever was, as far as is known: numbers only grow.
    newest: u64,
}

impl Ring {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { directory, files: None, current: None, newest: 0 }
    }

    /// Writes a block, durably. After a failure nothing more is written to its segment.
    pub(super) fn write(&mut self, job: Job) -> io::Result<()> {
        let result = self.try_write(job);
        if result.is_err() {
            self.current = None;
            // What lies there is looked at anew, whatever has come of it.
            self.files = None;
        }
        result
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().flatten().map(|(_, length)| length).sum()
    }

    fn try_write(&mut self, job: Job) -> io::Result<()> {
        let mut bytes = job.begin.unwrap_or_default();
        let begins = !bytes.is_empty();
        bytes.extend(job.frame);
        let length = bytes.len() as u64;
        if begins {
            self.current = None;
        }
        self.make_room(length, job.size, begins)?;
        if begins {
            let file = self.create()?;
            self.current = Some((job.segment, file));
        }
        let Some((_, file)) = self.current.as_mut().filter(|(segment, _)| *segment == job.segment) else {
            return Err(io::Error::other("its segment is no longer open"));
        };
        file.write_all(&bytes)?;
        file.sync_data()?;
        if let Some((_, newest)) = self.files.as_mut().and_then(VecDeque::back_mut) {
            *newest += length;
        }
        Ok(())
    }

    /// Removes the oldest segments until `length` bytes fit, but never the one that is being written.
    fn make_room(&mut self, length: u64, size: u64, begins: bool) -> io::Result<()> {
        if self.files.is_none() {
            DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&self.directory)?;
            let mut found = Vec::new();
            for (number, path) in segments(&self.directory)? {
                found.push((number, fs::metadata(path)?.len()));
            }
            self.newest = found.last().map_or(0, |(number, _)| *number).max(self.newest);
            self.files = Some(found.into());
        }
        let directory = self.directory.clone();
        let Some(files) = &mut self.files else { return Ok(()) };
        let kept = usize::from(!begins);
        loop {
            let taken: u64 = files.iter().map(|(_, length)| length).sum();
            let fits = taken.saturating_add(length) <= size && files.len() < MAX_FILES;
            if fits || files.len() <= kept {
                return Ok(());
            }
            let Some((oldest, _)) = files.pop_front() else { return Ok(()) };
            match fs::remove_file(directory.join(name(oldest))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }

    fn create(&mut self) -> io::Result<File> {
        let number = self.newest.saturating_add(1);
        let path = self.directory.join(name(number));
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
        self.newest = number;
        self.files.get_or_insert_default().push_back((number, 0));
        // The names of a directory are data of its own (fsync(2)).
        File::open(&self.directory)?.sync_all()?;
        Ok(file)
    }
}

fn name(number: u64) -> String {
    format!("{number:0DIGITS$}.{EXTENSION}")
}

/// The segments in a directory, the oldest first. Whatever has another name is not ours.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let ours = path.extension().is_some_and(|extension| extension == EXTENSION);
        found.extend(number.filter(|_| ours).map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn job(segment: u64, begin: Option<usize>, frame: usize) -> Job {
        Job { segment, size: 10_000, begin: begin.map(|length| vec![b'h'; length]), frame: vec![b'f'; frame] }
    }

    fn lengths(directory: &Path) -> Vec<(u64, u64)> {
        let found = segments(directory).unwrap();
        found.into_iter().map(|(number, path)| (number, fs::metadata(path).unwrap().len())).collect()
    }

    #[test]
    fn the_oldest_makes_room_and_a_stranger_stays() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("deep/recording");
        let mut ring = Ring::new(directory.clone());
        ring.write(job(1, Some(1_000), 1_000)).unwrap();
        fs::write(directory.join("notes.txt"), vec![0; 50_000]).unwrap();
        ring.write(job(1, None, 2_000)).unwrap();
        ring.write(job(2, Some(1_000), 4_000)).unwrap();
        assert_eq!(lengths(&directory), [(1, 4_000), (2, 5_000)]);
        assert_eq!(ring.bytes(), 9_000);
        ring.write(job(2, None, 1_500)).unwrap();
        assert_eq!(lengths(&directory), [(2, 6_500)]);
        // What is being written stays, even if it is too long by itself.
        ring.write(job(2, None, 9_000)).unwrap();
        assert_eq!(lengths(&directory), [(2, 15_500)]);
        // The next run goes on with the numbers.
        let mut ring = Ring::new(directory.clone());
        ring.write(job(1, Some(10), 10)).unwrap();
        assert_eq!(lengths(&directory), [(3, 20)]);
        assert!(directory.join("notes.txt").exists());
    }

    #[test]
    fn the_segments_and_their_directory_are_their_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("recording");
        Ring::new(directory.clone()).write(job(1, Some(10), 10)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&directory), 0o700);
        for (_, segment) in segments(&directory).unwrap() {
            assert_eq!(mode(&segment), 0o600);
        }
    }

    #[test]
    fn a_segment_that_failed_is_not_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("recording");
        fs::write(&directory, "in the way").unwrap();
        let mut ring = Ring::new(directory.clone());
        assert!(ring.write(job(1, Some(10), 10)).is_err());
        fs::remove_file(&directory).unwrap();
        assert!(ring.write(job(1, None, 10)).is_err());
        ring.write(job(2, Some(10), 10)).unwrap();
        assert_eq!(lengths(&directory), [(1, 20)]);
    }

    #[test]
    fn many_small_ones_are_not_kept_for_ever() {
        let home = tempfile::tempdir().unwrap();
        let mut ring = Ring::new(home.path().to_owned());
        for segment in 0..MAX_FILES as u64 + 20 {
            ring.write(job(segment, Some(1), 1)).unwrap();
        }
        assert_eq!(lengths(home.path()).len(), MAX_FILES);
    }
}
