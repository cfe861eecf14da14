//! The bare loop: what the probes of the agent cost a program that only sends and reads them.
//!
//! It has sockets bound as the agent's, the clock and nothing else: it judges nothing, serves nobody and listens to no
//! notices. It is a program of its own, so that the kernel accounts for it as for the agent; `lab` starts it behind a
//! hidden first argument, [`FLOOR`].

use crate::error::{Doing, LabError, Result};
use crate::sys;
use clap::{Parser, ValueEnum};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// The first argument by which `lab` becomes the bare loop.
pub const FLOOR: &str = "floor";

/// From a tick to the wake-up that reads its replies: about where the agent's deadline lies on a line of 10 ms.
const PROMPTLY: Duration = Duration::from_millis(60);
const SECOND: u64 = 1_000_000_000;
/// An echo request as long as the agent's: header (8 bytes) and token (16 bytes).
const REQUEST: usize = 24;

/// When the probes of a second are sent and read. Every target is asked over every link once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Schedule {
    /// As the agent does it: the targets evenly spread, one at a tick over all links; the replies read soon after.
    Prompt,
    /// Evenly spread, but the replies of a tick are read at the next one.
    Even,
    /// All probes in one wake-up a second, their replies read in the next.
    Together,
}

impl Schedule {
    pub(super) const ALL: [Self; 3] = [Self::Prompt, Self::Even, Self::Together];

    /// As its argument is written.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Even => "even",
            Self::Together => "together",
        }
    }
}

/// One link, as an argument `interface,source,mark`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) interface: String,
    pub(super) source: Ipv4Addr,
    pub(super) mark: u32,
}

impl std::fmt::Display for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.interface, self.source, self.mark)
    }
}

impl FromStr for Leg {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = text.split(',').collect();
        let [interface, source, mark] = parts.as_slice() else {
            return Err("a link is written as interface,source,mark".into());
        };
        let source = source.parse().map_err(|error| format!("{source}: {error}"))?;
        let mark = mark.parse().map_err(|error| format!("{mark}: {error}"))?;
        Ok(Self { interface: (*interface).to_owned(), source, mark })
    }
}

/// A loop that only probes, for measuring what that costs.
#[derive(Debug, Parser)]
#[command(name = "lab floor")]
struct Args {
    #[arg(long)]
    schedule: Schedule,
    /// The first tick, in nanoseconds of CLOCK_MONOTONIC.
    #[arg(long)]
    first: u64,
    /// From the first tick to the end.
    #[arg(long)]
    seconds: u64,
    #[arg(long = "target", required = true)]
    targets: Vec<Ipv4Addr>,
    #[arg(required = true)]
    legs: Vec<Leg>,
}

