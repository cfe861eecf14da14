//! Fibocom: L850 and L860 on Intel's chips ([`XMM`]), FM350 on MediaTek's ([`FM350`]), FM150, FG and the rest
//! ([`FIBOCOM`]).
//!
//! Sources: "FIBOCOM FM350-GL AT Commands" V2.10 (4.1, 4.2, 11.1.15, 11.1.16, 18.3) as quoted in public notes;
//! ModemManager 1.25 (`+XCESQ`, with its transcripts); 4IceG/luci-app-3ginfo-lite (`+XLEC`, `+MTSM`, `+GTCCINFO`);
//! transcripts that users published (see the tests).

use super::generic::{
    BEARER, CESQ, CESQ_LINE, CGPADDR, CGPADDR_LINE, CONTEXT_SECONDS, CSQ_LAYOUT, CSQ_LINE, ECNO, RESET, RSCP,
    RSRP, RSRQ, RXLEV, SS_RSRP, SS_RSRQ, SS_SINR,
};
use super::table::*;

/// LTE's SINR in halves of a decibel, 255 for unknown.
const HALVES: Scale = Scale::new(-100, 100, 5, 0);
/// A temperature in thousandths of a degree.
const THOUSANDTHS: Scale = Scale::new(-60_000, 150_000, 10, 0).per(1_000);

/// `+GTCCINFO`: serving cells begin with 1, LTE is 4 and NR 9; neighbours have fewer fields. The FM350 writes channel and
/// physical cell in decimal, other models in hexadecimal or not: of those they are left out.
const GTCCINFO: [Layout; 2] = [
    Layout::fields(
        "",
        &[
            Skip,
            Skip,
            Mcc,
            Mnc,
            Area(Hex),
            Id(Hex),
            Skip,
            Skip,
            BandCode,
            Skip,
            Sinr(HALVES),
            Skip,
            Rsrp(RSRP),
            Rsrq(RSRQ),
        ],
    )
    .given(&[Given::Is(0, &["1"]), Given::Is(1, &["4"]), Given::Exactly(14)])
    .rat(Rat::Lte),
    Layout::fields(
        "",
        &[
            Skip,
            Skip,
            Mcc,
            Mnc,
            Area(Hex),
            Id(Hex),
            Skip,
            Skip,
            BandCode,
            Skip,
            Sinr(SS_SINR),
            Skip,
            Rsrp(SS_RSRP),
            Rsrq(SS_RSRQ),
        ],
    )
    .given(&[Given::Is(0, &["1"]), Given::Is(1, &["9"]), Given::Exactly(14)])
    .rat(Rat::Nr)
    .secondary(),
];

/// The same with channel and physical cell. It goes before the one without.
const GTCCINFO_DECIMAL: [Layout; 2] = [
    Layout::fields("", &[Skip, Skip, Mcc, Mnc, Area(Hex), Id(Hex), Channel(Dec), Pci(Dec), BandCode])
        .given(&[Given::Is(0, &["1"]), Given::Is(1, &["4"]), Given::Exactly(14)])
        .rat(Rat::Lte),
    Layout::fields("", &[Skip, Skip, Mcc, Mnc, Area(Hex), Id(Hex), Channel(Dec), Pci(Dec), BandCode])
        .given(&[Given::Is(0, &["1"]), Given::Is(1, &["9"]), Given::Exactly(14)])
        .rat(Rat::Nr)
        .secondary(),
];

/// `+GTCAINFO` of the FM350: a line for each primary carrier, and one for each other (`SCC1:` or `SCC 1:`), of which
/// state 2 is active.
const GTCAINFO: [Layout; 4] = [
    Layout::fields("PCC:", &[BandCode, Pci(Dec), Channel(Dec)]).given(&[Given::Starts(0, "1")]).rat(Rat::Lte),
    Layout::fields("PCC:", &[BandCode, Pci(Dec), Channel(Dec)])
        .given(&[Given::Starts(0, "50")])
        .rat(Rat::Nr)
        .secondary(),
    Layout::fields("SCC", &[Skip, Skip, BandCode, Pci(Dec), Channel(Dec)])
        .given(&[Given::Ends(0, ":2"), Given::Starts(2, "1")])
        .rat(Rat::Lte)
        .secondary(),
    Layout::fields("SCC", &[Skip, Skip, BandCode, Pci(Dec), Channel(Dec)])
        .given(&[Given::Ends(0, ":2"), Given::Starts(2, "50")])
        .rat(Rat::Nr)
        .secondary(),
];

