//! What lies in the kernel: that probes keep to their link, that others' changes are followed or put right, and that
//! neither a move nor the agent's death costs a packet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::flows::tracked;
use common::monitor::{
    Monitor, UPLINK_RULE, UPLINK_TABLE, best_uplink, priority, routes, rules, table, wait_until,
};
use common::packets::Packets;
use common::{DEADLINE, healthy_with, link, moved_to, probed, settled, streaming, two_uplinks, uplink};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteMessage;
use shunt::api::types::Verdict;
use shunt_lab::{
    Agent, AgentConfig, Lab, LinkText, Lookups, Namespace, Plan, STREAM_TARGET_V4, Stream, TARGETS_V4,
    UplinkPlan, enter_or_reexec,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const FAST: &str = "[probe]\ninterval = \"100ms\"";
const SHORT_HOLD: &str = "[failback]\nhold_down = \"1s\"";
/// The mark of the first link's probes by the default `mark_mask`.
const FIRST_MARK: u32 = 1 << 24;

fn fast(lab: &Lab) -> AgentConfig {
    AgentConfig::new(lab).with(FAST).with(SHORT_HOLD)
}

/// Without relays, so that nothing but the gateway's kernel can lose a packet.
fn direct_uplinks(masquerade: bool) -> Lab {
    let uplinks = vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")];
    Lab::build(&Plan { uplinks, masquerade, seed: 1 }).unwrap()
}

#[test]
fn a_probe_of_a_link_that_is_down_never_leaves_by_another() {
    let Some(_turn) = enter_or_reexec("a_probe_of_a_link_that_is_down_never_leaves_by_another") else {
        return;
    };
    let lab = two_uplinks(true);
    let [fiber, lte] = [&lab.uplinks[0], &lab.uplinks[1]];
    // Each link has a target of its own, so that a packet tells whose probe it is.
    let mut config = fast(&lab);
    for (link, target) in config.links.iter_mut().zip(TARGETS_V4) {
        link.keys = format!("targets = [\"{target}\"]");
    }
    let agent = settled(&lab, &config);
    let mut netlink = lab.gateway.netlink().unwrap();
    let mut packets = Packets::capture(lte.isp());
    let mut none_leaks = |state: &str| {
        agent
            .wait_for(&format!("fiber's failure when it is {state}"), DEADLINE, |status| {
                uplink(status) == Some("lte") && link(status, "fiber").verdict == Verdict::Failed
            })
            .unwrap();
        probed(&agent, 20);
        let destinations = packets.destinations();
        assert!(destinations.contains(&TARGETS_V4[1]), "{state}: nothing was captured");
        assert!(!destinations.contains(&TARGETS_V4[0]), "{state}: a probe of fiber left by lte");
        // Also one that is bound to nothing: its mark alone must keep it off.
        let refused = marked(&lab.gateway).unwrap_err().kind();
        let fails = matches!(refused, ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable);
        assert!(fails, "{state}: {refused}");
    };
    fiber.set_carrier(false).unwrap();
    none_leaks("without carrier");
    netlink.set_link_up(fiber.interface_index(), false).unwrap();
    fiber.set_carrier(true).unwrap();
    none_leaks("switched off");
    netlink.set_link_up(fiber.interface_index(), true).unwrap();
    let [v4, _] = fiber.addresses();
    netlink.delete_address(fiber.interface_index(), v4, 30).unwrap();
    none_leaks("without address");
    fiber.address_gateway(&mut netlink).unwrap();
    healthy_with(&agent, "fiber");
    marked(&lab.gateway).unwrap();
}

/// Where the routing sends a packet with the mark of fiber's probes, or why nowhere.
fn marked(gateway: &Namespace) -> std::io::Result<()> {
    let send = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_mark(FIRST_MARK)?;
        socket.connect(&SockAddr::from(SocketAddr::from((TARGETS_V4[2], 9))))
    };
    gateway.run(send).unwrap()
}

