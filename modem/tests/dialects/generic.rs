//! 3GPP TS 27.007 (release 17), and how modems bend it. The odd lines are from field reports and the tests of
//! ModemManager 1.25 (`test-modem-helpers.c`), which have them from real modems.

use super::*;
use shunt_recovery::facts::{
    AccessTechnology, CmeError, Domain, Fact, MobilityCause, Radio, Registration, RegistrationState,
};

fn generic() -> &'static Dialect {
    of("", "")
}

/// The registration of one line, asked for or not: state, technology, area, cell, cause.
fn registration(line: &str) -> Option<Registration> {
    let read = match generic().read(Query::Registration, CID, &[line]) {
        Some(Reading::Registrations(all)) => all.first().copied(),
        _ => None,
    };
    let told = match generic().urc(line) {
        Some(Told::Fact(Fact::Registration(registration))) => Some(registration),
        _ => None,
    };
    assert_eq!(read, told, "{line}: asked for or not, the line says the same");
    read
}

#[test]
fn registration_is_read_in_the_form_of_a_read_and_of_a_report() {
    use AccessTechnology::{Edge, Lte, Nr};
    use Domain::{Circuit, Eps, FiveG, Packet};
    use RegistrationState::{Home, NoFallbackRoaming, Roaming, Searching, SmsOnlyHome};
    for (line, domain, state, area, cell, technology) in [
        ("+CREG: 2,1,  0 5, 2715", Circuit, Home, None, Some(0x2715), None),
        ("+CREG: 2,5,\"0502\",\"0404736D\"", Circuit, Roaming, Some(0x0502), Some(0x0404_736D), None),
        ("+CREG: 2,1,000B,2816, B, C2816", Circuit, Home, Some(0xB), Some(0x2816), None),
        ("+CREG:002,001,\"18d8\",\"ffff\"", Circuit, Home, Some(0x18D8), None, None),
        ("+CREG: 2,,", Circuit, Searching, None, None, None),
        (
            "+CREG: 2,6,\"8B37\",\"0A265185\",7",
            Circuit,
            SmsOnlyHome,
            Some(0x8B37),
            Some(0x0A26_5185),
            Some(Lte),
        ),
        ("+CGREG: 1,\"1422\",\"00000142\",3,\"00\"", Packet, Home, Some(0x1422), Some(0x142), Some(Edge)),
        ("+CGREG:2,10,ebbd,f025", Packet, NoFallbackRoaming, Some(0xEBBD), Some(0xF025), None),
        ("+CEREG: 2,1, 1F00, 79D903 ,7", Eps, Home, Some(0x1F00), Some(0x79_D903), Some(Lte)),
        ("+CEREG: 1, 1F00, 20 ,79D903 ,7", Eps, Home, Some(0x1F00), Some(0x79_D903), Some(Lte)),
        ("+CEREG: 2,1, 1F00, 20 ,79D903 ,7", Eps, Home, Some(0x1F00), Some(0x79_D903), Some(Lte)),
        ("+C5GREG: 2,1,1F00,79D903,11,6,ABCDEF", FiveG, Home, Some(0x1F00), Some(0x79_D903), Some(Nr)),
        ("+C5GREG: 1,\"0005D3\",\"000000010\",11", FiveG, Home, Some(0x5D3), Some(0x10), Some(Nr)),
        ("+CEREG: 1,3", Eps, RegistrationState::Denied, None, None, None),
        ("+CEREG: 0", Eps, RegistrationState::Idle, None, None, None),
    ] {
        let cause = None;
        assert_eq!(
            registration(line),
            Some(Registration { domain, state, technology, area, cell, cause }),
            "{line}"
        );
    }
}