/// `+XCESQ`: 27.007's `+CESQ` behind a mode, with SINR besides.
const XCESQ: [Layout; 3] = [
    Layout::fields("+XCESQ:", &[Skip, Rssi(RXLEV)]).rat(Rat::Gsm),
    Layout::fields("+XCESQ:", &[Skip, Skip, Skip, Rsrp(RSCP), Rsrq(ECNO)]).rat(Rat::Umts),
    Layout::fields("+XCESQ:", &[Skip, Skip, Skip, Skip, Skip, Rsrq(RSRQ), Rsrp(RSRP), Sinr(HALVES)])
        .rat(Rat::Lte),
];

/// `+XMCI=1`: type 4 is LTE's serving cell, its numbers are hexadecimal.
const XMCI: Layout = Layout::fields(
    "+XMCI:",
    &[
        Skip,
        Mcc,
        Mnc,
        Area(Hex),
        Id(Hex),
        Pci(Hex),
        Channel(Hex),
        Skip,
        Skip,
        Rsrp(RSRP),
        Rsrq(RSRQ),
        Sinr(HALVES),
    ],
)
.given(&[Given::Is(0, &["4"])])
.rat(Rat::Lte);

/// `+XLEC?`: the number of carriers, as many bandwidths, as many bands.
const XLEC: [Layout; 3] = [
    Layout::fields("+XLEC:", &[Skip, Skip, Skip, Band]).given(&[Given::Is(1, &["1"])]).rat(Rat::Lte),
    Layout::fields("+XLEC:", &[Skip, Skip, Skip, Skip, Band]).given(&[Given::Is(1, &["2"])]).rat(Rat::Lte),
    Layout::fields("+XLEC:", &[Skip, Skip, Skip, Skip, Skip, Band])
        .given(&[Given::Is(1, &["2"])])
        .rat(Rat::Lte)
        .secondary(),
];

/// Intel's way: the context, then a channel of the interface for it. Addresses are told by `+CGCONTRDP`; there is no DHCP.
static XMM_DATA: Way = Way {
    name: "+XDATACHANNEL",
    path: Path::Interface,
    addressing: Addressing::Told,
    up: &[
        Line::order("AT+XDNS={cid},1"),
        Line::order("AT+CGACT=1,{cid}").within(CONTEXT_SECONDS),
        Line::order("AT+XDATACHANNEL=1,1,\"/USBCDC/0\",\"/USBHS/NCM/0\",2,{cid}"),
        Line::order("AT+CGDATA=\"M-RAW_IP\",{cid}").within(60),
    ],
    down: &[Line::order("AT+CGACT=0,{cid}").within(CONTEXT_SECONDS), Line::order("AT+XDATACHANNEL=0")],
    state: BEARER,
};

/// The interface of FM150 and FG modules, which serve DHCP on it.
static GTRNDIS: Way = Way {
    name: "+GTRNDIS",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT+GTRNDIS=1,{cid}").within(CONTEXT_SECONDS)],
    down: &[Line::order("AT+GTRNDIS=0,{cid}").within(CONTEXT_SECONDS)],
    state: Question {
        about: Query::Bearer,
        lines: &[Line::many("AT+GTRNDIS?", "+GTRNDIS:"), CGPADDR_LINE],
        layouts: &[Layout::fields("+GTRNDIS:", &[Up(UP), Cid]), CGPADDR],
    },
};

/// Signal of MediaTek and Qualcomm models.
const COMMON_CELLS: &[Line] =
    &[Line::many("AT+GTCCINFO?", ""), Line::many("AT+GTCAINFO?", ""), CESQ_LINE, CSQ_LINE];

/// Thermometer of MediaTek and Qualcomm models: the hottest of the chip.
const TEMPERATURE: Question = Question {
    about: Query::Temperature,
    lines: &[Line::one("AT+GTSENRDTEMP=1", "+GTSENRDTEMP:"), Line::one("AT+MTSM=1", "+MTSM:").otherwise()],
    layouts: &[
        Layout::fields("+GTSENRDTEMP:", &[Skip, Heat(THOUSANDTHS)]),
        Layout::fields("+MTSM:", &[Heat(DEGREES)]),
    ],
};

/// The slot; the first line is the one in use. Firmware was seen that writes a blank before the colon.
const SLOT: Question = Question {
    about: Query::Slot,
    lines: &[Line::many("AT+GTDUALSIM?", "+GTDUALSIM")],
    layouts: &[Layout::fields("+GTDUALSIM:", &[Slot]), Layout::fields("+GTDUALSIM :", &[Slot])],
};

