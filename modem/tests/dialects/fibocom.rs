//! Fibocom. `+XCESQ` is from ModemManager's tests, `+XMCI` and `+XLEC` from a user's L850, `+GTCCINFO` and `+GTCAINFO`
//! from users' FM350 (OpenWrt forum and public notes).

use super::*;

fn fm350() -> &'static Dialect {
    of("Fibocom Wireless Inc.", "FM350-GL")
}

fn l850() -> &'static Dialect {
    of("Fibocom", "L850 LTE Module")
}

#[test]
fn the_right_table_is_chosen() {
    assert_eq!(fm350().name, "Fibocom FM350");
    assert_eq!(l850().name, "Fibocom L850/L860");
    assert_eq!(of("Fibocom Wireless Inc.", "FM150-AE").name, "Fibocom");
}

#[test]
fn cells_of_an_fm350_are_read_with_nr_besides() {
    let lines = [
        "+GTCCINFO:",
        "1,4,262,1,05D5,0019BF801,1300,358,103,100,13,60,60,22",
        "1,9,,,FFFFFFF,00FFFFFFF,645312,130,5078,400,2,49,49,69",
        "2,4,,,FFFF,00FFFFFFF,1850,137,,41,41,71",
        "+GTCAINFO:",
        "PCC:5078,130,645312,400,400,2,1,1,3,-107",
        "PCC:103,358,1300,100,2,1,3,2,60",
        "SCC 3:2,0,107,216,2850,50,255,4,255,3,255,13,-9,-81",
        "SCC1:1,0,101,300,100,50,50,2,1,3,2,55",
        "+CSQ: 18,99",
    ];
    assert_eq!(
        cells(fm350(), &lines),
        [
            "primary Lte plmn=26201 id=26998785 area=1493 pci=358 channel=1300 band=3 rssi=-77 rsrp=-81 rsrq=-90 sinr=65",
            "secondary Nr pci=130 channel=645312 band=78 rsrp=-108 rsrq=-90 sinr=-225",
            "secondary Lte pci=216 channel=2850 band=7",
        ]
    );
    // Unknown band, and a signal below zero.
    assert_eq!(
        cells(fm350(), &["+GTCCINFO: ", "1,4,262,2,1A2B,0012345AB,100,42,,,-7,29,29,4"]),
        ["primary Lte plmn=26202 id=19088811 area=6699 pci=42 channel=100 rsrp=-112 rsrq=-180 sinr=-35"]
    );
    assert_eq!(cells(fm350(), &["+GTCCINFO: ", "OK"]), [""; 0]);
}

#[test]
fn other_models_tell_no_channel_that_could_be_hexadecimal() {
    let fm150 = of("Fibocom Wireless Inc.", "FM150-AE");
    let read = cells(fm150, &["1,4,460,11,5D63,00B26F9B2,672,1E4,103,100,50,68,68,28"]);
    assert_eq!(read, ["primary Lte plmn=46011 id=187103666 area=23907 band=3 rsrp=-73 rsrq=-60 sinr=250"]);
    assert_eq!(way(fm150), (vec!["AT+GTRNDIS=1,1".to_owned()], vec!["AT+GTRNDIS=0,1".to_owned()]));
    assert!(bearer(fm150, &["+GTRNDIS: 1,1,10.149.198.114,172.24.9.21,10.9.121.102"]).unwrap().active);
    assert!(!bearer(fm150, &["+GTRNDIS: 0"]).unwrap().active);
}

#[test]
fn cells_of_an_l850_are_read() {
    for (line, expected) in [
        ("+XCESQ: 0,99,99,255,255,19,46,32", "primary Lte rsrp=-95 rsrq=-105 sinr=160"),
        ("+XCESQ: 0,99,99,255,255,19,46,-32", "primary Lte rsrp=-95 rsrq=-105 sinr=-160"),
        ("+XCESQ: 0,99,99,41,29,255,255,255", "primary Umts rsrp=-80 rsrq=-100"),
        ("+XCESQ: 0,10,6,255,255,255,255,255", "primary Gsm rssi=-101"),
        ("+XLEC: 0,2,5,3,BAND_LTE_3", "primary Lte band=3"),
        ("+XLEC: 0,1,5,BAND_LTE_20", "primary Lte band=20"),
        ("+XLEC: 0,0", ""),
        (
            "+XMCI: 4,220,03,\"0x4E91\",\"0x00009C03\",\"0x0062\",\"0x000005DC\",\"0x00004C2C\",\"0xFFFFFFFF\",50,14,0,\"0x00000004\",\"0x00000000\"",
            "primary Lte plmn=22003 id=39939 area=20113 pci=98 channel=1500 rsrp=-91 rsrq=-130 sinr=0",
        ),
        (
            "+XMCI: 5,000,000,\"0xFFFE\",\"0xFFFFFFFF\",\"0x0062\",\"0x000005DC\",\"0xFFFFFFFF\",\"0xFFFFFFFF\",46,5,255",
            "",
        ),
    ] {
        assert_eq!(cells(l850(), &[line]).first().map_or("", String::as_str), expected, "{line}");
    }
    let names = l850().ways().map(|way| way.name).collect::<Vec<_>>();
    assert_eq!(names, ["+XDATACHANNEL", "+CGACT", "ATD*99"]);
    assert_eq!(
        way(l850()).0,
        [
            "AT+XDNS=1,1",
            "AT+CGACT=1,1",
            "AT+XDATACHANNEL=1,1,\"/USBCDC/0\",\"/USBHS/NCM/0\",2,1",
            "AT+CGDATA=\"M-RAW_IP\",1"
        ]
    );
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(heat(fm350(), &["+GTSENRDTEMP: 1,36500"]), Some(365));
    assert_eq!(heat(l850(), &["+MTSM: 39"]), Some(390));
    assert_eq!(slot(fm350(), &["+GTDUALSIM: 0,\"SUB1\",\"L\"", "+GTDUALSIM: 1,\"SUB2\",\"N\""]), Some(0));
    assert_eq!(slot(fm350(), &["+GTDUALSIM : 1, \"SUB1\", \"NR\""]), Some(1));
    assert_eq!(usage(fm350(), &["+GTSTATIS: 2954,2125,378317,331309"]), Some((331_309, 378_317)));
    assert_eq!(act(fm350(), Step::Reset), ["AT+CFUN=15", "AT+CFUN=1,1"]);
}