#[test]
fn the_cause_of_a_refusal_is_the_networks() {
    // 27.007, 7.2, 10.1.20, 10.1.22, 10.1.47: where the cause stands differs; type 1 is the maker's own.
    for (line, cause) in [
        ("+CEREG: 3,\"2B6A\",\"0012AB01\",7,0,15", Some(15)),
        ("+CEREG: 3,3,,,,0,11", Some(11)),
        ("+CREG: 3,3,,,,0,3", Some(3)),
        ("+CGREG: 3,3,\"1422\",\"00000142\",3,\"00\",0,7", Some(7)),
        ("+C5GREG: 3,\"0005D3\",\"000000010\",11,,,0,27", Some(27)),
        ("+CEREG: 3,3,,,,1,11", None),
        ("+CEREG: 3,3,,,,0,0", None),
        ("+CEREG: 3,3,,,,0,300", None),
    ] {
        let read = registration(line).unwrap();
        assert_eq!(read.cause, cause.map(MobilityCause), "{line}");
        assert_eq!(read.state, RegistrationState::Denied, "{line}");
    }
}

#[test]
fn what_is_no_registration_is_none() {
    for line in [
        "+CREG:",
        "+CREG: ",
        "+CREG: x",
        "+CREG: 12",
        "+CREG: 2,99999,1",
        "+CREG: ERROR",
        "+CREGX: 1",
        "+CREG: -1",
    ] {
        let told = generic().read(Query::Registration, CID, &[line]);
        let state = match &told {
            Some(Reading::Registrations(all)) => all.first().map(|registration| registration.state),
            _ => None,
        };
        // `2,99999,1` is a report with an area too long to be one.
        assert!(state.is_none() || line.contains("99999"), "{line}: {told:?}");
    }
}

#[test]
fn each_domain_counts_once_and_the_newer_line_stands() {
    let lines = ["+CREG: 2,0", "+CEREG: 2,2", "+CEREG: 2,5,\"1A2B\",\"0012345A\",7"];
    let Some(Reading::Registrations(all)) = generic().read(Query::Registration, CID, &lines) else {
        panic!()
    };
    let states: Vec<_> = all.iter().map(|registration| (registration.domain, registration.state)).collect();
    assert_eq!(
        states,
        [(Domain::Circuit, RegistrationState::Idle), (Domain::Eps, RegistrationState::Roaming)]
    );
}

#[test]
fn signal_is_mapped_as_the_standard_says() {
    // 27.007, 8.5 and 8.69.
    for (lines, expected) in [
        (vec!["+CSQ: 0,99"], "primary rssi=-113"),
        (vec!["+CSQ: 31,0"], "primary rssi=-51"),
        (vec!["+CSQ: 20,99"], "primary rssi=-73"),
        (vec!["+CESQ: 99,99,255,255,20,50"], "primary Lte rsrp=-91 rsrq=-100"),
        (vec!["+CESQ: 99,99,255,255,0,0"], "primary Lte rsrp=-141 rsrq=-200"),
        (vec!["+CESQ: 99,99,255,255,34,97"], "primary Lte rsrp=-44 rsrq=-30"),
        (vec!["+CESQ: 63,7,255,255,255,255"], "primary Gsm rssi=-48"),
        (vec!["+CESQ: 99,99,96,49,255,255"], "primary Umts rsrp=-25 rsrq=0"),
        (vec!["+CESQ: 99,99,255,255,255,255,65,79,59"], "primary Nr rsrp=-78 rsrq=-110 sinr=60"),
        (vec!["+CESQ: 99,99,255,255,255,255,126,126,127"], "primary Nr rsrp=-31 rsrq=195 sinr=400"),
        (vec!["+CESQ: 99,99,255,255,20,50", "+CSQ: 20,99"], "primary Lte rssi=-73 rsrp=-91 rsrq=-100"),
    ] {
        assert_eq!(cells(generic(), &lines), [expected], "{lines:?}");
    }
    // On a 5G core `+CSQ` is about NR, though it does not say so.
    assert_eq!(
        cells(generic(), &["+CESQ: 99,99,255,255,255,255,65,79,59", "+CSQ: 18,99"]),
        ["primary Nr rssi=-77 rsrp=-78 rsrq=-110 sinr=60"]
    );
    // LTE with NR besides (a transcript of an FM350 on EN-DC has both).
    assert_eq!(
        cells(generic(), &["+CESQ: 99,99,255,255,14,44,40,49,69", "+CSQ: 18,99"]),
        ["primary Lte rssi=-77 rsrp=-97 rsrq=-130", "secondary Nr rsrp=-108 rsrq=-235 sinr=110"]
    );
}

