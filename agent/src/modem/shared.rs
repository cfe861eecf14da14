//! What the modems of the agent know together: which codes of remote control are used up, and what SIM cards were given and
//! carried. Both belong to a secret or to a card, whatever modem it was used with and whatever that was called then.
//!
//! Each modem writes files of its own alone; here what is in all of them is put together, those of modems that the config
//! knows no more among them.

use crate::state_file;
use serde::de::DeserializeOwned;
use shunt_recovery::{Elsewhere, Saved};
use shunt_sms::control;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// A modem's state, and the codes that were used with it, as `<beginning><modem><END>`.
const STATE: &str = "modem-";
const CODES: &str = "codes-";
const END: &str = ".json";

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", file.display())]
pub(super) struct Unread {
    pub(super) file: PathBuf,
    pub(super) source: io::Error,
}

/// All modems' hands on what they know together.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    state_dir: PathBuf,
    codes: Arc<watch::Sender<control::Saved>>,
    /// Of each modem, what it knows of cards.
    cards: Arc<watch::Sender<BTreeMap<String, Elsewhere>>>,
}

impl Shared {
    /// Nothing is known until [`Shared::read`].
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            codes: Arc::new(watch::Sender::default()),
            cards: Arc::new(watch::Sender::default()),
        }
    }

    /// Where the state of a modem is kept.
    pub(super) fn state_file(&self, modem: &str) -> PathBuf {
        self.state_dir.join(format!("{STATE}{modem}{END}"))
    }

    /// Where the codes are kept that were used with a modem.
    pub(super) fn codes_file(&self, modem: &str) -> PathBuf {
        self.state_dir.join(format!("{CODES}{modem}{END}"))
    }

    /// Learns what is in all files. What a modem that runs knows is newer than its file.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(super) fn read(&self) -> Result<(), Unread> {
        for (modem, saved) in self.all::<Saved>(STATE)? {
            self.cards.send_if_modified(|known| {
                let new = !known.contains_key(&modem);
                known.entry(modem).or_insert_with(|| of_cards(&saved));
                new
            });
        }
        for (_, saved) in self.all(CODES)? {
            self.with_codes(|codes| {
                codes.learn(&saved);
                true
            });
        }
        Ok(())
    }

    /// Does something with all codes that are known to be used up, while no other modem does.
    pub(super) fn with_codes(&self, with: impl FnOnce(&mut control::Saved) -> bool) -> bool {
        self.codes.send_if_modified(with)
    }

    /// Tells the others what this modem knows of cards now.
    pub(super) fn tell(&self, modem: &str, saved: &Saved) {
        let new = of_cards(saved);
        self.cards.send_if_modified(|known| {
            let changed = known.get(modem) != Some(&new);
            known.insert(modem.to_owned(), new);
            changed
        });
    }

    /// Says when something is known of cards that was not before.
    pub(super) fn follow(&self) -> watch::Receiver<BTreeMap<String, Elsewhere>> {
        self.cards.subscribe()
    }
}

/// What the other modems know of cards.
pub(super) fn elsewhere(known: &BTreeMap<String, Elsewhere>, modem: &str) -> Elsewhere {
    let mut all = Elsewhere::default();
    for (_, other) in known.iter().filter(|(name, _)| *name != modem) {
        all.pins.extend(other.pins.iter().cloned());
        all.cards.extend(other.cards.iter().cloned());
    }
    all
}

fn of_cards(saved: &Saved) -> Elsewhere {
    Elsewhere { pins: saved.pins.clone(), cards: saved.cards.clone() }
}

impl Shared {
    /// The modems' files with this beginning, by the modems' names.
    fn all<T: DeserializeOwned>(&self, beginning: &str) -> Result<Vec<(String, T)>, Unread> {
        let unread = |file: &Path, source| Unread { file: file.to_owned(), source };
        let entries = match fs::read_dir(&self.state_dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unread(&self.state_dir, error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| unread(&self.state_dir, error))?.path();
            let name = file.file_name().and_then(|name| name.to_str());
            let modem = name.and_then(|name| name.strip_prefix(beginning)?.strip_suffix(END));
            if let Some(modem) = modem
                && let Some(saved) = state_file::load(&file).map_err(|error| unread(&file, error))?
            {
                all.push((modem.to_owned(), saved));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_recovery::CardUsage;
    use shunt_recovery::facts::Iccid;

    fn saved(bytes: u64) -> Saved {
        let iccid = Iccid::parse("8949020000012345678").unwrap();
        Saved { cards: vec![CardUsage { iccid, month: None, bytes }], ..Saved::default() }
    }

    fn bytes(shared: &Shared, modem: &str) -> Vec<u64> {
        elsewhere(&shared.cards.borrow(), modem).cards.iter().map(|card| card.bytes).collect()
    }

    #[test]
    fn what_is_known_of_a_card_is_known_to_all_modems_and_under_all_names() {
        let directory = tempfile::tempdir().unwrap();
        let shared = Shared::new(directory.path());
        shared.read().unwrap();
        // One that had another name once.
        state_file::save(&shared.state_file("before"), &saved(1)).unwrap();
        shared.read().unwrap();
        let mut told = shared.follow();
        assert_eq!((bytes(&shared, "lte"), bytes(&shared, "before")), (vec![1], vec![]));
        shared.tell("lte", &saved(2));
        assert!(told.has_changed().unwrap());
        told.mark_unchanged();
        shared.tell("lte", &saved(2));
        assert!(!told.has_changed().unwrap(), "nothing new");
        // Its file is older than what it told.
        state_file::save(&shared.state_file("lte"), &saved(7)).unwrap();
        shared.read().unwrap();
        assert_eq!(
            (bytes(&shared, "lte"), bytes(&shared, "before"), bytes(&shared, "x")),
            (vec![1], vec![2], vec![1, 2])
        );
        fs::write(shared.state_file("broken"), "{").unwrap();
        assert!(shared.read().unwrap_err().file.ends_with("modem-broken.json"));
    }
}
