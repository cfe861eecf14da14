//! SIMCom. The LTE and SA lines are from users' transcripts of SIM7600 and SIM8262E; the SIM70x0's from its users.

use super::*;

fn simcom() -> &'static Dialect {
    of("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H")
}

#[test]
fn cells_are_read_by_rat_and_unit() {
    for (line, expected) in [
        (
            "+CPSI: LTE,Online,228-02,0x9CA4,20964868,46,EUTRAN-BAND20,6200,3,3,-178,-1089,-742,8",
            "primary Lte plmn=22802 id=20964868 area=40100 pci=46 channel=6200 band=20 rssi=-74 rsrp=-109 rsrq=-178 sinr=-40",
        ),
        (
            "+CPSI: LTE,Online,460-11,0x5A1E,187214780,257,EUTRAN-BAND3,1850,5,5,-94,-850,-545,15",
            "primary Lte plmn=46011 id=187214780 area=23070 pci=257 channel=1850 band=3 rssi=-54 rsrp=-85 rsrq=-94 sinr=100",
        ),
        (
            "+CPSI: NR5G_SA,Online,242-12,0x765D,4955280,0,NR5G_BAND78,640704,-740,-110,240",
            "primary Nr plmn=24212 id=4955280 area=30301 pci=0 channel=640704 band=78 rsrp=-74 rsrq=-110 sinr=240",
        ),
        (
            "+CPSI: NR5G_NSA,644,NR5G_BAND78,627264,-960,-120,95",
            "primary Nr pci=644 channel=627264 band=78 rsrp=-96 rsrq=-120 sinr=95",
        ),
        (
            "+CPSI: LTE CAT-M1,Online,238-01,0x07D0,12024586,465,EUTRAN-BAND20,6350,5,5,-16,-83,-53,10",
            "primary Lte plmn=23801 id=12024586 area=2000 pci=465 channel=6350 band=20 rssi=-53 rsrp=-83 rsrq=-160 sinr=0",
        ),
        // The oldest SIM7600 firmware: indices whose scale is not known are left out.
        (
            "+CPSI: LTE,Online,460-01,0x230A,175499523,318,EUTRAN-BAND3,1650,5,0,21,67,255,19",
            "primary Lte plmn=46001 id=175499523 area=8970 pci=318 channel=1650 band=3 sinr=180",
        ),
        (
            "+CPSI: WCDMA,Online,252-02,0x2612,294967296,WCDMA IMT 2000,437,10687,0,-3,-83,-32768,-83,-15",
            "primary Umts plmn=25202 id=294967296 area=9746 pci=437 channel=10687 rsrp=-83 rsrq=-30",
        ),
        ("+CPSI: NO SERVICE,Online", ""),
        ("+CPSI: LTE,Online", ""),
    ] {
        assert_eq!(cells(simcom(), &[line]).first().map_or("", String::as_str), expected, "{line}");
    }
    let nsa = [
        "+CPSI: LTE,Online,460-11,0x5A1E,187214780,257,EUTRAN-BAND3,1850,5,5,-94,-850,-545,15",
        "+CPSI: NR5G_NSA,644,NR5G_BAND78,627264,-960,-120,95",
    ];
    assert_eq!(cells(simcom(), &nsa).len(), 2);
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(heat(simcom(), &["+CPMUTEMP: 38"]), Some(380));
    assert_eq!(tries(simcom(), &["+SPIC: 3,10,0,10"]), Some((Some(3), Some(10))));
    // A user's SIM8262E: two slots, the first in use.
    assert_eq!(slot(simcom(), &["+SMSIMCFG: 1,1,1", "+SMSIMCFG: 1,2,0"]), Some(1));
    assert_eq!(slot(simcom(), &["+SMSIMCFG: 1,1,0", "+SMSIMCFG: 1,2,1"]), Some(2));
    assert_eq!(iccid(simcom(), &["+ICCID: 89860114721100697004"]).as_deref(), Some("89860114721100697004"));
}

#[test]
fn steps_and_lines_of_both_families() {
    assert_eq!(way(simcom()), (vec!["AT$QCRMCALL=1,1".to_owned()], vec!["AT$QCRMCALL=0,1".to_owned()]));
    assert_eq!(act(simcom(), Step::Reset), ["AT+CRESET", "AT+CFUN=1,1"]);
    assert_eq!(act(simcom(), Step::PowerOff), ["AT+CPOF"]);
    let small = of("SIMCOM INCORPORATED", "SIMCOM_SIM7080");
    assert_eq!(small.name, "SIMCom SIM70x0");
    assert_eq!(act(small, Step::PowerOff), ["AT+CPOWD=1"]);
    assert_eq!(small.ways().map(|way| way.name).collect::<Vec<_>>(), ["+CGACT", "ATD*99"]);
    for (line, told) in [
        ("*ATREADY: 1", Some(Told::Fact(shunt_recovery::facts::Fact::Booted))),
        ("+SIMCARD: NOT AVAILABLE", sim(SimState::Absent)),
        ("NORMAL POWER DOWN", Some(Told::PoweredOff)),
        ("+CPIN: SIM REMOVED", sim(SimState::Absent)),
        ("PB DONE", None),
        ("+NITZ: 2026/11/23,04:47:00+4,0", None),
        ("*DONE", None),
    ] {
        assert_eq!(simcom().urc(line), told, "{line}");
        assert_eq!(small.urc(line), told, "{line}");
    }
}
