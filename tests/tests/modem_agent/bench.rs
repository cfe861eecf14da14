//! A gateway whose LTE uplink is a modem's, and the agent that has to bring it up.

use crate::common::{link, program, uplink};
use shunt::api::modem::{ModemStatus, Readiness};
use shunt::api::types::{Status, Verdict};
use shunt::api::wire::Request;
use shunt_decision::Timestamp;
use shunt_lab::modem::{Endpoint, Fault, Modem, Profile, Simulator};
use shunt_lab::{Addressing, Agent, AgentConfig, Lab, Plan, Policy, UplinkPlan};
use std::time::Duration;
use tempfile::TempDir;

/// Only a defect, or a machine that stands still, gets there: the modem is in a hurry, but the agent gives it the time that
/// real ones need.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How the modem is attached, and so how the config names it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Attached {
    /// By a serial line of its own.
    Line,
    /// On USB, where its ports have other names each time they come.
    Usb,
}

pub(crate) struct Gateway {
    pub(crate) lab: Lab,
    pub(crate) modem: Simulator,
    pub(crate) config: AgentConfig,
    namespace: shunt_lab::Namespace,
    home: TempDir,
}

impl Gateway {
    /// Fiber and LTE with relays of 5 ms each way; the modem has power, and nobody drives it. `keys` go into `[[modem]]`.
    pub(crate) fn new(profile: Profile, attached: Attached, keys: &str) -> Self {
        let policy = Policy::delay(Duration::from_millis(5));
        let uplinks = vec![UplinkPlan::relayed("fiber", policy.clone()), UplinkPlan::relayed("lte", policy)];
        let lab = Lab::build(&Plan { uplinks, masquerade: true, seed: 1 }).unwrap();
        let home = tempfile::Builder::new().prefix("shunt-modem-").tempdir().unwrap();
        let port = home.path().join("modem");
        let (endpoints, find) = match attached {
            Attached::Line => (vec![Endpoint::Line(port.clone())], format!("port = {port:?}")),
            Attached::Usb => {
                let (vendor, product) = profile.usb;
                (
                    vec![Endpoint::Pty(home.path().to_owned()); 2],
                    format!("usb = \"{vendor:04x}:{product:04x}\""),
                )
            }
        };
        let namespace = match attached {
            Attached::Line => lab.gateway.clone(),
            Attached::Usb => lab.gateway.with_devices(home.path()).unwrap(),
        };
        let addressing = match profile.interface {
            shunt_lab::modem::Interface::Ordered => Addressing::Dhcp,
            shunt_lab::modem::Interface::Follows => Addressing::Agent,
        };
        let modem = lab.modem("lte", profile, endpoints, addressing).unwrap();
        let config = AgentConfig::new(&lab)
            .with(&format!("[[modem]]\nlink = \"lte\"\nwatch = \"5s\"\n{find}\n{keys}\n"));
        Self { lab, modem, config, namespace, home }
    }

    /// The agent, from its first moment.
    pub(crate) fn start(&self) -> Agent {
        let agent = Agent::start(&program(), &self.namespace, &self.config).unwrap();
        agent.wait_for("an answer", DEADLINE, |_| true).unwrap();
        agent
    }

    /// The agent, once the fiber is the uplink and the modem stands by with data that flows.
    pub(crate) fn ready(&self) -> Agent {
        let agent = self.start();
        self.stands_by(&agent);
        agent
    }

    /// Waits until the fiber is the uplink and the modem stands by with data that flows.
    pub(crate) fn stands_by(&self, agent: &Agent) -> Status {
        let whole = |status: &Status| {
            uplink(status) == Some("fiber")
                && status.links.iter().all(|link| link.verdict == Verdict::Healthy)
        };
        let status = agent.wait_for("both links healthy, the fiber as uplink", DEADLINE, whole).unwrap();
        self.is(agent, Readiness::Verified);
        status
    }

    /// Waits until the modem is so ready.
    pub(crate) fn is(&self, agent: &Agent, wanted: Readiness) -> ModemStatus {
        let awaited = format!("the modem {wanted:?}");
        self.shows(agent, &awaited, |modem| modem.readiness == wanted)
    }

    /// Waits until the modem is shown as wanted.
    pub(crate) fn shows(
        &self,
        agent: &Agent,
        awaited: &str,
        wanted: impl Fn(&ModemStatus) -> bool,
    ) -> ModemStatus {
        let seen = std::cell::RefCell::new(None);
        let done = agent.wait_for(awaited, DEADLINE, |_| {
            let modem = modem(agent);
            let done = wanted(&modem);
            seen.replace(Some(modem));
            done
        });
        let seen = seen.into_inner();
        done.unwrap_or_else(|error| {
            panic!("{error}\nthe agent says: {seen:#?}\nthe modem is: {}", self.modem_now())
        });
        seen.unwrap()
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.act(move |modem, now| modem.fault(fault, now));
    }

    pub(crate) fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Modem, Timestamp) -> T + Send + 'static,
    ) -> T {
        self.modem.act(act).unwrap()
    }

    /// Has the config name a file with this PIN.
    pub(crate) fn name_pin(&mut self, text: &str) {
        let path = self.home.path().join("pin");
        std::fs::write(&path, text).unwrap();
        // It stands behind `[[modem]]`, which is the last of the sections.
        self.config.sections.push_str(&format!("pin_file = {path:?}\n"));
    }

    /// Has the config allow this number to order by SMS, with a file that has its secret.
    pub(crate) fn allow(&mut self, name: &str, number: &str, secret: &str) {
        let path = self.home.path().join("secret");
        std::fs::write(&path, secret).unwrap();
        self.config.sections.push_str(&format!(
            "[modem.remote]\nenabled = true\noperators = [{{ name = {name:?}, number = {number:?}, secret_file = {path:?} }}]\n"
        ));
    }

    fn modem_now(&self) -> String {
        self.act(|modem, _| format!("{:?} {:?} {:?}", modem.counts(), modem.faults(), modem.last_unknown()))
    }
}

/// The modem as the agent shows it.
pub(crate) fn modem(agent: &Agent) -> ModemStatus {
    agent.ask::<Vec<ModemStatus>>(&Request::Modem {}).unwrap().remove(0)
}

/// With LTE as the preferred link and the uplink.
pub(crate) fn on_lte(mut gateway: Gateway) -> (Gateway, Agent) {
    gateway.config = gateway.config.with("[failback]\nhold_down = \"1s\"\n");
    gateway.config.links.reverse();
    let agent = gateway.start();
    let status = agent.wait_for("lte as the uplink, healthy", DEADLINE, lte_carries).unwrap();
    assert_eq!(link(&status, "fiber").verdict, Verdict::Healthy);
    gateway.is(&agent, Readiness::Verified);
    (gateway, agent)
}

/// What a command line says.
pub(crate) fn says(agent: &Agent, arguments: &[&str]) -> String {
    let output = agent.command(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether users' packets can go over LTE.
pub(crate) fn lte_carries(status: &Status) -> bool {
    uplink(status) == Some("lte") && link(status, "lte").verdict == Verdict::Healthy
}
