//! SIMCom: SIM7500, SIM7600, SIM8200, A7600 and A7672 ([`SIMCOM`]), and the narrow-band SIM7000 to SIM7090 ([`SIM70X0`]).
//!
//! Sources: "SIM7500_SIM7600 Series AT Command Manual" and "SIM7070_SIM7080_SIM7090 Series AT Command Manual" as quoted in
//! public code (field lists of `+CPSI`, the formula of its last field); transcripts that users published (see the tests).

use super::generic::{BEARER, CESQ, CESQ_LINE, CPINR, CSQ_LAYOUT, CSQ_LINE, NOTHING_ELSE, RESET};
use super::table::*;
use shunt_recovery::facts::SimState;

/// LTE's last field: SINR = 2 × RSSNR − 20 dB, by both manuals.
const RSSNR: Scale = Scale::new(0, 25, 20, -200);
/// NR's SINR in tenths of a decibel.
const NR_SINR: Scale = Scale::new(-230, 400, 1, 0);

/// `+CPSI`: the order differs by RAT, and the unit by family: tenths in SIM7500 and later, whole ones where LTE is
/// narrow-band. The oldest SIM7600 firmware writes indices above zero, whose scale is not known: they are left out.
const CPSI: [Layout; 6] = [
    Layout::fields(
        "+CPSI:",
        &[
            Skip,
            Skip,
            Plmn,
            Area(Hex),
            Id(Dec),
            Pci(Dec),
            Band,
            Channel(Dec),
            Skip,
            Skip,
            Rsrq(RSRQ_BELOW),
            Rsrp(RSRP_TENTHS),
            Rssi(RSSI_TENTHS),
            Sinr(RSSNR),
        ],
    )
    .given(&[Given::Is(0, &["LTE"])])
    .rat(Rat::Lte),
    Layout::fields(
        "+CPSI:",
        &[
            Skip,
            Skip,
            Plmn,
            Area(Hex),
            Id(Dec),
            Pci(Dec),
            Band,
            Channel(Dec),
            Skip,
            Skip,
            Rsrq(RSRQ_DB),
            Rsrp(RSRP_DBM),
            Rssi(RSSI_DBM),
            Sinr(RSSNR),
        ],
    )
    .given(&[Given::Is(0, &["LTE CAT-M1", "LTE NB-IOT"])])
    .rat(Rat::Lte),
    Layout::fields(
        "+CPSI:",
        &[
            Skip,
            Skip,
            Plmn,
            Area(Hex),
            Id(Dec),
            Pci(Dec),
            Band,
            Channel(Dec),
            Rsrp(RSRP_TENTHS),
            Rsrq(RSRQ_TENTHS),
            Sinr(NR_SINR),
        ],
    )
    .given(&[Given::Is(0, &["NR5G_SA"])])
    .rat(Rat::Nr),
    Layout::fields(
        "+CPSI:",
        &[Skip, Pci(Dec), Band, Channel(Dec), Rsrp(RSRP_TENTHS), Rsrq(RSRQ_TENTHS), Sinr(NR_SINR)],
    )
    .given(&[Given::Is(0, &["NR5G_NSA"])])
    .rat(Rat::Nr)
    .secondary(),
    Layout::fields(
        "+CPSI:",
        &[
            Skip,
            Skip,
            Plmn,
            Area(Hex),
            Id(Dec),
            Skip,
            Pci(Dec),
            Channel(Dec),
            Skip,
            Rsrq(RSRQ_DB),
            Rsrp(RSRP_DBM),
        ],
    )
    .given(&[Given::Is(0, &["WCDMA"])])
    .rat(Rat::Umts),
    Layout::fields("+CPSI:", &[Skip, Skip, Plmn, Area(Hex), Id(Dec), Skip, Rssi(RSSI_DBM)])
        .given(&[Given::Is(0, &["GSM"])])
        .rat(Rat::Gsm),
];

/// Tenths; what is above zero is an index of old firmware.
const RSRQ_BELOW: Scale = Scale::new(-430, -1, 1, 0);

/// The serving cell, then what 3GPP gives.
const CELLS: Question = Question {
    about: Query::Cells,
    lines: &[Line::many("AT+CPSI?", "+CPSI:"), CESQ_LINE, CSQ_LINE],
    layouts: &[
        CPSI[0], CPSI[1], CPSI[2], CPSI[3], CPSI[4], CPSI[5], CESQ[0], CESQ[1], CESQ[2], CESQ[3], CSQ_LAYOUT,
    ],
};

