//! `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`: the reply to a read and the report, by clauses 7.2, 10.1.20, 10.1.22 and
//! 10.1.47 of 3GPP TS 27.007, and as modems bend them.
//!
//! The read has `<n>` before the state, the report has not; some modems report in the form of a read. A state is a
//! number of one or two digits, maybe padded to three; an area code is longer, quoted or empty.

use super::field::Record;
use super::text::{Base, Fields};
use shunt_recovery::facts::{AccessTechnology, Domain, MobilityCause, Registration, RegistrationState};

/// The highest state (27.007, 7.2).
const MAX_STATE: u64 = 11;
/// A state's digits: two, or three where it is padded.
const STATE_DIGITS: usize = 3;
/// A routing area code's digits, which some modems put between the area and the cell.
const RAC_DIGITS: usize = 2;
/// What says that a cause is the network's (27.007: 0) and not the modem maker's own (1).
const NETWORKS_CAUSE: &str = "0";
/// Areas that are none: zero, and all ones in four or six digits.
const NO_AREA: [u64; 3] = [0, 0xFFFF, 0xFF_FFFF];
/// The largest area, 24 bits, and the largest cell, 36 bits (38.413).
const MAX_AREA: u64 = 0xFF_FFFE;
const MAX_CELL: u64 = 0xF_FFFF_FFFE;
/// Cells that are none: all ones in four, seven or eight digits.
const NO_CELL: [u64; 3] = [0xFFFF, 0x0FFF_FFFF, 0xFFFF_FFFF];

/// `+CREG`.
pub(super) fn circuit(fields: &Fields<'_>, record: &mut Record) {
    record.registration = read(Domain::Circuit, fields, 0);
}

/// `+CGREG`: a routing area code comes before the cause.
pub(super) fn packet(fields: &Fields<'_>, record: &mut Record) {
    record.registration = read(Domain::Packet, fields, 1);
}

/// `+CEREG`.
pub(super) fn eps(fields: &Fields<'_>, record: &mut Record) {
    record.registration = read(Domain::Eps, fields, 0);
}

/// `+C5GREG`: two fields about slices come before the cause.
pub(super) fn five_g(fields: &Fields<'_>, record: &mut Record) {
    record.registration = read(Domain::FiveG, fields, 2);
}

/// `before_cause`: fields between the technology and the cause.
fn read(domain: Domain, fields: &Fields<'_>, before_cause: usize) -> Option<Registration> {
    let at = usize::from(state(fields, 1).is_some());
    let mut registration = Registration::new(domain, state(fields, at)?);
    let (area, mut cell) = (at + 1, at + 2);
    let length = |index| fields.get(index).map_or(0, str::len);
    // Qualcomm's LTE modules put a routing area code before the cell (`+CEREG: 2,1, 1F00, 20 ,79D903 ,7`).
    if domain == Domain::Eps && (1..=RAC_DIGITS).contains(&length(cell)) && length(cell + 1) > RAC_DIGITS {
        cell += 1;
    }
    let hex = |index, most: u64| {
        fields.get(index).and_then(|text| Base::Hex.read(text)).filter(|number| *number <= most)
    };
    registration.area =
        hex(area, MAX_AREA).filter(|area| !NO_AREA.contains(area)).and_then(|area| u32::try_from(area).ok());
    registration.cell = hex(cell, MAX_CELL).filter(|cell| !NO_CELL.contains(cell));
    let number = |index| {
        fields.get(index).and_then(|text| Base::Dec.read(text)).and_then(|number| u8::try_from(number).ok())
    };
    let technology = cell + 1;
    registration.technology = number(technology).and_then(AccessTechnology::from_code);
    let cause = technology + 1 + before_cause;
    if fields.get(cause) == Some(NETWORKS_CAUSE) {
        registration.cause = number(cause + 1).filter(|cause| *cause > 0).map(MobilityCause);
    }
    Some(registration)
}

/// The state that the field is, if it is one: without quotes and short.
fn state(fields: &Fields<'_>, index: usize) -> Option<RegistrationState> {
    let text = fields.raw(index).filter(|text| text.len() <= STATE_DIGITS || index == 0)?;
    let number = Base::Dec.read(text).filter(|number| *number <= MAX_STATE && !text.is_empty())?;
    RegistrationState::from_code(u8::try_from(number).ok()?)
}
