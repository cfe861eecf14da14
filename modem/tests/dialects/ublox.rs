//! u-blox. Lines of ModemManager's tests (`test-modem-helpers-ublox.c`) and of ubxlib's comments on `+UCGED`.

use super::*;

fn ublox() -> &'static Dialect {
    of("u-blox", "SARA-R510S")
}

#[test]
fn cells_are_read_from_lines_without_prefix() {
    let lines = [
        "+UCGED: 2",
        "6,0,001,01",
        "2525,5,25,50,2b67,69f6bc7,111,00000000,ffff,ff,67,19,0.00,255,255,255,67,11,255,0,255,255,0",
    ];
    // ubxlib has the fields: channel, band, bandwidths, area, cell, physical cell, three of no use, levels.
    let shifted = [
        "6,4,001,01",
        "2525,5,25,50,2b67,69f6bc7,111,00000000,ffff,ff,67,19,0.00,255,255,255,67,11,255,0,255,255,0",
    ];
    let expected = "primary Lte plmn=00101 id=111111111 area=11111 pci=111 channel=2525 band=5 rsrp=-74 rsrq=-105 sinr=0";
    assert_eq!(cells(ublox(), &lines), [expected]);
    assert_eq!(cells(ublox(), &shifted), [expected]);
    // No service (a report of a SARA-R510).
    let none = [
        "+UCGED: 2",
        "6,2,fff,fff",
        "65535,255,255,255,ffff,0000000,65535,00000000,ffff,ff,255,255,255,1,255,255,255,255,255,0,255,255,0",
    ];
    assert!(
        cells(ublox(), &none).iter().all(|cell| !cell.contains("rsrp") && !cell.contains("channel")),
        "{:?}",
        cells(ublox(), &none)
    );
}

#[test]
fn the_configuration_names_the_modems_own_end_as_gateway() {
    // Bridge mode: the host's address by +CGCONTRDP, the gateway by +UIPADDR.
    let lines = [
        "+CGCONTRDP: 1,5,\"ccinet\",\"5.168.120.13.255.255.255.0\",\"\",\"8.8.8.8\"",
        "+UIPADDR: 1,\"ccinet0\",\"5.168.120.1\",\"255.255.255.0\",\"\",\"\"",
    ];
    assert_eq!(show_ip(ublox(), &lines), "v4=5.168.120.13/24 via=5.168.120.1 dns=8.8.8.8");
    assert_eq!(ip(ublox(), &["+UIPADDR: 1,\"ccinet0\",\"5.168.120.13\",\"255.255.255.0\",\"\",\"\""]), None);
}

#[test]
fn the_rest_of_what_it_tells() {
    assert_eq!(tries(ublox(), &["+UPINCNT: 3,3,10,10"]), Some((Some(3), Some(10))));
    assert_eq!(tries(ublox(), &["+UPINCNT: 0,3,5,5"]), Some((Some(0), Some(5))));
    assert_eq!(usage(ublox(), &["+UGCNTRD: 31,2704,1819,2724,1839"]), Some((2_724, 1_839)));
    assert_eq!(usage(ublox(), &["+UGCNTRD: 1, 100, 0, 100, 0", "+UGCNTRD: 2, 5, 6, 7, 8"]), Some((107, 8)));
    for (line, told) in [
        ("+UUSIMSTAT: 6", sim(SimState::Ready)),
        ("+UUSIMSTAT:0", sim(SimState::Absent)),
        ("+UUSIMSTAT: 2", sim(SimState::Puk)),
        ("+UUSIMSTAT: 9", None),
        ("+UUPSDD: 0", Some(Told::Ask(Query::Bearer))),
    ] {
        assert_eq!(ublox().urc(line), told, "{line}");
    }
}

#[test]
fn its_steps() {
    assert_eq!(way(ublox()), (vec!["AT+CGACT=1,1".to_owned()], vec!["AT+CGACT=0,1".to_owned()]));
    assert_eq!(ublox().ways().map(|way| way.name).collect::<Vec<_>>(), ["+CGACT", "ATD*99"]);
    assert_eq!(act(ublox(), Step::Define(&context()))[1], "AT+UAUTHREQ=1,2,\"me\",\"pass\"");
    assert_eq!(act(ublox(), Step::Reset), ["AT+CFUN=16", "AT+CFUN=1,1"]);
    assert_eq!(act(ublox(), Step::PowerOff), ["AT+CPWROFF"]);
}
