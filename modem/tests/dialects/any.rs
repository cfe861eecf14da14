//! What holds of every dialect: how it is chosen, that its commands can be sent, and that nothing a modem sends is
//! too much for its readers.

use super::*;
use proptest::prelude::*;
use shunt_modem::dialect::{Auth, Need, fuzz};
use shunt_recovery::facts::Slot;

/// A modem of each table.
const MODEMS: [(&str, &str, &str); 12] = [
    ("Quectel", "EC25", "Quectel"),
    ("QUECTEL", "RM520N-GL", "Quectel"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "SIMCom"),
    ("SIMCOM_Ltd", "SIM7080G", "SIMCom SIM70x0"),
    ("Sierra Wireless, Incorporated", "EM7565", "Sierra Wireless"),
    ("Telit", "LE910C1-EU", "Telit"),
    ("u-blox", "SARA-R510S", "u-blox"),
    ("Huawei Technologies Co., Ltd.", "ME909s-120", "Huawei"),
    ("Fibocom Wireless Inc.", "L860-GL", "Fibocom L850/L860"),
    ("Fibocom Wireless Inc.", "FM350-GL", "Fibocom FM350"),
    ("Fibocom Wireless Inc.", "FG621-EA", "Fibocom"),
    ("Cinterion", "PLS8-E", "3GPP"),
];

#[test]
fn a_modem_is_known_by_its_name() {
    for (maker, model, dialect) in MODEMS {
        assert_eq!(of(maker, model).name, dialect, "{maker} {model}");
    }
    assert_eq!(of("", "").name, "3GPP");
}

#[test]
fn a_modem_that_does_not_answer_is_known_by_its_place_on_the_bus() {
    for (usb, dialect) in [
        ((0x2c7c, 0x0125), "Quectel"),
        ((0x1e0e, 0x9001), "SIMCom"),
        ((0x1e0e, 0x9206), "SIMCom SIM70x0"),
        ((0x1199, 0x9071), "Sierra Wireless"),
        ((0x1bc7, 0x1201), "Telit"),
        ((0x1546, 0x1143), "u-blox"),
        ((0x12d1, 0x15c1), "Huawei"),
        ((0x2cb7, 0x0007), "Fibocom L850/L860"),
        ((0x0e8d, 0x7127), "Fibocom FM350"),
        ((0x2cb7, 0x0104), "Fibocom"),
        ((0x0e8d, 0x0001), "3GPP"),
        ((0xffff, 0x0000), "3GPP"),
    ] {
        assert_eq!(Dialect::of(&Identity::default(), Some(usb)).name, dialect, "{usb:x?}");
    }
    // What the modem says of itself counts before the bus: many vendors build on another's chip.
    let identity = Identity { manufacturer: "Quectel".to_owned(), ..Identity::default() };
    assert_eq!(Dialect::of(&identity, Some((0x1199, 0x9071))).name, "Quectel");
}

#[test]
fn every_command_of_every_table_can_be_sent() {
    let context = context();
    let open = Context { auth: Auth::None, ..context.clone() };
    for (maker, model, _) in MODEMS {
        let dialect = of(maker, model);
        for query in Query::ALL {
            let asks: Vec<_> = dialect.ask(query, CID).collect();
            assert!(
                asks.iter().all(|ask| !ask.secret && !ask.timeout.is_zero()),
                "{} {query:?}",
                dialect.name
            );
            assert!(asks.first().is_none_or(|ask| ask.need == Need::Always), "{} {query:?}", dialect.name);
            // What is asked can be read, and what cannot be asked is not read.
            let reads = dialect.read(query, CID, &["+CSQ: 99,99"]);
            assert_eq!(reads, None, "{} {query:?}", dialect.name);
        }
        let mut steps = vec![
            Step::Watch,
            Step::RadioOn,
            Step::RadioOff,
            Step::Minimum,
            Step::Attach,
            Step::Detach,
            Step::Register,
            Step::Deregister,
            Step::Define(&context),
            Step::Define(&open),
            Step::Pin("1234"),
            Step::Slot(Slot(1)),
            Step::Reset,
            Step::PowerOff,
        ];
        for way in dialect.ways() {
            steps.extend([Step::BearerUp(way, CID), Step::BearerDown(way, CID)]);
            assert!(way.ask(CID).count() > 0, "{}", way.name);
        }
        for step in steps {
            let asks = dialect.act(step).unwrap_or_else(|error| panic!("{} {step:?}: {error}", dialect.name));
            let may_lack = matches!(step, Step::Slot(_) | Step::PowerOff);
            assert!(!asks.is_empty() || may_lack, "{} {step:?}", dialect.name);
            assert!(asks.first().is_none_or(|ask| ask.need == Need::Always), "{} {step:?}", dialect.name);
            for ask in asks {
                assert_eq!(ask.command.sign(), None, "{step:?}");
                let (shown, text) = (ask.command.shown(), ask.command.text());
                assert_eq!(
                    ask.secret,
                    shown != text,
                    "{text}: what is logged hides what is secret, and nothing else"
                );
            }
        }
        assert!(dialect.act(Step::Pin("1234")).unwrap().iter().all(|ask| ask.secret));
        assert!(dialect.act(Step::Pin("12\"34")).is_err());
    }
}

