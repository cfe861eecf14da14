//! What the end-to-end tests share.

#![allow(dead_code)] // each test binary uses its own part

pub(crate) mod flows;
pub(crate) mod monitor;
pub(crate) mod packets;

use shunt::api::types::{LinkStatus, Status, Verdict};
use shunt_lab::{Agent, AgentConfig, Lab, Plan, Policy, Program, STREAM_TARGET_V4, Stream, UplinkPlan};
use std::time::Duration;

/// Far beyond what anything here takes: only a defect, or a machine that stands still, gets there.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The agent of these tests: the laboratory's, unless `SHUNT_AGENT` names another.
pub(crate) fn program() -> Program {
    Program::from_environment().unwrap_or_else(|| Program::lab(env!("CARGO_BIN_EXE_lab")))
}

/// Fiber and LTE with relays of 5 ms each way, so an RTT of 10 ms.
pub(crate) fn two_uplinks(masquerade: bool) -> Lab {
    let policy = Policy::delay(Duration::from_millis(5));
    let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
    Lab::build(&Plan { uplinks, masquerade, seed: 1 }).unwrap()
}

/// A lab with an agent that has chosen the fiber and knows both links to be healthy.
pub(crate) fn settled(lab: &Lab, config: &AgentConfig) -> Agent {
    let agent = Agent::start(&program(), &lab.gateway, config).unwrap();
    agent
        .wait_for("all links healthy and the fiber as uplink", DEADLINE, |status| {
            uplink(status) == Some("fiber")
                && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        })
        .unwrap();
    agent
}

/// The client's stream, once it arrives by the fiber.
pub(crate) fn streaming(lab: &Lab, rate: u32) -> Stream {
    let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), rate).unwrap();
    stream.wait_for_path(lab.uplink("fiber").unwrap().far_index(), DEADLINE).unwrap();
    stream
}

/// Whether the agent can forward a canary here: an ordinary user may not open the device everywhere.
pub(crate) fn may_make_tun() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_ok()
}

/// The IPv4 uplink.
pub(crate) fn uplink(status: &Status) -> Option<&str> {
    status.uplink.v4.as_deref()
}

/// One link's part of the status.
pub(crate) fn link<'a>(status: &'a Status, name: &str) -> &'a LinkStatus {
    status.links.iter().find(|link| link.name == name).unwrap()
}

/// Waits for the moment at which every link is healthy and `name` is the IPv4 uplink.
pub(crate) fn healthy_with(agent: &Agent, name: &str) -> Status {
    agent
        .wait_for(&format!("all links healthy and {name} as uplink"), DEADLINE, |status| {
            uplink(status) == Some(name) && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        })
        .unwrap()
}

/// Waits for the uplink `name`.
pub(crate) fn moved_to(agent: &Agent, name: &str) -> Status {
    agent.wait_for(&format!("the uplink {name}"), DEADLINE, |status| uplink(status) == Some(name)).unwrap()
}

/// Waits until the agent has asked for so many more probes: it had every occasion to do wrong.
pub(crate) fn probed(agent: &Agent, more: u64) -> Status {
    let goal = agent.status().unwrap().counters.probes + more;
    agent.wait_for("more probes", DEADLINE, |status| status.counters.probes >= goal).unwrap()
}
