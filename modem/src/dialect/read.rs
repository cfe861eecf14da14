//! From what lines told to one typed answer, and to what an unsolicited line means.

use super::cell::Cells;
use super::field::Record;
use super::layout::Layout;
use super::units::{Plmn, TenthsOfCelsius};
use super::{Cid, Query};
use shunt_recovery::facts::{
    AccessTechnology, Bearer, Fact, Iccid, IpSettings, Radio, Registration, SimState, Slot, Tries, Usage,
};

/// Lines of one answer that are looked at: more than the longest answer has (a serving cell and some thirty
/// neighbours), and few enough that a modem which does not stop costs nothing.
const MAX_LINES: usize = 128;

/// The digits of an IMEI: 15, or 14 without its check digit, or 16 with the software version (23.003, 6.2).
const IMEI_DIGITS: std::ops::RangeInclusive<usize> = 14..=16;
/// The digits of an IMSI (23.003, 2.2); the shortest in use have 14.
const IMSI_DIGITS: std::ops::RangeInclusive<usize> = 6..=15;

/// The network that serves the modem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operator {
    /// Its name.
    pub name: Option<String>,
    /// Its code.
    pub plmn: Option<Plmn>,
    /// By which technology it serves.
    pub technology: Option<AccessTechnology>,
}

/// The answer to a question; each [`Query`] has one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A text, of [`Query::Manufacturer`], [`Query::Model`], [`Query::Revision`], [`Query::Imei`] and [`Query::Imsi`].
    Text(String),
    /// The card's number.
    Iccid(Iccid),
    /// The radio.
    Radio(Radio),
    /// What the SIM wants.
    Sim(SimState),
    /// Tries left.
    Tries(Tries),
    /// The slot in use.
    Slot(Slot),
    /// Registration in each domain that answered.
    Registrations(Vec<Registration>),
    /// Whether the modem is attached.
    Attached(bool),
    /// The network.
    Operator(Operator),
    /// The cells.
    Cells(Cells),
    /// The highest temperature of the module's sensors.
    Temperature(TenthsOfCelsius),
    /// The context.
    Bearer(Bearer),
    /// The access point as the modem tells it, often with its operator behind it; empty where none is named.
    AccessPoint(String),
    /// What the interface is to be set to.
    Ip(IpSettings),
    /// Bytes.
    Usage(Usage),
}

/// What an unsolicited line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A fact as it stands.
    Fact(Fact),
    /// What the SIM wants.
    Sim(SimState),
    /// How cells are received.
    Cells(Cells),
    /// A context came up or went down.
    Context {
        /// Which; `None` where the line does not say, or means all.
        cid: Option<Cid>,
        /// Whether it is up.
        active: bool,
    },
    /// Something about this changed: ask.
    Ask(Query),
    /// A message has come: the line belongs to whoever reads messages.
    Message,
    /// The modem has switched itself off.
    PoweredOff,
}

/// How a layout's record becomes [`Told`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    Booted,
    PoweredOff,
    Message,
    Ask(Query),
    Registration,
    Radio,
    Sim,
    Cells,
    Context,
    ContextUp,
    ContextDown,
    Detached,
}

/// What `line` means, if it has this layout.
pub(super) fn told(layout: &Layout, means: Means, line: &str) -> Option<Told> {
    let record = layout.read(line)?;
    let context = |active: Option<bool>| {
        let cid = record.cid.filter(|cid| *cid > 0).map(Cid);
        active.map(|active| Told::Context { cid, active })
    };
    match means {
        Means::Booted => Some(Told::Fact(Fact::Booted)),
        Means::PoweredOff => Some(Told::PoweredOff),
        Means::Message => Some(Told::Message),
        Means::Ask(query) => Some(Told::Ask(query)),
        Means::Registration => Some(Told::Fact(Fact::Registration(record.registration?))),
        Means::Radio => Some(Told::Fact(Fact::Radio(Radio::from_code(record.radio?)))),
        Means::Sim => record.sim.map(Told::Sim),
        Means::Cells => {
            let mut cells = Cells::default();
            cells.add(record.cell);
            cells.finish().map(Told::Cells)
        }
        Means::Context => context(record.up.or_else(|| any(record.up4, record.up6))),
        Means::ContextUp => context(Some(true)),
        Means::ContextDown => context(Some(false)),
        Means::Detached => Some(Told::Fact(Fact::Attached(false))),
    }
}

/// Whether one of both is up; none where neither is known.
fn any(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (None, None) => None,
        _ => Some(one == Some(true) || other == Some(true)),
    }
}

