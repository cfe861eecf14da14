//! The bearer: up and down in whichever way the modem has, and onto the host's interface by the agent.

use super::api::{Answer, Told};
use super::hands::{Broken, Hands, ways};
use super::tasks::{OTHER, UNSUPPORTED};
use crate::dialect::{Addressing, Ask, Context, Query, Reading, Step, Way};
use shunt_recovery::Refusal;
use shunt_recovery::facts::{Addresses, Bearer, CmeError, Fact, IpSettings};
use tracing::{debug, info};

impl Hands {
    /// Asks in the way in use; where the modem does not know that, in the others.
    pub(super) async fn read_bearer(&mut self) -> Result<(), Broken> {
        let mut last = UNSUPPORTED;
        for way in self.ways_from_here() {
            match self.bearer_by(way).await? {
                Ok(mut bearer) => {
                    self.way = way;
                    if !self.accepts(bearer.active).await? {
                        bearer = Bearer::default();
                    }
                    return self.found(Fact::Bearer(bearer));
                }
                Err(refusal) => last = Broken::Refused(refusal),
            }
        }
        Err(last)
    }

    /// Defines the context of the SIM at place `sim` and brings the bearer up; one that is up by another access point is
    /// brought to the right one.
    pub(super) async fn bearer_up(&mut self, sim: usize) -> Result<(), Broken> {
        self.sim = sim;
        if self.access_point.wrong {
            return self.change_over().await;
        }
        if self.defined != Some(sim) {
            self.define().await?;
        }
        self.raise().await?;
        // Of a context that was up before, the modem may have brought up no more than its interface.
        if self.wrong_name().await?.is_some() {
            return self.change_over().await;
        }
        Ok(())
    }

    /// The context of the SIM in use.
    pub(super) fn context(&self) -> &Context {
        self.config.context_of(self.sim)
    }

    pub(super) async fn define(&mut self) -> Result<(), Broken> {
        let context = self.context().clone();
        self.act(Step::Define(&context)).await?;
        self.defined = Some(self.sim);
        Ok(())
    }

    /// Brings the bearer up in the first way that the modem has.
    pub(super) async fn raise(&mut self) -> Result<(), Broken> {
        self.translated = false;
        let cid = self.config.context.cid;
        let mut last = UNSUPPORTED;
        for way in self.ways_from_here() {
            match self.act(Step::BearerUp(way, cid)).await {
                Ok(()) => {
                    if way != self.way {
                        info!(way = way.name, "the modem's bearer comes up in another way");
                    }
                    self.way = way;
                    return Ok(());
                }
                // What the network refuses in one way it refuses in all.
                Err(Broken::Refused(Refusal::Cme(error))) if is_networks(error) => {
                    return Err(Broken::Refused(Refusal::Cme(error)));
                }
                Err(refused @ Broken::Refused(_)) => {
                    debug!(way = way.name, ?refused, "the modem's bearer");
                    last = refused;
                }
                Err(broken) => return Err(broken),
            }
        }
        Err(last)
    }

    pub(super) async fn bearer_down(&mut self) -> Result<(), Broken> {
        self.access_point.wrong = false;
        let step = Step::BearerDown(self.way, self.config.context.cid);
        self.act(step).await
    }

    pub(super) async fn read_ip(&mut self) -> Result<(), Broken> {
        let served = self.way.addressing == Addressing::Served;
        match self.read(Query::Ip).await? {
            Ok(Reading::Ip(settings)) => self.found(Fact::Ip(IpSettings { served, ..settings })),
            Ok(_) => Err(OTHER),
            Err(refusal) if served => {
                debug!(?refusal, "the modem does not tell its addresses, and serves them");
                self.found(Fact::Ip(IpSettings { served, ..IpSettings::default() }))
            }
            // A bare ERROR is how most modems refuse a command that they do not know.
            Err(Refusal::Other) => Err(UNSUPPORTED),
            Err(refusal) => Err(Broken::Refused(refusal)),
        }
    }

    /// Has the agent set the host's interface.
    pub(super) async fn apply_ip(&mut self, settings: IpSettings) -> Result<(), Broken> {
        let (done, answer) = Answer::new();
        self.known.ip = Some(settings.clone());
        self.tell.tell(Told::Bearer { settings: settings.clone(), done });
        let host = answer.await.map_err(|_dropped| OTHER)?;
        let told = Addresses {
            v4: settings.v4.as_ref().map(|v4| v4.address),
            v6: settings.v6.as_ref().map(|v6| v6.address),
        };
        // A modem that serves DHCP may hand out an address of its own and translate. Then the bearer's says nothing of
        // the host's.
        self.translated = settings.served && !host.is_empty() && !host.serve(&told);
        if self.translated {
            let bearer = Bearer { active: true, addresses: Addresses::default() };
            self.gathered.facts.push(Fact::Bearer(bearer));
        }
        self.found(Fact::HostIp(host))
    }

    async fn bearer_by(&mut self, way: &'static Way) -> Result<Result<Bearer, Refusal>, Broken> {
        let cid = self.config.context.cid;
        let asks: Vec<Ask> = way.ask(cid).collect();
        let asked = self.ask_all(asks.into_iter()).await?;
        let mut bearer = way.read(cid, &asked.lines).ok_or(asked.refusal.unwrap_or(Refusal::Other));
        if let (Ok(bearer), true) = (&mut bearer, self.translated) {
            bearer.addresses = Addresses::default();
        }
        Ok(bearer)
    }

    /// The way in use, then the others.
    fn ways_from_here(&self) -> Vec<&'static Way> {
        let here = self.way;
        std::iter::once(here).chain(ways(self.dialect).filter(|way| *way != here)).collect()
    }
}

/// Whether the network gave the cause, and not the modem.
fn is_networks(error: CmeError) -> bool {
    error.session().is_some() || error.mobility().is_some()
}
