//! Links that are judged by a page, or by targets with names: the whole agent, with its tasks, its loop and its canary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, healthy_with, link, probed, program, settled, two_uplinks, uplink};
use shunt::api::types::{Fault, PathStatus, Status, Verdict};
use shunt_lab::{Agent, AgentConfig, DNS_TARGET_V4, Lab, TARGETS_V4, enter_or_reexec};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// An address of the far end's network that nobody has.
const NOBODY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(203, 0, 113, 99);

/// What the fiber's page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Fiber {
    Well,
    /// A portal sends its visitors elsewhere.
    Portal,
    /// Somebody takes the connection and the request, and says nothing.
    Silent,
    /// Somebody says a byte a second.
    Slow,
}

/// Serves a page for each link on a port of the far end; the fiber's is what the switch says.
fn serve(lab: &Lab) -> (u16, Arc<AtomicU8>) {
    let listener = lab.far.run(|| TcpListener::bind((TARGETS_V4[0], 0)).unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let switch = Arc::new(AtomicU8::new(Fiber::Well as u8));
    let fiber = Arc::clone(&switch);
    // They end with the test: nobody waits for them.
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let fiber = Arc::clone(&fiber);
            thread::spawn(move || answer(connection, &fiber));
        }
    });
    (port, switch)
}

fn answer(mut connection: TcpStream, fiber: &AtomicU8) {
    const REDIRECT: &str =
        "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n";
    let mut request = String::new();
    let mut head = BufReader::new(connection.try_clone().unwrap());
    // A canary asks for nothing.
    while head.read_line(&mut request).is_ok_and(|length| length > 2) {}
    let is = |what: Fiber| request.contains(" /fiber ") && fiber.load(Ordering::Relaxed) == what as u8;
    if is(Fiber::Silent) || is(Fiber::Slow) {
        let slow = is(Fiber::Slow);
        connection.set_read_timeout(slow.then_some(Duration::from_secs(1))).unwrap();
        let mut bytes = REDIRECT.bytes();
        // Until the prober hangs up; a second in which it does not is worth a byte.
        while connection.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            && bytes.next().is_some_and(|byte| connection.write_all(&[byte]).is_ok())
        {}
        return;
    }
    let said = if is(Fiber::Portal) { REDIRECT } else { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell" };
    let _gone_already = connection.write_all(said.as_bytes());
}

/// Each link is judged by a page of its own.
fn judged_by_pages(lab: &Lab, port: u16) -> AgentConfig {
    let mut config =
        AgentConfig::new(lab).with("[probe]\ninterval = \"100ms\"").with("[failback]\nhold_down = \"1s\"");
    for link in &mut config.links {
        let page = format!("http://{}:{port}/{}", TARGETS_V4[0], link.name);
        link.keys = format!("targets = [{{ target = \"{page}\", body = \"well\" }}]\n");
    }
    config
}

#[test]
fn a_captive_portal_moves_the_uplink_and_is_named() {
    let Some(_turn) = enter_or_reexec("a_captive_portal_moves_the_uplink_and_is_named") else { return };
    let lab = two_uplinks(true);
    let (port, fiber) = serve(&lab);
    let agent = settled(&lab, &judged_by_pages(&lab, port));

    fiber.store(Fiber::Portal as u8, Ordering::Relaxed);
    agent
        .wait_for("the portal named and lte as uplink", DEADLINE, |status| {
            let fiber = link(status, "fiber").families.v4.as_ref().unwrap();
            uplink(status) == Some("lte")
                && fiber.verdict == Verdict::Failed
                && fiber.fault == Some(Fault::Portal)
        })
        .unwrap();

    fiber.store(Fiber::Well as u8, Ordering::Relaxed);
    healthy_with(&agent, "fiber");
}

/// Bytes of all packets over an interface of the gateway, from IP up, ARP included.
fn carried(lab: &Lab, interface: &str) -> u64 {
    const ETHERNET: u64 = 14;
    // Of the thread, which is inside the namespace.
    let read = || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let text = lab.gateway.run(read).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{interface}:"))).unwrap();
    let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [received, packets_received, sent, packets_sent] = [0, 1, 8, 9].map(|place| numbers[place]);
    received + sent - (packets_received + packets_sent) * ETHERNET
}

fn spent(status: &Status, name: &str) -> u64 {
    link(status, name).budget.as_ref().unwrap().spent_bytes
}

/// Somebody takes connections in the target's place (or in front of it) and keeps those who ask waiting.
fn who_keeps_probes_waiting_is_left(test: &str, how: Fiber) {
    /// Neighbours asked for each other now and then, and a probe whose end is not told yet.
    const BESIDE: u64 = 4_000;
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(true);
    let (port, fiber) = serve(&lab);
    let mut config = judged_by_pages(&lab, port);
    // Enough for a page at each moment, and counted.
    config.links[0].keys.push_str("probe_budget = \"100 GB/month\"\n");
    let mut agent = settled(&lab, &config);
    let interface = lab.uplink("fiber").unwrap().interface();
    let begin = (spent(&agent.status().unwrap(), "fiber"), carried(&lab, interface));

    fiber.store(how as u8, Ordering::Relaxed);
    let failed = |status: &Status| {
        v4(status, "fiber").verdict == Verdict::Failed && v4(status, "fiber").fault == Some(Fault::Provider)
    };
    agent
        .wait_for("the fiber failed behind its gateway and lte as uplink", DEADLINE, |status| {
            uplink(status) == Some("lte") && failed(status)
        })
        .unwrap();
    // However often it is asked from now on, it stays failed.
    let goal = agent.status().unwrap().counters.probes + 60;
    let status = agent
        .wait_for("the fiber asked for much longer", DEADLINE, |status| {
            assert!(failed(status), "{status:?}");
            status.counters.probes >= goal
        })
        .unwrap();
    assert_eq!(uplink(&status), Some("lte"));
    let wire = carried(&lab, interface) - begin.1;
    let charged = spent(&agent.status().unwrap(), "fiber") - begin.0;
    assert!(wire <= charged + BESIDE, "{wire} bytes over the fiber, {charged} charged");

    fiber.store(Fiber::Well as u8, Ordering::Relaxed);
    healthy_with(&agent, "fiber");
    // Nor does what is still waiting hold up the agent's end.
    fiber.store(how as u8, Ordering::Relaxed);
    probed(&agent, 10);
    assert!(agent.terminate().unwrap().success());
}

#[test]
fn a_portal_that_says_nothing_is_left() {
    who_keeps_probes_waiting_is_left("a_portal_that_says_nothing_is_left", Fiber::Silent);
}

#[test]
fn a_portal_that_says_a_byte_a_second_is_left() {
    who_keeps_probes_waiting_is_left("a_portal_that_says_a_byte_a_second_is_left", Fiber::Slow);
}

fn v4<'a>(status: &'a Status, name: &str) -> &'a PathStatus {
    link(status, name).families.v4.as_ref().unwrap()
}

