//! Links that are judged by a page, or by targets with names: the whole agent, with its tasks, its loop and its canary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, healthy_with, link, probed, program, settled, two_uplinks, uplink};
use shunt::api::types::{Fault, PathStatus, Status, Verdict};
use shunt_lab::{Agent, AgentConfig, DNS_TARGET_V4, Lab, TARGETS_V4, enter_or_reexec};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An address of the far end's network that nobody has.
const NOBODY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(203, 0, 113, 99);

/// Serves a page for each link on a port of the far end; the fiber's is a portal's while the switch is on.
fn serve(lab: &Lab) -> (u16, Arc<AtomicBool>) {
    let listener = lab.far.run(|| TcpListener::bind((TARGETS_V4[0], 0)).unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let portal = Arc::new(AtomicBool::new(false));
    let redirects = Arc::clone(&portal);
    // It ends with the test: nobody waits for it.
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = String::new();
            let mut head = BufReader::new(connection.try_clone().unwrap());
            // A canary asks for nothing.
            while head.read_line(&mut request).is_ok_and(|length| length > 2) {}
            let answer = if request.contains(" /fiber ") && redirects.load(Ordering::Relaxed) {
                "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"
            };
            let _gone_already = connection.write_all(answer.as_bytes());
        }
    });
    (port, portal)
}

#[test]
fn a_captive_portal_moves_the_uplink_and_is_named() {
    let Some(_turn) = enter_or_reexec("a_captive_portal_moves_the_uplink_and_is_named") else { return };
    let lab = two_uplinks(true);
    let (port, portal) = serve(&lab);
    let mut config =
        AgentConfig::new(&lab).with("[probe]\ninterval = \"100ms\"").with("[failback]\nhold_down = \"1s\"");
    for link in &mut config.links {
        let page = format!("http://{}:{port}/{}", TARGETS_V4[0], link.name);
        link.keys = format!("targets = [{{ target = \"{page}\", body = \"well\" }}]");
    }
    let agent = settled(&lab, &config);

    portal.store(true, Ordering::Relaxed);
    agent
        .wait_for("the portal named and lte as uplink", DEADLINE, |status| {
            let fiber = link(status, "fiber").families.v4.as_ref().unwrap();
            uplink(status) == Some("lte")
                && fiber.verdict == Verdict::Failed
                && fiber.fault == Some(Fault::Portal)
        })
        .unwrap();

    portal.store(false, Ordering::Relaxed);
    healthy_with(&agent, "fiber");
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
