//! Lines that real modems sent, and what the dialects make of them. A fault found in the field lands here first.
//!
//! Where lines come from is told beside them: a clause of 3GPP, a vendor's manual, the tests of ModemManager 1.25, or
//! a transcript that a user published.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are part of the test"
)]

mod any;
mod fibocom;
mod generic;
mod huawei;
mod quectel;
mod sierra;
mod simcom;
mod talk;
mod telit;
mod ublox;

use shunt_modem::dialect::{Cell, Cid, Context, Dialect, Path, Query, Reading, Role, Step, Told};
use shunt_recovery::facts::{Bearer, Identity, IpSettings, SimState, Tries, Usage};

/// The context that is asked about.
const CID: Cid = Cid(1);

/// The dialect of a modem that says this of itself.
fn of(manufacturer: &str, model: &str) -> &'static Dialect {
    let identity =
        Identity { manufacturer: manufacturer.to_owned(), model: model.to_owned(), ..Identity::default() };
    Dialect::of(&identity, None)
}

/// A field that is known, with its name before it.
fn known<T: ToString>(name: &str, value: Option<T>) -> String {
    value.map_or_else(String::new, |value| format!(" {name}={}", value.to_string()))
}

/// A cell in one line: what is not known is left out.
fn show(cell: &Cell) -> String {
    let role = if cell.role == Role::Primary { "primary" } else { "secondary" };
    let rat = cell.rat.map_or_else(String::new, |rat| format!(" {rat:?}"));
    let parts = [
        known("plmn", cell.plmn),
        known("id", cell.id),
        known("area", cell.area),
        known("pci", cell.pci),
        known("channel", cell.channel),
        known("band", cell.band.map(|band| band.0)),
        known("rssi", cell.rssi.map(|level| level.0)),
        known("rsrp", cell.rsrp.map(|level| level.0)),
        known("rsrq", cell.rsrq.map(|ratio| ratio.0)),
        known("sinr", cell.sinr.map(|ratio| ratio.0)),
    ];
    format!("{role}{rat}{}", parts.concat())
}

/// The cells that the lines tell.
fn cells(dialect: &Dialect, lines: &[&str]) -> Vec<String> {
    match dialect.read(Query::Cells, CID, lines) {
        Some(Reading::Cells(cells)) => cells.0.iter().map(show).collect(),
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

fn ip(dialect: &Dialect, lines: &[&str]) -> Option<IpSettings> {
    dialect.read(Query::Ip, CID, lines).map(|reading| match reading {
        Reading::Ip(settings) => settings,
        other => panic!("{other:?}"),
    })
}

/// The settings in one line.
fn show_ip(dialect: &Dialect, lines: &[&str]) -> String {
    let Some(settings) = ip(dialect, lines) else { return String::new() };
    let v4 = settings.v4.map(|v4| format!("{}/{}{}", v4.address, v4.prefix, known("via", v4.gateway)));
    let v6 = settings.v6.map(|v6| format!("{}/{}{}", v6.address, v6.prefix, known("via", v6.gateway)));
    let dns: Vec<_> = settings.dns.iter().map(ToString::to_string).collect();
    let dns = (!dns.is_empty()).then(|| dns.join(","));
    [known("v4", v4), known("v6", v6), known("dns", dns), known("mtu", settings.mtu)]
        .concat()
        .trim()
        .to_owned()
}

fn tries(dialect: &Dialect, lines: &[&str]) -> Option<(Option<u8>, Option<u8>)> {
    dialect.read(Query::Tries, CID, lines).map(|reading| match reading {
        Reading::Tries(Tries { pin, puk }) => (pin, puk),
        other => panic!("{other:?}"),
    })
}

fn usage(dialect: &Dialect, lines: &[&str]) -> Option<(u64, u64)> {
    dialect.read(Query::Usage, CID, lines).map(|reading| match reading {
        Reading::Usage(Usage { sent, received }) => (sent, received),
        other => panic!("{other:?}"),
    })
}

/// Tenths of a degree.
fn heat(dialect: &Dialect, lines: &[&str]) -> Option<i16> {
    dialect.read(Query::Temperature, CID, lines).map(|reading| match reading {
        Reading::Temperature(temperature) => temperature.0,
        other => panic!("{other:?}"),
    })
}

fn slot(dialect: &Dialect, lines: &[&str]) -> Option<u8> {
    dialect.read(Query::Slot, CID, lines).map(|reading| match reading {
        Reading::Slot(slot) => slot.0,
        other => panic!("{other:?}"),
    })
}

fn iccid(dialect: &Dialect, lines: &[&str]) -> Option<String> {
    dialect.read(Query::Iccid, CID, lines).map(|reading| match reading {
        Reading::Iccid(iccid) => iccid.to_string(),
        other => panic!("{other:?}"),
    })
}

/// What the first way onto a network interface reads of these lines.
fn bearer(dialect: &Dialect, lines: &[&str]) -> Option<Bearer> {
    dialect.ways().find(|way| way.path == Path::Interface)?.read(CID, lines)
}

/// The commands of a step.
fn act(dialect: &Dialect, step: Step<'_>) -> Vec<String> {
    dialect.act(step).unwrap().iter().map(|ask| ask.command.text().to_owned()).collect()
}

/// The commands that bring the vendor's own way up and down.
fn way(dialect: &Dialect) -> (Vec<String>, Vec<String>) {
    let way = dialect.ways().next().unwrap();
    (act(dialect, Step::BearerUp(way, CID)), act(dialect, Step::BearerDown(way, CID)))
}

/// A context with authentication.
fn context() -> Context {
    Context {
        cid: CID,
        apn: "internet".to_owned(),
        pdp: shunt_modem::dialect::PdpType::V4V6,
        auth: shunt_modem::dialect::Auth::Chap,
        user: "me".to_owned(),
        password: "pass".to_owned(),
    }
}

fn sim(state: SimState) -> Option<Told> {
    Some(Told::Sim(state))
}

fn context_is(cid: Option<u8>, active: bool) -> Option<Told> {
    Some(Told::Context { cid: cid.map(Cid), active })
}