/// `+SPIC`: PIN, PUK, PIN2, PUK2.
const TRIES: Question = Question {
    about: Query::Tries,
    lines: &[Line::one("AT+SPIC", "+SPIC:"), Line::many("AT+CPINR", "+CPINR:").otherwise()],
    layouts: &[Layout::fields("+SPIC:", &[PinTries, PukTries]), CPINR[0], CPINR[1]],
};

/// Lines of both families.
const URCS: &[Urc] = &[
    Urc { layout: Layout::fields("*ATREADY: 1", &[]).given(NOTHING_ELSE), means: Means::Booted },
    Urc { layout: Layout::fields("NORMAL POWER DOWN", &[]).given(NOTHING_ELSE), means: Means::PoweredOff },
    Urc { layout: Layout::fields("POWER DOWN", &[]).given(NOTHING_ELSE), means: Means::PoweredOff },
    Urc { layout: Layout::fields("+SIMCARD:", &[Sim(CARD_WORDS)]), means: Means::Sim },
    Urc { layout: Layout::fields("SIM REMOVED", &[]).given(NOTHING_ELSE), means: Means::Ask(Query::Sim) },
];

/// `+SIMCARD`'s words.
const CARD_WORDS: &[(&str, SimState)] = &[("NOT AVAILABLE", SimState::Absent)];

/// The interface of SIM7500 and later in ECM, RNDIS or NCM mode. Its line `$QCRMCALL: 1,V4` comes before `OK` and is
/// not needed. That the modem serves DHCP there is not confirmed for every model.
static QCRMCALL: Way = Way {
    name: "$QCRMCALL",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT$QCRMCALL=1,1").within(150)],
    down: &[Line::order("AT$QCRMCALL=0,1").within(40)],
    state: BEARER,
};

/// SIM7500 and later.
pub(super) static SIMCOM: Dialect = Dialect {
    name: "SIMCom",
    signs: Signs { makers: &["simcom"], models: &[], usb: &[(0x1e0e, &[])] },
    questions: &[
        CELLS,
        TRIES,
        Question {
            about: Query::Iccid,
            lines: &[Line::one("AT+CICCID", "+ICCID:"), Line::one("AT+CCID", "+CCID:").otherwise()],
            layouts: &[Layout::fields("+ICCID:", &[Text]), Layout::fields("+CCID:", &[Text])],
        },
        Question {
            about: Query::Temperature,
            lines: &[Line::one("AT+CPMUTEMP", "+CPMUTEMP:")],
            layouts: &[Layout::fields("+CPMUTEMP:", &[Heat(DEGREES)])],
        },
        Question {
            about: Query::Slot,
            // A line for each slot: its number, and whether it is in use.
            lines: &[Line::many("AT+SMSIMCFG?", "+SMSIMCFG:")],
            layouts: &[Layout::fields("+SMSIMCFG:", &[Skip, Slot, InUse(UP)]).given(&[Given::Exactly(3)])],
        },
    ],
    recipes: &[
        Recipe { act: Act::Slot, lines: &[Line::order("AT+SMSIMCFG=1,{slot}").within(15)] },
        Recipe { act: Act::Reset, lines: &[Line::order("AT+CRESET").within(15), RESET.otherwise()] },
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT+CPOF").within(15)] },
    ],
    ways: &[&QCRMCALL],
    urcs: URCS,
    reports: &[],
};

/// SIM7000, SIM7070, SIM7080, SIM7090. Their `+CNACT` opens a session of the module's own TCP/IP; the host's packets go
/// by dialling.
pub(super) static SIM70X0: Dialect = Dialect {
    name: "SIMCom SIM70x0",
    signs: Signs { makers: &["simcom"], models: &["sim70", "simcom_sim70"], usb: &[(0x1e0e, &[0x9206])] },
    questions: &[CELLS, TRIES],
    recipes: &[
        // `+CREBOOT` is not confirmed for the SIM7000.
        Recipe { act: Act::Reset, lines: &[Line::order("AT+CREBOOT").within(15), RESET.otherwise()] },
        // The answer is NORMAL POWER DOWN without OK; the line is a report, and the command times out.
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT+CPOWD=1").within(5)] },
    ],
    ways: &[],
    urcs: URCS,
    reports: &[],
};
