//! Names of targets, looked up over the link that is probed: by its own sockets, at the resolvers of the config.
//!
//! An answer is used for its time to live. After that it is renewed while it goes on serving (RFC 8767), so that a
//! resolver that is ill is not taken for a link that is.

use super::dns_wire::{Question, Told};
use super::socket::{self, address, family_of};
use super::spent::Spent;
use super::token::Random;
use crate::netlink::Binding;
use shunt_config::{LOOK_UP_TRIES, look_up_cost, look_up_packets};
use shunt_decision::{Packets, Timestamp};
use socket2::{SockAddr, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

/// How long an answer is used: shorter ones would cost more than the probes, after longer ones a server that moved would
/// be missed for too long.
const LIFE: RangeInclusive<Duration> = Duration::from_secs(30)..=Duration::from_secs(3600);
/// Time between two attempts while a name is not known at all.
const RETRY: Duration = Duration::from_secs(1);
/// The same while an old answer serves.
const PATIENT_RETRY: Duration = Duration::from_secs(30);
/// Between two queries: a link that is slower than this serves nobody.
const TRY: Duration = Duration::from_secs(1);
/// Datagrams read for one query that do not answer it: strangers cannot hold up the look-up.
const MAX_STRAYS: usize = 16;
/// DNS (RFC 1035, section 4.2).
const PORT: u16 = 53;
/// The longest answer over UDP (RFC 1035, section 4.2.1).
const ANSWER: usize = 512;

/// Where a name is.
pub(super) enum Place {
    /// There.
    Known(IpAddr),
    /// It is being asked for.
    Asked(watch::Receiver<Option<Looked>>),
    /// Nobody could say.
    Unknown,
}

impl Place {
    /// Waits for a look-up that runs.
    pub(super) async fn address(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Asked(mut looked) => match *looked.wait_for(Option::is_some).await.ok()? {
                Some(Ok(found)) => Some(found.address),
                Some(Err(_)) | None => None,
            },
            Self::Unknown => None,
        }
    }

    /// The address, if it is known by now; `Ready(None)`: nobody could say.
    pub(super) fn poll(&self) -> Poll<Option<IpAddr>> {
        match self {
            Self::Known(address) => Poll::Ready(Some(*address)),
            Self::Asked(looked) => match *looked.borrow() {
                Some(found) => Poll::Ready(found.ok().map(|found| found.address)),
                // The look-up ends with its path.
                None if looked.has_changed().is_err() => Poll::Ready(None),
                None => Poll::Pending,
            },
            Self::Unknown => Poll::Ready(None),
        }
    }
}

/// By what a name is looked up.
pub(super) struct Asking<'a> {
    /// Where the look-up runs; `None` where the system gives no thread.
    pub(super) reactor: Option<&'a Handle>,
    /// Told when a look-up is over that somebody may wait for.
    pub(super) call: &'a Arc<Notify>,
    /// The link.
    pub(super) binding: Option<&'a Binding>,
    pub(super) now: Timestamp,
}

/// What came of a look-up.
type Looked = Result<Found, LookUpError>;

/// An address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    address: IpAddr,
    life: Duration,
}

/// Why a name could not be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LookUpError {
    #[error("none of the resolvers answers over this link; see `resolvers` in the config")]
    Silent,
    #[error("the resolvers know no address of it; check the name")]
    NoAddress,
    #[error(
        "the resolvers tell {0} for it, which is this machine's or the link's router's own and says nothing of the link; \
         check the name and `resolvers` in the config"
    )]
    Near(IpAddr),
}

/// The names of one path.
#[derive(Default)]
pub(super) struct Names {
    /// Of the path's family.
    resolvers: Vec<IpAddr>,
    /// This machine's own addresses on its links: who asks them asks himself.
    own: Arc<[IpAddr]>,
    /// At most one for each target.
    known: BTreeMap<String, Entry>,
    /// What the look-ups cost that began and were not paid for yet.
    owed: Spent,
    random: Random,
}

#[derive(Default)]
struct Entry {
    address: Option<IpAddr>,
    /// When the address is to be renewed, or the next attempt may begin.
    next: Timestamp,
    running: Option<LookUp>,
    failed: bool,
}

struct LookUp {
    looked: watch::Receiver<Option<Looked>>,
    task: AbortHandle,
}

impl Drop for LookUp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Names {
    /// Asks these from now on.
    pub(super) fn ask(&mut self, resolvers: Vec<IpAddr>) {
        self.resolvers = resolvers;
    }

    /// These are this machine's own addresses from now on. A name that was thought to be there is asked for again.
    pub(super) fn keep_off(&mut self, own: &Arc<[IpAddr]>) {
        self.own = Arc::clone(own);
        self.known.retain(|_, entry| entry.address.is_none_or(|address| !own.contains(&address)));
    }

    /// What the look-ups may cost that began since the last call.
    pub(super) fn take_owed(&mut self) -> Spent {
        std::mem::take(&mut self.owed)
    }

