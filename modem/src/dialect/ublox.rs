//! u-blox: SARA, LARA, TOBY.
//!
//! Sources: ModemManager 1.25 (`+UPINCNT`, `+UGCNTRD`, `+UIPADDR`, `+UAUTHREQ`, with their transcripts); ubxlib
//! (`+UCGED` of SARA-R5); "SARA-R5 series AT commands manual" UBX-19047455 as quoted there.

use super::generic::{
    BEARER, CESQ, CESQ_LINE, CGCONTRDP, CGCONTRDP_LINE, CGPADDR, CGPADDR_LINE, CONTEXT_SECONDS, CPINR,
    CSQ_LAYOUT, CSQ_LINE, RESET, RSRP, RSRQ,
};
use super::table::*;
use shunt_recovery::facts::SimState;

/// `+UCGED=2`: below its own line, one about the network and one about the cell. Levels are 27.007's numbers.
const UCGED: [Layout; 2] = [
    Layout::fields("", &[Skip, Skip, Mcc, Mnc])
        .given(&[Given::Exactly(4), Given::Is(0, &["6"])])
        .rat(Rat::Lte),
    Layout::fields(
        "",
        &[
            Channel(Dec),
            Field::Band,
            Skip,
            Skip,
            Area(Hex),
            Id(Hex),
            Pci(Dec),
            Skip,
            Skip,
            Skip,
            Rsrp(RSRP),
            Rsrq(RSRQ),
            Sinr(SINR_DB),
        ],
    )
    .given(&[Given::AtLeast(20)])
    .rat(Rat::Lte),
];

/// `+UUSIMSTAT`.
const SIM_WORDS: &[(&str, SimState)] = &[
    ("0", SimState::Absent),
    ("1", SimState::Pin),
    ("2", SimState::Puk),
    ("3", SimState::Failed),
    ("4", SimState::Failed),
    ("6", SimState::Ready),
];

/// The context by 27.007; the module allows 40 s for its end.
static CGACT: Way = Way {
    name: "+CGACT",
    path: Path::Interface,
    addressing: Addressing::Told,
    up: &[Line::order("AT+CGACT=1,{cid}").within(CONTEXT_SECONDS)],
    down: &[Line::order("AT+CGACT=0,{cid}").within(40)],
    state: BEARER,
};

/// The dialect.
pub(super) static UBLOX: Dialect = Dialect {
    name: "u-blox",
    signs: Signs { makers: &["u-blox"], models: &[], usb: &[(0x1546, &[])] },
    questions: &[
        Question {
            about: Query::Cells,
            lines: &[Line::many("AT+UCGED?", ""), CESQ_LINE, CSQ_LINE],
            layouts: &[UCGED[0], UCGED[1], CESQ[0], CESQ[1], CESQ[2], CESQ[3], CSQ_LAYOUT],
        },
        Question {
            about: Query::Tries,
            // PIN, PIN2, PUK, PUK2.
            lines: &[Line::one("AT+UPINCNT", "+UPINCNT:"), Line::many("AT+CPINR", "+CPINR:").otherwise()],
            layouts: &[Layout::fields("+UPINCNT:", &[PinTries, Skip, PukTries]), CPINR[0], CPINR[1]],
        },
        Question {
            about: Query::Ip,
            // In bridge mode `+UIPADDR` is the module's own end, and so the host's gateway.
            lines: &[CGCONTRDP_LINE, CGPADDR_LINE, Line::many("AT+UIPADDR={cid}", "+UIPADDR:")],
            layouts: &[
                CGCONTRDP[0],
                CGCONTRDP[1],
                CGPADDR,
                Layout::fields("+UIPADDR:", &[Cid, Skip, Gateway]),
            ],
        },
        Question {
            about: Query::Usage,
            // For each context, of this session and in total.
            lines: &[Line::many("AT+UGCNTRD", "+UGCNTRD:")],
            layouts: &[Layout::fields("+UGCNTRD:", &[Skip, Skip, Skip, Sent(Dec), Received(Dec)])],
        },
    ],
    recipes: &[
        Recipe {
            act: Act::Define,
            lines: &[
                Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
                Line::order("AT+UAUTHREQ={cid},{auth},\"{user}\",\"{password}\"").with_auth().within(10),
            ],
        },
        Recipe { act: Act::Reset, lines: &[Line::order("AT+CFUN=16").within(15), RESET.otherwise()] },
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT+CPWROFF").within(40)] },
    ],
    ways: &[&CGACT],
    urcs: &[
        Urc { layout: Layout::fields("+UUSIMSTAT:", &[Sim(SIM_WORDS)]), means: Means::Sim },
        Urc { layout: Layout::fields("+UUPSDD:", &[]), means: Means::Ask(Query::Bearer) },
    ],
    // What `+UCGED?` is to tell.
    reports: &[Line::order("AT+UCGED=2")],
};
