//! Sierra Wireless. `!GSTATUS?` of an MC7455 and an EM9191 as users published them; the rest from ModemManager 1.25.

use super::*;

fn sierra() -> &'static Dialect {
    of("Sierra Wireless, Incorporated", "MC7455")
}

/// An MC7455 with two carriers (a user's notes, who changed the numbers in brackets).
const MC7455: [&str; 16] = [
    "!GSTATUS: ",
    "Current Time:  22016\t\tTemperature: 40",
    "Reset Counter: 1\t\tMode:        ONLINE         ",
    "System mode:   LTE        \tPS state:    Attached     ",
    "LTE band:      B2     \t\tLTE bw:      20 MHz  ",
    "LTE Rx chan:   800\t\tLTE Tx chan: 18800",
    "LTE CA state:  ACTIVE      \t\tLTE Scell band:B12    ",
    "LTE Scell bw:10 MHz  \t\tLTE Scell chan:5110",
    "EMM state:     Registered     \tNormal Service ",
    "PCC RxM RSSI:  -45\t\tRSRP (dBm):  -81",
    "PCC RxD RSSI:  -44\t\tRSRP (dBm):  -79",
    "SCC RxM RSSI:  -52\t\tRSRP (dBm):  -83",
    "SCC RxD RSSI:  -51\t\tRSRP (dBm):  -81",
    "Tx Power:      15\t\tTAC:         8C65 (35666)",
    "RSRQ (dB):     -14.0\t\tCell ID:     0A14666A (169106666)",
    "SINR (dB):     23.8",
];

/// An EM9191 on a 5G core (a user's notes).
const EM9191: [&str; 9] = [
    "Current Time:  2146\t\tTemperature: 40",
    "System mode:   NR5G       \tPS state:    Attached     ",
    "MM5G state:    Registered       Normal Service",
    "NR5G TAC:        000001        \t\tNR5G Cell ID:    19B0 (6576)",
    "NR5G band:       n78       \t\tNR5G Carrier ID: 0",
    "NR5G Rx chan:    627340",
    "NR5G(sub6) Rx0 RSSI (dBm):   -82.1\tNR5G(sub6) Rx1 RSSI (dBm):   -92.6",
    "NR5G RSRP (dBm): -111\t\t\tNR5G RSRQ (dB):  -11",
    "NR5G SINR (dB):  12.0",
];

#[test]
fn status_without_prefix_is_read_by_its_labels() {
    assert_eq!(
        cells(sierra(), &MC7455),
        ["primary Lte id=169109098 area=35941 channel=800 band=2 rssi=-45 rsrp=-81 rsrq=-140 sinr=238"]
    );
    assert_eq!(
        cells(sierra(), &EM9191),
        ["primary Nr id=6576 area=1 channel=627340 band=78 rssi=-82 rsrp=-111 rsrq=-110 sinr=120"]
    );
    // An MC8705 on UMTS, and an MC7710 that has no network.
    assert_eq!(
        cells(sierra(), &["WCDMA channel: 4436             GSM channel: 65535", "RX level (dBm):-85"]),
        ["primary Umts channel=4436 rssi=-85"]
    );
    assert_eq!(
        cells(
            sierra(),
            &[
                "Current Time:  602              Temperature: 3t 5",
                "System mode:   Unknown          PS state:    Not attached "
            ]
        ),
        [""; 0]
    );
    // An EM7565 whose carriers are not assigned, without power.
    assert_eq!(
        cells(sierra(), &["LTE SSC1 state:NOT ASSIGNED", "Tx Power:      --\t\tTAC:         550d (21773)"]),
        ["primary Lte area=21773"]
    );
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(heat(sierra(), &["Temp state: Normal", "Temperature: 25.50 C"]), Some(255));
    assert_eq!(heat(sierra(), &MC7455), Some(400));
    assert_eq!(heat(sierra(), &["Current Time:  602              Temperature: 3t 5"]), None);
    assert_eq!(tries(sierra(), &["+CPINC: 2,3,10,10"]), Some((Some(2), Some(10))));
    assert_eq!(slot(sierra(), &["!UIMS: 1"]), Some(1));
    assert_eq!(iccid(sierra(), &["ICCID: 89490200001234567890"]).as_deref(), Some("89490200001234567890"));
}

#[test]
fn its_bearer() {
    assert_eq!(way(sierra()), (vec!["AT!SCACT=1,1".to_owned()], vec!["AT!SCACT=0,1".to_owned()]));
    assert!(!bearer(sierra(), &["!SCACT: 1,0", "!SCACT: 4,1", "!SCACT: 5,0"]).unwrap().active);
    assert!(bearer(sierra(), &["!SCACT: 1,1"]).unwrap().active);
    assert_eq!(act(sierra(), Step::Define(&context()))[1], "AT$QCPDPP=1,2,\"pass\",\"me\"");
    assert_eq!(act(sierra(), Step::Reset), ["AT!RESET", "AT+CFUN=1,1"]);
    assert_eq!(sierra().urc("+CGEV: NW PDN DEACT 1"), context_is(Some(1), false));
}
