//! The client's steady stream through the gateway, and what became of each of its packets.
//!
//! The far end tells by the receiving interface which way a packet came, and the kernel stamps its arrival. So the gap
//! of a move is the time from the last packet on the old path to the first on the new one, and nothing of the
//! laboratory's own scheduling is in it.
//!
//! An *answered* stream goes both ways, as users' packets do: an echo at the far end answers each packet and writes into
//! the answer by which interface it was asked. Its gap is that between two answers, by the client's kernel.

mod echo;
mod sender;
mod tally;

pub use tally::{Move, Report};

use crate::error::{Doing, LabError, Result};
use crate::namespace::{Namespace, join};
use crate::sys::{self, Arrivals, Datagram};
use echo::Echo;
use sender::Sender;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tally::Tally;

/// After the sender stopped, nothing arrives any more when nothing came for this long: far more than any delay that
/// the laboratory's lines have.
const QUIET: Duration = Duration::from_millis(400);
/// How long a report may take; it bounds a receiver that died.
const ANSWER: Duration = Duration::from_secs(5);
/// How long packets gather before they are read, in nanoseconds: ten at 20,000 packets/s, far below a batch.
const GATHERING: u64 = 500_000;
/// Batches that are read in one turn: a quarter of a second at 20,000 packets/s, as much as the socket holds.
const BATCHES: usize = 80;
/// The stream's port; any that nothing else uses.
const PORT: u16 = 7777;

/// A running stream.
#[derive(Debug)]
pub struct Stream {
    sender: Option<Sender>,
    requests: mpsc::Sender<Request>,
    bell: UnixDatagram,
    receiver: Option<JoinHandle<io::Result<io::Result<()>>>>,
    /// It ends last: a packet to nobody would be refused.
    _echo: Option<Echo>,
}

enum Request {
    Report(mpsc::Sender<Report>),
    Forget(mpsc::Sender<Report>),
    Stop,
}

impl Stream {
    /// Starts to send `rate` packets a second from `client` to `target`, which is an address in `far`.
    ///
    /// # Errors
    /// When the sockets or threads cannot be made.
    pub fn start(client: &Namespace, far: &Namespace, target: IpAddr, rate: u32) -> Result<Self> {
        let target = SocketAddr::new(target, PORT);
        let open = || {
            let socket = UdpSocket::bind(target)?;
            sys::stamped_receiver(&socket)?;
            io::Result::Ok(socket)
        };
        let receiver = far.run(open)?.doing(|| format!("receive the stream at {target}"))?;
        let sender = client.run(|| connect(target))?.doing(|| format!("send the stream to {target}"))?;
        Self::begin((far, receiver), (client, sender), rate, None)
    }

    /// The same, each packet answered from there; what is told of the packets is told of their answers.
    ///
    /// # Errors
    /// When the sockets or threads cannot be made.
    pub fn start_answered(client: &Namespace, far: &Namespace, target: IpAddr, rate: u32) -> Result<Self> {
        let target = SocketAddr::new(target, PORT);
        let echo = Echo::start(far)?;
        let open = || {
            let socket = connect(target)?;
            sys::stamped_receiver(&socket)?;
            io::Result::Ok((socket.try_clone()?, socket))
        };
        let (receiver, sender) = client.run(open)?.doing(|| format!("exchange the stream with {target}"))?;
        Self::begin((client, receiver), (client, sender), rate, Some(echo))
    }

    fn begin(
        (receiving, receiver): (&Namespace, UdpSocket),
        (sending, sender): (&Namespace, UdpSocket),
        rate: u32,
        echo: Option<Echo>,
    ) -> Result<Self> {
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        ear.set_nonblocking(true).doing(|| "make a socket non-blocking".into())?;
        let (requests, inbox) = mpsc::channel();
        let receiver = receiving.spawn("stream receiver", move || receive(&receiver, &ear, &inbox))?;
        let sender = Some(Sender::start(sending, sender, rate)?);
        Ok(Self { sender, requests, bell, receiver: Some(receiver), _echo: echo })
    }

    /// What is known of the packets so far. Packets under way count as neither lost nor received.
    ///
    /// # Errors
    /// When the receiver is dead.
    pub fn report(&self) -> Result<Report> {
        self.ask(Request::Report)
    }

    /// The same, and forgets it: the next report begins with the next packet.
    ///
    /// # Errors
    /// When the receiver is dead.
    pub fn take_report(&self) -> Result<Report> {
        self.ask(Request::Forget)
    }

