//! Quectel: EC2x, EG, EM, EP, BG (LTE) and RG, RM (5G).
//!
//! Sources: "RG50xQ&RM5xxQ Series AT Commands Manual" V1.2, "EC2x&EG2x&EG9x&EM05 Series AT Commands Manual" V2.1, as
//! quoted in public code; transcripts that users published (see the tests).

use super::generic::{CESQ, CESQ_LINE, CGPADDR, CGPADDR_LINE, CPINR, CSQ_LAYOUT, CSQ_LINE, NOTHING_ELSE};
use super::table::*;

/// LTE's SINR in fifths of a decibel from -20 dB on (`+QCSQ`; EC2x manual).
const FIFTHS: Scale = Scale::new(0, 250, 2, -200);
/// The same where a small number may be something else.
const LARGE_FIFTHS: Scale = Scale::new(26, 250, 2, -200);
/// LTE's SINR written in dB, where it shows that it is.
const BELOW_ZERO: Scale = Scale::new(-20, -1, 10, 0).or(&LARGE_FIFTHS);
/// LTE's SINR in `+QENG`: the manual's formula is `X / 5 * 10 - 20` dB, so 0 to 25 are -20 to 30 dB. Firmware was
/// seen that writes fifths (up to 250) or plain dB: what is beyond 25 or below zero is read so. Plain dB from 0 to 25
/// cannot be told apart; therefore `+QCSQ` is asked first, and its word stands. Not confirmed for every firmware.
const QENG_SINR: Scale = Scale::new(0, 25, 20, -200).or(&BELOW_ZERO);

/// `+QNWINFO`'s words.
const RATS: &[(&str, Rat)] = &[
    ("GSM", Rat::Gsm),
    ("GPRS", Rat::Gsm),
    ("EDGE", Rat::Gsm),
    ("WCDMA", Rat::Umts),
    ("HSDPA", Rat::Umts),
    ("HSUPA", Rat::Umts),
    ("HSPA+", Rat::Umts),
    ("FDD LTE", Rat::Lte),
    ("TDD LTE", Rat::Lte),
    ("eMTC", Rat::Lte),
    ("CAT-M1", Rat::Lte),
    ("NBIoT", Rat::Lte),
    ("CAT-NB1", Rat::Lte),
    ("FDD NR5G", Rat::Nr),
    ("TDD NR5G", Rat::Nr),
];

/// LTE and its narrow-band forms, as `+QENG` and `+QCSQ` call them.
const LTE: &[&str] = &["LTE", "CAT-M", "CAT-M1", "eMTC", "CAT-NB", "CAT-NB1", "NBIoT"];

/// The fields of `+QENG` for LTE from the duplex mode on; behind its header the line goes on, beside NR it begins anew.
const QENG: [Layout; 6] = [
    Layout::fields(
        "+QENG:",
        &[
            Skip,
            Skip,
            Skip,
            Skip,
            Mcc,
            Mnc,
            Id(Hex),
            Pci(Dec),
            Channel(Dec),
            Band,
            Skip,
            Skip,
            Area(Hex),
            Rsrp(RSRP_DBM),
            Rsrq(RSRQ_DB),
            Rssi(RSSI_DBM),
            Sinr(QENG_SINR),
        ],
    )
    .given(&[Given::Is(0, &["servingcell"]), Given::Is(2, LTE)])
    .rat(Rat::Lte),
    Layout::fields(
        "+QENG:",
        &[
            Skip,
            Skip,
            Mcc,
            Mnc,
            Id(Hex),
            Pci(Dec),
            Channel(Dec),
            Band,
            Skip,
            Skip,
            Area(Hex),
            Rsrp(RSRP_DBM),
            Rsrq(RSRQ_DB),
            Rssi(RSSI_DBM),
            Sinr(QENG_SINR),
        ],
    )
    .given(&[Given::Is(0, &["LTE"])])
    .rat(Rat::Lte),
    Layout::fields(
        "+QENG:",
        &[Skip, Mcc, Mnc, Pci(Dec), Rsrp(RSRP_DBM), Sinr(SINR_DB), Rsrq(RSRQ_DB), Channel(Dec), Band],
    )
    .given(&[Given::Is(0, &["NR5G-NSA"])])
    .rat(Rat::Nr)
    .secondary(),
    Layout::fields(
        "+QENG:",
        &[
            Skip,
            Skip,
            Skip,
            Skip,
            Mcc,
            Mnc,
            Id(Hex),
            Pci(Dec),
            Area(Hex),
            Channel(Dec),
            Band,
            Skip,
            Rsrp(RSRP_DBM),
            Rsrq(RSRQ_DB),
            Sinr(SINR_DB),
        ],
    )
    .given(&[Given::Is(0, &["servingcell"]), Given::Is(2, &["NR5G-SA"])])
    .rat(Rat::Nr),
    Layout::fields(
        "+QENG:",
        &[
            Skip,
            Skip,
            Skip,
            Mcc,
            Mnc,
            Area(Hex),
            Id(Hex),
            Channel(Dec),
            Pci(Dec),
            Skip,
            Rsrp(RSRP_DBM),
            Rsrq(RSRQ_DB),
        ],
    )
    .given(&[Given::Is(0, &["servingcell"]), Given::Is(2, &["WCDMA"])])
    .rat(Rat::Umts),
    Layout::fields(
        "+QENG:",
        &[Skip, Skip, Skip, Mcc, Mnc, Area(Hex), Id(Hex), Skip, Channel(Dec), Skip, Rssi(RSSI_DBM)],
    )
    .given(&[Given::Is(0, &["servingcell"]), Given::Is(2, &["GSM"])])
    .rat(Rat::Gsm),
];

