//! What is shown of a modem.

use super::api::{Counters, State};
use super::hands::Hands;
use shunt_recovery::Recovery;

/// What is known now. `own` is what the driver itself counts, even while the hands are lent.
pub(super) fn of(recovery: &Recovery, hands: &Hands, own: Counters) -> State {
    let known = &hands.known;
    let untold = own.untold.saturating_add(hands.tell.untold);
    State {
        machine: recovery.snapshot(),
        ports: known.ports.clone(),
        device: known.device.as_ref().map(|device| device.path.clone()),
        trouble: known.trouble.clone(),
        interfaces: known.device.as_ref().map(|device| device.interfaces.clone()).unwrap_or_default(),
        dialect: hands.dialect.name,
        way: hands.way.name,
        operator: known.operator.clone(),
        cells: known.cells.clone(),
        temperature: known.temperature,
        other_access_point: known.other_access_point.clone(),
        ip: known.ip.clone(),
        counters: Counters { untold, messages: own.messages, urcs_lost: hands.urcs_lost(), ..hands.counters },
    }
}
