//! The story: probes, a failover, the way back, an agent that is killed, an acceptance run with a reset by the MCU in its
//! midst, and a machine whose agent is gone for good, once under the kernel's watchdog and once under the MCU.
//!
//! What outlives a reset tells which boot it is: the watchdog's own word for it, and the MCU's count.

use crate::system::{MCU, STATE, USER};
use shunt::api::mcu::McuStatus;
use shunt::api::types::{CanaryKind, Status, Verdict};
use shunt::api::wire::Request;
use shunt_lab::{Agent, AgentConfig, Impairment, Lab, Plan, Program, UplinkPlan};
use shunt_vm::{AGENT, Said};
use std::error::Error;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what anything here takes on an idle machine: emulation is slow, and CI machines are busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long each watchdog waits for a feed, in seconds: so it is settled which of them misses feeds first.
#[derive(Debug, Clone, Copy)]
struct Patience {
    kernel: u32,
    mcu: u32,
}

/// The shortest time that the agent takes for the kernel's.
const KERNEL_FIRST: Patience = Patience { kernel: 10, mcu: 45 };
/// Should the MCU do nothing, it is told before the kernel's resets the machine.
const MCU_FIRST: Patience = Patience { kernel: 120, mcu: 15 };

/// Within so long of being armed the MCU resets nobody.
const GRACE: Duration = Duration::from_secs(45);

/// Three times what either takes: the i6300esb counts in two stages, the MCU warns, asks for a shutdown, and holds the reset.
const RESET: Duration = Duration::from_secs(60);

/// A healthy line of this story, both ways together: 20 ms, restless, and now and then a packet is lost.
const LINE: Impairment =
    Impairment { delay: Duration::from_millis(20), jitter: Duration::from_millis(2), loss_per_mille: 5 };
const HOLE: Impairment = Impairment { loss_per_mille: 1_000, ..LINE };

/// Where the agent's socket is.
const RUNTIME: &str = "/run/shunt";

/// What the agent calls a reset by the MCU.
const BY_MCU: &str = "the gateway was reset by its MCU";

/// `WDIOF_CARDRESET` in the watchdog's `bootstatus` (Linux `Documentation/watchdog/watchdog-api.rst`).
const CARD_RESET: u32 = 0x20;

/// Plays the part of this boot.
///
/// # Errors
/// With what did not come about.
pub(crate) fn play() -> Outcome {
    let status = fs::read_to_string("/sys/class/watchdog/watchdog0/bootstatus")?;
    let bits: u32 = status.trim().parse()?;
    let plan = Plan {
        uplinks: vec![UplinkPlan::direct("fiber"), UplinkPlan::direct("lte")],
        masquerade: true,
        seed: 1,
    };
    let lab = Lab::build(&plan)?;
    for uplink in &lab.uplinks {
        uplink.impair(&LINE)?;
    }
    if bits & CARD_RESET != 0 {
        return after_the_kernels_reset(&lab);
    }
    let agent =
        step("an agent without root probes both links, and the MCU guards", || settled(&lab, KERNEL_FIRST))?;
    match mcu(&agent)?.state.map(|state| state.counts.host_resets) {
        Some(0) => before_the_resets(&lab, agent),
        Some(1) => after_the_reset_that_was_asked_for(&lab, agent),
        _ => after_the_mcus_reset(&agent),
    }
}

