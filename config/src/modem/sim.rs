//! The SIMs of a modem, and what each provider wants.

use super::{BearerAuth, Sim, small};
use crate::budget::amount;
use crate::keys::MODEM_SIM;
use crate::values::{Complaint, Parsed, path, quoted, text, word};
use crate::walk::{Section, Setting, Walker, later};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::DeValue;

/// No modem has more.
const MAX_SIMS: usize = 4;

/// Slots as modems count them, some from 0.
const SLOTS: RangeInclusive<i64> = 0..=4;

/// Days that every month has.
const BILLING_DAYS: RangeInclusive<i64> = 1..=28;
const BILLING_DAY: u8 = 1;

/// Longest name of an access point in octets (3GPP TS 23.003 9.1).
const MAX_APN: usize = 100;

/// Longest name that modems are known to take for a login.
const MAX_USER: usize = 64;

const EXAMPLE: &str = "add [[modem.sim]] with slot = 1 below it";

const AUTHS: &[(&str, BearerAuth)] =
    &[("none", BearerAuth::None), ("pap", BearerAuth::Pap), ("chap", BearerAuth::Chap)];

/// What `[[modem]]` and `[[modem.sim]]` may both say.
#[derive(Debug, Clone)]
struct SimSettings {
    pin_file: Setting<Option<PathBuf>>,
    apn: Setting<Option<String>>,
    user: Setting<Option<String>>,
    password_file: Setting<Option<PathBuf>>,
    auth: Setting<BearerAuth>,
    allowance: Setting<Option<u64>>,
    billing_day: Setting<u8>,
}

/// Reads all SIMs; without any in the file there is the one that is in.
pub(super) fn sims<'t>(walk: &mut Walker, modem: &Section<'t>) -> Vec<Sim> {
    let general = SimSettings::defaults().overlaid(walk, modem);
    let tables = walk.list(modem, "sim", MAX_SIMS, EXAMPLE);
    if tables.is_empty() {
        general.check(walk);
        return vec![general.sim(None)];
    }
    let several = tables.len() > 1;
    let mut slots: Vec<u8> = Vec::new();
    let mut sims = Vec::new();
    for (index, (table, span)) in tables.into_iter().enumerate() {
        let path = format!("{}.sim[{}]", modem.path, index + 1);
        let section = Section::new(MODEM_SIM, path, table, span);
        walk.known_only(&section);
        let slot = walk.read(&section, "slot", None, |value| small(SLOTS, value).map(Some));
        if several && section.get("slot").is_none() {
            let why = "of several SIMs each needs its slot";
            walk.fault(section.missing("slot"), Complaint::new(why, "add slot, as the modem counts: 1 or 2"));
        }
        if let (Some(place), Some(number)) = (slot.place(), slot.value) {
            if slots.contains(&number) {
                let why = format!("another SIM is in slot {number}");
                walk.fault(place.clone(), Complaint::new(why, "give each SIM a slot of its own"));
            }
            slots.push(number);
        }
        let own = general.clone().overlaid(walk, &section);
        own.check(walk);
        sims.push(own.sim(slot.value));
    }
    sims
}

impl SimSettings {
    const fn defaults() -> Self {
        Self {
            pin_file: Setting::default(None),
            apn: Setting::default(None),
            user: Setting::default(None),
            password_file: Setting::default(None),
            auth: Setting::default(BearerAuth::None),
            allowance: Setting::default(None),
            billing_day: Setting::default(BILLING_DAY),
        }
    }

    /// The section's keys over `self`.
    fn overlaid<'t>(self, walk: &mut Walker, section: &Section<'t>) -> Self {
        let file = |value: &DeValue<'_>| path(value).map(Some);
        let day = |value: &DeValue<'_>| small(BILLING_DAYS, value);
        Self {
            pin_file: walk.override_of(section, "pin_file", self.pin_file, file),
            apn: walk.override_of(section, "apn", self.apn, |value| apn(value).map(Some)),
            user: walk.override_of(section, "user", self.user, |value| user(value).map(Some)),
            password_file: walk.override_of(section, "password_file", self.password_file, file),
            auth: walk.override_of(section, "auth", self.auth, word(AUTHS)),
            allowance: walk.override_of(section, "allowance", self.allowance, |value| {
                amount(value, "\"5 GB\"").map(Some)
            }),
            billing_day: walk.override_of(section, "billing_day", self.billing_day, day),
        }
    }

    /// A login that is not whole.
    fn check(&self, walk: &mut Walker) {
        let Self { user, password_file, auth, .. } = self;
        if [user.refused(), password_file.refused(), auth.refused()].contains(&true) {
            return;
        }
        if user.value.is_some() != password_file.value.is_some() {
            let (missing, given, example) = match user.value {
                Some(_) => ("password_file", "user", "password_file = \"/etc/shunt/apn-password\""),
                None => ("user", "password_file", "user = \"gateway\""),
            };
            if let Some(place) = later(user, password_file) {
                let why = format!("{given} is of no use without {missing}");
                walk.fault(place.clone(), Complaint::new(why, format!("add {example}, or remove {given}")));
            }
        } else if user.value.is_some() != (auth.value != BearerAuth::None)
            && let Some(place) = auth.place().or_else(|| user.place())
        {
            let (why, mend) = match user.value {
                Some(_) => ("a login needs auth", "add auth = \"chap\", or \"pap\" if the provider says so"),
                None => ("auth is of no use without a login", "add user and password_file, or remove auth"),
            };
            walk.fault(place.clone(), Complaint::new(why, mend));
        }
    }

    fn sim(self, slot: Option<u8>) -> Sim {
        Sim {
            slot,
            pin_file: self.pin_file.value,
            apn: self.apn.value,
            user: self.user.value,
            password_file: self.password_file.value,
            auth: self.auth.value,
            allowance: self.allowance.value,
            billing_day: self.billing_day.value,
        }
    }
}

fn apn(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !given.is_empty() && given.len() <= MAX_APN && given.chars().all(fits) {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} is not the name of an access point", quoted(given)),
        "write it as the provider does, such as \"internet\"; without it the subscription's own is used",
    ))
}

fn user(value: &DeValue<'_>) -> Parsed<String> {
    let given = text(value)?;
    // A quote or a backslash would end the command's text early (V.250 5.4.2.2).
    let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\');
    if !given.is_empty() && given.len() <= MAX_USER && given.chars().all(fits) {
        return Ok(given.to_owned());
    }
    Err(Complaint::new(
        format!("{} cannot be sent as a user", quoted(given)),
        format!(
            "write 1 to {MAX_USER} plain letters, digits and signs, without quotes and backslashes in them"
        ),
    ))
}
