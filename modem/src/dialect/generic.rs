//! What 3GPP asks of every modem: TS 27.007 (release 17), and V.250 for dialling. Vendors' tables say only where they
//! differ.

use super::registration;
use super::table::*;
use shunt_recovery::facts::SimState;

/// `+CSQ` (8.5): 0 is -113 dBm or less, 31 is -51 dBm or more, 99 is unknown.
const CSQ: Scale = Scale::new(0, 31, 20, -1_130);
/// `+CESQ` (8.69). Each number stands for a step of the measure, and is told by the step's lower end: 0 for what is
/// below the first. 99 and 255 are unknown.
pub(super) const RXLEV: Scale = Scale::new(0, 63, 10, -1_110);
/// UMTS received signal code power.
pub(super) const RSCP: Scale = Scale::new(0, 96, 10, -1_210);
/// UMTS Ec/N0.
pub(super) const ECNO: Scale = Scale::new(0, 49, 5, -245);
/// LTE.
pub(super) const RSRQ: Scale = Scale::new(0, 34, 5, -200);
/// LTE.
pub(super) const RSRP: Scale = Scale::new(0, 97, 10, -1_410);
/// NR.
pub(super) const SS_RSRQ: Scale = Scale::new(0, 126, 5, -435);
/// NR.
pub(super) const SS_RSRP: Scale = Scale::new(0, 126, 10, -1_570);
/// NR.
pub(super) const SS_SINR: Scale = Scale::new(0, 127, 5, -235);

/// `+CPIN?` (8.3), and the words that vendors add for a SIM that is not there yet or not at all. A wanted PIN2 or PUK2
/// keeps nobody from the network.
pub(super) const PIN_WORDS: &[(&str, SimState)] = &[
    ("READY", SimState::Ready),
    ("SIM PIN2", SimState::Ready),
    ("SIM PUK2", SimState::Ready),
    ("SIM PIN", SimState::Pin),
    ("SIM PUK", SimState::Puk),
    ("PH-SIM PIN", SimState::Locked),
    ("PH-FSIM PIN", SimState::Locked),
    ("PH-FSIM PUK", SimState::Locked),
    ("PH-NET PIN", SimState::Locked),
    ("PH-NET PUK", SimState::Locked),
    ("PH-NETSUB PIN", SimState::Locked),
    ("PH-NETSUB PUK", SimState::Locked),
    ("PH-SP PIN", SimState::Locked),
    ("PH-SP PUK", SimState::Locked),
    ("PH-CORP PIN", SimState::Locked),
    ("PH-CORP PUK", SimState::Locked),
    ("BLOCKED", SimState::Failed),
    ("NOT READY", SimState::Busy),
    ("SIM BUSY", SimState::Busy),
    ("NOT INSERTED", SimState::Absent),
    ("SIM REMOVED", SimState::Absent),
    ("SIM FAILURE", SimState::Failed),
    ("SIM WRONG", SimState::Failed),
];

/// The line has its prefix and nothing else.
pub(super) const NOTHING_ELSE: &[Given] = &[Given::Is(0, &[""])];

/// `+CESQ` in lines of their own for each RAT: what is unknown makes no cell.
pub(super) const CESQ: [Layout; 4] = [
    Layout::fields("+CESQ:", &[Rssi(RXLEV)]).rat(Rat::Gsm),
    Layout::fields("+CESQ:", &[Skip, Skip, Rsrp(RSCP), Rsrq(ECNO)]).rat(Rat::Umts),
    Layout::fields("+CESQ:", &[Skip, Skip, Skip, Skip, Rsrq(RSRQ), Rsrp(RSRP)]).rat(Rat::Lte),
    Layout::fields(
        "+CESQ:",
        &[Skip, Skip, Skip, Skip, Skip, Skip, Rsrq(SS_RSRQ), Rsrp(SS_RSRP), Sinr(SS_SINR)],
    )
    .rat(Rat::Nr)
    .secondary(),
];

/// `+CSQ`: the cell that the modem is on, whatever its RAT.
pub(super) const CSQ_LAYOUT: Layout = Layout::fields("+CSQ:", &[Rssi(CSQ)]);
/// The command for it.
pub(super) const CSQ_LINE: Line = Line::one("AT+CSQ", "+CSQ:");
/// The command for `+CESQ`.
pub(super) const CESQ_LINE: Line = Line::one("AT+CESQ", "+CESQ:");

/// `+CGACT` (10.1.10): a line for each context.
const CGACT: Layout = Layout::fields("+CGACT:", &[Cid, Up(UP)]);
/// `+CGPADDR` (10.1.14): an address of each family.
pub(super) const CGPADDR: Layout = Layout::fields("+CGPADDR:", &[Cid, Address, Address]);
/// The command for it.
pub(super) const CGPADDR_LINE: Line = Line::many("AT+CGPADDR={cid}", "+CGPADDR:");

