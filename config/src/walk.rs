//! Walks the parsed file and collects every fault on the way, each with its place. A value that is at
//! fault is replaced by its default, so that the walk goes on to the next.

use crate::fault::{Fault, Faults};
use crate::keys;
use crate::values::{Complaint, Parsed, quoted};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// A key in the file: what to point at, and what to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) span: Range<usize>,
    pub(crate) key: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Default,
    Written(Place),
    Refused,
}

/// A value, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    origin: Origin,
}

impl<T> Setting<T> {
    /// A value that the file does not name.
    pub(crate) const fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Where the file names it; `None` for a default, and for a value that was refused.
    pub(crate) const fn place(&self) -> Option<&Place> {
        match &self.origin {
            Origin::Written(place) => Some(place),
            Origin::Default | Origin::Refused => None,
        }
    }

    /// Whether the value was refused, so that nothing may be concluded from it.
    pub(crate) const fn refused(&self) -> bool {
        matches!(self.origin, Origin::Refused)
    }
}

/// The place to blame when two values do not go together: the one that comes later in the file.
/// `None` when there is none or a value was refused already.
pub(crate) fn later<'p, A, B>(a: &'p Setting<A>, b: &'p Setting<B>) -> Option<&'p Place> {
    if a.refused() || b.refused() {
        return None;
    }
    [a.place(), b.place()].into_iter().flatten().max_by_key(|place| place.span.start)
}

/// One table of the file, or the absence of it.
#[derive(Debug, Clone)]
pub(crate) struct Section<'t> {
    /// The name in [`keys::SECTIONS`].
    pub(crate) name: &'static str,
    /// The name in faults, such as `probe` or `link "lte".probe`.
    pub(crate) path: String,
    table: Option<&'t DeTable<'t>>,
    /// The header.
    span: Range<usize>,
}

impl<'t> Section<'t> {
    pub(crate) const fn new(
        name: &'static str,
        path: String,
        table: &'t DeTable<'t>,
        span: Range<usize>,
    ) -> Self {
        Self { name, path, table: Some(table), span }
    }

    /// The value of a key and its place.
    pub(crate) fn get(&self, key: &str) -> Option<(&'t DeValue<'t>, Place)> {
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.place(key, value.span())))
    }

    /// The section itself, for what is missing in it.
    pub(crate) fn missing(&self, key: &str) -> Place {
        self.place(key, self.span.clone())
    }

    fn place(&self, key: &str, span: Range<usize>) -> Place {
        let key = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Place { span, key }
    }
}

/// Collects the faults.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    found: Vec<(Place, Complaint)>,
    said: BTreeSet<(usize, String)>,
}

impl Walker {
    /// Notes a fault. One that is mended by the same change in the same place is said once.
    pub(crate) fn fault(&mut self, place: Place, complaint: Complaint) {
        if self.said.insert((place.span.start, complaint.mend.clone())) {
            self.found.push((place, complaint));
        }
    }

    /// Faults noted so far.
    pub(crate) const fn count(&self) -> usize {
        self.found.len()
    }

    /// The section `name` of the whole file.
    pub(crate) fn section<'t>(&mut self, root: &Section<'t>, name: &'static str) -> Section<'t> {
        self.inner(root, name, name)
    }

    /// The section `key` within `outer`; `name` is what it is called in [`keys::SECTIONS`].
    pub(crate) fn inner<'t>(&mut self, outer: &Section<'t>, key: &str, name: &'static str) -> Section<'t> {
        let path = outer.place(key, 0..0).key;
        let mut section = Section { name, path, table: None, span: outer.span.clone() };
        let Some((value, place)) = outer.get(key) else { return section };
        section.span = place.span.clone();
        if let DeValue::Table(table) = value {
            section.table = Some(table);
            self.known_only(&section);
            return section;
        }
        let header = keys::header(name);
        let why = if matches!(value, DeValue::Array(_)) {
            format!("{key} is a list of sections, and there is only one")
        } else {
            format!("{key} is a section, not a value")
        };
        self.fault(
            place,
            Complaint::new(why, format!("write {header} on a line of its own, and its keys below")),
        );
        section
    }