/// What `lines` say about `query`.
pub(super) fn read<'a>(
    query: Query,
    cid: Cid,
    layouts: &[Layout],
    lines: impl Iterator<Item = &'a str>,
) -> Option<Reading> {
    let mut records = lines
        .take(MAX_LINES)
        .flat_map(|line| layouts.iter().filter_map(move |layout| layout.read(line)))
        .filter(|record| record.cid.is_none_or(|of| of == cid.0));
    match query {
        Query::Manufacturer | Query::Model | Query::Revision => {
            records.find_map(|record| record.text).map(Reading::Text)
        }
        Query::Imei => digits(records, IMEI_DIGITS),
        Query::Imsi => digits(records, IMSI_DIGITS),
        Query::Iccid => records.find_map(|record| Iccid::parse(&record.text?)).map(Reading::Iccid),
        Query::Radio => {
            records.find_map(|record| record.radio).map(|code| Reading::Radio(Radio::from_code(code)))
        }
        Query::Sim => records.find_map(|record| record.sim).map(Reading::Sim),
        Query::Tries => tries(records),
        Query::Slot => {
            records.find_map(|record| record.slot.filter(|_| record.in_use != Some(false))).map(Reading::Slot)
        }
        Query::Registration => registrations(records),
        Query::Attached => records.find_map(|record| record.attached).map(Reading::Attached),
        Query::Operator => operator(records),
        Query::Cells => cells(records),
        Query::Temperature => records.filter_map(|record| record.heat).max().map(Reading::Temperature),
        Query::Bearer => bearer(records),
        Query::AccessPoint => access_point(records),
        Query::Ip => ip(records),
        Query::Usage => usage(records),
    }
}

fn digits(
    mut records: impl Iterator<Item = Record>,
    count: std::ops::RangeInclusive<usize>,
) -> Option<Reading> {
    let fits = |text: &String| count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    records.find_map(|record| record.text.filter(fits)).map(Reading::Text)
}

fn tries(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let tries = records.fold(Tries::default(), |known, record| Tries {
        pin: known.pin.or(record.pin_tries),
        puk: known.puk.or(record.puk_tries),
    });
    (tries != Tries::default()).then_some(Reading::Tries(tries))
}

fn registrations(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut known: Vec<Registration> = Vec::new();
    for registration in records.filter_map(|record| record.registration) {
        // The later line is the newer one.
        match known.iter_mut().find(|known| known.domain == registration.domain) {
            Some(known) => *known = registration,
            None => known.push(registration),
        }
    }
    (!known.is_empty()).then_some(Reading::Registrations(known))
}

fn operator(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut operator = Operator::default();
    for record in records {
        operator.name = operator.name.or(record.operator);
        operator.plmn = operator.plmn.or(record.cell.plmn);
        operator.technology = operator.technology.or(record.technology);
    }
    (operator != Operator::default()).then_some(Reading::Operator(operator))
}

fn cells(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut cells = Cells::default();
    for record in records {
        cells.add(record.cell);
    }
    cells.finish().map(Reading::Cells)
}

fn bearer(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut active = None;
    let mut ip = super::address::IpConfig::default();
    for record in records {
        let up = record.up.or_else(|| any(record.up4, record.up6));
        active = any(active, up);
        ip.merge(record.ip);
    }
    // A context that is down may still show the address that it had.
    let active = active?;
    let addresses = if active { ip.addresses() } else { Default::default() };
    Some(Reading::Bearer(Bearer { active, addresses }))
}

/// The first name: that of the network's grant comes before that of the definition.
fn access_point(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut told = None;
    for record in records.filter(|record| record.cid.is_some()) {
        if record.text.is_some() {
            return record.text.map(Reading::AccessPoint);
        }
        told = Some(Reading::AccessPoint(String::new()));
    }
    told
}

fn ip(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut ip = super::address::IpConfig::default();
    for record in records {
        ip.merge(record.ip);
    }
    ip.settings().map(Reading::Ip)
}

/// The sum: modems that count LTE and NR, or contexts, apart say so in lines apart.
fn usage(records: impl Iterator<Item = Record>) -> Option<Reading> {
    let mut usage = None;
    for record in records {
        if let (Some(sent), Some(received)) = (record.sent, record.received) {
            let known: Usage = usage.unwrap_or_default();
            usage = Some(Usage {
                sent: known.sent.saturating_add(sent),
                received: known.received.saturating_add(received),
            });
        }
    }
    usage.map(Reading::Usage)
}
