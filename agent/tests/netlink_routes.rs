//! The desired set in a real kernel: installed, adopted, repaired, followed, taken back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod netns;

use netns::agent::{Agent, FIBER, LTE, on_gateway, path, repaired, warnings};
use netns::wire::{Wire, index, ip};
use rtnetlink::packet_route::AddressFamily::{Inet, Inet6};
use shunt::netlink::Notice;
use shunt_decision::{Family, Missing, PathState};

const V4: &str = "198.51.100.1";
const V6: &str = "2001:db8:f::1";
/// Metric of the best uplink after the first ranking.
const FIRST: u32 = 1_000_000;

#[test]
fn installs_from_nothing_in_both_families() {
    on_gateway("installs_from_nothing_in_both_families", |wire, config| {
        let mut agent = Agent::open(config);
        for link in [FIBER, LTE] {
            for family in Family::ALL {
                assert_eq!(agent.path(link, family), Some(PathState::Ready), "{:#?}", agent.notices);
            }
        }
        assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
        assert_eq!(agent.kernel.adopted(Family::V4), None);
        // An empty uplink table falls through to what `main` says.
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan0")));
        for (family, target) in [(Family::V4, V4), (Family::V6, V6)] {
            agent.rank(family, &[LTE, FIBER]).unwrap();
            assert_eq!(wire.look_up(target, 0, None), Ok(index("wan1")));
            assert_eq!(wire.look_up(target, config.kernel.link_mark(0), None), Ok(index("wan0")));
            assert_eq!(wire.look_up(target, config.kernel.link_mark(1), None), Ok(index("wan1")));
        }
        assert_eq!(wire.look_up(V4, 0, Some("192.0.2.10")), Ok(index("wan0")));
        assert_eq!(wire.look_up(V6, 0, Some("2001:db8:a::10")), Ok(index("wan0")));
        // Connected networks keep working whatever the uplink is.
        assert_eq!(wire.look_up("192.0.2.77", 0, None), Ok(index("wan0")));
        assert_eq!(wire.own_rules(Inet).len(), 6);
        assert_eq!(wire.own_rules(Inet6).len(), 6);
        assert_eq!(wire.table(Inet, config.kernel.link_table(0)).len(), 2);
        let metrics: Vec<_> = wire.table(Inet6, config.kernel.uplink_table()).iter().map(|r| r.0).collect();
        assert_eq!(metrics, [FIRST, FIRST + 1]);
    });
}

#[test]
fn a_successor_adopts_and_changes_nothing() {
    on_gateway("a_successor_adopts_and_changes_nothing", |_, config| {
        let mut first = Agent::open(config);
        for family in Family::ALL {
            first.rank(family, &[LTE, FIBER]).unwrap();
        }
        drop(first);
        let monitor = monitor();
        let mut second = Agent::open(config);
        assert_eq!(second.kernel.adopted(Family::V4), Some(LTE));
        assert_eq!(second.kernel.adopted(Family::V6), Some(LTE));
        second.catch_up();
        assert_eq!(count(&monitor), 0, "the successor changed something");
    });
}

#[test]
fn what_a_stranger_deletes_is_put_back() {
    on_gateway("what_a_stranger_deletes_is_put_back", |wire, config| {
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        agent.rank(Family::V6, &[FIBER, LTE]).unwrap();
        let rules = wire.own_rules(Inet);
        for rule in &rules {
            wire.delete_rule(rule);
        }
        agent.until("the rules", |notices| repaired(notices) == 1);
        assert_eq!(wire.own_rules(Inet), rules);
        let table = config.kernel.uplink_table();
        wire.delete(&Wire::route_message(table, netns::wire::OWN, FIRST, "192.0.2.1", "wan0"));
        agent.until("the v4 route", |notices| repaired(notices) == 2);
        assert_eq!(wire.table(Inet, table).len(), 2);
        wire.delete(&Wire::route_message(table, netns::wire::OWN, FIRST, "2001:db8:a::1", "wan0"));
        agent.until("the v6 route", |notices| repaired(notices) == 3);
        assert_eq!(wire.table(Inet6, table)[0], (FIRST, Some(index("wan0")), Some(ip("2001:db8:a::1"))));
    });
}

