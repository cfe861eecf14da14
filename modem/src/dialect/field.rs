//! What a field of a line means, and where its meaning goes.

use super::address::{self, IpConfig};
use super::cell::{Band, Cell, Rat};
use super::scale::Scale;
use super::text::Base;
use super::units::{Plmn, TenthsOfCelsius};
use shunt_recovery::facts::{AccessTechnology, Dbm, Registration, SimState, Slot, TenthsOfDb};
use std::net::IpAddr;

/// The longest name of a network or identity that is kept, in characters. 3GPP's longest is 64 octets (23.122).
const MAX_NAME: usize = 64;

/// What a field means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    /// Nothing that is wanted.
    Skip,
    /// The RAT, by the vendor's word for it.
    Rat(&'static [(&'static str, Rat)]),
    /// The country's half of the network's code.
    Mcc,
    /// The network's half.
    Mnc,
    /// Both, joined or with a sign between them.
    Plmn,
    /// The cell's identity.
    Id(Base),
    /// The tracking or location area.
    Area(Base),
    /// The physical identity.
    Pci(Base),
    /// The downlink channel.
    Channel(Base),
    /// The band: the number at the end of the word (`"LTE BAND 3"`, `EUTRAN-BAND3`, `n78`).
    Band,
    /// The band in Fibocom's code: 103 for LTE band 3, 5078 for NR band 78.
    BandCode,
    /// Levels and ratios.
    Rssi(Scale),
    /// See [`Cell::rsrp`].
    Rsrp(Scale),
    /// See [`Cell::rsrq`].
    Rsrq(Scale),
    /// See [`Cell::sinr`].
    Sinr(Scale),
    /// A temperature; of several the highest counts.
    Heat(Scale),
    /// The network's name, or its code where that is what the modem writes.
    Operator,
    /// Any text: an identity, a model.
    Text,
    /// The state of the SIM, by the vendor's word for it.
    Sim(&'static [(&'static str, SimState)]),
    /// PIN tries left.
    PinTries,
    /// PUK tries left.
    PukTries,
    /// The SIM slot, by the modem's own number.
    Slot,
    /// Whether the slot of this line is the one in use, for modems that list all.
    InUse(&'static [(&'static str, bool)]),
    /// `+CFUN`'s first number.
    Radio,
    /// The technology, by 27.007's number.
    Technology,
    /// Whether the modem is attached to the packet domain.
    Attached(&'static [(&'static str, bool)]),
    /// The context.
    Cid,
    /// Whether the context is up.
    Up(&'static [(&'static str, bool)]),
    /// Whether IPv4 is up.
    Up4(&'static [(&'static str, bool)]),
    /// Whether IPv6 is up.
    Up6(&'static [(&'static str, bool)]),
    /// An address, with its mask behind it or without.
    Address,
    /// The mask of the address before.
    Mask,
    /// The router.
    Gateway,
    /// A DNS server.
    Dns,
    /// The largest packet.
    Mtu(Base),
    /// Bytes sent since a time of the modem's choosing.
    Sent(Base),
    /// Bytes received.
    Received(Base),
}

/// What lines told. Which parts are filled depends on what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) cell: Cell,
    mcc: Option<u16>,
    pub(super) heat: Option<TenthsOfCelsius>,
    pub(super) operator: Option<String>,
    pub(super) text: Option<String>,
    pub(super) sim: Option<SimState>,
    pub(super) pin_tries: Option<u8>,
    pub(super) puk_tries: Option<u8>,
    pub(super) slot: Option<Slot>,
    pub(super) in_use: Option<bool>,
    pub(super) radio: Option<u8>,
    pub(super) attached: Option<bool>,
    pub(super) cid: Option<u8>,
    pub(super) up: Option<bool>,
    pub(super) up4: Option<bool>,
    pub(super) up6: Option<bool>,
    pub(super) ip: IpConfig,
    pub(super) sent: Option<u64>,
    pub(super) received: Option<u64>,
    pub(super) technology: Option<AccessTechnology>,
    pub(super) registration: Option<Registration>,
}

/// The word's meaning.
fn word<T: Copy>(words: &[(&str, T)], text: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
}

/// The number at the end of a word, if there is one.
fn number_at_end(text: &str) -> Option<u16> {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    text.get(text.len().saturating_sub(digits)..)?.parse().ok()
}

/// A band by its number: 3GPP has given out less than 600 in any table.
fn band(number: u16) -> Option<Band> {
    (1..600).contains(&number).then_some(Band(number))
}

/// Fibocom's code for a band: LTE's is 100 more than its number, NR's is its number behind "50".
fn band_of_code(text: &str) -> Option<Band> {
    match text.strip_prefix("50") {
        Some(number) => band(number.parse().ok()?),
        None => band(text.parse::<u16>().ok()?.checked_sub(100)?),
    }
}