/// `+QCAINFO`: the primary carrier and the others. NR's line has a state before the physical cell in newer firmware only.
const QCAINFO: [Layout; 4] = [
    Layout::fields(
        "+QCAINFO:",
        &[Skip, Channel(Dec), Skip, Band, Skip, Pci(Dec), Rsrp(RSRP_DBM), Rsrq(RSRQ_DB), Rssi(RSSI_DBM)],
    )
    .given(&[Given::Is(0, &["PCC", "pcc"]), Given::Starts(3, "LTE")])
    .rat(Rat::Lte),
    Layout::fields(
        "+QCAINFO:",
        &[Skip, Channel(Dec), Skip, Band, Skip, Pci(Dec), Rsrp(RSRP_DBM), Rsrq(RSRQ_DB), Rssi(RSSI_DBM)],
    )
    .given(&[Given::Is(0, &["SCC", "scc"]), Given::Starts(3, "LTE")])
    .rat(Rat::Lte)
    .secondary(),
    Layout::fields("+QCAINFO:", &[Skip, Channel(Dec), Skip, Band, Pci(Dec)])
        .given(&[Given::Starts(3, "NR5G"), Given::Exactly(5)])
        .rat(Rat::Nr)
        .secondary(),
    Layout::fields("+QCAINFO:", &[Skip, Channel(Dec), Skip, Band, Skip, Pci(Dec)])
        .given(&[Given::Starts(3, "NR5G"), Given::AtLeast(6)])
        .rat(Rat::Nr)
        .secondary(),
];

/// `+QCSQ`: the order of the measures is that of the EC2x manual.
const QCSQ: [Layout; 2] = [
    Layout::fields("+QCSQ:", &[Skip, Rssi(RSSI_DBM), Rsrp(RSRP_DBM), Sinr(FIFTHS), Rsrq(RSRQ_DB)])
        .given(&[Given::Is(0, LTE)])
        .rat(Rat::Lte),
    Layout::fields("+QCSQ:", &[Skip, Rssi(RSSI_DBM), Rsrp(RSRP_DBM), Rsrq(RSRQ_DB)])
        .given(&[Given::Is(0, &["WCDMA"])])
        .rat(Rat::Umts),
];

/// The interface of modules with ECM, RNDIS or NCM. RG and RM modules do not know it and follow `+CGACT`.
static QNETDEVCTL: Way = Way {
    name: "+QNETDEVCTL",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT+QNETDEVCTL=1,{cid},1").within(150)],
    down: &[Line::order("AT+QNETDEVCTL=0,{cid},1").within(40)],
    state: Question {
        about: Query::Bearer,
        lines: &[Line::many("AT+QNETDEVCTL?", "+QNETDEVCTL:"), CGPADDR_LINE],
        layouts: &[
            Layout::fields("+QNETDEVCTL:", &[Skip, Cid, Skip, Up(UP)]).given(&[Given::Exactly(4)]),
            // Where nothing is up, the context is 0.
            Layout::fields("+QNETDEVCTL:", &[Skip, Skip, Skip, Up(UP)])
                .given(&[Given::Exactly(4), Given::Is(1, &["0"])]),
            CGPADDR,
        ],
    },
};

