//! Huawei: ME909s and its kin.
//!
//! Sources: "HUAWEI ME909s-821 LTE Mini PCIe Module AT Command Interface Specification" as quoted in public code
//! (`^HCSQ`, `^MONSC`, `^HFREQINFO`, `^DSFLOWQRY`); ModemManager 1.25 (`^NDISDUP`, `^NDISSTATQRY`, `^DHCP`, `^CPIN`,
//! `^RESET`, with their transcripts).

use super::address::mask_length;
use super::generic::{CGPADDR, CGPADDR_LINE, CPINR, CSQ_LAYOUT, CSQ_LINE, RESET};
use super::table::*;
use std::net::{IpAddr, Ipv4Addr};

/// `^HCSQ`: each number is a step above the lowest, and stands for the step's lower end. 255 is unknown.
const HCSQ_RSSI: Scale = Scale::new(0, 96, 10, -1_210);
/// See [`HCSQ_RSSI`].
const HCSQ_RSRP: Scale = Scale::new(0, 97, 10, -1_410);
/// See [`HCSQ_RSSI`]; steps of 0.2 dB.
const HCSQ_SINR: Scale = Scale::new(0, 251, 2, -202);
/// See [`HCSQ_RSSI`]; steps of 0.5 dB.
const HCSQ_RSRQ: Scale = Scale::new(0, 34, 5, -200);
/// See [`HCSQ_RSSI`]; steps of 0.5 dB.
const HCSQ_ECIO: Scale = Scale::new(0, 65, 5, -325);

/// A temperature in tenths of a degree.
const TENTHS: Scale = Scale::new(101, 1_500, 1, 0);
/// `^CHIPTEMP` is in degrees or in tenths of them; 65535 is no sensor.
const CHIPTEMP: Scale = Scale::new(-60, 100, 10, 0).or(&TENTHS);

/// `^HCSQ`, asked for or not.
const HCSQ: [Layout; 3] = [
    Layout::fields("^HCSQ:", &[Skip, Rssi(HCSQ_RSSI), Rsrp(HCSQ_RSRP), Sinr(HCSQ_SINR), Rsrq(HCSQ_RSRQ)])
        .given(&[Given::Is(0, &["LTE"])])
        .rat(Rat::Lte),
    Layout::fields("^HCSQ:", &[Skip, Rssi(HCSQ_RSSI), Rsrp(HCSQ_RSSI), Rsrq(HCSQ_ECIO)])
        .given(&[Given::Is(0, &["WCDMA"])])
        .rat(Rat::Umts),
    Layout::fields("^HCSQ:", &[Skip, Rssi(HCSQ_RSSI)]).given(&[Given::Is(0, &["GSM"])]).rat(Rat::Gsm),
];

/// `^MONSC`: the channel is decimal, identities are hexadecimal.
const MONSC: [Layout; 2] = [
    Layout::fields(
        "^MONSC:",
        &[
            Skip,
            Mcc,
            Mnc,
            Channel(Dec),
            Id(Hex),
            Pci(Hex),
            Area(Hex),
            Rsrp(RSRP_DBM),
            Rsrq(RSRQ_DB),
            Rssi(RSSI_DBM),
        ],
    )
    .given(&[Given::Is(0, &["LTE"])])
    .rat(Rat::Lte),
    Layout::fields(
        "^MONSC:",
        &[
            Skip,
            Mcc,
            Mnc,
            Channel(Dec),
            Pci(Dec),
            Id(Hex),
            Area(Hex),
            Rsrp(RSRP_DBM),
            Rssi(RSSI_DBM),
            Rsrq(RSRQ_DB),
        ],
    )
    .given(&[Given::Is(0, &["WCDMA"])])
    .rat(Rat::Umts),
];

/// `^NDISSTAT` and `^NDISSTATQRY`: a state for each family that is meant, in one line or in two.
const fn ndisstat(prefix: &'static str) -> [Layout; 3] {
    [
        Layout::fields(prefix, &[Up4(UP), Skip, Skip, Skip, Up6(UP)]).given(&[Given::Is(3, &["IPV4"])]),
        Layout::fields(prefix, &[Up6(UP)]).given(&[Given::Is(3, &["IPV6"])]),
        // With the context before.
        Layout::fields(prefix, &[Cid, Up4(UP)]).given(&[Given::Is(4, &["IPV4"])]),
    ]
}

/// The answer.
const NDISSTATQRY: [Layout; 3] = ndisstat("^NDISSTATQRY:");
/// The report.
const NDISSTAT: [Layout; 3] = ndisstat("^NDISSTAT:");

/// `^DHCP`: addresses as hexadecimal numbers, in the order of bytes of the module's processor. Which that is shows the
/// mask, whose ones must be in front.
fn dhcp(fields: &Fields<'_>, record: &mut Record) {
    let number = |index| {
        let text = fields.get(index)?;
        u32::try_from(Base::Hex.read(text)?).ok()
    };
    let Some(mask) = number(1) else { return };
    let (swapped, plain) = (mask_length(&mask.to_le_bytes()), mask_length(&mask.to_be_bytes()));
    let known = |bits: &Option<u8>| bits.is_some_and(|bits| bits > 0);
    let (prefix, little) = match (swapped.filter(|_| known(&swapped)), plain.filter(|_| known(&plain))) {
        (Some(prefix), _) => (prefix, true),
        (None, Some(prefix)) => (prefix, false),
        (None, None) => return,
    };
    let address = |index| {
        let number = number(index).filter(|number| *number != 0)?;
        Some(IpAddr::V4(Ipv4Addr::from(if little { number.to_le_bytes() } else { number.to_be_bytes() })))
    };
    if let Some(own) = address(0) {
        record.ip.put_address(super::address::Written { address: own, prefix: Some(prefix) });
    }
    if let Some(gateway) = address(2) {
        record.ip.put_gateway(gateway);
    }
    for server in [address(4), address(5)].into_iter().flatten() {
        record.ip.put_dns(server);
    }
}