#[test]
fn a_strangers_route_of_our_metric_goes() {
    on_gateway("a_strangers_route_of_our_metric_goes", |wire, config| {
        let mut agent = Agent::open(config);
        let table = config.kernel.uplink_table();
        for (family, kind, fiber, lte) in [
            (Family::V4, Inet, "192.0.2.1", "203.0.113.1"),
            (Family::V6, Inet6, "2001:db8:a::1", "2001:db8:b::1"),
        ] {
            agent.rank(family, &[FIBER, LTE]).unwrap();
            // Appended: a second route of one metric, which in IPv6 makes a multipath route of both.
            wire.put(&Wire::route_message(table, 4, FIRST, lte, "wan1"));
            agent.catch_up();
            let wanted = [
                (FIRST, Some(index("wan0")), Some(ip(fiber))),
                (FIRST + 1, Some(index("wan1")), Some(ip(lte))),
            ];
            assert_eq!(wire.table(kind, table), wanted);
        }
        // Before ours: the replace takes the stranger's place, and ours is not doubled.
        wire.put(&Wire::route_message(table, 4, FIRST, "203.0.113.1", "wan1"));
        agent.rank(Family::V4, &[LTE, FIBER]).unwrap();
        agent.catch_up();
        assert_eq!(wire.table(Inet, table).len(), 2);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
    });
}

#[test]
fn a_new_gateway_in_main_is_followed() {
    on_gateway("a_new_gateway_in_main_is_followed", |wire, config| {
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        let told = agent.notices.len();
        wire.default_route(100, "192.0.2.254", "wan0");
        let table = config.kernel.uplink_table();
        let gateway = |wire: &mut Wire| wire.table(Inet, table)[0].2;
        agent.until("the new gateway", |_| gateway(wire) == Some(ip("192.0.2.254")));
        // The way changed; the path is told once, with its new router and nothing else that differs.
        let [Notice::Path { state: PathState::Ready, binding: Some(binding), .. }] = &agent.notices[told..]
        else {
            panic!("{:?}", &agent.notices[told..]);
        };
        assert_eq!(binding.router, Some(ip("192.0.2.254")));
        // Deleted and added anew within the grace: the path stays.
        wire.no_default_route(100, "192.0.2.254", "wan0");
        agent.catch_up();
        assert_eq!(agent.path(FIBER, Family::V4), Some(PathState::Ready));
        wire.default_route(100, "192.0.2.1", "wan0");
        agent.until("the gateway again", |_| gateway(wire) == Some(ip("192.0.2.1")));
        // Deleted for good.
        wire.no_default_route(100, "192.0.2.1", "wan0");
        let gone = Some(PathState::Missing(Missing::Gateway));
        agent.until("the end of the grace", |notices| path(notices, FIBER, Family::V4) == gone);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        // The main table was never touched.
        assert_eq!(wire.table(Inet, 254).iter().filter(|route| route.2.is_some()).count(), 1);
    });
}

#[test]
fn what_an_admin_down_flushed_comes_back() {
    on_gateway("what_an_admin_down_flushed_comes_back", |wire, config| {
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        let before = wire.table(Inet, config.kernel.uplink_table());
        wire.down("wan0");
        let down = Some(PathState::Missing(Missing::AdminUp));
        agent.until("admin down", |notices| path(notices, FIBER, Family::V4) == down);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        // A probe with the link's mark has nowhere to go, and must not leak.
        assert!(wire.look_up(V4, config.kernel.link_mark(0), None).is_err());
        wire.up("wan0");
        wire.default_route(100, "192.0.2.1", "wan0");
        agent.until("ready", |notices| path(notices, FIBER, Family::V4) == Some(PathState::Ready));
        assert_eq!(wire.table(Inet, config.kernel.uplink_table()), before);
    });
}

