//! What the modems have for the loop, and what the loop has for them: the link's verdict, its interface's addresses, and
//! orders, by the control socket or by SMS.

use super::event_loop::EventLoop;
use super::warnings::Concern;
use crate::api::Names;
use crate::api::wire::{AT_LIMIT, Answer, ApiError, ErrorCode, EventKind, Request, Response};
use crate::modem::{Ask, Errand, ModemId, Modems, News, Reloaded, What, Wish};
use shunt_decision::{Event, LinkId, ModemState, PathSnapshot, Timestamp, Verdict};
use shunt_modem::driver::api::Answer as Reply;
use shunt_recovery::Pin;
use shunt_recovery::facts::{Addresses, IpSettings};
use shunt_sms::control::Order;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;

/// The modems, what they said last, and what they wait for. At most one of each kind waits: a driver asks one thing at a
/// time.
#[derive(Debug)]
pub(super) struct ModemDesk {
    pub(super) modems: Modems,
    waiting: BTreeMap<ModemId, Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// How it stands with it, for the decisions.
    state: Option<ModemState>,
    /// Its data allowance is used up.
    used_up: bool,
    /// Data was seen to flow, or not; `None`: not known yet.
    flows: Option<bool>,
    probe: Option<Reply<bool>>,
    addresses: Option<Reply<Addresses>>,
}

impl ModemDesk {
    /// The desk of these modems.
    pub(super) fn new(modems: Modems) -> Self {
        Self { modems, waiting: BTreeMap::new() }
    }

    /// Brings the modems to a new config.
    pub(super) fn reload(&mut self, config: &shunt_config::Config, state_dir: &Path) -> Reloaded {
        let reloaded = self.modems.reload(config, state_dir);
        self.waiting.retain(|id, _| self.modems.link(*id).is_some());
        for waiting in self.waiting.values_mut() {
            // A new core knows nothing of what the old one judged.
            waiting.flows = None;
        }
        reloaded
    }

    /// What the modems said last, for a core that has not heard it, by the names of their links.
    pub(super) fn last_words(&self, names: &Names) -> Vec<Event> {
        let words = self.modems.links().filter_map(|(modem, link)| {
            let (link, waiting) = (names.find(link)?, self.waiting.get(&modem)?);
            let state = waiting.state.map(|state| Event::Modem { link, state });
            let used_up = waiting.used_up.then_some(Event::Allowance { link, used_up: true });
            Some(state.into_iter().chain(used_up))
        });
        words.flatten().collect()
    }
}

impl EventLoop {
    /// Takes in what a modem's task has for the loop.
    pub(super) fn take_news(&mut self, news: News, now: Timestamp) {
        let News { modem, what } = news;
        let Some(name) = self.desk.modems.name(modem).map(str::to_owned) else {
            // The last words of one that a reload ended concern nobody, but a supply that it cut is to be given back.
            if let What::Power(on, done) = what {
                self.around.feed.mcu.power(on, done);
            }
            return;
        };
        let link = self.desk.modems.link(modem).and_then(|link| self.names.find(link));
        match what {
            What::State(state) => {
                self.desk.waiting.entry(modem).or_default().state = Some(state);
                if let Some(link) = link {
                    self.duties.bearer(link, state != ModemState::NoBearer, now);
                    self.core.handle_event(Event::Modem { link, state }, now);
                }
            }
            What::UsedUp(used_up) => {
                self.desk.waiting.entry(modem).or_default().used_up = used_up;
                if let Some(link) = link {
                    self.core.handle_event(Event::Allowance { link, used_up }, now);
                }
            }
            What::Say(text) => {
                self.say(EventKind::Modem, &format!("modem {name}: {text}"));
            }
            What::Warnings(sentences) => {
                let sentences = sentences.iter().map(|text| format!("modem {name}: {text}")).collect();
                self.set_warnings(Concern::Modem(modem), sentences);
            }
            What::Probe(reply) => {
                let waiting = self.desk.waiting.entry(modem).or_default();
                // The link's verdict is kept up to date, and asked for anew whenever its modem comes or goes.
                if waiting.flows == Some(true) {
                    reply.give(true);
                } else {
                    waiting.probe = Some(reply);
                }
            }
            What::Bearer(settings, reply) => self.set_bearer((modem, &name), link, &settings, reply, now),
            What::NoBearer => {
                self.desk.waiting.entry(modem).or_default().addresses = None;
                if let Some(link) = link {
                    let gone = self.kernel.no_bearer(link, now, &mut self.notices);
                    if let Err(error) = gone {
                        tracing::warn!("failed to {error}");
                    }
                    self.take_notices(now);
                }
            }
            What::Power(on, done) => self.around.feed.mcu.power(on, done),
            What::Errand(Errand { order, reply }) => {
                let text = self.run_errand(&order, now);
                // The task may have ended meanwhile: what was ordered is done all the same.
                let _nobody_waits = reply.send(text);
            }
        }
    }