fn before_the_resets(lab: &Lab, mut agent: Agent) -> Outcome {
    let armed = Instant::now();
    step("the black hole of the preferred link is left", || {
        lab.uplink("fiber").ok_or("there is no fiber")?.impair(&HOLE)?;
        moved(&agent, "lte")?;
        figures(&agent, "silent black hole")
    })?;
    step("the link comes back and the traffic with it", || {
        lab.uplink("fiber").ok_or("there is no fiber")?.impair(&LINE)?;
        moved(&agent, "fiber")
    })?;
    step("the loss of carrier is followed and its return as well", || {
        let fiber = lab.uplink("fiber").ok_or("there is no fiber")?;
        fiber.set_carrier(false)?;
        moved(&agent, "lte")?;
        figures(&agent, "carrier loss")?;
        fiber.set_carrier(true)?;
        moved(&agent, "fiber")
    })?;
    step("a killed agent comes back with its lease, and forwarding stays", || {
        agent.force("lte", Some(600))?;
        moved(&agent, "lte")?;
        agent.kill()?;
        let routes = lab.gateway.netlink()?.routes()?;
        if routes.is_empty() {
            return Err("the routes are gone with the agent".into());
        }
        agent.start_again()?;
        agent.wait_for("the lease", DEADLINE, |status| status.forced.is_some())?;
        moved(&agent, "lte")?;
        agent.release()?;
        moved(&agent, "fiber")
    })?;
    agent.wait_for("the end of the MCU's grace", DEADLINE, |_| armed.elapsed() > GRACE)?;
    crate::acceptance::run(lab, &agent)?;
    Err("the acceptance run ended without the reset".into())
}

fn after_the_reset_that_was_asked_for(lab: &Lab, agent: Agent) -> Outcome {
    step("the acceptance run goes on after the MCU's reset, and signs its report", || {
        crate::acceptance::run(lab, &agent)?;
        crate::acceptance::verify(&agent)
    })?;
    gone(agent)
}

fn after_the_kernels_reset(lab: &Lab) -> Outcome {
    let agent = step("the reset by the kernel's watchdog is told after the boot", || {
        let agent = settled(lab, MCU_FIRST)?;
        // The watchdog is asked when it is opened, for the first feed of a run that has lasted.
        told(&agent, "reset by the kernel's watchdog before it booted: feeds had stopped")?;
        Ok(agent)
    })?;
    if agent.log().contains(BY_MCU) {
        return Err("the MCU reset the machine as well".into());
    }
    gone(agent)
}

fn after_the_mcus_reset(agent: &Agent) -> Outcome {
    step("the reset by the MCU is told after the boot, as all that led to it", || {
        told(agent, BY_MCU)?;
        told(agent, "feeds had stopped for")?;
        let log = agent.command(&["mcu", "log"]).output()?;
        let log = String::from_utf8_lossy(&log.stdout).into_owned();
        for event in ["raised the alert", "asked the gateway to shut down", BY_MCU] {
            if !log.contains(event) {
                return Err(format!("the MCU's log lacks {event:?}: {log}").into());
            }
        }
        Ok(())
    })
}

/// The agent ends for good, and with it this boot.
fn gone(mut agent: Agent) -> Outcome {
    agent.kill()?;
    say(&Said::AwaitsReset);
    std::thread::sleep(RESET);
    Err("the agent is gone, but nothing reset the machine".into())
}

fn told(agent: &Agent, cause: &str) -> Outcome {
    agent.wait_for("the cause in the log", DEADLINE, |_| agent.log().contains(cause))?;
    Ok(())
}

fn mcu(agent: &Agent) -> Outcome<McuStatus> {
    Ok(agent.ask(&Request::Mcu {})?)
}