/// Runs the bare loop to its end and prints how many probes were sent and how many replies were read; `args` begin
/// with [`FLOOR`].
#[must_use]
pub fn floor_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _nowhere_to_complain = error.print();
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok((sent, received)) => {
            let _closed = writeln!(io::stdout(), "{sent} {received}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _closed = writeln!(io::stderr(), "failed to {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of a bare loop, as [`floor_main`] reads them.
pub(super) fn arguments(
    schedule: Schedule,
    first: u64,
    seconds: u64,
    targets: &[Ipv4Addr],
    legs: &[Leg],
) -> Vec<String> {
    let mut words = vec![FLOOR.to_owned(), "--schedule".into(), schedule.word().into()];
    words.extend(["--first".into(), first.to_string(), "--seconds".into(), seconds.to_string()]);
    words.extend(targets.iter().map(|target| format!("--target={target}")));
    words.extend(legs.iter().map(Leg::to_string));
    words
}

fn run(args: &Args) -> Result<(u64, u64)> {
    let sockets = args.legs.iter().map(open).collect::<Result<Vec<Socket>>>()?;
    let targets: Vec<SockAddr> =
        args.targets.iter().map(|target| SocketAddr::from((*target, 0)).into()).collect();
    let a_tick = if args.schedule == Schedule::Together { targets.len() } else { 1 };
    let a_second = (targets.len() / a_tick) as u64;
    let (mut sent, mut received) = (0, 0);
    for tick in 0..args.seconds * a_second {
        let now = args.first + tick * SECOND / a_second;
        sys::sleep_until(now);
        if args.schedule != Schedule::Prompt {
            received += read(&sockets)?;
        }
        let skipped = (tick % a_second) as usize;
        for (socket, leg) in sockets.iter().zip(&args.legs) {
            for target in targets.iter().skip(skipped).take(a_tick) {
                sent += 1;
                let request = request(sent);
                socket.send_to(&request, target).doing(|| format!("send a probe by {}", leg.interface))?;
            }
        }
        if args.schedule == Schedule::Prompt {
            sys::sleep_until(now + PROMPTLY.as_nanos() as u64);
            received += read(&sockets)?;
        }
    }
    sys::sleep_until(args.first + args.seconds * SECOND);
    received += read(&sockets)?;
    Ok((sent, received))
}

/// As the agent's: a raw socket that takes echo replies only, bound by device, source and mark, with the kernel's stamps.
fn open(leg: &Leg) -> Result<Socket> {
    let open = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking().cloexec(), Some(Protocol::ICMPV4))?;
        socket.bind_device(Some(leg.interface.as_bytes()))?;
        socket.set_mark(leg.mark)?;
        socket.bind(&SocketAddr::from((leg.source, 0)).into())?;
        sys::echo_replies_only(socket.as_fd())?;
        sys::stamp_both_ways(socket.as_fd())?;
        Ok(socket)
    };
    open().map_err(|source| LabError::System { doing: format!("open a socket on {}", leg.interface), source })
}

/// Empties both queues of each socket: the replies, and the stamps of what was sent.
fn read(sockets: &[Socket]) -> Result<u64> {
    let mut replies = 0;
    for socket in sockets {
        let read = sys::discard(socket.as_fd(), 0)
            .and_then(|count| sys::discard(socket.as_fd(), libc::MSG_ERRQUEUE).map(|_stamps| count));
        replies += read.doing(|| "read replies".into())? as u64;
    }
    Ok(replies)
}

/// An ICMPv4 echo request (RFC 792) with its checksum (RFC 1071).
fn request(number: u64) -> [u8; REQUEST] {
    const ECHO_REQUEST: u8 = 8;
    let [.., high, low] = number.to_be_bytes();
    let mut sum = u32::from(ECHO_REQUEST) << 8;
    sum += u32::from(u16::from_be_bytes([high, low]));
    sum = (sum & 0xffff) + (sum >> 16);
    let [check_high, check_low] = (!(sum as u16)).to_be_bytes();
    let mut packet = [0; REQUEST];
    let header = [ECHO_REQUEST, 0, check_high, check_low, 0, 0, high, low];
    for (place, byte) in packet.iter_mut().zip(header) {
        *place = byte;
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let leg = Leg { interface: "wan0".into(), source: Ipv4Addr::new(192, 0, 2, 1), mark: 0x0100_0000 };
        for schedule in Schedule::ALL {
            let words = arguments(schedule, 7, 6, &[Ipv4Addr::LOCALHOST], std::slice::from_ref(&leg));
            let args = Args::try_parse_from(words).unwrap();
            assert_eq!((args.schedule, args.first, args.seconds), (schedule, 7, 6));
            assert_eq!((args.targets, args.legs), (vec![Ipv4Addr::LOCALHOST], vec![leg.clone()]));
        }
        assert!("wan0,192.0.2.1".parse::<Leg>().is_err());
        assert!("wan0,192.0.2.1,eth".parse::<Leg>().is_err());
    }

    #[test]
    fn a_request_with_its_checksum_sums_up_to_nothing() {
        for number in [0, 1, 0xf7ff, 0xf800, 0xffff] {
            let sum: u32 =
                request(number).chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{number:#x}");
        }
    }
}
