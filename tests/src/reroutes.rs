//! Tells when the gateway's kernel began to send the client's packets another way, without a packet to show it: upon each
//! notice of a route the kernel is asked where one would go now.
//!
//! Moves that the kernel makes by itself when a carrier goes come without such a notice, and are not seen here.

use crate::error::{Doing, LabError, Result};
use crate::lookups::{forwarded, way_out};
use crate::namespace::{Namespace, join};
use crate::netlink::Netlink;
use crate::sys;
use rtnetlink::MulticastGroup;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use shunt_decision::Timestamp;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Room for one datagram of notices.
const DATAGRAM: usize = 32 * 1024;

/// From `at` on a client's packet goes by `interface`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reroute {
    /// By which it leaves the gateway; `None`: by none.
    pub interface: Option<u32>,
    /// By the agent's clock, when the notice was heard.
    pub at: Timestamp,
}

/// The watching thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Reroutes {
    reroutes: mpsc::Receiver<Reroute>,
    bell: UnixDatagram,
    thread: Option<JoinHandle<io::Result<Result<()>>>>,
}

impl Reroutes {
    /// Watches from now on.
    ///
    /// # Errors
    /// When the sockets or the thread cannot be made.
    pub fn watch(gateway: &Namespace) -> Result<Self> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_non_blocking(true)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            socket.add_membership(MulticastGroup::Ipv4Route as u32)?;
            io::Result::Ok(socket)
        };
        let socket = gateway.run(open)?.doing(|| "listen to changes of routes".into())?;
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        let (tell, reroutes) = mpsc::channel();
        let thread = gateway.spawn("reroutes", move || watch(&socket, &ear, &tell))?;
        Ok(Self { reroutes, bell, thread: Some(thread) })
    }

    /// Waits for the reroute to `interface`.
    ///
    /// # Errors
    /// When it did not come within `deadline`.
    pub fn wait_for(&self, interface: u32, deadline: Duration) -> Result<Reroute> {
        let until = Instant::now() + deadline;
        let mut latest = None;
        while let Ok(reroute) = self.reroutes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if reroute.interface == Some(interface) {
                return Ok(reroute);
            }
            latest = Some(reroute);
        }
        Err(LabError::Late {
            awaited: format!("the client's packets to go by interface {interface}"),
            waited: deadline,
            instead: latest.map_or_else(|| "no reroute".into(), |reroute| format!("{reroute:?}")),
        })
    }
}

impl Drop for Reroutes {
    fn drop(&mut self) {
        let _gone_already = self.bell.send(&[0]);
        if let Some(thread) = self.thread.take() {
            let _nobody_is_left_to_hear = join(thread, "reroutes");
        }
    }
}

fn watch(socket: &Socket, ear: &UnixDatagram, tell: &mpsc::Sender<Reroute>) -> Result<()> {
    // The notice is stamped when it is heard.
    sys::ahead_of_others();
    let mut netlink = Netlink::open()?;
    let lan = netlink.index("lan0")?;
    let lookup = forwarded(lan);
    let mut interface = way_out(&mut netlink, &lookup);
    let mut datagram = Vec::with_capacity(DATAGRAM);
    loop {
        let readable = sys::wait_readable([socket.as_fd(), ear.as_fd()], None);
        let [noticed, stop] = readable.doing(|| "wait for changes of routes".into())?;
        if stop {
            return Ok(());
        }
        let at = shunt::clock::now();
        if noticed {
            hear(socket, &mut datagram)?;
        }
        let now = way_out(&mut netlink, &lookup);
        if std::mem::replace(&mut interface, now) != now && tell.send(Reroute { interface: now, at }).is_err()
        {
            return Ok(());
        }
    }
}

/// Reads all notices. What they say makes no difference, nor do those that the kernel dropped: it is asked in any case.
fn hear(socket: &Socket, datagram: &mut Vec<u8>) -> Result<()> {
    loop {
        datagram.clear();
        match socket.recv(datagram, 0) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => return Err(error).doing(|| "hear of changes of routes".into()),
        }
    }
}
