//! Which way out a link has: configured, or learned from the default routes that DHCP, RA, PPP or an operator put
//! into `main`. Those routes are read and never touched.

use super::bearer::Offer;
use super::model::{Address, DefaultRoute, Interface, Way, choose};
use shunt_decision::{Family, Missing, PathState, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// How long the last learned way out is kept after its default route left `main` while the address stayed: DHCP
/// clients delete the old default and add the new one seconds later.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A way out, and the source address that its route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) way: Way,
    pub(crate) source: Option<IpAddr>,
}

/// The default route of lowest metric that leads out of the interface; of equals the first.
pub(crate) fn learned(defaults: &[DefaultRoute], index: u32, family: Family) -> Option<Learned> {
    defaults
        .iter()
        .filter(|route| route.index == index && route.family == family)
        .min_by_key(|route| route.metric)
        .map(|route| Learned { way: route.way, source: route.source })
}

/// What is known of the way out beside `main`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// The operator's word, which nothing outweighs.
    pub(crate) configured: Option<Way>,
    /// What the link's modem gives.
    pub(crate) bearer: Option<Offer>,
}

/// What a link has in one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) state: PathState,
    /// 0: no interface.
    pub(crate) index: u32,
    pub(crate) source: Option<IpAddr>,
    /// There exactly when the state is `Ready`.
    pub(crate) way: Option<Way>,
}

impl Path {
    pub(crate) const NONE: Self =
        Self { state: PathState::Missing(Missing::Interface), index: 0, source: None, way: None };

    const fn missing(self, what: Missing) -> Self {
        Self { state: PathState::Missing(what), way: None, ..self }
    }
}

/// The last way out that was seen, for [`GRACE`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    last: Option<Remembered>,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    learned: Learned,
    index: u32,
    address: IpAddr,
    lost: Option<Timestamp>,
}

impl Memory {
    /// What the link has now: by the operator's word, by the bearer, by `main`, in this order.
    pub(crate) fn judge(
        &mut self,
        interface: Option<&Interface>,
        addresses: &[Address],
        defaults: &[DefaultRoute],
        family: Family,
        given: Given,
        now: Timestamp,
    ) -> Path {
        let Some(interface) = interface else {
            self.last = None;
            return Path::NONE;
        };
        let (sure, unsure) = match given.bearer {
            Some(offer) if offer.guessed => (None, Some(offer)),
            offer => (offer, None),
        };
        let sure = sure.map(|offer| Learned { way: offer.way, source: Some(offer.address) });
        let seen = sure.or_else(|| learned(defaults, interface.index, family));
        let hint = seen.and_then(|seen| seen.source).or(unsure.map(|offer| offer.address));
        let path = Path {
            index: interface.index,
            source: choose(addresses, interface.index, family, hint),
            ..Path::NONE
        };
        let kept = self.update(seen, path, addresses, now);
        if !interface.admin_up {
            return path.missing(Missing::AdminUp);
        }
        let Some(source) = path.source else { return path.missing(Missing::Address) };
        let last_resort = unsure.map(|offer| offer.way).or(interface.point_to_point.then_some(Way::OnLink));
        let way = given.configured.or(kept.map(|kept| kept.way)).or(last_resort);
        let Some(way) = way else { return path.missing(Missing::Gateway) };
        Path { state: PathState::Ready, source: Some(source), way: Some(way), ..path }
    }