#[test]
fn what_is_unknown_or_out_of_range_is_no_signal() {
    for line in [
        "+CSQ: 99,99",
        "+CSQ: 32,99",
        "+CSQ: -1,99",
        "+CSQ: 300,99",
        "+CSQ: 4294967297,99",
        "+CSQ:",
        "+CSQ: x",
        "+CSQ: ,",
        "+CESQ: 99,99,255,255,255,255",
        "+CESQ: 64,99,97,50,35,98",
        "+CESQ: 99,99,255,255,255,255,255,255,255",
    ] {
        assert_eq!(cells(generic(), &[line]), [""; 0], "{line}");
    }
}

#[test]
fn every_number_of_the_standard_has_its_level_and_no_other_has_one() {
    // 27.007, 8.5 and 8.69: the highest number of each measure, its step in tenths, and the level of zero in tenths.
    for (before, high, step, zero, what) in [
        ("+CSQ: ", 31, 20, -1_130, "rssi"),
        ("+CESQ: ", 63, 10, -1_110, "rssi"),
        ("+CESQ: 99,99,", 96, 10, -1_210, "rsrp"),
        ("+CESQ: 99,99,255,", 49, 5, -245, "rsrq"),
        ("+CESQ: 99,99,255,255,", 34, 5, -200, "rsrq"),
        ("+CESQ: 99,99,255,255,255,", 97, 10, -1_410, "rsrp"),
        ("+CESQ: 99,99,255,255,255,255,", 126, 5, -435, "rsrq"),
        ("+CESQ: 99,99,255,255,255,255,255,", 126, 10, -1_570, "rsrp"),
        ("+CESQ: 99,99,255,255,255,255,255,255,", 127, 5, -235, "sinr"),
    ] {
        for number in 0..=300 {
            let line = format!("{before}{number}");
            let told = cells(generic(), &[line.as_str()]);
            if number <= high {
                let tenths = zero + step * number;
                let level = if matches!(what, "rssi" | "rsrp") { tenths / 10 } else { tenths };
                assert!(told.concat().ends_with(&format!(" {what}={level}")), "{line}: {told:?}");
            } else {
                assert_eq!(told, [""; 0], "{line}");
            }
        }
    }
}

#[test]
fn the_network_has_a_name_and_a_code() {
    // 27.007, 7.3; the technology of an FM350 beside NR.
    let lines = ["+COPS: 0,0,\"T-Mobile USA, In\",7", "+COPS: 0,2,\"310260\",13"];
    let Some(Reading::Operator(operator)) = generic().read(Query::Operator, CID, &lines) else { panic!() };
    assert_eq!(operator.name.as_deref(), Some("T-Mobile USA, In"));
    assert_eq!(operator.plmn.unwrap().to_string(), "310260");
    assert_eq!(operator.technology, Some(AccessTechnology::Lte));
    for line in [
        "+COPS: 0",
        "+COPS: 2",
        "+COPS:",
        "+COPS: (1,\"T-Mobile USA, In\",\"T-Mobile\",\"310260\",0),(1,\"AT&T\",\"AT&T\",\"310410\",0),,(0,1,2,3,4),(0,1,2)",
    ] {
        assert_eq!(generic().read(Query::Operator, CID, &[line]), None, "{line}");
    }
}