/// `+CGCONTRDP` (10.1.23): the mask stands behind the address since release 10, in a field of its own before.
pub(super) const CGCONTRDP: [Layout; 2] = [
    Layout::fields(
        "+CGCONTRDP:",
        &[Cid, Skip, Skip, Address, Gateway, Dns, Dns, Skip, Skip, Skip, Skip, Mtu(Dec)],
    )
    .given(&[Given::NoMask(4)]),
    Layout::fields("+CGCONTRDP:", &[Cid, Skip, Skip, Address, Mask, Gateway, Dns, Dns])
        .given(&[Given::Dotted(3, 4), Given::Mask(4)]),
];
/// The command for it.
pub(super) const CGCONTRDP_LINE: Line = Line::many("AT+CGCONTRDP={cid}", "+CGCONTRDP:");

/// Whether the context is up, by 27.007.
pub(super) const BEARER: Question = Question {
    about: Query::Bearer,
    lines: &[Line::many("AT+CGACT?", "+CGACT:"), CGPADDR_LINE],
    layouts: &[CGACT, CGPADDR],
};

/// Longest answers. 27.007 names none; these are Quectel's and u-blox's own bounds (CGACT 150 s), and for the rest
/// the longest that ModemManager waits.
const ATTACH_SECONDS: u64 = 75;
/// See [`ATTACH_SECONDS`].
pub(super) const CONTEXT_SECONDS: u64 = 150;
/// See [`ATTACH_SECONDS`].
const REGISTER_SECONDS: u64 = 120;
/// Modules that register before they answer take the longest.
const RADIO_SECONDS: u64 = 60;
/// Modems that search for networks meanwhile take their time to name the present one.
const OPERATOR_SECONDS: u64 = 20;
/// SIMs that are slow to verify.
const PIN_SECONDS: u64 = 20;

/// The call that every modem has (27.007, 10.2.1.1): PPP over the port that dials.
pub(super) static DIAL: Way = Way {
    name: "ATD*99",
    path: Path::Ppp,
    addressing: Addressing::Ppp,
    up: &[Line::order("ATD*99***{cid}#").within(CONTEXT_SECONDS)],
    down: &[Line::order("ATH").within(CONTEXT_SECONDS)],
    state: BEARER,
};

/// The context by `+CGACT`, for modems whose network interface follows it.
pub(super) static CGACT_WAY: Way = Way {
    name: "+CGACT",
    path: Path::Interface,
    addressing: Addressing::Told,
    up: &[Line::order("AT+CGACT=1,{cid}").within(CONTEXT_SECONDS)],
    down: &[Line::order("AT+CGACT=0,{cid}").within(CONTEXT_SECONDS)],
    state: BEARER,
};

/// A line without prefix. What begins with a sign is another's.
fn plain(fields: &Fields<'_>, record: &mut Record) {
    if let Some(text) = fields.get(0).filter(|text| text.starts_with(|first: char| first.is_alphanumeric())) {
        Text.put(text, record);
    }
}

/// A line without prefix and label.
const PLAIN: Layout = Layout::code("", plain).given(&[Given::Without(&[":"])]);