#[test]
fn the_fuzz_target_is_the_entry() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
    let target = std::fs::read_to_string(folder.join("fuzz_targets/dialect.rs")).unwrap();
    assert!(target.contains("fuzz_target!(|bytes: &[u8]| shunt_modem::dialect::fuzz::dialect(bytes));"));
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("path = \"fuzz_targets/dialect.rs\""));
}

/// Lines whose prefixes readers know, so that chance gets past them.
const PREFIXES: [&str; 48] = [
    "+CSQ:",
    "+CESQ:",
    "+CREG:",
    "+CGREG:",
    "+CEREG:",
    "+C5GREG:",
    "+COPS:",
    "+CPIN:",
    "+CPINR:",
    "+CGACT:",
    "+CGPADDR:",
    "+CGCONTRDP:",
    "+CGEV: NW DEACT",
    "+CGEV: ME PDN ACT",
    "+CFUN:",
    "+CCID:",
    "+QENG:",
    "+QCAINFO:",
    "+QCSQ:",
    "+QNWINFO:",
    "+QTEMP:",
    "+QPINC:",
    "+QNETDEVCTL:",
    "+QGDCNT:",
    "+CPSI:",
    "+SPIC:",
    "+SMSIMCFG:",
    "LTE band:",
    "NR5G RSRP (dBm):",
    "!SCACT:",
    "#RFSTS:",
    "#SERVINFO:",
    "#CAINFO:",
    "#TEMPMEAS:",
    "+UIPADDR:",
    "+UPINCNT:",
    "+UGCNTRD:",
    "^HCSQ:",
    "^MONSC:",
    "^NDISSTATQRY:",
    "^DHCP:",
    "^DSFLOWQRY:",
    "^CHIPTEMP:",
    "+XCESQ:",
    "+XMCI:",
    "+XLEC:",
    "+GTSENRDTEMP:",
    "PCC:",
];

/// Fields that readers look at, and such as are too much for them.
fn field() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "",
        "-",
        "\"",
        "\"LTE\"",
        "\"servingcell\"",
        "\"NOCONN\"",
        "\"NR5G-SA\"",
        "\"NR5G-NSA\"",
        "LTE",
        "Online",
        "\"PCC\"",
        "\"SCC\"",
        "\"LTE BAND 3\"",
        "\"IPV4\"",
        "\"IPV6\"",
        "0xFFFFFFFF",
        "FFFFFFFFF",
        "255.255.255.0",
        "10.0.0.1",
        "10.0.0.1.255.255.255.0",
        "fe80::1/64",
        "-32768",
        "65535",
        "99999999999999999999",
        "-0.0",
        "1e9",
        "0 5",
        "000",
        "50",
        "5078",
        "103",
        "000000000000000",
        "\"SIM PIN\"",
        "SIM PIN",
        "READY",
        "1",
        "2",
        "4",
        "9",
        "\u{e9}",
        "\t",
    ]);
    prop_oneof![
        words.prop_map(str::to_owned),
        any::<i32>().prop_map(|n| n.to_string()),
        "[0-9A-F]{1,10}",
        "\\PC{0,12}"
    ]
}

/// A line with a prefix that readers know, or with none.
fn line() -> impl Strategy<Value = String> {
    let prefix = prop_oneof![3 => prop::sample::select(PREFIXES.to_vec()), 1 => Just("")];
    (prefix, prop::collection::vec(field(), 0..30))
        .prop_map(|(prefix, fields)| format!("{prefix} {}", fields.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// The readers take any lines, and say nothing that cannot be.
    #[test]
    fn no_line_is_too_much(lines in prop::collection::vec(prop_oneof![3 => line(), 1 => "\\PC{0,80}"], 0..8)) {
        let text = lines.join("\n");
        for dialect in 0..16_u8 {
            for query in 0..18_u8 {
                fuzz::dialect(&[&[dialect, query], text.as_bytes()].concat());
            }
        }
    }

    /// Bytes by chance.
    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz::dialect(&bytes);
    }
}