#[test]
fn an_interface_that_is_missing_is_waited_for() {
    on_gateway("an_interface_that_is_missing_is_waited_for", |wire, config| {
        let mut agent = Agent::open(config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        let old = index("wan0");
        wire.remove("wan0");
        let gone = Some(PathState::Missing(Missing::Interface));
        agent.until("gone", |notices| path(notices, FIBER, Family::V4) == gone);
        assert_eq!(netns::agent::carrier(&agent.notices, FIBER), Some(false));
        wire.veth("wan0");
        netns::agent::address(wire, "wan0", "192.0.2.10", "2001:db8:a::10", 100);
        assert_ne!(index("wan0"), old);
        agent.until("ready", |notices| path(notices, FIBER, Family::V4) == Some(PathState::Ready));
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan0")));
        assert_eq!(read("wan0", "ignore_routes_with_linkdown"), "1");
    });
}

#[test]
fn restore_leaves_nothing_of_ours() {
    on_gateway("restore_leaves_nothing_of_ours", |wire, config| {
        std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "0").unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/wan0/rp_filter", "1").unwrap();
        let before = read("wan1", "ignore_routes_with_linkdown");
        let mut agent = Agent::open(config);
        assert_eq!(read("wan0", "rp_filter"), "2");
        assert_eq!(read("wan1", "ignore_routes_with_linkdown"), "1");
        for family in Family::ALL {
            agent.rank(family, &[LTE, FIBER]).unwrap();
        }
        let table = config.kernel.uplink_table();
        let stranger = Wire::route_message(table, 4, 77, "192.0.2.7", "wan0");
        wire.put(&stranger);
        // A successor puts back what its predecessor changed.
        let mut agent = Agent::open(config);
        wire.put(&stranger);
        agent.kernel.restore().unwrap();
        assert_eq!(read("wan0", "rp_filter"), "1");
        assert_eq!(read("wan1", "ignore_routes_with_linkdown"), before);
        assert_eq!((wire.own_rules(Inet).len(), wire.own_rules(Inet6).len()), (0, 0));
        assert_eq!(wire.table(Inet, table), [(77, Some(index("wan0")), Some(ip("192.0.2.7")))]);
        assert_eq!(wire.table(Inet6, table), []);
        assert_eq!(wire.table(Inet, config.kernel.link_table(0)), []);
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan0")));
        assert!(!config.agent.state_dir.join("sysctl.json").exists());
    });
}

#[test]
fn what_a_removed_link_left_behind_goes() {
    on_gateway("what_a_removed_link_left_behind_goes", |wire, config| {
        let both = config.clone();
        drop(Agent::open(&both));
        let (former, beyond) = (both.kernel.link_table(1), both.kernel.link_table(shunt_config::MAX_LINKS));
        // A stranger's route in the same table, and one of our number where no table of ours can be.
        wire.put(&Wire::route_message(former, 4, 77, "192.0.2.7", "wan0"));
        wire.put(&Wire::route_message(beyond, netns::wire::OWN, 5, "192.0.2.7", "wan0"));
        assert_eq!((wire.table(Inet, former).len(), wire.table(Inet6, former).len()), (3, 2));
        let mut one = both.clone();
        one.links.truncate(1);
        let agent = Agent::open(&one);
        assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
        let strangers = [(77, Some(index("wan0")), Some(ip("192.0.2.7")))];
        assert_eq!(wire.table(Inet, former), strangers);
        assert_eq!(wire.table(Inet6, former), []);
        assert_eq!(wire.table(Inet, beyond).len(), 1);
        assert_eq!(wire.own_rules(Inet).len(), 4);

        // The same when everything is taken back. (The table of a link that is configured is all ours.)
        drop((agent, Agent::open(&both)));
        wire.put(&Wire::route_message(former, 4, 77, "192.0.2.7", "wan0"));
        assert_eq!(wire.table(Inet, former).len(), 3);
        Agent::open(&one).kernel.restore().unwrap();
        assert_eq!(wire.table(Inet, former), strangers);
        assert_eq!(wire.own_rules(Inet), []);
    });
}

