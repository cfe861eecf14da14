//! Huawei. `^NDISSTAT`, `^DHCP` and `^CPIN` are from ModemManager's tests; `^MONSC` and `^HCSQ` from users' transcripts.

use super::*;

fn huawei() -> &'static Dialect {
    of("Huawei Technologies Co., Ltd.", "ME909s-120")
}

#[test]
fn cells_are_read() {
    assert_eq!(
        cells(
            huawei(),
            &[
                "^MONSC: LTE,460,11,1750,B26F9B2,DF,5D63,-91,-14,-56",
                "^HCSQ:\"LTE\",53,45,181,18",
                "^HFREQINFO: 0,6,3,1750,18600,20000,19750,17550,20000"
            ]
        ),
        [
            "primary Lte plmn=46011 id=187103666 area=23907 pci=223 channel=1750 band=3 rssi=-56 rsrp=-91 rsrq=-140 sinr=160"
        ]
    );
    assert_eq!(
        cells(huawei(), &["^HCSQ:\"LTE\",53,45,181,18"]),
        ["primary Lte rssi=-68 rsrp=-96 rsrq=-110 sinr=160"]
    );
    assert_eq!(
        cells(
            huawei(),
            &[
                "^HCSQ: \"LTE\",255,255,255,255",
                "^HCSQ: \"NOSERVICE\"",
                "^MONSC: NONE",
                "^HFREQINFO: 0,0,0,0,0,0,0,0,0"
            ]
        ),
        [""; 0]
    );
    assert_eq!(cells(huawei(), &["^HCSQ: \"WCDMA\",30,30,58"]), ["primary Umts rssi=-91 rsrp=-91 rsrq=-35"]);
}

#[test]
fn reports_of_signal_need_no_question() {
    let Some(Told::Cells(cells)) = huawei().urc("^HCSQ:\"LTE\",48,35,86,14") else { panic!() };
    assert_eq!(show(&cells.0[0]), "primary Lte rssi=-73 rsrp=-106 rsrq=-130 sinr=-30");
    assert_eq!(huawei().urc("^SIMST:1"), Some(Told::Ask(Query::Sim)));
    assert_eq!(huawei().urc("^SRVST:0"), Some(Told::Ask(Query::Registration)));
    assert_eq!(huawei().urc("^BOOT:27710117,0,0,0,75"), None);
}

#[test]
fn the_bearer_has_a_state_for_each_family() {
    for (lines, up) in [
        (vec!["^NDISSTATQRY: 1,,,\"IPV4\",0,,,\"IPV6\""], Some(true)),
        (vec!["^NDISSTATQRY: 0,,,\"IPV4\",1,,,\"IPV6\""], Some(true)),
        (vec!["^NDISSTATQRY: 0,,,\"IPV4\",0,,,\"IPV6\""], Some(false)),
        (vec!["^NDISSTATQRY: 1,,,IPV4"], Some(true)),
        (vec!["^NDISSTATQRY: 0,,,IPV4", "^NDISSTATQRY: 1,,,IPV6"], Some(true)),
        (vec!["^NDISSTATQRY: 0,,,IPV6"], Some(false)),
        (vec!["^NDISSTATQRY:1,1,,,\"IPV4\""], Some(true)),
        (vec!["^NDISSTATQRY:2,1,,,\"IPV4\""], None),
        (vec!["^NDISSTATQRY: 0"], None),
        (vec![], None),
    ] {
        assert_eq!(bearer(huawei(), &lines).map(|bearer| bearer.active), up, "{lines:?}");
    }
    for (line, up) in [
        ("^NDISSTAT: 1,,,\"IPV4\"", true),
        ("^NDISSTAT: 0,,,\"IPV4\",0,,,\"IPV6\"", false),
        ("^NDISSTAT: 0,,,IPV6", false),
    ] {
        assert_eq!(huawei().urc(line), context_is(None, up), "{line}");
    }
}

#[test]
fn addresses_are_read_in_either_order_of_bytes() {
    // A user's ME909s, whose processor turns bytes round; and a module that does not.
    assert_eq!(
        show_ip(
            huawei(),
            &["^DHCP: 930E790A,000000FF,0100000A,0100000A,FFB84170,035416D2, 600000000, 100000000"]
        ),
        "v4=10.121.14.147/8 via=10.0.0.1 dns=112.65.184.255,210.22.84.3"
    );
    assert_eq!(
        show_ip(huawei(), &["^DHCP: 0A0A0A01,FFFFFF00,0A0A0A01,0A0A0A01,08080808,01010101"]),
        "v4=10.10.10.1/24 via=10.10.10.1 dns=8.8.8.8,1.1.1.1"
    );
    assert_eq!(
        show_ip(huawei(), &["^DHCPV6: 2408:8207::1,64,2408:8207::2,::,2408:8207::3,2408:8207::4,05DC,03E8"]),
        "v6=2408:8207::1/64 via=2408:8207::2 dns=2408:8207::3,2408:8207::4"
    );
    for line in [
        "^DHCP: 00000000,00000000,00000000,00000000,00000000,00000000",
        "^DHCP: 930E790A,0F0F0F0F,0",
        "^DHCP:",
        "^DHCP: 1930E790A,000000FF",
    ] {
        assert_eq!(ip(huawei(), &[line]), None, "{line}");
    }
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(heat(huawei(), &["^CHIPTEMP: 310,312,65535,298"]), Some(312));
    assert_eq!(heat(huawei(), &["^CHIPTEMP: 31,32,65535"]), Some(320));
    assert_eq!(tries(huawei(), &["^CPIN: SIM PIN,3,10,3,10,2"]), Some((Some(3), Some(10))));
    assert_eq!(slot(huawei(), &["^SIMSWITCH: 0"]), Some(0));
    assert_eq!(
        usage(
            huawei(),
            &[
                "^DSFLOWQRY: 0000002D,0000000000019A01,0000000000736A52,0000002D,0000000000019A01,0000000000736A52"
            ]
        ),
        Some((0x19A01, 0x73_6A52))
    );
    assert_eq!(iccid(huawei(), &["^ICCID: 8986002512830601247F"]).as_deref(), Some("8986002512830601247"));
}

#[test]
fn its_steps() {
    assert_eq!(way(huawei()), (vec!["AT^NDISDUP=1,1".to_owned()], vec!["AT^NDISDUP=1,0".to_owned()]));
    assert_eq!(act(huawei(), Step::Reset), ["AT^RESET", "AT+CFUN=1,1"]);
    assert_eq!(act(huawei(), Step::Define(&context()))[1], "AT^AUTHDATA=1,2,\"\",\"pass\",\"me\"");
}