    /// The address that was known last.
    pub(super) fn known(&self, name: &str) -> Option<IpAddr> {
        self.known.get(name)?.address
    }

    /// Where the name is; asks for it, in a task, where that is due.
    pub(super) fn look_up(&mut self, name: &str, question: &Arc<Question>, asking: &Asking<'_>) -> Place {
        if !self.known.contains_key(name) {
            self.known.insert(name.to_owned(), Entry::default());
        }
        let Self { resolvers, own, known, owed, random } = self;
        let Some(entry) = known.get_mut(name) else { return Place::Unknown };
        entry.take_in(name, own, asking.binding, asking.now);
        if entry.running.is_none()
            && asking.now >= entry.next
            && let Some(reactor) = asking.reactor
        {
            let servers = resolvers.iter().map(|server| (*server, random.short())).collect();
            let asked = Asked { servers, own: Arc::clone(own) };
            // They are of one family.
            let ipv6 = resolvers.first().is_some_and(IpAddr::is_ipv6);
            let (sent, received) = look_up_packets(resolvers.len());
            let bytes = look_up_cost(name, ipv6, resolvers.len());
            owed.add(Spent { bytes, packets: Packets { sent, received } });
            let waited_for = entry.address.is_none();
            entry.running = Some(LookUp::begin(reactor, question, asked, asking, waited_for));
        }
        match (entry.address, &entry.running) {
            (Some(address), _) => Place::Known(address),
            // A probe that waited for the next failure would be judged late, and its reason never be told.
            (None, _) if entry.failed => Place::Unknown,
            (None, Some(running)) => Place::Asked(running.looked.clone()),
            (None, None) => Place::Unknown,
        }
    }
}

impl Entry {
    /// Takes in what the look-up found, if it is over.
    fn take_in(&mut self, name: &str, own: &[IpAddr], binding: Option<&Binding>, now: Timestamp) {
        let Some(looked) = self.running.as_ref().and_then(|running| *running.looked.borrow()) else { return };
        self.running = None;
        let over = binding.map_or("the uplink", |binding| binding.interface.as_str());
        // It may have become our own while it was looked up.
        let looked = looked.and_then(|found| {
            if own.contains(&found.address) { Err(LookUpError::Near(found.address)) } else { Ok(found) }
        });
        match looked {
            Ok(found) => {
                if self.failed {
                    tracing::info!("{name} is known again over {over}: {}", found.address);
                }
                self.failed = false;
                self.address = Some(found.address);
                self.next = now + found.life;
            }
            Err(error) => {
                if !self.failed {
                    let meanwhile = self.address.map_or_else(
                        || "until then its probes fail".to_owned(),
                        |address| format!("going on with {address}"),
                    );
                    tracing::warn!("failed to look up {name} over {over}: {error}; {meanwhile}");
                }
                self.failed = true;
                self.next = now + if self.address.is_some() { PATIENT_RETRY } else { RETRY };
            }
        }
    }
}

/// Who is asked for a name, and what is no answer to it.
struct Asked {
    /// Each with the number of its query.
    servers: Vec<(IpAddr, u16)>,
    own: Arc<[IpAddr]>,
}

impl LookUp {
    fn begin(
        reactor: &Handle,
        question: &Arc<Question>,
        asked: Asked,
        asking: &Asking<'_>,
        waited_for: bool,
    ) -> Self {
        let (question, binding) = (Arc::clone(question), asking.binding.cloned());
        let call = waited_for.then(|| Arc::clone(asking.call));
        let (sender, looked) = watch::channel(None);
        let task = reactor.spawn(async move {
            let found = ask_all(asked, &question, binding.as_ref()).await;
            // Whoever asked may have gone.
            let _ = sender.send(Some(found));
            if let Some(call) = call {
                call.notify_one();
            }
        });
        Self { looked, task: task.abort_handle() }
    }
}

/// Asks all at once; the first good answer counts.
async fn ask_all(asked: Asked, question: &Arc<Question>, binding: Option<&Binding>) -> Looked {
    let mut running = JoinSet::new();
    let Asked { servers, own } = asked;
    for (server, number) in servers {
        let (question, binding, own) = (Arc::clone(question), binding.cloned(), Arc::clone(&own));
        running.spawn(async move { ask(server, number, &question, binding.as_ref(), &own).await });
    }
    let mut worst = LookUpError::Silent;
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error @ LookUpError::Near(_))) => worst = error,
            Ok(Err(LookUpError::NoAddress)) if worst == LookUpError::Silent => worst = LookUpError::NoAddress,
            Ok(Err(LookUpError::NoAddress | LookUpError::Silent)) | Err(_) => {}
        }
    }
    Err(worst)
}