    /// Waits until a packet has come by the far end's interface `index`; tells the report that shows it.
    ///
    /// # Errors
    /// When none came within `deadline`.
    pub fn wait_for_path(&self, index: u32, deadline: Duration) -> Result<Report> {
        let awaited = format!("the stream at the far end's interface {index}");
        self.wait_for(&awaited, deadline, |report| report.path == Some(index))
    }

    /// Waits until so many packets have been received since the report was last taken.
    ///
    /// # Errors
    /// When fewer came within `deadline`.
    pub fn wait_for_packets(&self, count: u64, deadline: Duration) -> Result<Report> {
        self.wait_for(&format!("{count} packets"), deadline, |report| report.received >= count)
    }

    fn wait_for(
        &self,
        awaited: &str,
        deadline: Duration,
        condition: impl Fn(&Report) -> bool,
    ) -> Result<Report> {
        let begin = Instant::now();
        loop {
            let report = self.report()?;
            if condition(&report) {
                return Ok(report);
            }
            if begin.elapsed() > deadline {
                return Err(LabError::Late {
                    awaited: awaited.to_owned(),
                    waited: deadline,
                    instead: format!("{report}"),
                });
            }
            // The stream itself is the clock here: a few packets later the next report can differ.
            sys::sleep_until(sys::monotonic() + 2_000_000);
        }
    }

    /// Stops sending, lets the last packets arrive, and counts every packet that was sent.
    ///
    /// # Errors
    /// When a thread of the stream failed.
    pub fn stop(mut self) -> Result<Report> {
        let sent = match self.sender.take() {
            Some(sender) => sender.stop()?,
            None => 0,
        };
        let mut report = self.report()?;
        let mut quiet_since = Instant::now();
        while report.newest() < sent && quiet_since.elapsed() < QUIET {
            sys::sleep_until(sys::monotonic() + 10_000_000);
            let next = self.report()?;
            if next.received != report.received {
                quiet_since = Instant::now();
            }
            report = next;
        }
        report.close(sent);
        Ok(report)
    }

    /// How long the sender itself stood still during this move: that part of the gap is the machine's, not the
    /// network's. Forgets all stalls that it looked at.
    #[must_use]
    pub fn stalled(&self, step: &Move) -> Duration {
        let from = step.at.saturating_sub(u64::try_from(step.gap.as_nanos()).unwrap_or(u64::MAX));
        let stalls = self.sender.iter().flat_map(Sender::stalls);
        stalls.map(|stall| stall.within(from, step.at)).sum()
    }

    fn ask(&self, request: impl FnOnce(mpsc::Sender<Report>) -> Request) -> Result<Report> {
        let (reply, answer) = mpsc::channel();
        let dead = || LabError::Late {
            awaited: "the stream's report".into(),
            waited: ANSWER,
            instead: "nothing".into(),
        };
        self.requests.send(request(reply)).map_err(|_| dead())?;
        self.bell.send(&[0]).doing(|| "wake the stream's receiver".into())?;
        answer.recv_timeout(ANSWER).map_err(|_| dead())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.sender.take());
        let _gone_already = self.requests.send(Request::Stop);
        let _gone_already = self.bell.send(&[0]);
        if let Some(receiver) = self.receiver.take() {
            let _nobody_is_left_to_hear = join(receiver, "stream receiver");
        }
    }
}

fn connect(target: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(target)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, ear: &UnixDatagram, inbox: &mpsc::Receiver<Request>) -> io::Result<()> {
    let mut arrivals = Arrivals::new();
    let mut tally = Tally::default();
    loop {
        let [packets, rung] = sys::wait_readable([socket.as_fd(), ear.as_fd()], None)?;
        if packets {
            // Packets bear the kernel's stamps and can wait: a wake-up for each would take the time of those that are
            // measured. Whoever asks does not wait for that.
            if !rung {
                sys::sleep_until(sys::monotonic() + GATHERING);
            }
            // An answer may have taken long: catch up, but let the next request in after some batches.
            for _ in 0..BATCHES {
                let each = |packet: Datagram| tally.arrived(packet.number, packet.at, packet.interface);
                if arrivals.receive(socket, each)? == 0 {
                    break;
                }
            }
        }
        if rung {
            let mut byte = [0; 1];
            while ear.recv(&mut byte).is_ok() {}
        }
        while let Ok(request) = inbox.try_recv() {
            // Whoever no longer waits for the answer does not miss it.
            let _unheard = match request {
                Request::Report(reply) => reply.send(tally.report()).is_ok(),
                Request::Forget(reply) => reply.send(tally.take()).is_ok(),
                Request::Stop => return Ok(()),
            };
        }
    }
}
