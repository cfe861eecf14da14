//! Telit: LE910, LE920, LM960 (LTE), FN980 and later (5G).
//!
//! Sources: "LM960 Series AT Command Reference Guide" Rev. 8 (5.6.1.26, 5.6.1.27) and "LE910 V2 Series AT Commands
//! Reference Guide" 80446ST10707A as quoted in public code; ModemManager 1.25 (`#QSS`, `#ECM`); transcripts that users
//! published (see the tests).

use super::generic::{BEARER, CESQ, CESQ_LINE, CSQ_LAYOUT, CSQ_LINE, RESET};
use super::table::*;

/// SINR in fifths of a decibel from -20 dB on.
const FIFTHS: Scale = Scale::new(0, 250, 2, -200);

/// The digits of an IMSI: where it stands tells how long a `#RFSTS` of LTE is.
const IMSI: usize = 15;

/// `#RFSTS` for LTE: newer modules have one field more between area and cell. Lines of GSM and UMTS have the IMSI
/// elsewhere and are left to 3GPP's commands.
const RFSTS: [Layout; 2] = [
    Layout::fields(
        "#RFSTS:",
        &[
            Plmn,
            Channel(Dec),
            Rsrp(RSRP_DBM),
            Rssi(RSSI_DBM),
            Rsrq(RSRQ_DB),
            Area(Hex),
            Skip,
            Skip,
            Skip,
            Skip,
            Skip,
            Id(Hex),
            Skip,
            Skip,
            Skip,
            Band,
        ],
    )
    .given(&[Given::Digits(12, IMSI)])
    .rat(Rat::Lte),
    Layout::fields(
        "#RFSTS:",
        &[
            Plmn,
            Channel(Dec),
            Rsrp(RSRP_DBM),
            Rssi(RSSI_DBM),
            Rsrq(RSRQ_DB),
            Area(Hex),
            Skip,
            Skip,
            Skip,
            Skip,
            Id(Hex),
            Skip,
            Skip,
            Skip,
            Band,
        ],
    )
    .given(&[Given::Digits(11, IMSI)])
    .rat(Rat::Lte),
];

/// `#SERVINFO` for LTE, which has nine fields. The fifth is the cell's identity or the physical one, as the module
/// likes: it is left out.
const SERVINFO: Layout = Layout::fields(
    "#SERVINFO:",
    &[Channel(Dec), Rssi(RSSI_DBM), Skip, Plmn, Skip, Area(Hex), Skip, Skip, Rsrp(RSRP_DBM)],
)
.given(&[Given::Exactly(9)])
.rat(Rat::Lte);

/// `#CAINFO?`: the primary carrier with its prefix, the others maybe without; the ninth field of those is their state,
/// of which 2 is active. Not confirmed for the FN980.
const CAINFO: [Layout; 2] = [
    Layout::fields(
        "#CAINFO:",
        &[Skip, Channel(Dec), Skip, Pci(Dec), Rsrp(RSRP_DBM), Rssi(RSSI_DBM), Rsrq(RSRQ_DB), Sinr(FIFTHS)],
    )
    .given(&[Given::Digits(0, 3), Given::AtLeast(9)])
    .rat(Rat::Lte),
    Layout::fields(
        "",
        &[Skip, Channel(Dec), Skip, Pci(Dec), Rsrp(RSRP_DBM), Rssi(RSSI_DBM), Rsrq(RSRQ_DB), Sinr(FIFTHS)],
    )
    .given(&[Given::Digits(0, 3), Given::AtLeast(10), Given::Is(8, &["2"])])
    .rat(Rat::Lte)
    .secondary(),
];

/// The interface of modules in ECM or NCM mode, which serve DHCP on it.
static ECM: Way = Way {
    name: "#ECM",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT#ECM={cid},0").within(150)],
    down: &[Line::order("AT#ECMD=0").within(40)],
    state: BEARER,
};

/// The dialect.
pub(super) static TELIT: Dialect = Dialect {
    name: "Telit",
    signs: Signs { makers: &["telit"], models: &[], usb: &[(0x1bc7, &[])] },
    questions: &[
        Question {
            about: Query::Iccid,
            lines: &[Line::one("AT#CCID", "#CCID:"), Line::one("AT+ICCID", "+ICCID:").otherwise()],
            layouts: &[Layout::fields("#CCID:", &[Text]), Layout::fields("+ICCID:", &[Text])],
        },
        Question {
            about: Query::Cells,
            lines: &[
                Line::many("AT#RFSTS", "#RFSTS:"),
                Line::many("AT#SERVINFO", "#SERVINFO:"),
                Line::many("AT#CAINFO?", ""),
                CESQ_LINE,
                CSQ_LINE,
            ],
            layouts: &[
                RFSTS[0], RFSTS[1], SERVINFO, CAINFO[0], CAINFO[1], CESQ[0], CESQ[1], CESQ[2], CESQ[3],
                CSQ_LAYOUT,
            ],
        },
        Question {
            about: Query::Temperature,
            lines: &[Line::one("AT#TEMPMON=1", "#TEMPMEAS:")],
            layouts: &[Layout::fields("#TEMPMEAS:", &[Skip, Heat(DEGREES)])],
        },
        Question {
            about: Query::Slot,
            lines: &[Line::many("AT#SIMSELECT?", "#SIMSELECT:")],
            layouts: &[Layout::fields("#SIMSELECT:", &[Slot])],
        },
    ],
    recipes: &[
        // The module wants its radio off while it changes the card.
        Recipe {
            act: Act::Slot,
            lines: &[
                Line::order("AT+CFUN=4").within(60),
                Line::order("AT#SIMSELECT={slot}").within(15),
                Line::order("AT+CFUN=1").within(60),
            ],
        },
        Recipe { act: Act::Reset, lines: &[Line::order("AT#REBOOT").within(15), RESET.otherwise()] },
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT#SHDN").within(15)] },
    ],
    // PIN tries are asked by `+CPINR`: `#PCT` tells those of whatever code is wanted, which could not be confirmed.
    // `#ICMAUTOCONN` would be stored in the module, and is therefore not used.
    ways: &[&ECM],
    urcs: &[Urc { layout: Layout::fields("#QSS:", &[]), means: Means::Ask(Query::Sim) }],
    reports: &[Line::order("AT#QSS=1")],
};