#[test]
fn a_default_route_that_dhcp_replaces_is_followed_without_a_move() {
    let Some(_turn) = enter_or_reexec("a_default_route_that_dhcp_replaces_is_followed_without_a_move") else {
        return;
    };
    let lab = direct_uplinks(false);
    let agent = settled(&lab, &fast(&lab));
    let [fiber, lte] = [&lab.uplinks[0], &lab.uplinks[1]];
    let stream = streaming(&lab, 1_000);
    let moves = agent.status().unwrap().counters.moves;
    let mut gateway = lab.gateway.netlink().unwrap();
    // The ISP renumbers: another router in another network.
    let [router, address] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)].map(IpAddr::V4);
    let mut isp = fiber.isp().netlink().unwrap();
    let access = isp.index("access0").unwrap();
    isp.add_address(access, router, 24).unwrap();
    gateway.add_address(fiber.interface_index(), address, 24).unwrap();
    let old = fiber.default_route(false);
    let mut new = old;
    new.gateway = Some(router);
    // As DHCP clients do it: the old one goes before the new one comes.
    gateway.delete_route(&old).unwrap();
    gateway.put_route(&new).unwrap();
    let expected = Some((Some(router), fiber.interface_index()));
    wait_until("the new router in the uplink table", || best_uplink(&lab) == expected);
    let status = probed(&agent, 20);
    assert_eq!((uplink(&status), status.counters.moves), (Some("fiber"), moves), "{status:?}");
    let report = stream.take_report().unwrap();
    assert_eq!((report.lost, report.moves.len()), (0, 0), "{report}");

    // The lease is not renewed: addresses and route go.
    gateway.delete_route(&new).unwrap();
    gateway.delete_address(fiber.interface_index(), address, 24).unwrap();
    gateway.delete_address(fiber.interface_index(), fiber.addresses()[0], 30).unwrap();
    stream.wait_for_path(lte.far_index(), DEADLINE).unwrap();
    moved_to(&agent, "lte");
    // And comes again.
    fiber.address_gateway(&mut gateway).unwrap();
    stream.wait_for_path(fiber.far_index(), DEADLINE).unwrap();
    healthy_with(&agent, "fiber");
}

#[test]
fn rules_and_routes_that_a_stranger_deletes_are_put_back() {
    let Some(_turn) = enter_or_reexec("rules_and_routes_that_a_stranger_deletes_are_put_back") else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab).with_v6());
    let before = (routes(&lab), rules(&lab));
    let mut netlink = lab.gateway.netlink().unwrap();
    let repairs = || agent.log().matches("this is put right").count();

    let uplink_rule = before.1.iter().find(|rule| priority(rule) == UPLINK_RULE).unwrap();
    netlink.delete_rule(uplink_rule.clone()).unwrap();
    wait_until("the rule is back", || rules(&lab) == before.1);
    wait_until("the log tells of it", || repairs() >= 1);
    for rule in &before.1 {
        netlink.delete_rule(rule.clone()).unwrap();
    }
    wait_until("all rules are back", || rules(&lab) == before.1);

    for route in before.0.iter().filter(|route| table(route) == UPLINK_TABLE) {
        delete(&lab, route);
    }
    wait_until("the uplink table is back", || routes(&lab) == before.0);
    for route in &before.0 {
        delete(&lab, route);
    }
    wait_until("all routes are back", || routes(&lab) == before.0);
    wait_until("the log tells of all", || repairs() >= 4);
    let status = probed(&agent, 20);
    assert_eq!(uplink(&status), Some("fiber"));
    assert_eq!((routes(&lab), rules(&lab)), before);
}

/// Deletes a route as it was listed; it may have gone with another already.
fn delete(lab: &Lab, route: &RouteMessage) {
    use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage};
    use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
    let send = || {
        let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
        socket.bind_auto().unwrap();
        socket.connect(&SocketAddr::new(0, 0)).unwrap();
        let mut message = NetlinkMessage::from(RouteNetlinkMessage::DelRoute(route.clone()));
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        socket.send(&bytes, 0).unwrap();
        socket.recv_from_full().unwrap();
    };
    lab.gateway.run(send).unwrap();
}

