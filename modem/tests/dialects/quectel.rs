//! Quectel. Transcripts are from users' notes and forum posts on EC25, EM12, RM500Q, RM502Q, RM520N and RG255; the
//! NSA order is also that of "RG50xQ&RM5xxQ Series AT Commands Manual" V1.2.

use super::*;

fn quectel() -> &'static Dialect {
    of("Quectel", "EC25")
}

#[test]
fn lte_is_read_with_its_carriers() {
    // RM500Q, a user's notes (QCAINFO and QENG from one session).
    let lines = [
        "+QENG: \"servingcell\",\"NOCONN\"",
        "+QENG: \"LTE\",\"FDD\",222,01,328261F,280,275,1,4,4,BE3,-99,-14,-66,7,4,30,-",
        "+QENG: \"NR5G-NSA\",222,01,920,-96,18,-10,648768,78,10,1",
        "+QCAINFO: \"PCC\",275,75,\"LTE BAND 1\",1,280,-99,-14,-67,-4",
        "+QCAINFO: \"SCC\",1350,100,\"LTE BAND 3\",1,240,-95,-18,-68,-10,0,-,-",
        "+QCAINFO: \"SCC\",648768,10,\"NR5G BAND 78\",920",
        "+CSQ: 23,99",
    ];
    assert_eq!(
        cells(quectel(), &lines),
        [
            "primary Lte plmn=22201 id=52962847 area=3043 pci=280 channel=275 band=1 rssi=-66 rsrp=-99 rsrq=-140 sinr=-60",
            "secondary Nr plmn=22201 pci=920 channel=648768 band=78 rsrp=-96 rsrq=-100 sinr=180",
            "secondary Lte pci=240 channel=1350 band=3 rssi=-68 rsrp=-95 rsrq=-180",
        ]
    );
}

#[test]
fn a_serving_cell_in_one_line_is_read_by_its_rat() {
    for (line, expected) in [
        // A user's gateway with an EC25.
        (
            "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",302,610,844D92A,248,900,2,5,5,D6E7,-89,-8,-61,17,38",
            "primary Lte plmn=302610 id=138729770 area=55015 pci=248 channel=900 band=2 rssi=-61 rsrp=-89 rsrq=-80 sinr=140",
        ),
        // RM502Q on SA, a user's dashboard: the area comes before the channel.
        (
            "+QENG: \"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\", 202,01,12AA54086,262,15EC,634080,78,7,-92,-11,18,1,-",
            "primary Nr plmn=20201 id=5010440326 area=5612 pci=262 channel=634080 band=78 rsrp=-92 rsrq=-110 sinr=180",
        ),
        // EC2x manual, WCDMA.
        (
            "+QENG: \"servingcell\",\"NOCONN\",\"WCDMA\",460,01,D5D6,80808A,10713,11,1,-92,-8,-,-,-,-,-",
            "primary Umts plmn=46001 id=8421514 area=54742 pci=11 channel=10713 rsrp=-92 rsrq=-80",
        ),
        // What is not known is a dash.
        ("+QENG: \"servingcell\",\"SEARCH\"", ""),
        ("+QENG: \"NR5G-NSA\",", ""),
        ("+QENG: \"servingcell\",\"LIMSRV\",\"LTE\",\"FDD\",-,-,-,-,-,-,-,-,-,-,-,-,-,-", ""),
        ("+QENG: \"NR5G-NSA\",515,03,262,-,-,-,-,-,-,-", "primary Nr plmn=51503 pci=262"),
        // RM520N without a second carrier: levels out of range.
        ("+QENG: \"NR5G-NSA\",222,01,65535,-32768,-32768,-32768", "primary Nr plmn=22201"),
        (
            "+QENG: \"LTE\",\"FDD\",520,04,4D8002,167,250,1,3,3,7E7,-128,-17,-94,7,10,23-",
            "primary Lte plmn=52004 id=5079042 area=2023 pci=167 channel=250 band=1 rssi=-94 rsrp=-128 rsrq=-170 sinr=-60",
        ),
    ] {
        let read = cells(quectel(), &[line]);
        assert_eq!(read.first().map_or("", String::as_str), expected, "{line}");
    }
}

#[test]
fn the_scale_of_sinr_is_a_quirk() {
    // EC2x manual: +QCSQ in fifths. Its word stands before that of +QENG (formula of the RM manual).
    let qcsq = "+QCSQ: \"LTE\",-52,-81,195,-10";
    assert_eq!(cells(quectel(), &[qcsq]), ["primary Lte rssi=-52 rsrp=-81 rsrq=-100 sinr=190"]);
    for (raw, tenths) in
        [("0", "-200"), ("25", "300"), ("12", "40"), ("150", "100"), ("250", "300"), ("-4", "-40")]
    {
        let line = format!("+QENG: \"LTE\",\"FDD\",222,01,1,1,275,1,4,4,BE3,-99,-14,-66,{raw}");
        let read = cells(quectel(), &[line.as_str()]);
        assert!(read[0].ends_with(&format!("sinr={tenths}")), "{raw}: {read:?}");
        let both = cells(quectel(), &[qcsq, line.as_str()]);
        assert!(both[0].ends_with("sinr=190"), "{both:?}");
    }
    for raw in ["251", "-21", "-", ""] {
        let line = format!("+QENG: \"LTE\",\"FDD\",222,01,1,1,275,1,4,4,BE3,-99,-14,-66,{raw}");
        assert!(!cells(quectel(), &[line.as_str()])[0].contains("sinr"), "{raw}");
    }
}

