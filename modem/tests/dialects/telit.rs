//! Telit. `#RFSTS` and `#SERVINFO` of an LM960 and an LE910C1 as users published them.

use super::*;

fn telit() -> &'static Dialect {
    of("Telit", "LM960")
}

#[test]
fn lte_is_read_whether_its_line_is_long_or_short() {
    for (line, expected) in [
        (
            "#RFSTS: \"310 260\",66786,-101,-68,-13,2D18,255,,640,1,0,3089F02,\"000000000000000\",\"T-Mobile\",3,66",
            "primary Lte plmn=310260 id=50896642 area=11544 channel=66786 band=66 rssi=-68 rsrp=-101 rsrq=-130",
        ),
        (
            "#RFSTS: \"286 01\",1795,-101,-67,-15,2242,,128,3,1,0B5D121,\"286016339612498\",\"Turkcell\",3,3,108",
            "primary Lte plmn=28601 id=11915553 area=8770 channel=1795 band=3 rssi=-67 rsrp=-101 rsrq=-150",
        ),
        (
            "#SERVINFO: 66786,-62,\"T-Mobile\",\"310260\",3089F02,2D18,1280,3,-94",
            "primary Lte plmn=310260 area=11544 channel=66786 rssi=-62 rsrp=-94",
        ),
        // GSM and UMTS have other orders, and are left to +CSQ and +CESQ.
        ("#RFSTS: \"204 04\",1001,-80,00DE,01,5,19,10,2,9878,\"204007930002270\",\"vodafone NL\",1,2", ""),
        ("#SERVINFO: 841,-95,\"T-Mobile NL\",\"20416\",43,03F8,01,1,,\"I\",01,6", ""),
        ("#SERVINFO: 65535,-0,\"vodafone NL(\",\"20404\",65535,00DE,64,3,-255,\"II\",FF", ""),
        ("#SERVINFO: ,,,,,,,,", ""),
    ] {
        assert_eq!(cells(telit(), &[line]).first().map_or("", String::as_str), expected, "{line}");
    }
}

#[test]
fn carriers_are_read_where_they_are_active() {
    // Fields as in the script of ROOter; states as it selects them.
    let lines = [
        "#RFSTS: \"310 260\",66786,-101,-68,-13,2D18,255,,640,1,0,3089F02,\"000000000000000\",\"T-Mobile\",3,66",
        "#CAINFO: 161,66786,5,21,-101,-68,-13,150,2D18,15,0,0",
        "121,800,3,404,-98,-66,-12,130,2,3,0",
        "131,5110,3,12,-120,-90,-19,20,0,3,0",
    ];
    assert_eq!(
        cells(telit(), &lines),
        [
            "primary Lte plmn=310260 id=50896642 area=11544 pci=21 channel=66786 band=66 rssi=-68 rsrp=-101 rsrq=-130 sinr=100",
            "secondary Lte pci=404 channel=800 rssi=-66 rsrp=-98 rsrq=-120 sinr=60",
        ]
    );
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(heat(telit(), &["#TEMPMEAS: 0,28"]), Some(280));
    assert_eq!(heat(telit(), &["#TEMPMEAS: -1,-32"]), Some(-320));
    assert_eq!(slot(telit(), &["#SIMSELECT: 1"]), Some(1));
    assert_eq!(iccid(telit(), &["#CCID: 89490200001234567890"]).as_deref(), Some("89490200001234567890"));
    // ModemManager's tests.
    for line in ["#QSS: 0", "#QSS: 1", "#QSS: 0,2", "#QSS:0,3"] {
        assert_eq!(telit().urc(line), Some(Told::Ask(Query::Sim)), "{line}");
    }
}

#[test]
fn its_steps() {
    assert_eq!(way(telit()), (vec!["AT#ECM=1,0".to_owned()], vec!["AT#ECMD=0".to_owned()]));
    assert_eq!(act(telit(), Step::Reset), ["AT#REBOOT", "AT+CFUN=1,1"]);
    assert_eq!(act(telit(), Step::PowerOff), ["AT#SHDN"]);
    assert_eq!(
        act(telit(), Step::Slot(shunt_recovery::facts::Slot(2))),
        ["AT+CFUN=4", "AT#SIMSELECT=2", "AT+CFUN=1"]
    );
    assert_eq!(act(telit(), Step::Watch).last().map(String::as_str), Some("AT#QSS=1"));
}