#[test]
fn flows_of_the_failed_link_are_cut_and_others_stay() {
    let Some(_turn) = enter_or_reexec("flows_of_the_failed_link_are_cut_and_others_stay") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &fast(&lab));
    let [fiber, lte] = [&lab.uplinks[0], &lab.uplinks[1]];
    // A user's flow by fiber, silent since its first packet: nothing but the agent would end it.
    let users = say_once(&lab.client, None);
    // And one that keeps to lte whatever the uplink is.
    let other = say_once(&lab.gateway, Some(lte.interface()));
    let is = |port, address| tracked(&lab.gateway).iter().any(|f| (f.port, f.replies_to) == (port, address));
    wait_until("both flows are tracked", || is(users, fiber.addresses()[0]) && is(other, lte.addresses()[0]));
    fiber.black_hole().unwrap();
    moved_to(&agent, "lte");
    wait_until("the user's flow is forgotten", || !is(users, fiber.addresses()[0]));
    assert!(is(other, lte.addresses()[0]), "the flow of lte was cut too");

    // A planned move cuts nothing.
    fiber.restore().unwrap();
    healthy_with(&agent, "fiber");
    assert!(is(other, lte.addresses()[0]), "the failback cut a flow of lte");
}

/// Sends one datagram to the far end; tells the port that it came from.
fn say_once(from: &Namespace, interface: Option<&str>) -> u16 {
    let say = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.bind_device(interface.map(str::as_bytes)).unwrap();
        socket.connect(&SockAddr::from(SocketAddr::from((TARGETS_V4[0], 5_000)))).unwrap();
        socket.send(b"hello").unwrap();
        socket.local_addr().unwrap().as_socket().unwrap().port()
    };
    from.run(say).unwrap()
}

#[test]
fn an_agent_killed_at_any_moment_loses_no_packet_and_is_succeeded() {
    let Some(_turn) = enter_or_reexec("an_agent_killed_at_any_moment_loses_no_packet_and_is_succeeded")
    else {
        return;
    };
    const KILLS: u64 = 12;
    let lab = direct_uplinks(false);
    let mut agent = settled(&lab, &fast(&lab));
    let stream = streaming(&lab, 1_000);
    let lookups = Lookups::start(&lab.gateway).unwrap();
    for number in 0..KILLS {
        let standing = best_uplink(&lab).unwrap().1;
        let mut others = lab.uplinks.iter().filter(|uplink| uplink.interface_index() != standing);
        let mut monitor = Monitor::start(&lab.gateway);
        order(&agent, others.next().unwrap().name());
        match number % 3 {
            // While the order is on its way.
            0 => {}
            // Between the best route and the rest of the ranking.
            1 => wait_until("the first change of a route", || !monitor.changes().is_empty()),
            // Some packets later; the stream is the clock.
            _ => {
                let now = stream.report().unwrap().received;
                let later = now + number * number % 17;
                wait_until("some packets", || stream.report().unwrap().received >= later);
            }
        }
        agent.kill().unwrap();
        let left = best_uplink(&lab).expect("a killed agent leaves an uplink").1;
        agent.start_again().unwrap();
        let name = lab.uplinks.iter().find(|uplink| uplink.interface_index() == left).unwrap().name();
        // What it finds is kept, unless the lease that was on disk already says otherwise.
        let status = agent
            .wait_for("the successor with both links healthy", DEADLINE, |status| {
                status.links.iter().all(|link| link.verdict == Verdict::Healthy)
            })
            .unwrap();
        let kept = uplink(&status) == Some(name);
        let told = status.forced.as_ref().is_some_and(|forced| uplink(&status) == Some(&forced.link));
        assert!(kept || told, "{name} was the uplink, now: {status:?}");
    }
    assert_eq!(lookups.stop().unwrap().nothing, 0, "look-ups without a default route");
    let report = stream.stop().unwrap();
    assert_eq!(report.lost, 0, "{report}");
}