/// The dialect.
pub(super) static QUECTEL: Dialect = Dialect {
    name: "Quectel",
    signs: Signs { makers: &["quectel"], models: &[], usb: &[(0x2c7c, &[])] },
    questions: &[
        Question {
            about: Query::Iccid,
            lines: &[Line::one("AT+QCCID", "+QCCID:"), Line::one("AT+CCID", "+CCID:").otherwise()],
            layouts: &[Layout::fields("+QCCID:", &[Text]), Layout::fields("+CCID:", &[Text])],
        },
        Question {
            about: Query::Cells,
            lines: &[
                Line::many("AT+QCSQ", "+QCSQ:"),
                Line::many("AT+QENG=\"servingcell\"", "+QENG:"),
                Line::many("AT+QCAINFO", "+QCAINFO:"),
                Line::many("AT+QNWINFO", "+QNWINFO:"),
                CESQ_LINE,
                CSQ_LINE,
            ],
            layouts: &[
                QCSQ[0],
                QCSQ[1],
                QENG[0],
                QENG[1],
                QENG[2],
                QENG[3],
                QENG[4],
                QENG[5],
                QCAINFO[0],
                QCAINFO[1],
                QCAINFO[2],
                QCAINFO[3],
                Layout::fields("+QNWINFO:", &[Field::Rat(RATS), Plmn, Band, Channel(Dec)]),
                CESQ[0],
                CESQ[1],
                CESQ[2],
                CESQ[3],
                CSQ_LAYOUT,
            ],
        },
        Question {
            about: Query::Temperature,
            // LTE modules give three numbers in one line, 5G modules a name and a number in each of many.
            lines: &[Line::many("AT+QTEMP", "+QTEMP:")],
            layouts: &[Layout::fields("+QTEMP:", &[Heat(DEGREES), Heat(DEGREES), Heat(DEGREES)])],
        },
        Question {
            about: Query::Tries,
            lines: &[Line::many("AT+QPINC?", "+QPINC:"), Line::many("AT+CPINR", "+CPINR:").otherwise()],
            layouts: &[
                Layout::fields("+QPINC:", &[Skip, PinTries, PukTries]).given(&[Given::Is(0, &["SC"])]),
                CPINR[0],
                CPINR[1],
            ],
        },
        Question {
            about: Query::Slot,
            lines: &[Line::one("AT+QUIMSLOT?", "+QUIMSLOT:")],
            layouts: &[Layout::fields("+QUIMSLOT:", &[Slot])],
        },
        Question {
            about: Query::Usage,
            // `+QGDNRCNT` counts NR alone; transcripts show that its bytes are in `+QGDCNT` already.
            lines: &[Line::one("AT+QGDCNT?", "+QGDCNT:")],
            layouts: &[Layout::fields("+QGDCNT:", &[Sent(Dec), Received(Dec)])],
        },
    ],
    recipes: &[
        Recipe {
            act: Act::Define,
            lines: &[
                Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
                Line::order("AT+QICSGP={cid},{pdp_number},\"{apn}\",\"{user}\",\"{password}\",{auth}")
                    .with_auth(),
                Line::order("AT+CGAUTH={cid},{auth},\"{user}\",\"{password}\"").with_auth().otherwise(),
            ],
        },
        Recipe { act: Act::Slot, lines: &[Line::order("AT+QUIMSLOT={slot}").within(15)] },
        // The modem answers OK and says POWERED DOWN when it is safe to cut the supply.
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT+QPOWD=1").within(15)] },
    ],
    ways: &[&QNETDEVCTL],
    urcs: &[
        Urc { layout: Layout::fields("POWERED DOWN", &[]).given(NOTHING_ELSE), means: Means::PoweredOff },
        Urc {
            layout: Layout::fields("NORMAL POWER DOWN", &[]).given(NOTHING_ELSE),
            means: Means::PoweredOff,
        },
        Urc { layout: Layout::fields("+QUSIM:", &[]), means: Means::Ask(Query::Sim) },
        Urc { layout: Layout::fields("+QSIMSTAT:", &[]), means: Means::Ask(Query::Sim) },
        Urc { layout: Layout::fields("+QSIMSTAT :", &[]), means: Means::Ask(Query::Sim) },
        Urc {
            layout: Layout::fields("+QNETDEVSTATUS:", &[Up(UP)]).given(&[Given::Exactly(1)]),
            means: Means::Context,
        },
        Urc { layout: Layout::fields("+QIURC: \"pdpdeact\",", &[Cid]), means: Means::ContextDown },
    ],
    reports: &[Line::order("AT+QSIMSTAT=1")],
};