/// The network interface. The module serves DHCP on it, and tells the same by `^DHCP`.
static NDISDUP: Way = Way {
    name: "^NDISDUP",
    path: Path::Interface,
    addressing: Addressing::Served,
    up: &[Line::order("AT^NDISDUP={cid},1").within(60)],
    down: &[Line::order("AT^NDISDUP={cid},0").within(15)],
    state: Question {
        about: Query::Bearer,
        lines: &[Line::many("AT^NDISSTATQRY?", "^NDISSTATQRY:"), CGPADDR_LINE],
        layouts: &[NDISSTATQRY[0], NDISSTATQRY[1], NDISSTATQRY[2], CGPADDR],
    },
};

/// The dialect.
pub(super) static HUAWEI: Dialect = Dialect {
    name: "Huawei",
    signs: Signs { makers: &["huawei"], models: &[], usb: &[(0x12d1, &[])] },
    questions: &[
        Question {
            about: Query::Iccid,
            lines: &[Line::one("AT^ICCID?", "^ICCID:"), Line::one("AT+CCID", "+CCID:").otherwise()],
            layouts: &[Layout::fields("^ICCID:", &[Text]), Layout::fields("+CCID:", &[Text])],
        },
        Question {
            about: Query::Cells,
            lines: &[
                Line::many("AT^MONSC", "^MONSC:"),
                Line::one("AT^HCSQ?", "^HCSQ:"),
                Line::many("AT^HFREQINFO?", "^HFREQINFO:"),
                CSQ_LINE,
            ],
            layouts: &[
                MONSC[0],
                MONSC[1],
                HCSQ[0],
                HCSQ[1],
                HCSQ[2],
                Layout::fields("^HFREQINFO:", &[Skip, Skip, Band, Channel(Dec)])
                    .given(&[Given::Is(1, &["6"])])
                    .rat(Rat::Lte),
                CSQ_LAYOUT,
            ],
        },
        Question {
            about: Query::Temperature,
            lines: &[Line::one("AT^CHIPTEMP?", "^CHIPTEMP:")],
            layouts: &[Layout::fields(
                "^CHIPTEMP:",
                &[Heat(CHIPTEMP), Heat(CHIPTEMP), Heat(CHIPTEMP), Heat(CHIPTEMP)],
            )],
        },
        Question {
            about: Query::Tries,
            // State, tries of what is wanted, PUK, PIN, PUK2, PIN2.
            lines: &[Line::one("AT^CPIN?", "^CPIN:"), Line::many("AT+CPINR", "+CPINR:").otherwise()],
            layouts: &[Layout::fields("^CPIN:", &[Skip, Skip, PukTries, PinTries]), CPINR[0], CPINR[1]],
        },
        Question {
            about: Query::Slot,
            lines: &[Line::many("AT^SIMSWITCH?", "^SIMSWITCH:")],
            layouts: &[Layout::fields("^SIMSWITCH:", &[Slot])],
        },
        Question {
            about: Query::Ip,
            lines: &[Line::many("AT^DHCP?", "^DHCP:"), Line::many("AT^DHCPV6?", "^DHCPV6:"), CGPADDR_LINE],
            layouts: &[
                Layout::code("^DHCP:", dhcp),
                Layout::fields("^DHCPV6:", &[Address, Skip, Gateway, Skip, Dns, Dns]),
                CGPADDR,
            ],
        },
        Question {
            about: Query::Usage,
            // Time, sent and received of this session, then in total.
            lines: &[Line::one("AT^DSFLOWQRY", "^DSFLOWQRY:")],
            layouts: &[Layout::fields("^DSFLOWQRY:", &[Skip, Skip, Skip, Skip, Sent(Hex), Received(Hex)])],
        },
    ],
    recipes: &[
        Recipe {
            act: Act::Define,
            // The order of `^AUTHDATA` is that of MeiG's copy of the command; not confirmed for the ME909s.
            lines: &[
                Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
                Line::order("AT^AUTHDATA={cid},{auth},\"\",\"{password}\",\"{user}\"").with_auth(),
            ],
        },
        Recipe { act: Act::Slot, lines: &[Line::order("AT^SIMSWITCH={slot}").within(15)] },
        Recipe { act: Act::Reset, lines: &[Line::order("AT^RESET").within(15), RESET.otherwise()] },
    ],
    ways: &[&NDISDUP],
    urcs: &[
        Urc { layout: NDISSTAT[0], means: Means::Context },
        Urc { layout: NDISSTAT[1], means: Means::Context },
        Urc { layout: NDISSTAT[2], means: Means::Context },
        Urc { layout: Layout::fields("^SIMST:", &[]), means: Means::Ask(Query::Sim) },
        Urc { layout: Layout::fields("^SRVST:", &[]), means: Means::Ask(Query::Registration) },
        Urc { layout: HCSQ[0], means: Means::Cells },
        Urc { layout: HCSQ[1], means: Means::Cells },
        Urc { layout: HCSQ[2], means: Means::Cells },
    ],
    reports: &[],
};
