//! Whole talks: each command of a question goes through the protocol with the class that its table gives it, and the
//! reply comes back as bytes, with echo, reports in between, and refusals of what the modem does not know. This is
//! what a driver does, in small.

use super::*;
use shunt_modem::at::{Digest, Digester, Echo, Final, Outcome, State};
use shunt_modem::dialect::{Ask, Need};

/// A talk: commands and what the modem says after their echo. What is not in it is refused.
type Talk = [(&'static str, &'static str)];

/// A digester whose fence was answered.
fn idle() -> Digester {
    let mut digester = Digester::new(Echo::On);
    digester.fence().unwrap();
    digester.receive_all(b"ATE1\r\r\nOK\r\n", |digest| panic!("{digest:?}"));
    assert!(digester.quiet());
    digester
}

/// Sends what is asked, and gives back the lines that belong to it and the reports that came.
fn lines(asks: impl IntoIterator<Item = Ask>, talk: &Talk) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut reports) = (Vec::new(), Vec::new());
    let mut digester = idle();
    let mut answered = false;
    for ask in asks {
        if ask.need == Need::Otherwise && answered {
            continue;
        }
        let text = ask.command.text().to_owned();
        let reply =
            talk.iter().find(|(command, _)| *command == text).map_or("\r\nERROR\r\n", |(_, reply)| reply);
        digester.send(ask.command).unwrap();
        let mut outcome = None;
        digester.receive_all(format!("{text}\r{reply}").as_bytes(), |digest| match digest {
            Digest::Urc(line) => reports.push(line.to_owned()),
            Digest::Response(response) => {
                assert_eq!(outcome.replace(response.outcome), None, "{text}: two ends");
                lines.extend(response.lines().map(str::to_owned));
            }
            other => panic!("{text}: {other:?}"),
        });
        answered = match outcome {
            Some(Outcome::Final(Final::Ok | Final::Connect)) => true,
            Some(Outcome::Final(Final::Error | Final::Cme(_))) => false,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(digester.state(), State::Idle, "{text}");
    }
    (lines, reports)
}

fn ask(dialect: &Dialect, query: Query, talk: &Talk) -> Option<Reading> {
    dialect.read(query, CID, &lines(dialect.ask(query, CID), talk).0)
}

fn ask_cells(dialect: &Dialect, talk: &Talk) -> Vec<String> {
    let (lines, _) = lines(dialect.ask(Query::Cells, CID), talk);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    cells(dialect, &lines)
}

#[test]
fn a_quectel_on_a_5g_core_has_no_carrier_besides() {
    // RM520N on SA (a user's notes): +QCSQ and +CESQ are refused.
    let talk = [
        (
            "AT+QENG=\"servingcell\"",
            "\r\n+QENG: \"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\",240,68,FAD5383F2,310,64,634080,78,12,-88,-10,23,1,-\r\n\r\n+CREG: 1\r\n\r\nOK\r\n",
        ),
        ("AT+QCAINFO", "\r\n+QCAINFO: \"PCC\",634080,12,\"NR5G BAND 78\",310\r\n\r\nOK\r\n"),
        ("AT+QNWINFO", "\r\n+QNWINFO: \"TDD NR5G\",\"24068\",\"NR5G BAND 78\",634080\r\n\r\nOK\r\n"),
        ("AT+CSQ", "\r\n+CSQ: 25,99\r\n\r\nOK\r\n"),
    ];
    assert_eq!(
        ask_cells(of("Quectel", "RM520N-GL"), &talk),
        [
            "primary Nr plmn=24068 id=67332441074 area=100 pci=310 channel=634080 band=78 rssi=-63 rsrp=-88 rsrq=-100 sinr=230"
        ]
    );
}

#[test]
fn a_quectel_without_service_still_ends_its_answers() {
    // EC25 without antenna: nothing but OK where there is nothing to tell.
    let talk = [
        ("AT+QCSQ", "\r\n+QCSQ: \"NOSERVICE\"\r\n\r\nOK\r\n"),
        ("AT+QENG=\"servingcell\"", "\r\n+QENG: \"servingcell\",\"SEARCH\"\r\n\r\nOK\r\n"),
        ("AT+QCAINFO", "\r\nOK\r\n"),
        ("AT+QNWINFO", "\r\n+QNWINFO: No Service\r\n\r\nOK\r\n"),
        ("AT+CESQ", "\r\n+CESQ: 99,99,255,255,255,255\r\n\r\nOK\r\n"),
        ("AT+CSQ", "\r\n+CSQ: 99,99\r\n\r\nOK\r\n"),
    ];
    assert_eq!(ask_cells(of("Quectel", "EC25"), &talk), [""; 0]);
}

#[test]
fn another_way_is_asked_only_where_the_first_is_refused() {
    let quectel = of("Quectel", "EC25");
    let both = [
        ("AT+QPINC?", "\r\n+QPINC: \"SC\",2,10\r\n+QPINC: \"P2\",3,10\r\n\r\nOK\r\n"),
        ("AT+CPINR", "\r\n+CPINR: SIM PIN,1,3\r\n\r\nOK\r\n"),
    ];
    assert_eq!(
        ask(quectel, Query::Tries, &both),
        Some(Reading::Tries(Tries { pin: Some(2), puk: Some(10) }))
    );
    assert_eq!(
        ask(quectel, Query::Tries, &both[1..]),
        Some(Reading::Tries(Tries { pin: Some(1), puk: None }))
    );
    assert_eq!(ask(quectel, Query::Tries, &[]), None);
    let card = [("AT+ICCID", "\r\nICCID: 89490200001234567890\r\n\r\nOK\r\n")];
    assert!(matches!(ask(of("Sierra Wireless", "EM7565"), Query::Iccid, &card), Some(Reading::Iccid(_))));
    let imei = [("AT+CGSN?", "\r\n+CGSN: \"861234567890123\"\r\n\r\nOK\r\n")];
    assert_eq!(
        ask(of("Fibocom", "FM350-GL"), Query::Imei, &imei),
        Some(Reading::Text("861234567890123".to_owned()))
    );
}