/// Asks for a forced link and does not wait for the answer.
fn order(agent: &Agent, link: &str) {
    use std::io::Write;
    let mut stream = std::os::unix::net::UnixStream::connect(agent.socket()).unwrap();
    writeln!(stream, "{{\"command\":\"force\",\"link\":\"{link}\"}}").unwrap();
}

/// A thousand forced switches as fast as each is seen in the stream: packets lost, and look-ups that found nothing.
fn thousand_switches(masquerade: bool) -> (u64, u64) {
    const SWITCHES: usize = 1_000;
    let lab = direct_uplinks(masquerade);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let moves = agent.status().unwrap().counters.moves;
    let stream = streaming(&lab, 1_000);
    let lookups = Lookups::start(&lab.gateway).unwrap();
    for number in 0..SWITCHES {
        let uplink = &lab.uplinks[(number + 1) % 2];
        agent.force(uplink.name(), None).unwrap();
        stream.wait_for_path(uplink.far_index(), DEADLINE).unwrap();
    }
    let found = lookups.stop().unwrap();
    assert!(found.by_interface.values().sum::<u64>() > SWITCHES as u64, "{found:?}");
    assert_eq!(found.by_interface.len(), 2, "{found:?}");
    let status = agent.status().unwrap();
    assert_eq!(status.counters.moves, moves + SWITCHES as u64);
    assert!(status.incidents.is_empty(), "{:?}", status.incidents);
    let report = stream.stop().unwrap();
    assert_eq!(report.moves.len(), SWITCHES, "{report}");
    assert!(report.moves.iter().all(|step| step.lost <= 1), "more than one packet in one move: {report}");
    (report.lost, found.nothing)
}

#[test]
fn a_thousand_forced_switches_lose_no_packet() {
    let Some(_turn) = enter_or_reexec("a_thousand_forced_switches_lose_no_packet") else { return };
    assert_eq!(thousand_switches(false), (0, 0));
}

#[test]
fn a_thousand_forced_switches_with_masquerade_lose_a_packet_per_flow_and_move() {
    let test = "a_thousand_forced_switches_with_masquerade_lose_a_packet_per_flow_and_move";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let (lost, nothing) = thousand_switches(true);
    // The kernel itself drops the first packet that meets a translation of the other link.
    assert!(lost <= 1_000, "{lost}");
    assert_eq!(nothing, 0, "look-ups without a default route");
}

#[test]
fn an_interface_that_is_missing_is_waited_for_and_may_go_again() {
    let Some(_turn) = enter_or_reexec("an_interface_that_is_missing_is_waited_for_and_may_go_again") else {
        return;
    };
    let lab = two_uplinks(true);
    let fiber = &lab.uplinks[0];
    let mut netlink = lab.gateway.netlink().unwrap();
    let mut config = fast(&lab);
    config.links[0] = LinkText { interface: "ppp0".into(), ..config.links[0].clone() };
    let agent = Agent::start(&common::program(), &lab.gateway, &config).unwrap();
    let status = agent
        .wait_for("lte alone", DEADLINE, |status| {
            uplink(status) == Some("lte") && link(status, "lte").verdict == Verdict::Healthy
        })
        .unwrap();
    assert_eq!(link(&status, "fiber").reason, "interface ppp0 does not exist");
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), 500).unwrap();
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();

    let index = fiber.interface_index();
    let mut appear = |name: &str| {
        netlink.set_link_up(index, false).unwrap();
        netlink.rename_link(index, name).unwrap();
        netlink.set_link_up(index, true).unwrap();
        fiber.address_gateway(&mut netlink).unwrap();
    };
    appear("ppp0");
    healthy_with(&agent, "fiber");
    stream.wait_for_path(fiber.far_index(), DEADLINE).unwrap();

    appear("other0");
    moved_to(&agent, "lte");
    agent
        .wait_for("the interface reported missing", DEADLINE, |status| {
            link(status, "fiber").reason == "interface ppp0 does not exist"
        })
        .unwrap();
    stream.wait_for_path(lab.uplinks[1].far_index(), DEADLINE).unwrap();
    appear("ppp0");
    healthy_with(&agent, "fiber");
}