    /// Puts a bearer onto its link's interface. Where that takes longer, or DHCP has it to do, the modem hears of it when
    /// there is an address.
    fn set_bearer(
        &mut self,
        (modem, name): (ModemId, &str),
        link: Option<LinkId>,
        settings: &IpSettings,
        reply: Reply<Addresses>,
        now: Timestamp,
    ) {
        let Some(link) = link else { return };
        let set = self.kernel.set_bearer(link, settings, now, &mut self.notices);
        match set {
            Ok(addresses) if !addresses.is_empty() => reply.give(addresses),
            Ok(_) | Err(_) => {
                self.desk.waiting.entry(modem).or_default().addresses = Some(reply);
                if let Err(error) = set {
                    let text = format!("modem {name}: failed to {error}; it is tried again");
                    self.say(EventKind::Modem, &text);
                }
            }
        }
        self.take_notices(now);
    }

    /// Tells each modem the verdict on its link, where that is news.
    pub(super) fn tell_modems_verdicts(&mut self) {
        let links = self.links_of_modems();
        if links.is_empty() {
            return;
        }
        let snapshot = self.core.snapshot();
        for (modem, link) in links {
            let of = |link: LinkId| snapshot.links.get(usize::from(link.0));
            let Some(paths) = link.and_then(of).map(|link| &link.paths) else { continue };
            let Some(flows) = flows(&[paths.v4.as_ref(), paths.v6.as_ref()]) else { continue };
            let waiting = self.desk.waiting.entry(modem).or_default();
            if waiting.flows != Some(flows) {
                waiting.flows = Some(flows);
                self.desk.modems.data(modem, flows);
            }
            if flows && let Some(reply) = waiting.probe.take() {
                reply.give(true);
            }
        }
    }

    /// Tells each modem the addresses of its link's interface, and answers those who wait for some.
    pub(super) fn hand_over_addresses(&mut self) {
        for (modem, link) in self.links_of_modems() {
            let Some(link) = link else { continue };
            let addresses = self.kernel.host_addresses(link);
            let waiting = self.desk.waiting.entry(modem).or_default();
            if !addresses.is_empty()
                && let Some(reply) = waiting.addresses.take()
            {
                reply.give(addresses);
            }
            self.desk.modems.addresses(modem, addresses);
        }
    }

    fn links_of_modems(&self) -> Vec<(ModemId, Option<LinkId>)> {
        self.desk.modems.links().map(|(modem, link)| (modem, self.names.find(link))).collect()
    }

    /// Hands a request to its modem, which answers it.
    pub(super) fn ask_modem(&mut self, request: Request, reply: oneshot::Sender<Response>) {
        let (name, what) = match request {
            Request::ModemAt { modem, line, limit_s, at_own_risk } => {
                let limit = limit_s.map_or(AT_LIMIT, |seconds| Duration::from_secs(seconds.get()));
                (modem, Wish::At { line, limit, at_own_risk })
            }
            Request::ModemReset { modem, rung } => (modem, Wish::Reset { rung }),
            Request::ModemSim { modem, slot } => (modem, Wish::Sim { slot }),
            Request::ModemPin { modem, pin } => match Pin::parse(pin.reveal()) {
                Some(pin) => (modem, Wish::Unlock { pin }),
                None => {
                    let error = ApiError::new(ErrorCode::BadRequest, "a PIN has four to eight digits");
                    let _nobody_waits = reply.send(Err(error));
                    return;
                }
            },
            Request::ModemRetry { modem } => (modem, Wish::Retry),
            Request::ModemSmsSend { modem, to, text } => (modem, Wish::Send { to, text }),
            Request::ModemSmsList { modem } => (modem, Wish::Messages),
            _ => return,
        };
        match self.desk.modems.find(name.as_deref()) {
            Ok(modem) => self.desk.modems.ask(modem, Ask { what, reply }),
            Err(error) => {
                let _nobody_waits = reply.send(Err(error));
            }
        }
    }

    /// An order that came by SMS, and what is answered: one message, as a rule.
    fn run_errand(&mut self, order: &Order, now: Timestamp) -> String {
        match order {
            Order::Status => {
                let verdicts = self.core.snapshot().links.into_iter().map(|link| {
                    let path = link.paths.v4.or(link.paths.v6);
                    let verdict = path.map_or(Verdict::Unknown, |path| path.verdict);
                    let word = crate::api::types::Verdict::from(verdict).word();
                    format!("{} {word}", self.names.link(link.link))
                });
                let verdicts: Vec<String> = verdicts.collect();
                format!("{}; {}", self.standing(), verdicts.join(", "))
            }
            Order::Force { link, minutes } => {
                // Phones change the case of a word.
                let known = self.names.all().find(|name| name.eq_ignore_ascii_case(link)).map(str::to_owned);
                let for_s = minutes.map(|minutes| u64::from(minutes.get()) * 60).and_then(NonZeroU64::new);
                let done = self.force(known.as_deref().unwrap_or(link), for_s, false, now);
                sentence(done)
            }
            Order::Release => sentence(self.release(now)),
        }
    }
}

fn sentence(response: Response) -> String {
    match response {
        Ok(Answer::Done(done)) => done.text,
        Ok(_) => "done".to_owned(),
        Err(error) => error.message,
    }
}

/// Whether data flows, by the verdicts of both families; `None`: nobody knows yet.
fn flows(paths: &[Option<&PathSnapshot>]) -> Option<bool> {
    let known = |path: &PathSnapshot| match path.verdict {
        Verdict::Unknown => None,
        Verdict::Failed => Some(false),
        Verdict::Healthy | Verdict::Suspect | Verdict::Degraded | Verdict::Recovering => Some(true),
    };
    paths.iter().flatten().filter_map(|path| known(path)).max()
}