#[test]
fn the_context_and_its_addresses_are_read_for_the_one_that_was_asked() {
    // 27.007, 10.1.10 and 10.1.14.
    let up =
        ["+CGACT: 1,1", "+CGACT: 2,0", "+CGPADDR: 1,\"10.1.2.3\",\"32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1\""];
    let read = bearer(generic(), &up).unwrap();
    assert!(read.active);
    assert_eq!(read.addresses.v4.unwrap().to_string(), "10.1.2.3");
    assert_eq!(read.addresses.v6.unwrap().to_string(), "2001:db8::1");
    let other = bearer(generic(), &["+CGACT: 1,0", "+CGACT: 2,1", "+CGPADDR: 1,10.1.2.3"]).unwrap();
    assert!(!other.active && other.addresses.is_empty(), "{other:?}");
    assert_eq!(bearer(generic(), &["+CGACT: 2,1"]), None);
    assert_eq!(bearer(generic(), &["+CGPADDR: 1,\"0.0.0.0\""]), None);
}

#[test]
fn the_configuration_is_read_in_the_old_and_the_new_form() {
    // 27.007, 10.1.23; the lines are from ModemManager's tests.
    for (lines, expected) in [
        (
            vec![
                "+CGCONTRDP: 1,5,\"ibox.tim.it.mnc001.mcc222.gprs\",\"2.197.17.49.255.255.255.255\",\"2.197.17.49\",\"10.207.43.46\",\"10.206.56.132\",\"0.0.0.0\",\"0.0.0.0\",0",
            ],
            "v4=2.197.17.49/32 via=2.197.17.49 dns=10.207.43.46,10.206.56.132",
        ),
        (
            vec![
                "+CGCONTRDP: 1,5,\"ibox.tim.it.mnc001.mcc222.gprs\",\"2.197.17.49\",\"255.255.255.252\",\"2.197.17.50\",\"10.207.43.46\",\"10.206.56.132\",\"0.0.0.0\",\"0.0.0.0\"",
            ],
            "v4=2.197.17.49/30 via=2.197.17.50 dns=10.207.43.46,10.206.56.132",
        ),
        (vec!["+CGCONTRDP: 1,5,\"ibox.tim.it.mnc001.mcc222.gprs\",\"2.197.17.49\""], "v4=2.197.17.49/32"),
        (
            vec![
                "+CGCONTRDP: 1,5,\"internetipv6.mnc003.mcc260.gprs\",\"254.128.0.0.0.0.0.0.0.0.0.37.88.136.248.1\",\"\",\"42.1.23.0.0.2.255.255.0.0.0.0.0.0.159.1\",\"42.1.23.0.0.3.255.255.0.0.0.0.0.0.152.34\",\"\",\"\",0,0",
            ],
            "v6=fe80::25:5888:f801/64 dns=2a01:1700:2:ffff::9f01,2a01:1700:3:ffff::9822",
        ),
        (
            vec![
                "+CGCONTRDP: 1,0,\"fast.t-mobile.com\",\"2607:FB90:B59A:02C1:0AD3:1B57:4FD4:21F4\",\"FE80:0000:0000:0000:B46D:57FF:FE45:4545\",\"fd00:976a::9\",\"fd00:976a::10\"",
            ],
            "v6=2607:fb90:b59a:2c1:ad3:1b57:4fd4:21f4/64 via=fe80::b46d:57ff:fe45:4545 dns=fd00:976a::9,fd00:976a::10",
        ),
        // Two lines for two families, and the address from +CGPADDR where this one has none.
        (
            vec![
                "+CGCONTRDP: 1,6,\"fast.t-mobile.com\",,,\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.9\",\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.16\"",
                "+CGPADDR: 1,\"38.7.251.144.154.37.192.120.172.57.189.17.176.171.138.245\"",
            ],
            "v6=2607:fb90:9a25:c078:ac39:bd11:b0ab:8af5/64 dns=fd00:976a::9,fd00:976a::10",
        ),
        // The MTU of IPv4 is the twelfth field.
        (
            vec![
                "+CGCONTRDP: 1,5,\"internet\",\"10.1.2.3.255.255.255.0\",\"10.1.2.1\",\"9.9.9.9\",\"\",\"\",\"\",0,0,1430",
            ],
            "v4=10.1.2.3/24 via=10.1.2.1 dns=9.9.9.9 mtu=1430",
        ),
    ] {
        assert_eq!(show_ip(generic(), &lines), expected, "{lines:?}");
    }
    // The nasty one of context 2, without an address: nothing to set, and nothing of another context.
    let nasty = "+CGCONTRDP: 2,6,\"fast.t-mobile.com\",,,\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.9\",\"253.0.151.106.0.0.0.0.0.0.0.0.0.0.0.16\"";
    assert_eq!(ip(generic(), &[nasty]), None);
    assert_eq!(generic().read(Query::Ip, Cid(2), &[nasty]), None);
    assert_eq!(ip(generic(), &["+CGCONTRDP: 4,5,\"\"", "+CGCONTRDP:", "+CGCONTRDP: ,,,,,,,"]), None);
}