/// What each modem is asked unless its table says otherwise.
static QUESTIONS: &[Question] = &[
    Question {
        about: Query::Manufacturer,
        lines: &[
            Line::many("AT+CGMI", ""),
            Line::many("AT+CGMI?", "+CGMI:").otherwise(),
            Line::many("ATI", "").otherwise(),
        ],
        layouts: &[Layout::fields("+CGMI:", &[Text]), Layout::labels(&[("Manufacturer:", Text)]), PLAIN],
    },
    Question {
        about: Query::Model,
        lines: &[Line::many("AT+CGMM", ""), Line::many("AT+CGMM?", "+CGMM:").otherwise()],
        layouts: &[Layout::fields("+CGMM:", &[Text]), PLAIN],
    },
    Question {
        about: Query::Revision,
        lines: &[Line::many("AT+CGMR", "")],
        layouts: &[Layout::fields("+CGMR:", &[Text]), Layout::fields("+GMR:", &[Text]), PLAIN],
    },
    Question {
        about: Query::Imei,
        lines: &[
            Line::number("AT+CGSN"),
            Line::one("AT+CGSN=1", "+CGSN:").otherwise(),
            Line::one("AT+CGSN?", "+CGSN:").otherwise(),
        ],
        layouts: &[Layout::fields("+CGSN:", &[Text]), PLAIN],
    },
    Question {
        about: Query::Imsi,
        lines: &[Line::number("AT+CIMI"), Line::one("AT+CIMI", "+CIMI:").otherwise()],
        layouts: &[Layout::fields("+CIMI:", &[Text]), PLAIN],
    },
    Question {
        about: Query::Iccid,
        lines: &[Line::one("AT+CCID", "+CCID:"), Line::one("AT+ICCID", "+ICCID:").otherwise()],
        layouts: &[Layout::fields("+CCID:", &[Text]), Layout::fields("+ICCID:", &[Text])],
    },
    Question {
        about: Query::Radio,
        lines: &[Line::one("AT+CFUN?", "+CFUN:")],
        layouts: &[Layout::fields("+CFUN:", &[Radio])],
    },
    Question {
        about: Query::Sim,
        lines: &[Line::one("AT+CPIN?", "+CPIN:").within(PIN_SECONDS)],
        layouts: &[Layout::fields("+CPIN:", &[Sim(PIN_WORDS)])],
    },
    Question { about: Query::Tries, lines: &[Line::many("AT+CPINR", "+CPINR:")], layouts: &CPINR },
    Question {
        about: Query::Registration,
        lines: &[
            Line::one("AT+C5GREG?", "+C5GREG:"),
            Line::one("AT+CEREG?", "+CEREG:"),
            Line::one("AT+CGREG?", "+CGREG:"),
            Line::one("AT+CREG?", "+CREG:"),
        ],
        layouts: &REGISTRATIONS,
    },
    Question {
        about: Query::Attached,
        lines: &[Line::one("AT+CGATT?", "+CGATT:")],
        layouts: &[Layout::fields("+CGATT:", &[Attached(UP)])],
    },
    Question {
        about: Query::Operator,
        lines: &[
            Line::order("AT+COPS=3,0"),
            Line::one("AT+COPS?", "+COPS:").within(OPERATOR_SECONDS),
            Line::order("AT+COPS=3,2"),
            Line::one("AT+COPS?", "+COPS:").within(OPERATOR_SECONDS),
        ],
        layouts: &[
            Layout::fields("+COPS:", &[Skip, Skip, Operator, Technology]).given(&[Given::Is(1, &["0", "1"])]),
            Layout::fields("+COPS:", &[Skip, Skip, Plmn, Technology]).given(&[Given::Is(1, &["2"])]),
        ],
    },
    Question {
        about: Query::Cells,
        lines: &[CESQ_LINE, CSQ_LINE],
        layouts: &[CESQ[0], CESQ[1], CESQ[2], CESQ[3], CSQ_LAYOUT],
    },
    Question { about: Query::Bearer, lines: BEARER.lines, layouts: BEARER.layouts },
    Question {
        about: Query::AccessPoint,
        // What the network granted, then what is defined (10.1.1).
        lines: &[CGCONTRDP_LINE, Line::many("AT+CGDCONT?", "+CGDCONT:")],
        layouts: &[
            Layout::fields("+CGCONTRDP:", &[Cid, Skip, Text]),
            Layout::fields("+CGDCONT:", &[Cid, Skip, Text]),
        ],
    },
    Question {
        about: Query::Ip,
        lines: &[CGCONTRDP_LINE, CGPADDR_LINE],
        layouts: &[CGCONTRDP[0], CGCONTRDP[1], CGPADDR],
    },
];

/// `+CPINR` (8.65).
pub(super) const CPINR: [Layout; 2] = [
    Layout::fields("+CPINR:", &[Skip, PinTries]).given(&[Given::Is(0, &["SIM PIN"])]),
    Layout::fields("+CPINR:", &[Skip, PukTries]).given(&[Given::Is(0, &["SIM PUK"])]),
];

/// One for each domain.
const REGISTRATIONS: [Layout; 4] = [
    Layout::code("+C5GREG:", registration::five_g),
    Layout::code("+CEREG:", registration::eps),
    Layout::code("+CGREG:", registration::packet),
    Layout::code("+CREG:", registration::circuit),
];

/// `AT+CFUN=1,1` (8.2): reset, then full functionality.
pub(super) const RESET: Line = Line::order("AT+CFUN=1,1").within(15);

/// The reports that every modem is asked for, with the cause of a refusal where it knows them, else without.
pub(super) static WATCH: &[Line] = &[
    Line::order("AT+CMEE=1"),
    Line::order("AT+CREG=3"),
    Line::order("AT+CREG=2").otherwise(),
    Line::order("AT+CGREG=3"),
    Line::order("AT+CGREG=2").otherwise(),
    Line::order("AT+CEREG=3"),
    Line::order("AT+CEREG=2").otherwise(),
    Line::order("AT+C5GREG=3"),
    Line::order("AT+C5GREG=2").otherwise(),
    Line::order("AT+CGEREP=2,1"),
    Line::order("AT+CGEREP=1").otherwise(),
];

