//! What answers at the far end beside the kernel's ICMP: a name server and a TCP service.

use crate::error::{Doing, Result};
use crate::namespace::{Namespace, join};
use crate::sys;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The longest DNS question of the laboratory; longer ones are cut and not answered.
const QUESTION: usize = 512;
/// Questions answered before the other responder has its turn.
const TURN: usize = 64;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;
/// The ports that accept connections.
const PORTS: [u16; 2] = [80, 443];

/// The running responders. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Responders {
    answered: Arc<AtomicU64>,
    bell: UnixDatagram,
    thread: Option<JoinHandle<io::Result<io::Result<()>>>>,
}

impl Responders {
    pub(crate) fn start(far: &Namespace) -> Result<Self> {
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        let answered = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&answered);
        let sockets = far.run(open)?.doing(|| "open the far end's DNS and TCP sockets".into())?;
        let thread = far.spawn("responders", move || sockets.serve(&ear, &count))?;
        Ok(Self { answered, bell, thread: Some(thread) })
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Responders {
    fn drop(&mut self) {
        let _gone_already = self.bell.send(&[0]);
        if let Some(thread) = self.thread.take() {
            let _nobody_is_left_to_hear = join(thread, "responders");
        }
    }
}

struct Sockets {
    dns: UdpSocket,
    tcp: [TcpListener; 2],
}

fn open() -> io::Result<Sockets> {
    // One dual-stack socket each: an answer over IPv4 then leaves from a mapped address.
    let dns = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    dns.set_only_v6(false)?;
    dns.set_nonblocking(true)?;
    dns.bind(&any(53).into())?;
    let dns = UdpSocket::from(dns);
    sys::set_option(dns.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, &1_i32)?;
    let listen = |port| {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_only_v6(false)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&any(port).into())?;
        socket.listen(BACKLOG)?;
        io::Result::Ok(TcpListener::from(socket))
    };
    let [http, https] = PORTS;
    Ok(Sockets { dns, tcp: [listen(http)?, listen(https)?] })
}

fn any(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
}

impl Sockets {
    fn serve(self, ear: &UnixDatagram, answered: &AtomicU64) -> io::Result<()> {
        let [http, https] = &self.tcp;
        loop {
            let [question, one, other, stop] =
                sys::wait_readable([self.dns.as_fd(), http.as_fd(), https.as_fd(), ear.as_fd()], None)?;
            if stop {
                return Ok(());
            }
            if question {
                answer_questions(&self.dns, answered);
            }
            for (listener, ready) in [(http, one), (https, other)] {
                if ready {
                    accept(listener, answered);
                }
            }
        }
    }
}

/// Accepts, and closes in order: a reset could overtake the client's own look at the connection.
fn accept(listener: &TcpListener, answered: &AtomicU64) {
    for _ in 0..TURN {
        let Ok((_connection, _)) = listener.accept() else { return };
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn answer_questions(socket: &UdpSocket, answered: &AtomicU64) {
    let mut buffer = [0; QUESTION];
    for _ in 0..TURN {
        let Ok(question) = sys::receive_with_info(socket, &mut buffer) else { return };
        let Some(answer) = buffer.get(..question.length).and_then(answer) else { continue };
        // A lost answer is a lost probe, which is what it looks like.
        if sys::send_back(socket, &question, &answer).is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The answer to one question of type A or AAAA (RFC 1035): the far end's own address, for every name.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const NAME_POINTER: [u8; 2] = [0xc0, 12];
    let id = question.get(..2)?;
    let is_query = question.get(2)? & 0x80 == 0;
    if !is_query || question.get(4..6)? != [0, 1] {
        return None;
    }
    let mut end = HEADER;
    while *question.get(end)? != 0 {
        end += 1 + usize::from(*question.get(end)?);
    }
    let kind = question.get(end + 1..end + 3)?;
    let asked = question.get(HEADER..end + 5)?;
    let data: &[u8] = match kind {
        [0, 1] => &super::topology::DNS_TARGET_V4.octets(),
        [0, 28] => &super::topology::DNS_TARGET_V6.octets(),
        _ => &[],
    };
    let answers = u8::from(!data.is_empty());
    // Response, recursion desired and available, no error.
    let mut out = [id, &[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0], asked].concat();
    if !data.is_empty() {
        let length = u16::try_from(data.len()).ok()?.to_be_bytes();
        out.extend([NAME_POINTER.as_slice(), kind, &[0, 1, 0, 0, 0, 60], &length, data].concat());
    }
    Some(out)
}
