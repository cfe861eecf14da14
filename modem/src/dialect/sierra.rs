//! Sierra Wireless: MC7xxx, EM7xxx (LTE), EM9xxx (5G).
//!
//! Sources: ModemManager 1.25 (`!SCACT`, `$QCPDPP`, `!RESET`, `+CPINC`); transcripts of `!GSTATUS?` from MC7710, EM7455,
//! EM7565 and EM9191 that users published (see the tests).

use super::generic::{CESQ, CESQ_LINE, CGPADDR, CGPADDR_LINE, CPINR, CSQ_LAYOUT, CSQ_LINE, RESET};
use super::table::*;

/// `!GSTATUS?` has labels and values, two to a line, and no prefix. The main antenna's line comes first, and its word
/// stands; lines about secondary carriers have the same labels and are left out.
const GSTATUS: [Layout; 3] = [
    Layout::labels(&[
        ("LTE band:", Band),
        ("LTE Rx chan:", Channel(Dec)),
        ("PCC RxM RSSI:", Rssi(RSSI_DBM)),
        ("PCC RxM RSRP:", Rsrp(RSRP_DBM)),
        ("RSSI (dBm):", Rssi(RSSI_DBM)),
        ("RSRP (dBm):", Rsrp(RSRP_DBM)),
        ("RSRQ (dB):", Rsrq(RSRQ_DB)),
        ("SINR (dB):", Sinr(SINR_DB)),
        ("TAC:", Area(Hex)),
        ("Cell ID:", Id(Hex)),
    ])
    .given(&[Given::Without(&["NR5G", "SCC", "SSC", "WCDMA"])])
    .rat(Rat::Lte),
    Layout::labels(&[
        ("NR5G band:", Band),
        ("NR5G Rx chan:", Channel(Dec)),
        ("NR5G TAC:", Area(Hex)),
        ("NR5G Cell ID:", Id(Hex)),
        ("NR5G(sub6) Rx0 RSSI (dBm):", Rssi(RSSI_DBM)),
        ("NR5G RSRP (dBm):", Rsrp(RSRP_DBM)),
        ("NR5G RSRQ (dB):", Rsrq(RSRQ_DB)),
        ("NR5G SINR (dB):", Sinr(SINR_DB)),
    ])
    .rat(Rat::Nr)
    .secondary(),
    Layout::labels(&[("WCDMA channel:", Channel(Dec)), ("RX level (dBm):", Rssi(RSSI_DBM))]).rat(Rat::Umts),
];

/// The network interface of "direct IP" modems, which serve DHCP on it.
static SCACT: Way = Way {
    name: "!SCACT",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT!SCACT=1,{cid}").within(150)],
    down: &[Line::order("AT!SCACT=0,{cid}").within(40)],
    state: Question {
        about: Query::Bearer,
        lines: &[Line::many("AT!SCACT?", "!SCACT:"), CGPADDR_LINE],
        layouts: &[Layout::fields("!SCACT:", &[Cid, Up(UP)]), CGPADDR],
    },
};

/// The dialect.
pub(super) static SIERRA: Dialect = Dialect {
    name: "Sierra Wireless",
    signs: Signs { makers: &["sierra"], models: &[], usb: &[(0x1199, &[]), (0x0f3d, &[])] },
    questions: &[
        Question {
            about: Query::Iccid,
            lines: &[
                Line::one("AT!ICCID?", "!ICCID:"),
                Line::one("AT+ICCID", "ICCID:").otherwise(),
                Line::one("AT+CCID", "+CCID:").otherwise(),
            ],
            layouts: &[
                Layout::fields("!ICCID:", &[Text]),
                Layout::fields("ICCID:", &[Text]),
                Layout::fields("+CCID:", &[Text]),
            ],
        },
        Question {
            about: Query::Cells,
            lines: &[Line::many("AT!GSTATUS?", ""), CESQ_LINE, CSQ_LINE],
            layouts: &[GSTATUS[0], GSTATUS[1], GSTATUS[2], CESQ[0], CESQ[1], CESQ[2], CESQ[3], CSQ_LAYOUT],
        },
        Question {
            about: Query::Temperature,
            lines: &[Line::many("AT!PCTEMP?", ""), Line::many("AT!GSTATUS?", "").otherwise()],
            layouts: &[Layout::labels(&[("Temperature:", Heat(DEGREES))])],
        },
        Question {
            about: Query::Tries,
            // PIN, PIN2, PUK, PUK2.
            lines: &[Line::one("AT+CPINC?", "+CPINC:"), Line::many("AT+CPINR", "+CPINR:").otherwise()],
            layouts: &[Layout::fields("+CPINC:", &[PinTries, Skip, PukTries]), CPINR[0], CPINR[1]],
        },
        Question {
            about: Query::Slot,
            lines: &[Line::one("AT!UIMS?", "!UIMS:")],
            layouts: &[Layout::fields("!UIMS:", &[Slot])],
        },
    ],
    recipes: &[
        Recipe {
            act: Act::Define,
            lines: &[
                Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
                Line::order("AT$QCPDPP={cid},{auth},\"{password}\",\"{user}\"").with_auth(),
            ],
        },
        // Some firmware wants `AT!ENTERCND` with the operator's password before; it is not given here.
        Recipe { act: Act::Slot, lines: &[Line::order("AT!UIMS={slot}").within(15)] },
        Recipe { act: Act::Reset, lines: &[Line::order("AT!RESET").within(15), RESET.otherwise()] },
    ],
    ways: &[&SCACT],
    urcs: &[],
    reports: &[],
};