#[test]
fn answers_without_prefix_take_reports_which_are_seen_all_the_same() {
    let sierra = of("Sierra Wireless", "EM7565");
    let talk = [(
        "AT!GSTATUS?",
        "\r\n!GSTATUS: \r\nCurrent Time:  4306\t\tTemperature: 35\r\nSystem mode:   LTE        \tPS state:    Attached     \r\nLTE band:      B66    \t\tLTE bw:      20 MHz  \r\n+CGEV: NW PDN DEACT 1\r\nPCC RxM RSSI:  -87\t\tPCC RxM RSRP:  -119\r\nSINR (dB):     12.2\r\n\r\n\r\nOK\r\n",
    )];
    assert_eq!(ask_cells(sierra, &talk), ["primary Lte band=66 rssi=-87 rsrp=-119 sinr=122"]);
    let (lines, _) = lines(sierra.ask(Query::Cells, CID), &talk);
    let told: Vec<_> = lines.iter().filter_map(|line| sierra.urc(line)).collect();
    assert_eq!(told, [context_is(Some(1), false).unwrap()]);
}

#[test]
fn a_fibocom_writes_a_blank_where_nobody_else_does() {
    let talk = [("AT+GTDUALSIM?", "\r\n+GTDUALSIM : 0, \"SUB1\", \"NR\"\r\n\r\nOK\r\n")];
    assert_eq!(
        ask(of("Fibocom", "FM350-GL"), Query::Slot, &talk),
        Some(Reading::Slot(shunt_recovery::facts::Slot(0)))
    );
    let talk = [
        (
            "AT+GTCCINFO?",
            "\r\n+GTCCINFO: \r\n1,4,262,2,1A2B,0012345AB,100,42,,,-7,29,29,4\r\n\r\n2,4,,,FFFF,00FFFFFFF,9460,71,,43,43,10\r\n\r\nOK\r\n",
        ),
        ("AT+GTCAINFO?", "\r\nOK\r\n"),
    ];
    assert_eq!(ask_cells(of("Fibocom", "FM350-GL"), &talk).len(), 1);
}

#[test]
fn registration_is_asked_in_all_domains_and_told_apart_from_reports() {
    let talk = [
        ("AT+C5GREG?", "\r\n+CME ERROR: 3\r\n"),
        (
            "AT+CEREG?",
            "\r\n+CEREG: 2,\"2B6A\",\"0012AB01\",7\r\n\r\n+CEREG: 2,5,\"1A2B\",\"0012345A\",7\r\n\r\nOK\r\n",
        ),
        ("AT+CGREG?", "\r\n+CGREG: 2,0\r\n\r\nOK\r\n"),
        ("AT+CREG?", "\r\n+CREG: 2,5,\"0502\",\"0404736D\"\r\n\r\nOK\r\n"),
    ];
    let generic = of("", "");
    let (own, reports) = lines(generic.ask(Query::Registration, CID), &talk);
    assert_eq!(reports, ["+CEREG: 2,\"2B6A\",\"0012AB01\",7"]);
    let Some(Reading::Registrations(all)) = generic.read(Query::Registration, CID, &own) else { panic!() };
    let registered: Vec<_> = all.iter().map(|registration| registration.state.is_registered()).collect();
    assert_eq!(registered, [true, false, true]);
}

#[test]
fn an_intel_module_brings_its_interface_up() {
    let l850 = of("Fibocom", "L850-GL");
    let way = l850.ways().next().unwrap();
    let talk = [
        ("AT+XDNS=1,1", "\r\nOK\r\n"),
        ("AT+CGACT=1,1", "\r\nOK\r\n"),
        ("AT+XDATACHANNEL=1,1,\"/USBCDC/0\",\"/USBHS/NCM/0\",2,1", "\r\nOK\r\n"),
        ("AT+CGDATA=\"M-RAW_IP\",1", "\r\nCONNECT\r\n"),
        ("AT+CGACT?", "\r\n+CGACT: 1,1\r\n\r\nOK\r\n"),
        ("AT+CGPADDR=1", "\r\n+CGPADDR: 1,\"10.1.2.3\"\r\n\r\nOK\r\n"),
    ];
    lines(l850.act(Step::BearerUp(way, CID)).unwrap(), &talk);
    let (state, _) = lines(way.ask(CID), &talk);
    assert!(way.read(CID, &state).unwrap().active);
}

#[test]
fn every_question_of_every_table_survives_a_modem_that_refuses_or_has_nothing_to_say() {
    for (maker, model) in [
        ("Quectel", "EC25"),
        ("SIMCOM", "SIM7600"),
        ("SIMCOM", "SIM7080"),
        ("Sierra", "EM7565"),
        ("Telit", "LM960"),
        ("u-blox", "SARA"),
        ("Huawei", "ME909s"),
        ("Fibocom", "L850"),
        ("Fibocom", "FM350"),
        ("Fibocom", "FM150"),
        ("", ""),
    ] {
        for query in Query::ALL {
            assert_eq!(ask(of(maker, model), query, &[]), None, "{maker} {model} {query:?}");
        }
    }
}