    /// When the grace ends, if it runs.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.last.and_then(|last| last.lost).map(|lost| lost + GRACE)
    }

    fn update(
        &mut self,
        seen: Option<Learned>,
        path: Path,
        addresses: &[Address],
        now: Timestamp,
    ) -> Option<Learned> {
        if let (Some(learned), Some(address)) = (seen, path.source) {
            self.last = Some(Remembered { learned, index: path.index, address, lost: None });
            return seen;
        }
        let mut last = self.last.take()?;
        let lost = *last.lost.get_or_insert(now);
        let there =
            addresses.iter().any(|a| a.index == last.index && a.address == last.address && a.usable());
        if last.index != path.index || !there || now >= lost + GRACE {
            return None;
        }
        self.last = Some(last);
        Some(last.learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn interface() -> Interface {
        Interface {
            index: 2,
            name: "wan0".to_owned(),
            admin_up: true,
            carrier: false,
            point_to_point: false,
            mtu: 1_500,
            traffic: None,
        }
    }

    fn addresses() -> Vec<Address> {
        vec![Address {
            index: 2,
            address: ip("192.0.2.10"),
            global: true,
            secondary: false,
            deprecated: false,
            tentative: false,
            prefix: 24,
            protocol: None,
        }]
    }

    fn via(metric: u32, router: &str) -> DefaultRoute {
        DefaultRoute { family: Family::V4, metric, index: 2, way: Way::Via(ip(router)), source: None }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn judge(memory: &mut Memory, defaults: &[DefaultRoute], now: Timestamp) -> Path {
        memory.judge(Some(&interface()), &addresses(), defaults, Family::V4, Given::default(), now)
    }

    #[test]
    fn the_lowest_metric_is_the_way_and_other_interfaces_do_not_count() {
        let elsewhere = DefaultRoute { index: 3, metric: 0, ..via(0, OTHER) };
        let list = [via(200, OTHER), via(100, ROUTER), elsewhere];
        assert_eq!(learned(&list, 2, Family::V4).map(|l| l.way), Some(Way::Via(ip(ROUTER))));
        assert_eq!(learned(&list, 2, Family::V6), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut memory = Memory::default();
        let none = memory.judge(None, &[], &[], Family::V4, Given::default(), at(0));
        assert_eq!(none.state, PathState::Missing(Missing::Interface));
        let down = Interface { admin_up: false, ..interface() };
        let list = [via(1, ROUTER)];
        let path = memory.judge(Some(&down), &addresses(), &list, Family::V4, Given::default(), at(0));
        assert_eq!(path.state, PathState::Missing(Missing::AdminUp));
        let path = memory.judge(Some(&interface()), &[], &list, Family::V4, Given::default(), at(0));
        assert_eq!(path.state, PathState::Missing(Missing::Address));
        let path = Memory::default().judge(
            Some(&interface()),
            &addresses(),
            &[],
            Family::V4,
            Given::default(),
            at(0),
        );
        assert_eq!(path.state, PathState::Missing(Missing::Gateway));
    }

    #[test]
    fn a_point_to_point_link_needs_no_gateway() {
        let tunnel = Interface { point_to_point: true, ..interface() };
        let path =
            Memory::default().judge(Some(&tunnel), &addresses(), &[], Family::V4, Given::default(), at(0));
        assert_eq!((path.state, path.way), (PathState::Ready, Some(Way::OnLink)));
    }

    #[test]
    fn the_operators_gateway_outweighs_the_learned_one() {
        let list = [via(1, ROUTER)];
        let configured = Some(Way::Via(ip(OTHER)));
        let given = Given { configured, bearer: Some(offer("192.0.2.10", false)) };
        let path = Memory::default().judge(Some(&interface()), &addresses(), &list, Family::V4, given, at(0));
        assert_eq!(path.way, configured);
    }

    fn offer(address: &str, guessed: bool) -> Offer {
        Offer { address: ip(address), way: Way::OnLink, guessed }
    }

    #[test]
    fn a_bearer_outweighs_main_and_a_guess_does_not() {
        let list = [via(1, ROUTER)];
        let mut all = addresses();
        all.extend(addresses().into_iter().map(|a| Address { address: ip("198.51.100.7"), ..a }));
        for (guessed, defaults, way, source) in [
            (false, &list[..], Way::OnLink, "198.51.100.7"),
            (true, &list[..], Way::Via(ip(ROUTER)), "198.51.100.7"),
            (true, &[][..], Way::OnLink, "198.51.100.7"),
        ] {
            let given = Given { configured: None, bearer: Some(offer("198.51.100.7", guessed)) };
            let mut memory = Memory::default();
            let path = memory.judge(Some(&interface()), &all, defaults, Family::V4, given, at(0));
            assert_eq!((path.way, path.source), (Some(way), Some(ip(source))), "{guessed} {defaults:?}");
        }
    }

    #[test]
    fn a_lost_default_is_kept_for_the_grace_while_its_address_stays() {
        let mut memory = Memory::default();
        assert_eq!(judge(&mut memory, &[via(1, ROUTER)], at(0)).state, PathState::Ready);
        assert_eq!(judge(&mut memory, &[], at(10)).way, Some(Way::Via(ip(ROUTER))));
        assert_eq!(memory.deadline(), Some(at(15)));
        assert_eq!(judge(&mut memory, &[], at(14)).state, PathState::Ready);
        assert_eq!(judge(&mut memory, &[], at(15)).state, PathState::Missing(Missing::Gateway));
        assert_eq!(memory.deadline(), None);
    }

    #[test]
    fn a_new_default_within_the_grace_takes_over_at_once() {
        let mut memory = Memory::default();
        judge(&mut memory, &[via(1, ROUTER)], at(0));
        judge(&mut memory, &[], at(1));
        assert_eq!(judge(&mut memory, &[via(1, OTHER)], at(2)).way, Some(Way::Via(ip(OTHER))));
        assert_eq!(memory.deadline(), None);
    }

    #[test]
    fn without_its_address_a_lost_default_is_forgotten_at_once() {
        let mut memory = Memory::default();
        judge(&mut memory, &[via(1, ROUTER)], at(0));
        let moved: Vec<_> =
            addresses().into_iter().map(|a| Address { address: ip("198.51.100.7"), ..a }).collect();
        let path = memory.judge(Some(&interface()), &moved, &[], Family::V4, Given::default(), at(1));
        assert_eq!(path.state, PathState::Missing(Missing::Gateway));
    }
}
