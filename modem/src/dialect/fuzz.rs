//! The readers of what a modem says, reachable for a fuzzer. The entry takes any bytes at all, and panics only where a
//! reader panics or says what cannot be true. Nothing else calls it.

use super::{ALL, Cell, Cid, Query, Reading, Told};

/// The first byte chooses the dialect, the second the question; the rest are lines.
pub fn dialect(bytes: &[u8]) {
    let (Some(choice), Some(query), Some(rest)) = (bytes.first(), bytes.get(1), bytes.get(2..)) else {
        return;
    };
    let Some(dialect) = ALL.get(usize::from(*choice) % ALL.len()) else { return };
    let text: String = rest.iter().copied().map(char::from).collect();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        if let Some(Told::Cells(cells)) = dialect.urc(line) {
            cells.0.iter().for_each(plausible);
        }
    }
    for way in dialect.ways() {
        if let Some(bearer) = way.read(Cid(1), &lines) {
            assert!(bearer.active || bearer.addresses.is_empty(), "a bearer that is down has an address");
        }
    }
    let Some(query) = Query::ALL.get(usize::from(*query) % Query::ALL.len()) else { return };
    match dialect.read(*query, Cid(1), &lines) {
        Some(Reading::Cells(cells)) => {
            assert!(!cells.0.is_empty(), "no cell is told as some");
            cells.0.iter().for_each(plausible);
        }
        Some(Reading::Ip(settings)) => {
            assert!(settings.v4.is_some() || settings.v6.is_some(), "no address is told as some");
            assert!(settings.v4.is_none_or(|v4| v4.prefix <= 32 && !v4.address.is_unspecified()));
            assert!(settings.v6.is_none_or(|v6| v6.prefix <= 128 && !v6.address.is_unspecified()));
        }
        Some(Reading::Tries(tries)) => assert!(tries.pin.is_none_or(|tries| tries <= 15)),
        _ => {}
    }
}

/// Nothing is received outside what receivers can receive.
fn plausible(cell: &Cell) {
    assert!(cell.pci.is_none_or(|pci| pci <= 1_007), "{cell:?}");
    assert!(cell.rsrp.is_none_or(|rsrp| (-157..=-20).contains(&rsrp.0)), "{cell:?}");
    assert!(cell.rssi.is_none_or(|rssi| (-131..=-9).contains(&rssi.0)), "{cell:?}");
    assert!(cell.rsrq.is_none_or(|rsrq| (-440..=200).contains(&rsrq.0)), "{cell:?}");
    assert!(cell.sinr.is_none_or(|sinr| (-500..=500).contains(&sinr.0)), "{cell:?}");
}
