//! The laboratory of the program: the network, the agent and the client's stream, ready to be played with.

use super::mobile::Mobile;
use super::screen::Screen;
use super::watch::Watch;
use crate::agent::{Agent, AgentConfig, EventStream, Program};
use crate::error::{LabError, Result};
use crate::relay::Policy;
use crate::stream::Stream;
use crate::topology::{Lab, Plan, STREAM_TARGET_V4, Uplink, UplinkPlan};
use shunt::api::types::{IncidentStatus, Status, Verdict};
use shunt::api::wire::EventKind;
use std::fs::File;
use std::time::{Duration, Instant};

/// Packets a second of the client's stream.
pub(super) const RATE: u32 = 1_000;
/// Before the story begins: the agent knows its links within a second; a machine under load may need this.
pub(super) const START: Duration = Duration::from_secs(30);
/// How long one event is waited for before the status is looked at anyway.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) agent: Agent,
    pub(super) stream: Stream,
    /// The modem that owns the LTE uplink, where one can be simulated.
    pub(super) mobile: Option<Mobile>,
    /// The board's watchdog, which the agent feeds, where one can stand in for it.
    pub(super) mcu: Option<Watch>,
    /// Whether the agent can prove a new path by a forwarded packet here.
    pub(super) canary: bool,
    events: EventStream,
}

impl Stage {
    /// Builds everything and waits until the stream flows through a healthy fiber.
    pub(super) fn set(program: &Program, screen: &Screen) -> Result<Self> {
        screen.act("builds a gateway with fiber (10 ms) and LTE (50 ms), two ISPs, a far end and a client");
        let lab = Lab::build(&Plan {
            uplinks: vec![
                UplinkPlan::relayed("fiber", Policy::delay(Duration::from_millis(5))),
                UplinkPlan::relayed("lte", Policy::delay(Duration::from_millis(25))),
            ],
            masquerade: true,
            seed: 1,
        })?;
        let mut config = AgentConfig::new(&lab).with("[failback]\nhold_down = \"5s\"\n");
        let mobile = Mobile::is_possible().then(|| Mobile::on(&lab, "lte")).transpose()?;
        if let Some(mobile) = &mobile {
            screen.act("puts a simulated modem on the LTE uplink: without its bearer nothing passes there");
            config = config.with(&mobile.section);
        } else {
            screen.act("may not make a pty here: there is no modem, and the LTE uplink is a plain line");
        }
        let mcu = Mobile::is_possible().then(Watch::start).transpose()?;
        if let Some(mcu) = &mcu {
            screen.act("puts a stand-in for the board's watchdog MCU beside the agent");
            config = config.with(&mcu.section);
        }
        let canary = File::options().read(true).write(true).open("/dev/net/tun").is_ok();
        if !canary {
            screen.act("may not open /dev/net/tun: the agent proves new paths by plain probes instead of forwarded ones");
            config = config.with("[canary]\nenabled = false\n");
        }
        screen.act("starts the agent in the gateway");
        let agent = Agent::start(program, &lab.gateway, &config)?;
        agent.wait_for("an answer of the agent", START, |_| true)?;
        let events = agent.events()?;
        let stream = Stream::start(&lab.client, &lab.far, STREAM_TARGET_V4.into(), RATE)?;
        let mut stage = Self { lab, agent, stream, mobile, mcu, canary, events };
        stage.follow(screen, "fiber as the uplink and both links healthy", START, |status| {
            status.uplink.v4.as_deref() == Some("fiber")
                && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        })?;
        let fiber = stage.uplink("fiber")?.far_index();
        stage.stream.wait_for_path(fiber, START)?;
        stage.stream.take_report()?;
        screen.act(&format!("has the client send {RATE} packets a second to the far end"));
        Ok(stage)
    }

    /// The uplink of this name.
    pub(super) fn uplink(&self, name: &str) -> Result<&Uplink> {
        self.lab.uplink(name).ok_or_else(|| {
            let names: Vec<&str> = self.lab.uplinks.iter().map(Uplink::name).collect();
            LabError::Garbled {
                reading: format!("the link's name {name:?}"),
                fault: format!("the links are {}", names.join(", ")),
            }
        })
    }

    /// The name of the link by which the stream arrives.
    pub(super) fn path(&self, index: Option<u32>) -> &str {
        let uplink = self.lab.uplinks.iter().find(|uplink| Some(uplink.far_index()) == index);
        uplink.map_or("nowhere", Uplink::name)
    }

    /// What the agent says of the modem; `None` without one.
    pub(super) fn modem(&self) -> Result<Option<String>> {
        Ok(self.agent.status()?.links.into_iter().find_map(|link| link.modem))
    }

    /// Shows the agent's events until `condition` holds.
    pub(super) fn follow(
        &mut self,
        screen: &Screen,
        awaited: &str,
        deadline: Duration,
        condition: impl Fn(&Status) -> bool,
    ) -> Result<Status> {
        let begin = Instant::now();
        loop {
            self.show_events(screen, LOOK)?;
            let status = self.agent.status()?;
            if condition(&status) {
                // What led to it may have come between the two.
                self.show_events(screen, Duration::ZERO)?;
                return Ok(status);
            }
            if begin.elapsed() > deadline {
                let instead = format!("the uplink {:?}", status.uplink.v4);
                return Err(LabError::Late { awaited: awaited.into(), waited: deadline, instead });
            }
        }
    }

    /// Shows what the agent tells, waiting `patience` for the first word.
    pub(super) fn show_events(&mut self, screen: &Screen, patience: Duration) -> Result<()> {
        let mut patience = patience;
        while let Some(event) = self.events.next(patience)? {
            // Each stage of an incident is an event of its own; the table shows them together.
            if event.kind != EventKind::Incident {
                screen.agent(&event.text);
            }
            patience = Duration::from_millis(1);
        }
        Ok(())
    }
}

/// The stages of an incident, as a table.
pub(super) fn show_incident(screen: &Screen, incident: &IncidentStatus) {
    let stage = |name: &str, ms: Option<f64>, meaning: &str| {
        let time = ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
        screen.line(&format!("              {name:<10}{time:>11}   {meaning}"));
    };
    let place = incident.link.as_deref().unwrap_or("the gateway");
    screen.line(&format!("            Incident {} on {place}: {}", incident.number, incident.cause));
    stage(
        "detected",
        Some(incident.detected_ms),
        "since the first lost probe was sent: the failure is confirmed",
    );
    stage("decided", incident.decided_ms, "an alternative is chosen");
    stage("switched", incident.switched_ms, "the kernel holds the new route");
    stage("restored", incident.restored_ms, "the first good packet came back over the new path");
    stage("verified", incident.verified_ms, "the new path is proved");
}