fn alive(status: &Status, name: &str) -> Vec<bool> {
    v4(status, name).targets.iter().map(|target| target.alive).collect()
}

/// Both links have a target with a name; over LTE nobody answers for names.
#[test]
fn a_name_that_nobody_knows_fails_alone_and_is_told() {
    let Some(_turn) = enter_or_reexec("a_name_that_nobody_knows_fails_alone_and_is_told") else { return };
    let lab = two_uplinks(true);
    let mut config = AgentConfig::new(&lab).with("[probe]\ninterval = \"100ms\"\nquorum = 2");
    let named = ["web.example", "tcp://web.example:443"].map(str::to_owned);
    config.targets = [&[TARGETS_V4[0].to_string()], &named[..]].concat();
    for (of, resolver) in config.links.iter_mut().zip([DNS_TARGET_V4, NOBODY]) {
        of.keys = format!("resolvers = [\"{resolver}\"]");
    }
    let agent = Agent::start(&program(), &lab.gateway, &config).unwrap();
    let status = agent
        .wait_for("the fiber healthy, and the names told as what LTE lacks", DEADLINE, |status| {
            uplink(status) == Some("fiber")
                && v4(status, "fiber").verdict == Verdict::Healthy
                && alive(status, "fiber") == [true; 3]
                && v4(status, "lte").verdict == Verdict::Failed
                && v4(status, "lte").fault == Some(Fault::Dns)
                && alive(status, "lte") == [true, false, false]
        })
        .unwrap();
    let shown: Vec<_> = v4(&status, "fiber").targets.iter().map(|target| &target.target).collect();
    assert_eq!(shown, [&config.targets[0], &named[0], &named[1]]);
    // It is told with the next probe of it.
    probed(&agent, 20);
    assert!(agent.log().contains("failed to look up web.example over"), "{}", agent.log());
}