/// What steps are made of unless a table says otherwise.
static RECIPES: &[Recipe] = &[
    Recipe { act: Act::RadioOn, lines: &[Line::order("AT+CFUN=1").within(RADIO_SECONDS)] },
    Recipe { act: Act::RadioOff, lines: &[Line::order("AT+CFUN=4").within(RADIO_SECONDS)] },
    Recipe { act: Act::Minimum, lines: &[Line::order("AT+CFUN=0").within(RADIO_SECONDS)] },
    Recipe { act: Act::Attach, lines: &[Line::order("AT+CGATT=1").within(ATTACH_SECONDS)] },
    Recipe { act: Act::Detach, lines: &[Line::order("AT+CGATT=0").within(ATTACH_SECONDS)] },
    Recipe { act: Act::Register, lines: &[Line::order("AT+COPS=0").within(REGISTER_SECONDS)] },
    Recipe { act: Act::Deregister, lines: &[Line::order("AT+COPS=2").within(REGISTER_SECONDS)] },
    Recipe {
        act: Act::Define,
        lines: &[
            Line::order("AT+CGDCONT={cid},\"{pdp}\",\"{apn}\""),
            Line::order("AT+CGAUTH={cid},{auth},\"{user}\",\"{password}\"").with_auth(),
        ],
    },
    Recipe { act: Act::Pin, lines: &[Line::order("AT+CPIN=\"{pin}\"").within(PIN_SECONDS)] },
    Recipe { act: Act::Reset, lines: &[RESET] },
    // No `Act::PowerOff`: 27.007 has no command to switch off. Who wants to takes the radio's minimum instead.
];

/// Unsolicited lines that all modems may send.
static URCS: &[Urc] = &[
    Urc { layout: REGISTRATIONS[0], means: Means::Registration },
    Urc { layout: REGISTRATIONS[1], means: Means::Registration },
    Urc { layout: REGISTRATIONS[2], means: Means::Registration },
    Urc { layout: REGISTRATIONS[3], means: Means::Registration },
    // 27.007, 10.1.19. Of a context that was lost the old form gives type and address before its number.
    Urc { layout: Layout::fields("+CGEV: NW DETACH", &[]), means: Means::Detached },
    Urc { layout: Layout::fields("+CGEV: ME DETACH", &[]), means: Means::Detached },
    Urc { layout: Layout::fields("+CGEV: NW PDN DEACT", &[Cid]), means: Means::ContextDown },
    Urc { layout: Layout::fields("+CGEV: ME PDN DEACT", &[Cid]), means: Means::ContextDown },
    Urc { layout: Layout::fields("+CGEV: EPS PDN DEACT", &[Cid]), means: Means::ContextDown },
    Urc { layout: Layout::fields("+CGEV: NW DEACT", &[Skip, Skip, Cid]), means: Means::ContextDown },
    Urc { layout: Layout::fields("+CGEV: ME DEACT", &[Skip, Skip, Cid]), means: Means::ContextDown },
    Urc { layout: Layout::fields("+CGEV: ME PDN ACT", &[Cid]), means: Means::ContextUp },
    Urc { layout: Layout::fields("+CGEV: NW PDN ACT", &[Cid]), means: Means::ContextUp },
    Urc { layout: Layout::fields("+CGEV: EPS PDN ACT", &[Cid]), means: Means::ContextUp },
    Urc { layout: Layout::fields("+CPIN:", &[Sim(PIN_WORDS)]), means: Means::Sim },
    Urc { layout: Layout::fields("+CFUN:", &[Radio]), means: Means::Radio },
    // 27.005, 3.4.1: a message is stored, or comes in the line itself.
    Urc { layout: Layout::fields("+CMTI:", &[]), means: Means::Message },
    Urc { layout: Layout::fields("+CMT:", &[]), means: Means::Message },
    Urc { layout: Layout::fields("+CDSI:", &[]), means: Means::Message },
    Urc { layout: Layout::fields("+CDS:", &[]), means: Means::Message },
    // The banners that end a command in flight, too.
    Urc { layout: Layout::fields("RDY", &[]).given(NOTHING_ELSE), means: Means::Booted },
    Urc { layout: Layout::fields("+AT: READY", &[]).given(NOTHING_ELSE), means: Means::Booted },
    Urc { layout: Layout::fields("^SYSSTART", &[]).given(NOTHING_ELSE), means: Means::Booted },
    Urc { layout: Layout::fields("NO CARRIER", &[]).given(NOTHING_ELSE), means: Means::Ask(Query::Bearer) },
];

/// The dialect of a modem that nothing is known of.
pub(super) static GENERIC: Dialect = Dialect {
    name: "3GPP",
    signs: Signs { makers: &[], models: &[], usb: &[] },
    questions: QUESTIONS,
    recipes: RECIPES,
    ways: &[&CGACT_WAY, &DIAL],
    urcs: URCS,
    reports: &[],
};
