//! The far end's echo: it answers each packet of a stream from the address and by the interface it came to, as a server
//! would, and writes into the answer which interface that was.

use super::PORT;
use crate::error::{Doing, Result};
use crate::namespace::{Namespace, join};
use crate::sys;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::thread::JoinHandle;

/// The number of a packet; what is longer is cut and not answered.
const NUMBER: usize = 8;
/// Packets answered before the bell is looked at.
const TURN: usize = 64;

/// The echo's thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Echo {
    bell: UnixDatagram,
    thread: Option<JoinHandle<io::Result<io::Result<()>>>>,
}

impl Echo {
    pub(super) fn start(far: &Namespace) -> Result<Self> {
        let (bell, ear) = UnixDatagram::pair().doing(|| "make a pair of sockets".into())?;
        let socket = far.run(open)?.doing(|| "open the far end's echo".into())?;
        let thread = far.spawn("stream echo", move || serve(&socket, &ear))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _gone_already = self.bell.send(&[0]);
        if let Some(thread) = self.thread.take() {
            let _nobody_is_left_to_hear = join(thread, "stream echo");
        }
    }
}

fn open() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
    let socket = UdpSocket::from(socket);
    sys::set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, &1_i32)?;
    Ok(socket)
}

fn serve(socket: &UdpSocket, ear: &UnixDatagram) -> io::Result<()> {
    // It stands for another machine, which this one's work does not hold up.
    sys::ahead_of_others();
    let mut number = [0; NUMBER];
    loop {
        let [asked, stop] = sys::wait_readable([socket.as_fd(), ear.as_fd()], None)?;
        if stop {
            return Ok(());
        }
        for _ in 0..if asked { TURN } else { 0 } {
            let Ok(question) = sys::receive_with_info(socket, &mut number) else { break };
            if question.length == NUMBER {
                let answer = [number.as_slice(), &question.interface().to_be_bytes()].concat();
                // A lost answer is a gap in the stream, which is what it looks like.
                let _lost = sys::send_back(socket, &question, &answer);
            }
        }
    }
}
