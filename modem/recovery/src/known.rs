//! What the modem told last.

use crate::facts::{
    Addresses, Bearer, Domain, Identity, IpSettings, Radio, Registration, RegistrationState, SessionCause,
    Signal, Sim,
};
use crate::{Cause, Timestamp};

/// What the modem told last; void when it has booted.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) ports: bool,
    pub(crate) identity: Option<Identity>,
    pub(crate) sim: Option<Sim>,
    pub(crate) radio: Option<Radio>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) attached: Option<bool>,
    pub(crate) bearer: Option<Bearer>,
    /// Why the network refused the bearer last, if it said so.
    pub(crate) refusal: Option<SessionCause>,
    pub(crate) ip: Option<IpSettings>,
    /// Of the host, not of the modem.
    pub(crate) host: Addresses,
    pub(crate) signal: Option<Signal>,
    /// When it answered or spoke last.
    pub(crate) heard: Option<Timestamp>,
}

/// What the registrations in all domains come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing is known.
    Unknown,
    /// Data can be had.
    Registered,
    /// The modem looks for a network.
    Searching,
    /// It does not, or was refused for a time.
    Idle,
    /// Refused for good.
    Barred(Cause),
}

impl Known {
    /// What a modem that booted, or another one, does not have in common with the one before.
    pub(crate) fn forget_modem(&mut self) {
        *self = Self { ports: self.ports, host: self.host, heard: self.heard, ..Self::default() };
    }

    /// Another SIM is in use.
    pub(crate) fn forget_sim(&mut self) {
        self.sim = None;
        self.registrations.clear();
        self.attached = None;
        self.bearer = None;
        self.ip = None;
    }

    pub(crate) fn set_registration(&mut self, new: Registration) {
        match self.registrations.iter_mut().find(|known| known.domain == new.domain) {
            Some(known) => *known = new,
            None => self.registrations.push(new),
        }
    }

    /// What the registrations come to. A refusal for good counts where data is not registered otherwise.
    pub(crate) fn standing(&self) -> Standing {
        let data = || self.registrations.iter().filter(|known| known.domain.carries_data());
        let any = |state: fn(RegistrationState) -> bool| data().any(|known| state(known.state));
        let barred = data()
            .filter(|known| known.state == RegistrationState::Denied)
            .filter_map(|known| known.cause)
            .find(|cause| cause.is_permanent());
        if data().next().is_none() {
            Standing::Unknown
        } else if any(RegistrationState::is_registered) {
            Standing::Registered
        } else if let Some(cause) = barred {
            Standing::Barred(Cause::Network(cause))
        } else if any(|state| state == RegistrationState::Searching) {
            Standing::Searching
        } else {
            Standing::Idle
        }
    }

    /// Circuit-switched registration or data: what is shown first.
    pub(crate) fn registration(&self) -> Option<&Registration> {
        let data = |known: &&Registration| known.domain.carries_data() && known.state.is_registered();
        let by_domain = |domain: Domain| self.registrations.iter().find(move |known| known.domain == domain);
        let newest_first = Domain::ALL.into_iter().rev();
        newest_first
            .clone()
            .filter_map(by_domain)
            .find(data)
            .or_else(|| newest_first.filter_map(by_domain).next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::MobilityCause;

    #[test]
    fn one_domain_that_carries_data_is_enough() {
        use RegistrationState::{Denied, Home, Idle, Roaming, Searching};
        let denied = |cause| Some(MobilityCause(cause));
        let barred = Standing::Barred(Cause::Network(MobilityCause(11)));
        for (states, expected) in [
            (&[(Domain::Circuit, Home, None)][..], Standing::Unknown),
            (&[(Domain::Circuit, Home, None), (Domain::Eps, Idle, None)], Standing::Idle),
            (&[(Domain::Packet, Idle, None), (Domain::Eps, Roaming, None)], Standing::Registered),
            (&[(Domain::Packet, Denied, denied(11)), (Domain::Eps, Home, None)], Standing::Registered),
            (&[(Domain::Packet, Searching, None), (Domain::Eps, Denied, denied(11))], barred),
            (&[(Domain::Eps, Denied, denied(15))], Standing::Idle),
            (&[(Domain::Eps, Searching, denied(11))], Standing::Searching),
        ] {
            let mut known = Known::default();
            for (domain, state, cause) in states {
                known.set_registration(Registration { cause: *cause, ..Registration::new(*domain, *state) });
            }
            assert_eq!(known.standing(), expected, "{states:?}");
        }
    }
}
