//! A modem as it is shown.

use super::words;
use crate::api::modem::{
    ModemAllowance, ModemBearer, ModemCell, ModemCounters, ModemIdentity, ModemRegistration, ModemSignal,
    ModemSim, ModemStatus,
};
use crate::clock;
use shunt_config::Modem;
use shunt_decision::Timestamp;
use shunt_modem::dialect::{Cell, Rat, Role};
use shunt_modem::driver::api::{Counters, State};
use shunt_recovery::facts::Signal;
use std::time::Duration;

/// What is known of one modem, and since when.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    name: String,
    link: String,
    /// What is wrong outside the modem: a file that cannot be read.
    pub(super) problem: Option<String>,
    /// The driver's word, and when it came.
    state: Option<(State, Timestamp)>,
}

impl Standing {
    /// Nothing is known yet.
    pub(super) fn new(modem: &Modem) -> Self {
        Self { name: modem.name.clone(), link: modem.link.clone(), problem: None, state: None }
    }

    /// The driver's word now.
    pub(super) fn heard(&mut self, state: State) {
        self.state = Some((state, clock::now()));
    }

    /// The driver's last word.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref().map(|(state, _)| state)
    }

    /// What is wrong now, as a whole sentence with its mend.
    pub(super) fn trouble(&self) -> Option<String> {
        self.problem.clone().or_else(|| words::trouble(self.state()?))
    }

    /// As it is shown now.
    pub(super) fn status(&self) -> ModemStatus {
        let Some((state, at)) = &self.state else { return self.unknown() };
        let machine = &state.machine;
        let passed = clock::now().since(*at);
        let ago = |then: shunt_recovery::Timestamp| (machine.at.since(then) + passed).as_secs();
        let rests =
            machine.waiting_until.map(|until| until.since(machine.at).saturating_sub(passed).as_secs());
        ModemStatus {
            readiness: words::readiness(machine.readiness),
            for_s: ago(machine.since),
            text: words::standing(state, machine.heard.map(|heard| Duration::from_secs(ago(heard)))),
            trouble: self.trouble(),
            port: state.ports.first().map(|port| port.display().to_string()),
            device: state.device.as_ref().map(|device| device.display().to_string()),
            dialect: state.dialect.to_owned(),
            identity: machine.identity.clone().map(|identity| ModemIdentity {
                manufacturer: identity.manufacturer,
                model: identity.model,
                revision: identity.revision,
                imei: identity.imei,
            }),
            sim: ModemSim {
                state: machine.sim.map(|sim| words::sim(sim).to_owned()),
                slot: machine.slot.map(|slot| slot.0),
                iccid: machine.iccid.as_ref().map(ToString::to_string),
            },
            registration: registration(state),
            signal: signal(machine.signal.unwrap_or_default()),
            cells: state.cells.iter().flat_map(|cells| &cells.0).map(cell).collect(),
            bearer: bearer(state),
            data: machine.flows,
            heard_s: machine.heard.map(ago),
            rung: machine.rung.map(|rung| words::rung(rung).to_owned()),
            rests_s: rests,
            resets_hour: count(machine.resets.0),
            resets_day: count(machine.resets.1),
            allowance: machine.allowance.map(|allowance| ModemAllowance {
                used_bytes: allowance.used,
                limit_bytes: allowance.limit,
                used_up: allowance.used_up,
            }),
            temperature_c: state.temperature.map(|temperature| f64::from(temperature.0) / 10.0),
            counters: counters(state.counters),
            ..self.unknown()
        }
    }

    fn unknown(&self) -> ModemStatus {
        ModemStatus {
            name: self.name.clone(),
            link: self.link.clone(),
            readiness: crate::api::modem::Readiness::NoModem,
            for_s: 0,
            text: "its driver has not begun".to_owned(),
            trouble: self.trouble(),
            port: None,
            device: None,
            dialect: String::new(),
            identity: None,
            sim: ModemSim::default(),
            registration: None,
            signal: ModemSignal::default(),
            cells: Vec::new(),
            bearer: None,
            data: false,
            heard_s: None,
            rung: None,
            rests_s: None,
            resets_hour: 0,
            resets_day: 0,
            allowance: None,
            temperature_c: None,
            counters: ModemCounters::default(),
        }
    }
}

fn registration(state: &State) -> Option<ModemRegistration> {
    let registration = state.machine.registration?;
    let operator = state.operator.as_ref();
    let technology = registration.technology.or(operator.and_then(|operator| operator.technology));
    Some(ModemRegistration {
        registered: registration.state.is_registered(),
        state: words::registration(registration.state).to_owned(),
        technology: technology.map(|technology| words::technology(technology).to_owned()),
        operator: operator.and_then(|operator| operator.name.clone()),
        plmn: operator.and_then(|operator| operator.plmn).map(|plmn| plmn.to_string()),
        area: registration.area,
        cell: registration.cell,
        cause: registration.cause.map(|cause| cause.to_string()),
    })
}

fn bearer(state: &State) -> Option<ModemBearer> {
    let bearer = state.machine.bearer?;
    let ip = state.ip.as_ref();
    Some(ModemBearer {
        up: bearer.active,
        way: state.way.to_owned(),
        v4: bearer.addresses.v4.map(|address| address.to_string()),
        v6: bearer.addresses.v6.map(|address| address.to_string()),
        dns: ip.iter().flat_map(|ip| &ip.dns).map(ToString::to_string).collect(),
        mtu: ip.and_then(|ip| ip.mtu),
    })
}

fn cell(cell: &Cell) -> ModemCell {
    ModemCell {
        secondary: cell.role == Role::Secondary,
        technology: cell.rat.map(|rat| {
            match rat {
                Rat::Gsm => "GSM",
                Rat::Umts => "UMTS",
                Rat::Lte => "LTE",
                Rat::Nr => "NR",
            }
            .to_owned()
        }),
        band: cell.band.map(|band| band.0),
        channel: cell.channel,
        pci: cell.pci,
        signal: signal(Signal { rssi: cell.rssi, rsrp: cell.rsrp, rsrq: cell.rsrq, sinr: cell.sinr }),
    }
}

fn signal(signal: Signal) -> ModemSignal {
    ModemSignal {
        rssi_dbm: signal.rssi.map(|power| power.0),
        rsrp_dbm: signal.rsrp.map(|power| power.0),
        rsrq_db: signal.rsrq.map(|ratio| f64::from(ratio.0) / 10.0),
        sinr_db: signal.sinr.map(|ratio| f64::from(ratio.0) / 10.0),
    }
}

fn counters(counted: Counters) -> ModemCounters {
    let Counters { commands, timeouts, gone, boots, urcs, urcs_lost, messages, untold } = counted;
    ModemCounters { commands, timeouts, gone, boots, urcs, urcs_lost, messages, untold }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