/// Text that can be shown: bounded and without controls.
fn name(text: &str) -> Option<String> {
    let name: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

/// Up to a value of the given type, none above `most`.
fn bounded<T: TryFrom<u64>>(base: Base, text: &str, most: u64) -> Option<T> {
    T::try_from(base.read(text).filter(|number| *number <= most)?).ok()
}

/// The largest cell identity: 36 bits (38.413, NR cell identity). All ones say "unknown".
const MAX_ID: u64 = (1 << 36) - 2;
/// The largest area: 24 bits (38.413, 5GS TAC). 0 and all ones are reserved (23.003, 19.4.2.3).
const MAX_AREA: u64 = (1 << 24) - 2;
/// The largest physical identity (38.211, 7.4.2.1).
const MAX_PCI: u64 = 1_007;
/// The largest channel number (38.104, 5.4.2.1).
const MAX_CHANNEL: u64 = 3_279_165;
/// The most tries any SIM gives: four bits (102.221, 11.1.2).
const MAX_TRIES: u64 = 15;
/// Modems have two slots, a few three.
const MAX_SLOT: u64 = 7;
/// Contexts are numbered in one byte.
const MAX_CID: u64 = 254;
/// "No cell" in seven and in eight digits.
const NO_ID: [u64; 2] = [0x0FFF_FFFF, 0xFFFF_FFFF];
/// "No area" in four digits.
const NO_AREA: u32 = 0xFFFF;
/// "No channel" in sixteen bits.
const NO_CHANNEL: u32 = 0xFFFF;

impl Field {
    /// Puts what `text` says into the record.
    pub(super) fn put(self, text: &str, record: &mut Record) {
        let dbm = |scale: &Scale| scale.read(text).map(|tenths| Dbm((tenths + 5).div_euclid(10)));
        let decibel = |scale: &Scale| scale.read(text).map(TenthsOfDb);
        let ip = || address::read(text).map(|written| written.address);
        let cell = &mut record.cell;
        match self {
            Self::Skip => {}
            Self::Rat(words) => cell.rat = word(words, text).or(cell.rat),
            Self::Mcc => record.mcc = bounded(Base::Dec, text, 999),
            Self::Mnc => cell.plmn = record.mcc.and_then(|mcc| Plmn::from_parts(mcc, text)),
            Self::Plmn => cell.plmn = Plmn::read(text),
            Self::Id(base) => cell.id = bounded(base, text, MAX_ID).filter(|id| !NO_ID.contains(id)),
            Self::Area(base) => {
                cell.area = bounded(base, text, MAX_AREA).filter(|area| *area != 0 && *area != NO_AREA);
            }
            Self::Pci(base) => cell.pci = bounded(base, text, MAX_PCI),
            Self::Channel(base) => {
                cell.channel = bounded(base, text, MAX_CHANNEL).filter(|channel| *channel != NO_CHANNEL);
            }
            Self::Band => cell.band = number_at_end(text).and_then(band),
            Self::BandCode => cell.band = band_of_code(text),
            Self::Rssi(scale) => cell.rssi = dbm(&scale),
            Self::Rsrp(scale) => cell.rsrp = dbm(&scale),
            Self::Rsrq(scale) => cell.rsrq = decibel(&scale),
            Self::Sinr(scale) => cell.sinr = decibel(&scale),
            Self::Heat(scale) => {
                record.heat = record.heat.max(scale.read(text).map(TenthsOfCelsius));
            }
            Self::Operator => {
                record.operator = name(text);
                cell.plmn = Plmn::read(text).or(cell.plmn);
            }
            Self::Text => record.text = name(text),
            Self::Sim(words) => record.sim = word(words, text),
            Self::PinTries => record.pin_tries = bounded(Base::Dec, text, MAX_TRIES),
            Self::PukTries => record.puk_tries = bounded(Base::Dec, text, MAX_TRIES),
            Self::Slot => record.slot = bounded(Base::Dec, text, MAX_SLOT).map(Slot),
            Self::InUse(words) => record.in_use = word(words, text),
            Self::Radio => record.radio = bounded(Base::Dec, text, 255),
            Self::Technology => {
                record.technology = bounded(Base::Dec, text, 255).and_then(AccessTechnology::from_code)
            }
            Self::Attached(words) => record.attached = word(words, text),
            Self::Cid => record.cid = bounded(Base::Dec, text, MAX_CID),
            Self::Up(words) => record.up = word(words, text),
            Self::Up4(words) => record.up4 = word(words, text),
            Self::Up6(words) => record.up6 = word(words, text),
            Self::Address => {
                if let Some(written) = address::read(text) {
                    record.ip.put_address(written);
                }
            }
            Self::Mask => record.ip.put_mask(text),
            Self::Gateway => _ = ip().map(|gateway: IpAddr| record.ip.put_gateway(gateway)),
            Self::Dns => _ = ip().map(|server: IpAddr| record.ip.put_dns(server)),
            Self::Mtu(base) => _ = base.read(text).map(|bytes| record.ip.put_mtu(bytes)),
            Self::Sent(base) => record.sent = base.read(text),
            Self::Received(base) => record.received = base.read(text),
        }
    }
}

/// The usual words for up and down.
pub(super) const UP: &[(&str, bool)] = &[("0", false), ("1", true)];