#[test]
fn rules_come_back_although_a_route_is_refused() {
    on_gateway("rules_come_back_although_a_route_is_refused", |wire, config| {
        let mut config = config.clone();
        // The kernel takes no router that is the host itself.
        config.links[1].gateway = Some(shunt_config::Gateway::Via("203.0.113.10".parse().unwrap()));
        let mut agent = Agent::open(&config);
        agent.rank(Family::V4, &[FIBER, LTE]).unwrap();
        agent.catch_up();
        assert!(!warnings(&agent.notices).is_empty(), "the route by itself was taken");
        let rules = wire.own_rules(Inet);
        assert_eq!(rules.len(), 6);
        for rule in &rules {
            wire.delete_rule(rule);
        }
        agent.until("the rules", |_| wire.own_rules(Inet) == rules);
    });
}

#[test]
fn a_rule_set_that_is_refused_in_part_is_taken_back() {
    on_gateway("a_rule_set_that_is_refused_in_part_is_taken_back", |wire, config| {
        let mut config = config.clone();
        for link in &mut config.links {
            link.targets.retain(|weighted| !weighted.target.is_ipv4());
        }
        // No configuration gets as far: IPv6 refuses a rule into table 0, which is the last one, after five that it takes.
        config.kernel.table_base = 0;
        let mut agent = Agent::open(&config);
        agent.until("the warning", |notices| warnings(notices).iter().any(|text| text.contains("lookup 0")));
        assert_eq!(wire.own_rules(Inet6), []);
        assert_eq!(warnings(&agent.notices).len(), 1, "{:#?}", agent.notices);
    });
}

#[test]
fn a_link_without_ipv6_is_told_and_the_other_serves() {
    on_gateway("a_link_without_ipv6_is_told_and_the_other_serves", |wire, config| {
        std::fs::write("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "1").unwrap();
        let mut agent = Agent::open(config);
        assert_eq!(agent.path(FIBER, Family::V6), Some(PathState::Missing(Missing::Address)));
        assert_eq!(agent.path(FIBER, Family::V4), Some(PathState::Ready));
        assert_eq!(warnings(&agent.notices), Vec::<&str>::new());
        agent.rank(Family::V6, &[FIBER, LTE]).unwrap();
        assert_eq!(wire.look_up(V6, 0, None), Ok(index("wan1")));
        assert!(wire.look_up(V6, config.kernel.link_mark(0), None).is_err(), "a probe would leak");
        std::fs::write("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "0").unwrap();
        wire.address("wan0", "2001:db8:a::10", 64);
        wire.default_route(100, "2001:db8:a::1", "wan0");
        agent.until("ready", |notices| path(notices, FIBER, Family::V6) == Some(PathState::Ready));
        agent.until("its place", |_| wire.look_up(V6, 0, None) == Ok(index("wan0")));
    });
}

#[test]
fn sysctls_that_may_not_be_set_are_told_once() {
    on_gateway("sysctls_that_may_not_be_set_are_told_once", |wire, config| {
        netns::read_only("/proc/sys");
        let mut agent = Agent::open(config);
        let told = warnings(&agent.notices).len();
        assert!((4..=6).contains(&told), "{:#?}", agent.notices);
        assert!(warnings(&agent.notices)[0].contains("ipv4.conf.wan0.ignore_routes_with_linkdown to 1"));
        // Everything else goes on.
        agent.rank(Family::V4, &[LTE, FIBER]).unwrap();
        assert_eq!(wire.look_up(V4, 0, None), Ok(index("wan1")));
        // Looked at again when the interface comes again, and not told again.
        wire.down("wan1");
        wire.up("wan1");
        agent.catch_up();
        assert_eq!(warnings(&agent.notices).len(), told, "{:#?}", agent.notices);
    });
}

fn read(interface: &str, key: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{interface}/{key}")).unwrap().trim().to_owned()
}

fn monitor() -> rtnetlink::sys::Socket {
    use rtnetlink::MulticastGroup as Group;
    let mut socket = rtnetlink::sys::Socket::new(rtnetlink::sys::protocols::NETLINK_ROUTE).unwrap();
    socket.bind_auto().unwrap();
    socket.set_non_blocking(true).unwrap();
    for group in [Group::Ipv4Route, Group::Ipv6Route, Group::Ipv4Rule, Group::Ipv6Rule] {
        socket.add_membership(group as u32).unwrap();
    }
    socket
}

fn count(monitor: &rtnetlink::sys::Socket) -> usize {
    std::iter::from_fn(|| monitor.recv_from_full().ok()).count()
}