#[test]
fn what_the_sim_wants() {
    // 27.007, 8.3, and words of SIMCom, Quectel and Fibocom.
    for (line, state) in [
        ("+CPIN: READY", Some(SimState::Ready)),
        ("+CPIN: SIM PIN", Some(SimState::Pin)),
        ("+CPIN: SIM PUK", Some(SimState::Puk)),
        ("+CPIN: SIM PIN2", Some(SimState::Ready)),
        ("+CPIN: PH-NET PIN", Some(SimState::Locked)),
        ("+CPIN: NOT READY", Some(SimState::Busy)),
        ("+CPIN: NOT INSERTED", Some(SimState::Absent)),
        ("+CPIN: SIM REMOVED", Some(SimState::Absent)),
        ("+CPIN: READYY", None),
        ("+CPIN: ", None),
    ] {
        assert_eq!(generic().read(Query::Sim, CID, &[line]), state.map(Reading::Sim), "{line}");
        assert_eq!(generic().urc(line), state.map(Told::Sim), "{line}");
    }
    for (error, state) in
        [(10, Some(SimState::Absent)), (11, Some(SimState::Pin)), (14, Some(SimState::Busy)), (30, None)]
    {
        assert_eq!(CmeError(error).sim(), state, "{error}");
    }
    // 27.007, 8.65.
    let lines =
        ["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN2,1,3", "+CPINR: SIM PUK2,2,10"];
    assert_eq!(tries(generic(), &lines), Some((Some(3), Some(10))));
    assert_eq!(tries(generic(), &["+CPINR: SIM PIN,255"]), None);
}

#[test]
fn who_the_modem_is() {
    let text = |query, lines: &[&str]| match generic().read(query, CID, lines) {
        Some(Reading::Text(text)) => Some(text),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(Query::Manufacturer, &["Quectel"]).as_deref(), Some("Quectel"));
    // A URC among the lines of an answer without prefix.
    assert_eq!(text(Query::Model, &["+CREG: 1", "^RSSI:20", "EC25"]).as_deref(), Some("EC25"));
    assert_eq!(text(Query::Model, &["+CGMM: \"FM350-GL\",\"FM350\""]).as_deref(), Some("FM350-GL"));
    // ATI, where +CGMI is refused (an FM350).
    let ati = ["Manufacturer: Fibocom Wireless Inc.", "Model: FM350-GL", "Revision: 81600.0000.00.29.20.22"];
    assert_eq!(text(Query::Manufacturer, &ati).as_deref(), Some("Fibocom"));
    assert_eq!(text(Query::Imei, &["861234567890123"]).as_deref(), Some("861234567890123"));
    assert_eq!(text(Query::Imei, &["+CGSN: \"861234567890123\""]).as_deref(), Some("861234567890123"));
    assert_eq!(text(Query::Imei, &["12345", "OKAY"]), None);
    assert_eq!(text(Query::Imsi, &["262021234567890"]).as_deref(), Some("262021234567890"));
    assert_eq!(iccid(generic(), &["+CCID: 8949020000012345678F"]).as_deref(), Some("8949020000012345678"));
    assert_eq!(generic().read(Query::Radio, CID, &["+CFUN: 1,0"]), Some(Reading::Radio(Radio::On)));
    assert_eq!(generic().read(Query::Radio, CID, &["+CFUN: 4"]), Some(Reading::Radio(Radio::Flight)));
    assert_eq!(generic().read(Query::Attached, CID, &["+CGATT: 1"]), Some(Reading::Attached(true)));
}