/// An agent that works as the package's user, with both links healthy, all targets answering, the canary forwarded, and feeds
/// an MCU that guards.
fn settled(lab: &Lab, Patience { kernel, mcu: silence }: Patience) -> Outcome<Agent> {
    let sections = format!(
        "[failback]\nhold_down = \"2s\"\n[watchdog]\ndevice = \"/dev/watchdog\"\ndevice_timeout = \"{kernel}s\"\n\
         [watchdog.mcu]\nport = \"{MCU}\"\nfeed_timeout = \"{silence}s\"\nboot_grace = \"{grace}s\"\n\
         alert = \"1s\"\nshutdown = \"1s\"\nreset_hold = \"1s\"\nbackoff_shortest = \"1m\"\n",
        grace = GRACE.as_secs()
    );
    let config = AgentConfig { group: "shunt".into(), ..AgentConfig::new(lab).with_v6().with(&sections) };
    let program = Program::shunt(Path::new("/").join(AGENT));
    let agent = Agent::start_at_home(&program, &lab.gateway, &config, give_to_user)?;
    let settled = agent.wait_for("both links healthy, with answers of all targets", DEADLINE, is_settled)?;
    let user = fs::read_to_string(format!("/proc/{}/status", agent.process()))?;
    for expected in [format!("Uid:\t{USER}\t"), "CapEff:\t0000000000003000".to_owned()] {
        if !user.contains(&expected) {
            return Err(format!("the agent has other rights than {expected:?}: {user}").into());
        }
    }
    // Real delay was there, or nothing of this was about real networks.
    let rtts = paths(&settled).flat_map(|path| &path.targets).filter_map(|target| target.rtt_ms);
    let least = rtts.fold(f64::INFINITY, f64::min);
    if least < (LINE.delay - LINE.jitter).as_secs_f64() * 1e3 {
        return Err(format!("a reply came after {least} ms, before its delay was over").into());
    }
    let guards = |mcu: &McuStatus| mcu.fed_s.is_some() && mcu.text.contains("guards the gateway");
    let settled = agent
        .wait_for("feeds, and an MCU that guards", DEADLINE, |_| mcu(&agent).is_ok_and(|it| guards(&it)))?;
    if !settled.warnings.is_empty() {
        return Err(format!("the agent warns: {:?}", settled.warnings).into());
    }
    Ok(agent)
}

fn paths(status: &Status) -> impl Iterator<Item = &shunt::api::types::PathStatus> {
    status.links.iter().flat_map(|link| [&link.families.v4, &link.families.v6]).flatten()
}

fn is_settled(status: &Status) -> bool {
    status.uplink.v4.as_deref() == Some("fiber")
        && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        && paths(status).flat_map(|path| &path.targets).all(|target| target.rtt_ms.is_some())
        && status.canary.v4.as_ref().is_some_and(|canary| canary.kind == CanaryKind::Forwarded)
}

/// The agent's directory, as the package would have made it, and with the state on the disk. Its name is another one in each
/// boot, and the config is to be the same.
fn give_to_user(home: &Path) -> io::Result<()> {
    symlink(home, RUNTIME)?;
    let config = home.join("shunt.toml");
    let text = fs::read_to_string(&config)?;
    let text = text.replace(&*home.join("state").to_string_lossy(), STATE);
    fs::write(&config, text.replace(&*home.to_string_lossy(), RUNTIME))?;
    for path in [home, &config] {
        chown(path, Some(USER), Some(USER))?;
    }
    fs::set_permissions(home, Permissions::from_mode(0o755))
}

fn moved(agent: &Agent, link: &str) -> Outcome {
    let awaited = format!("the uplink {link}");
    agent.wait_for(&awaited, DEADLINE, |status| status.uplink.v4.as_deref() == Some(link))?;
    Ok(())
}

/// The times of the latest incident, once it is over the worst.
fn figures(agent: &Agent, what: &str) -> Outcome {
    let verified = |status: &Status| status.incidents.last().is_some_and(|it| it.verified_ms.is_some());
    let status = agent.wait_for("the new path verified", DEADLINE, verified)?;
    let incident = status.incidents.last().ok_or("there is no incident")?;
    let stages = [
        ("detected", Some(incident.detected_ms)),
        ("switched", incident.switched_ms),
        ("restored", incident.restored_ms),
    ];
    for (stage, millis) in stages {
        if let Some(millis) = millis {
            let value = Duration::from_secs_f64(millis.max(0.0) / 1e3);
            say(&Said::Figure { what: format!("{what}, {stage}"), value });
        }
    }
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begin = Instant::now();
    let done = work().map_err(|error| format!("{name}: {error}"))?;
    say(&Said::Done { step: name.to_owned(), took: begin.elapsed() });
    Ok(done)
}

#[allow(clippy::print_stdout, reason = "the console is what it has")]
pub(crate) fn say(said: &Said) {
    println!("{said}");
}