    /// The tables of the list of sections `key` in `outer`, with their headers, at most `most`; whatever is no such list
    /// is a fault. `example` is a mend that shows one.
    pub(crate) fn list<'t>(
        &mut self,
        outer: &Section<'t>,
        key: &str,
        most: usize,
        example: &str,
    ) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
        let Some((value, place)) = outer.get(key) else { return Vec::new() };
        let DeValue::Array(entries) = value else {
            let mend = "write its header with double brackets, once for each";
            self.fault(place, Complaint::new(format!("{key} is a list of sections"), mend));
            return Vec::new();
        };
        if entries.len() > most {
            let why = format!("{} of {key} are too many", entries.len());
            self.fault(place.clone(), Complaint::new(why, format!("keep at most {most}")));
        }
        let mut tables = Vec::new();
        for entry in entries.iter().take(most) {
            match entry.get_ref() {
                DeValue::Table(table) => tables.push((table, entry.span())),
                _ => {
                    let place = Place { span: entry.span(), key: place.key.clone() };
                    self.fault(place, Complaint::new(format!("this is no section of {key}"), example));
                }
            }
        }
        tables
    }

    /// Reads one key; absent, it is `default`.
    pub(crate) fn read<'t, T>(
        &mut self,
        section: &Section<'t>,
        key: &str,
        default: T,
        parse: impl FnOnce(&DeValue<'_>) -> Parsed<T>,
    ) -> Setting<T> {
        self.override_of(section, key, Setting::default(default), parse)
    }

    /// Reads one key that overrides `general`.
    pub(crate) fn override_of<'t, T>(
        &mut self,
        section: &Section<'t>,
        key: &str,
        general: Setting<T>,
        parse: impl FnOnce(&DeValue<'_>) -> Parsed<T>,
    ) -> Setting<T> {
        let Some((value, place)) = section.get(key) else { return general };
        match parse(value) {
            Ok(value) => Setting { value, origin: Origin::Written(place) },
            Err(complaint) => {
                self.fault(place, complaint);
                Setting { value: general.value, origin: Origin::Refused }
            }
        }
    }

    /// Refuses every key that the section does not know.
    pub(crate) fn known_only(&mut self, section: &Section<'_>) {
        let known = keys::names(section.name);
        for key in section.table.iter().flat_map(|table| table.keys()) {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let place = section.place(&shown(name), key.span());
            self.fault(place, unknown(name, section.name, &known));
        }
    }

    /// All faults in the order of the file.
    pub(crate) fn into_faults(mut self, text: &str, file: &Path) -> Option<Faults> {
        self.found.sort_by_key(|(place, _)| place.span.start);
        Faults::new(
            self.found.into_iter().map(|(place, complaint)| locate(text, file, place, complaint)).collect(),
        )
    }
}

/// A key as it is shown: a name as it is, anything else in quotes.
fn shown(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain && key.len() <= crate::values::MAX_SHOWN { key.to_owned() } else { quoted(key) }
}

fn unknown(key: &str, section: &'static str, known: &[&'static str]) -> Complaint {
    let subject = if section.is_empty() { "the top of the file".to_owned() } else { keys::header(section) };
    let why = format!("{} is not a key of {subject}", shown(key));
    let mend = if let Some(home) = keys::home(key, section) {
        format!("move it to {home}")
    } else if let Some(nearest) = keys::nearest(key, known) {
        format!("did you mean {nearest}?")
    } else {
        format!("remove it; known here: {}", known.join(", "))
    };
    Complaint::new(why, mend)
}

/// Turns a span into a line and a column.
fn locate(text: &str, file: &Path, place: Place, complaint: Complaint) -> Fault {
    let start = floor(text, place.span.start);
    let end = floor(text, place.span.end).max(start);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let excerpt = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let meant = text.get(start..end).and_then(|meant| meant.lines().next()).unwrap_or_default();
    Fault {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        key: place.key,
        why: complaint.why,
        mend: complaint.mend,
        excerpt: excerpt.to_owned(),
        width: meant.chars().count().max(1),
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}