#[test]
fn the_network_is_told_where_the_cell_is_not() {
    assert_eq!(
        cells(quectel(), &["+QNWINFO: \"TDD NR5G\",\"46000\",\"NR5G BAND 79\",721824"]),
        ["primary Nr plmn=46000 channel=721824 band=79"]
    );
    assert_eq!(cells(quectel(), &["+QNWINFO: No Service"]), [""; 0]);
    // RM520N: NR carrier with a state before the physical cell, not active.
    assert_eq!(
        cells(quectel(), &["+QCAINFO: \"SCC\",431070,3,\"NR5G BAND 1\",1,450,0,-,-"]),
        ["primary Nr pci=450 channel=431070 band=1"]
    );
}

#[test]
fn the_rest_of_what_it_tells() {
    // EC25 manual: three sensors in one line; RM5xx: one in each.
    assert_eq!(heat(quectel(), &["+QTEMP: 33,31,29"]), Some(330));
    assert_eq!(
        heat(
            quectel(),
            &[
                "+QTEMP: \"modem-tsens\",\"-273\"",
                "+QTEMP: \"tsens-pa\",\"46\"",
                "+QTEMP: \"modem-cpu\",\"60\""
            ]
        ),
        Some(600)
    );
    assert_eq!(heat(quectel(), &["+QTEMP: \"aoss\",-5", "+QTEMP: \"mdmq6\",-2"]), Some(-20));
    assert_eq!(tries(quectel(), &["+QPINC: \"SC\",3,10", "+QPINC: \"P2\",1,9"]), Some((Some(3), Some(10))));
    assert_eq!(tries(quectel(), &["+QPINC: 99"]), None);
    assert_eq!(slot(quectel(), &["+QUIMSLOT: 1"]), Some(1));
    assert_eq!(usage(quectel(), &["+QGDCNT: 237505722,614994307"]), Some((237_505_722, 614_994_307)));
    assert_eq!(iccid(quectel(), &["+QCCID: 89860025128306012474"]).as_deref(), Some("89860025128306012474"));
}

#[test]
fn its_bearer_comes_up_on_the_interface_or_by_3gpp() {
    assert_eq!(
        way(quectel()),
        (vec!["AT+QNETDEVCTL=1,1,1".to_owned()], vec!["AT+QNETDEVCTL=0,1,1".to_owned()])
    );
    let names: Vec<_> = quectel().ways().map(|way| way.name).collect();
    assert_eq!(names, ["+QNETDEVCTL", "+CGACT", "ATD*99"]);
    let up = bearer(quectel(), &["+QNETDEVCTL: 1,1,1,1", "+CGPADDR: 1,\"10.9.8.7\""]).unwrap();
    assert!(up.active && up.addresses.v4.is_some());
    // A note on an RG255: where nothing is up, the context is 0.
    assert!(!bearer(quectel(), &["+QNETDEVCTL: 0,0,0,0"]).unwrap().active);
    assert_eq!(
        act(quectel(), Step::Define(&context())),
        [
            "AT+CGDCONT=1,\"IPV4V6\",\"internet\"",
            "AT+QICSGP=1,3,\"internet\",\"me\",\"pass\",2",
            "AT+CGAUTH=1,2,\"me\",\"pass\"",
        ]
    );
    assert_eq!(act(quectel(), Step::PowerOff), ["AT+QPOWD=1"]);
    assert_eq!(act(quectel(), Step::Slot(shunt_recovery::facts::Slot(2))), ["AT+QUIMSLOT=2"]);
}

#[test]
fn its_unsolicited_lines() {
    for (line, told) in [
        ("POWERED DOWN", Some(Told::PoweredOff)),
        ("NORMAL POWER DOWN", Some(Told::PoweredOff)),
        ("+QUSIM: 1", Some(Told::Ask(Query::Sim))),
        ("+QSIMSTAT : 1,0", Some(Told::Ask(Query::Sim))),
        ("+QNETDEVSTATUS: 0", context_is(None, false)),
        ("+QIURC: \"pdpdeact\",1", context_is(Some(1), false)),
        ("+CPIN: NOT READY", sim(SimState::Busy)),
        ("+QIND: SMS DONE", None),
    ] {
        assert_eq!(quectel().urc(line), told, "{line}");
    }
}