/// Rates of receiving and sending, then bytes received and sent. The order is not confirmed by a manual.
const USAGE: Question = Question {
    about: Query::Usage,
    lines: &[Line::one("AT+GTSTATIS?", "+GTSTATIS:")],
    layouts: &[Layout::fields("+GTSTATIS:", &[Skip, Skip, Received(Dec), Sent(Dec)])],
};

/// Steps of MediaTek and Qualcomm models. `+GTDUALSIM` is stored in the module: it is sent only when the slot is changed.
const RECIPES: &[Recipe] = &[
    Recipe {
        act: Act::Define,
        lines: &[
            Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
            Line::order("AT+MGAUTH={cid},{auth},\"{user}\",\"{password}\"").with_auth(),
            Line::order("AT+CGAUTH={cid},{auth},\"{user}\",\"{password}\"").with_auth().otherwise(),
        ],
    },
    Recipe { act: Act::Slot, lines: &[Line::order("AT+GTDUALSIM={slot}").within(15)] },
    Recipe { act: Act::Reset, lines: &[Line::order("AT+CFUN=15").within(15), RESET.otherwise()] },
    Recipe { act: Act::PowerOff, lines: &[Line::order("AT+CPWROFF").within(40)] },
];

/// L850 and L860.
pub(super) static XMM: Dialect = Dialect {
    name: "Fibocom L850/L860",
    signs: Signs {
        makers: &["fibocom"],
        models: &["l8"],
        usb: &[(0x2cb7, &[0x0007]), (0x8087, &[0x07f9, 0x095a])],
    },
    questions: &[
        Question {
            about: Query::Cells,
            lines: &[
                Line::many("AT+XMCI=1", "+XMCI:"),
                Line::one("AT+XCESQ?", "+XCESQ:"),
                Line::many("AT+XLEC?", "+XLEC:"),
                CSQ_LINE,
            ],
            layouts: &[XMCI, XCESQ[0], XCESQ[1], XCESQ[2], XLEC[0], XLEC[1], XLEC[2], CSQ_LAYOUT],
        },
        Question {
            about: Query::Temperature,
            lines: &[Line::one("AT+MTSM=1", "+MTSM:")],
            layouts: &[Layout::fields("+MTSM:", &[Heat(DEGREES)])],
        },
    ],
    recipes: &[
        Recipe { act: Act::Reset, lines: &[Line::order("AT+CFUN=15").within(15), RESET.otherwise()] },
        Recipe { act: Act::PowerOff, lines: &[Line::order("AT+CPWROFF").within(40)] },
    ],
    ways: &[&XMM_DATA],
    urcs: &[],
    reports: &[],
};

/// FM350. Its interface follows `+CGACT`. `+EIAAPN` would store the APN for the first attachment in the module, and is
/// therefore not used.
pub(super) static FM350: Dialect = Dialect {
    name: "Fibocom FM350",
    signs: Signs { makers: &["fibocom"], models: &["fm350"], usb: &[(0x0e8d, &[0x7126, 0x7127])] },
    questions: &[
        Question {
            about: Query::Cells,
            lines: COMMON_CELLS,
            layouts: &[
                GTCCINFO_DECIMAL[0],
                GTCCINFO_DECIMAL[1],
                GTCCINFO[0],
                GTCCINFO[1],
                GTCAINFO[0],
                GTCAINFO[1],
                GTCAINFO[2],
                GTCAINFO[3],
                CESQ[0],
                CESQ[1],
                CESQ[2],
                CESQ[3],
                CSQ_LAYOUT,
            ],
        },
        TEMPERATURE,
        SLOT,
        USAGE,
    ],
    recipes: RECIPES,
    ways: &[],
    urcs: &[],
    reports: &[],
};

/// The others.
pub(super) static FIBOCOM: Dialect = Dialect {
    name: "Fibocom",
    signs: Signs { makers: &["fibocom"], models: &[], usb: &[(0x2cb7, &[]), (0x1508, &[])] },
    questions: &[
        Question {
            about: Query::Cells,
            lines: COMMON_CELLS,
            layouts: &[GTCCINFO[0], GTCCINFO[1], CESQ[0], CESQ[1], CESQ[2], CESQ[3], CSQ_LAYOUT],
        },
        TEMPERATURE,
        SLOT,
        USAGE,
    ],
    recipes: RECIPES,
    ways: &[&GTRNDIS],
    urcs: &[],
    reports: &[],
};