/// Asks one server.
async fn ask(
    server: IpAddr,
    number: u16,
    question: &Question,
    binding: Option<&Binding>,
    own: &[IpAddr],
) -> Looked {
    let router = binding.and_then(|binding| binding.router);
    let is_near = |address| router == Some(address) || own.contains(&address);
    let Ok(socket) = open(server, binding) else { return Err(LookUpError::Silent) };
    let query = question.query(number);
    for _ in 0..LOOK_UP_TRIES {
        // What cannot be sent now may be sent the next time.
        let _ = socket.send(&query).await;
        if let Ok(answer) = tokio::time::timeout(TRY, hear(&socket, number, question, &is_near)).await {
            return answer;
        }
    }
    Err(LookUpError::Silent)
}

fn open(server: IpAddr, binding: Option<&Binding>) -> io::Result<UdpSocket> {
    let socket = socket::open(Type::DGRAM, family_of(server), binding)?;
    let server: SocketAddr = address(server, PORT, binding);
    socket.connect(&SockAddr::from(server))?;
    UdpSocket::from_std(socket.into())
}

/// The answer to the query, whatever else comes.
async fn hear(
    socket: &UdpSocket,
    number: u16,
    question: &Question,
    is_near: &impl Fn(IpAddr) -> bool,
) -> Looked {
    let mut buffer = [0; ANSWER];
    for _ in 0..MAX_STRAYS {
        let length = match socket.recv(&mut buffer).await {
            Ok(length) => length,
            // The server's own host says that nothing listens there.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(LookUpError::Silent);
            }
            Err(_) => continue,
        };
        let message = buffer.get(..length).unwrap_or_default();
        match question.found(number, message, is_near) {
            Some(Told::There(address, life)) => {
                return Ok(Found { address, life: life.clamp(*LIFE.start(), *LIFE.end()) });
            }
            Some(Told::Near(address)) => return Err(LookUpError::Near(address)),
            Some(Told::Nothing) => return Err(LookUpError::NoAddress),
            None => {}
        }
    }
    Err(LookUpError::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shunt_decision::Family;

    const NAME: &str = "page.example";
    const OLD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const NEW: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    fn asking<'a>(reactor: &'a Handle, call: &'a Arc<Notify>, now: Timestamp) -> Asking<'a> {
        Asking { reactor: Some(reactor), call, binding: None, now }
    }

    /// Looks the name up, and lets the look-up that this began, if it did, end as given. Tells the address and whether
    /// one was begun.
    fn look_up(names: &mut Names, now: Timestamp, end: Looked) -> (Option<IpAddr>, bool) {
        let question = Arc::new(Question::new(NAME, Family::V4).unwrap());
        let place = names.look_up(NAME, &question, &asking(&Handle::current(), &Arc::default(), now));
        let entry = names.known.get_mut(NAME).unwrap();
        let begun = entry.running.is_some();
        if let Some(running) = &mut entry.running {
            running.looked = watch::channel(Some(end)).1;
        }
        entry.take_in(NAME, &[], None, now);
        match place {
            Place::Known(address) => (Some(address), begun),
            Place::Asked(_) | Place::Unknown => (None, begun),
        }
    }

    #[tokio::test]
    async fn an_answer_serves_for_its_life_and_beyond_it_until_there_is_a_new_one() {
        let mut names = Names::default();
        let found = |address, seconds| Ok(Found { address, life: Duration::from_secs(seconds) });
        assert_eq!(look_up(&mut names, at(0), found(OLD, 60)), (None, true));
        assert_eq!(names.known(NAME), Some(OLD));
        assert_eq!(look_up(&mut names, at(59), found(NEW, 60)), (Some(OLD), false), "it is fresh");
        let silent = Err(LookUpError::Silent);
        assert_eq!(look_up(&mut names, at(60), silent), (Some(OLD), true), "the last one serves");
        assert_eq!(look_up(&mut names, at(89), found(NEW, 60)), (Some(OLD), false), "no haste");
        assert_eq!(look_up(&mut names, at(90), found(NEW, 60)), (Some(OLD), true));
        assert_eq!(look_up(&mut names, at(91), found(OLD, 60)), (Some(NEW), false));
    }

    #[tokio::test]
    async fn while_a_name_is_asked_for_again_probes_fail_at_once() {
        let mut names = Names::default();
        let question = Arc::new(Question::new(NAME, Family::V4).unwrap());
        assert_eq!(look_up(&mut names, at(0), Err(LookUpError::Silent)), (None, true));
        let (here, call) = (Handle::current(), Arc::default());
        let mut place = || names.look_up(NAME, &question, &asking(&here, &call, at(1)));
        assert!(matches!((place(), place()), (Place::Unknown, Place::Unknown)));
        assert!(names.known[NAME].running.is_some());
    }

    #[tokio::test]
    async fn an_unknown_name_is_asked_for_once_a_second() {
        let mut names = Names::default();
        let nobody = Err(LookUpError::NoAddress);
        assert_eq!(look_up(&mut names, at(0), nobody), (None, true));
        assert_eq!(look_up(&mut names, at(0), nobody), (None, false));
        assert_eq!(look_up(&mut names, at(1), nobody), (None, true));
        assert_eq!(names.known(NAME), None);
    }
}