#[test]
fn what_unsolicited_lines_mean() {
    // 27.007, 10.1.19; the EPS form is from an A7600.
    for (line, told) in [
        ("+CGEV: NW PDN DEACT 1", context_is(Some(1), false)),
        ("+CGEV: ME PDN DEACT 1,0", context_is(Some(1), false)),
        ("+CGEV: NW DEACT \"IP\",\"10.1.2.3\",1", context_is(Some(1), false)),
        ("+CGEV: ME DEACT IP, 10.1.2.3, 2", context_is(Some(2), false)),
        ("+CGEV: ME PDN ACT 1,3", context_is(Some(1), true)),
        ("+CGEV: EPS PDN ACT 1", context_is(Some(1), true)),
        ("+CGEV: NW DETACH", Some(Told::Fact(Fact::Attached(false)))),
        ("+CGEV: ME DETACH", Some(Told::Fact(Fact::Attached(false)))),
        ("+CGEV: NW CLASS B", None),
        ("+CFUN: 1", Some(Told::Fact(Fact::Radio(Radio::On)))),
        ("RDY", Some(Told::Fact(Fact::Booted))),
        ("+AT: READY", Some(Told::Fact(Fact::Booted))),
        ("^SYSSTART", Some(Told::Fact(Fact::Booted))),
        ("RDY now", None),
        ("+CMTI: \"SM\",3", Some(Told::Message)),
        ("+CMT: ,24\n0791", Some(Told::Message)),
        ("NO CARRIER", Some(Told::Ask(Query::Bearer))),
        ("NO CARRIER RINGING", None),
        // Nasty lines that mean nothing here.
        ("+EEMLTESVC: 1120, 2, 0, 0", None),
        ("+EEMGINFO: 3, 2", None),
        ("+CIPRXGET: 2,0,2,0", None),
        ("> ", None),
        ("OK", None),
        ("", None),
    ] {
        assert_eq!(generic().urc(line), told, "{line}");
    }
}

#[test]
fn steps_are_those_of_the_standard() {
    assert_eq!(act(generic(), Step::RadioOff), ["AT+CFUN=4"]);
    assert_eq!(act(generic(), Step::Deregister), ["AT+COPS=2"]);
    assert_eq!(act(generic(), Step::Pin("1234")), ["AT+CPIN=\"1234\""]);
    assert_eq!(act(generic(), Step::Reset), ["AT+CFUN=1,1"]);
    assert_eq!(act(generic(), Step::Slot(shunt_recovery::facts::Slot(1))), [""; 0]);
    assert_eq!(
        act(generic(), Step::Define(&context())),
        ["AT+CGDCONT=1,\"IPV4V6\",\"internet\"", "AT+CGAUTH=1,2,\"me\",\"pass\""]
    );
    let names: Vec<_> = generic().ways().map(|way| way.name).collect();
    assert_eq!(names, ["+CGACT", "ATD*99"]);
    let dial = generic().ways().find(|way| way.path == Path::Ppp).unwrap();
    assert_eq!(act(generic(), Step::BearerUp(dial, CID)), ["ATD*99***1#"]);
}
