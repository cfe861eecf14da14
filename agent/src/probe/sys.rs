//! The system calls that neither the standard library nor `socket2` offers, each behind a safe function.
//!
//! This is the only place of the prober where `unsafe` is allowed.

#![allow(unsafe_code)]

use socket2::{SockAddr, SockAddrStorage};
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Length of an interface name in the kernel, with its closing zero (`IFNAMSIZ`).
const NAME_LENGTH: usize = 16;

/// `SO_TIMESTAMPING_NEW` of `asm-generic/socket.h` (Linux 5.1): 64-bit times on every machine. Its control message has
/// the same number.
pub(super) const SO_TIMESTAMPING_NEW: libc::c_int = 65;
/// `ICMP_FILTER` of `linux/icmp.h`, at level `SOL_RAW`.
const ICMP_FILTER: libc::c_int = 1;
/// `SOL_RAW` of `linux/socket.h`.
const SOL_RAW: libc::c_int = 255;
/// `ICMPV6_FILTER` of `linux/icmpv6.h`, at level `SOL_ICMPV6`.
const ICMPV6_FILTER: libc::c_int = 1;
/// ICMPv4 echo reply (RFC 792).
const ECHO_REPLY_V4: u32 = 0;
/// ICMPv6 echo reply (RFC 4443).
const ECHO_REPLY_V6: u8 = 129;
/// `IFF_NOARP` of `linux/if.h`: neighbours are not asked for on this interface.
const NO_ARP: libc::c_short = 0x80;
/// `ARPHRD_ETHER` of `linux/if_arp.h`.
const ETHERNET: libc::c_short = 1;

/// Which kernel stamps a socket is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamps {
    /// On transmit by the driver, as late as software can, and on receive.
    Driver,
    /// On transmit before the queueing discipline, for drivers that give no stamp, and on receive.
    Scheduler,
}

/// Asks for the kernel's stamps on `socket`; sent packets come back with theirs by the error queue.
pub(super) fn enable_stamps(socket: BorrowedFd<'_>, stamps: Stamps) -> io::Result<()> {
    let transmit = match stamps {
        Stamps::Driver => libc::SOF_TIMESTAMPING_TX_SOFTWARE,
        Stamps::Scheduler => libc::SOF_TIMESTAMPING_TX_SCHED,
    };
    let flags = transmit | libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    set_option(socket, libc::SOL_SOCKET, SO_TIMESTAMPING_NEW, flags)
}

/// Lets only echo replies through to a raw ICMPv4 socket.
pub(super) fn only_echo_replies_v4(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, SOL_RAW, ICMP_FILTER, !(1_u32 << ECHO_REPLY_V4))
}

/// Lets only echo replies through to a raw ICMPv6 socket.
pub(super) fn only_echo_replies_v6(socket: BorrowedFd<'_>) -> io::Result<()> {
    only_icmp_v6(socket, ECHO_REPLY_V6)
}

/// Lets only messages of one type through to a raw ICMPv6 socket.
pub(super) fn only_icmp_v6(socket: BorrowedFd<'_>, kind: u8) -> io::Result<()> {
    let mut blocked = [u32::MAX; 8];
    if let Some(word) = blocked.get_mut(usize::from(kind) / 32) {
        *word &= !(1 << (kind % 32));
    }
    set_option(socket, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, blocked)
}

/// The round-trip time of a TCP handshake as the kernel measured it; `None` when it was not measured, or when the
/// request had to be repeated.
pub(super) fn handshake_rtt(socket: BorrowedFd<'_>) -> Option<Duration> {
    // SAFETY: `tcp_info` is plain numbers, for which all zeros is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&info)).ok()?;
    // SAFETY: `info` is a valid place of `length` bytes, and the descriptor is open while it is borrowed.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (result == 0 && info.tcpi_rtt > 0 && info.tcpi_total_retrans == 0)
        .then(|| Duration::from_micros(u64::from(info.tcpi_rtt)))
}

/// `SO_MEMINFO` of `asm-generic/socket.h` (Linux 4.12), and which of its numbers (`linux/sock_diag.h`) counts what was
/// thrown away.
const SO_MEMINFO: libc::c_int = 55;
const MEMINFO_DROPS: usize = 8;
/// How much the kernel told of a connection: the fields of `struct tcp_info` (`linux/tcp.h`) up to `tcpi_rcv_wnd`. The C
/// libraries know fewer of them than the kernel does.
const TCP_INFO_LENGTH: usize = 236;

/// What a connection took so far, as the kernel counts it: each segment, those that were repeated among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TcpUse {
    /// The first segment was answered.
    pub(super) established: bool,
    /// The far end has sent all it ever will.
    pub(super) far_end_is_done: bool,
    /// Data sent, what was repeated included (Linux 4.19).
    pub(super) bytes_sent: u64,
    /// Data received in order, once each.
    pub(super) bytes_received: u64,
    /// Segments sent.
    pub(super) segments_sent: u32,
    /// Segments received.
    pub(super) segments_received: u32,
    /// Segments received out of order (Linux 5.4; 0 before), and those that were thrown away: they came twice, or found
    /// no room. Their data may not be among what was received.
    pub(super) astray: u32,
    /// Data in a full segment of the far end, as the kernel takes it to be.
    pub(super) segment_size: u32,
    /// Data that the far end may send before it hears from us again (Linux 6.2; the largest number before).
    pub(super) window: u32,
    /// The time since data came, or since the connection was made.
    pub(super) quiet: Duration,
    /// The smoothed round-trip time.
    pub(super) rtt: Duration,
}

/// What the connection of `socket` took so far.
pub(super) fn tcp_use(socket: BorrowedFd<'_>) -> io::Result<TcpUse> {
    let mut info = [0_u8; TCP_INFO_LENGTH];
    let told = get_option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    let mut used = TcpUse::read(told);
    let mut memory = [0_u8; (MEMINFO_DROPS + 1) * size_of::<u32>()];
    if let Ok(memory) = get_option(socket, libc::SOL_SOCKET, SO_MEMINFO, &mut memory) {
        let drops = memory.last_chunk().copied().map_or(0, u32::from_ne_bytes);
        used.astray = used.astray.saturating_add(drops);
    }
    Ok(used)
}

impl TcpUse {
    /// Reads `struct tcp_info`; what an older kernel does not tell is 0, but for the window.
    fn read(told: &[u8]) -> Self {
        let short = |at: usize| told.get(at..).and_then(<[u8]>::first_chunk).copied().map(u32::from_ne_bytes);
        let long = |at: usize| told.get(at..).and_then(<[u8]>::first_chunk).copied().map(u64::from_ne_bytes);
        // The kernel's numbers of states (`net/tcp_states.h`): SYN-SENT; and TIME-WAIT, CLOSE, CLOSE-WAIT, LAST-ACK, CLOSING.
        let state = told.first().copied().unwrap_or_default();
        Self {
            established: state != 2,
            far_end_is_done: matches!(state, 6..=9 | 11),
            segment_size: short(20).unwrap_or_default(),
            bytes_received: long(128).unwrap_or_default(),
            segments_sent: short(136).unwrap_or_default(),
            segments_received: short(140).unwrap_or_default(),
            bytes_sent: long(200).unwrap_or_default(),
            astray: short(224).unwrap_or_default(),
            window: short(232).unwrap_or(u32::MAX),
            quiet: Duration::from_millis(short(52).unwrap_or_default().into()),
            rtt: Duration::from_micros(short(68).unwrap_or_default().into()),
        }
    }
}

/// Marks in `set` what can be read, without waiting; returns how many there are.
pub(super) fn poll(set: &mut [libc::pollfd]) -> io::Result<usize> {
    let count = libc::nfds_t::try_from(set.len()).map_err(io::Error::other)?;
    // SAFETY: `set` is a valid, exclusive array of `count` entries.
    let ready = unsafe { libc::poll(set.as_mut_ptr(), count, 0) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

/// A second descriptor of the same socket.
///
/// `raw` must be open during the call; a closed one is an error, and never harms memory.
pub(super) fn duplicate(raw: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the only caller holds the socket that `raw` belongs to over the call, so it is open and not -1.
    let borrowed = unsafe { BorrowedFd::borrow_raw(raw) };
    borrowed.try_clone_to_owned()
}

/// `struct user_msghdr` as the kernel reads it: the C libraries' own differ from it and from each other.
#[repr(C)]
struct KernelMessage {
    name: *mut u8,
    name_length: libc::c_int,
    vectors: *mut libc::iovec,
    vector_count: usize,
    control: *mut u8,
    control_length: usize,
    flags: libc::c_uint,
}

/// `struct mmsghdr` as the kernel reads it.
#[repr(C)]
struct KernelMessages {
    header: KernelMessage,
    length: libc::c_uint,
}

/// Receives messages with `recvmmsg`, without waiting, and writes their lengths into the slots. Returns how many slots
/// were filled. (By number: musl has no such function in the `libc` crate.)
pub(super) fn receive_many<const N: usize>(
    socket: BorrowedFd<'_>,
    slots: &mut [super::receive::Slot; N],
    flags: libc::c_int,
) -> io::Result<usize> {
    let mut vectors = slots
        .each_mut()
        .map(|slot| libc::iovec { iov_base: slot.data.as_mut_ptr().cast(), iov_len: slot.data.len() });
    let mut vector = vectors.iter_mut();
    let mut headers = slots.each_mut().map(|slot| KernelMessages {
        header: KernelMessage {
            name: slot.name.as_mut_ptr(),
            name_length: slot.name.len() as libc::c_int,
            vectors: vector.next().map_or(ptr::null_mut(), ptr::from_mut),
            vector_count: 1,
            control: slot.control.0.as_mut_ptr(),
            control_length: slot.control.0.len(),
            flags: 0,
        },
        length: 0,
    });
    // SAFETY: each header points to buffers of the stated lengths, which live and are borrowed exclusively over the
    // call; `N` headers are given; the timeout is none.
    let count = unsafe {
        libc::syscall(
            libc::SYS_recvmmsg,
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            N as libc::c_uint,
            flags | libc::MSG_DONTWAIT,
            ptr::null_mut::<libc::timespec>(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    for (slot, header) in slots.iter_mut().zip(&headers).take(count) {
        slot.data_length = header.length as usize;
        slot.name_length = usize::try_from(header.header.name_length).unwrap_or(0);
        slot.control_length = header.header.control_length;
    }
    Ok(count)
}

/// Opens `/dev/net/tun` and makes the layer-3 interface `name` of it, which lives as long as the file.
pub(super) fn open_tun(name: &str) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let mut request = InterfaceRequest::named(name)?;
    // A persistent interface of that name is a stranger's: it is not joined.
    request.flags = (libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_TUN_EXCL) as libc::c_short;
    // SAFETY: `request` is a valid `ifreq` (padded to its full size) and the file is open.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) })?;
    Ok(file)
}

/// Brings interface `name` up; `socket` is any socket of the namespace. Returns the interface's index.
pub(super) fn bring_up(socket: BorrowedFd<'_>, name: &str) -> io::Result<u32> {
    let mut request = InterfaceRequest::named(name)?;
    // SAFETY: `request` is a valid `ifreq` (padded to its full size) and the socket is open.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request) })?;
    request.flags |= libc::IFF_UP as libc::c_short;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request) })?;
    let mut request = InterfaceRequest::named(name)?;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX as _, &raw mut request) })?;
    Ok(request.index())
}

/// The Ethernet address of interface `name`; `None` where neighbours have none or are not asked for it.
pub(super) fn ethernet_address(socket: BorrowedFd<'_>, name: &str) -> io::Result<Option<[u8; 6]>> {
    let mut request = InterfaceRequest::named(name)?;
    // SAFETY: `request` is a valid `ifreq` (padded to its full size) and the socket is open.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request) })?;
    if request.flags & NO_ARP != 0 {
        return Ok(None);
    }
    let mut request = InterfaceRequest::named(name)?;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR as _, &raw mut request) })?;
    // The union is a `sockaddr` now: its family lies where the flags do, and the address follows.
    let [a, b, c, d, e, f, ..] = request.rest;
    Ok((request.flags == ETHERNET).then_some([a, b, c, d, e, f]))
}

/// A `sockaddr_ll`: a protocol on an interface, and who it is for.
pub(super) fn packet_address(index: u32, protocol: u16, hardware: [u8; 6]) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is one of the platform's socket addresses, and all zeros is a value of it.
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = libc::c_int::try_from(index).unwrap_or(-1);
    address.sll_halen = 6;
    for (place, byte) in address.sll_addr.iter_mut().zip(hardware) {
        *place = byte;
    }
    // SAFETY: the storage holds a `sockaddr_ll`, and this is its length.
    unsafe { SockAddr::new(storage, mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}

/// `struct ifreq` of `linux/if.h`, at its largest size.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; NAME_LENGTH],
    flags: libc::c_short,
    /// The rest of the union.
    rest: [u8; 22],
}

impl InterfaceRequest {
    fn named(text: &str) -> io::Result<Self> {
        let mut name = [0; NAME_LENGTH];
        if text.is_empty() || text.len() >= NAME_LENGTH || text.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (place, byte) in name.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Ok(Self { name, flags: 0, rest: [0; 22] })
    }

    /// The union read as `ifr_ifindex`: an `int` whose first half lies where the flags do.
    fn index(&self) -> u32 {
        let [a, b] = self.flags.to_ne_bytes();
        let [c, d, ..] = self.rest;
        u32::from_ne_bytes([a, b, c, d])
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads an option that is a row of numbers; what the kernel filled of `value`.
fn get_option<'a>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let mut length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: `value` is a valid place of `length` bytes, of which any value is one, and the descriptor is open while it
    // is borrowed.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length)
    })?;
    let filled = usize::try_from(length).map_err(io::Error::other)?;
    Ok(value.get(..filled).unwrap_or(value))
}

fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(mem::size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: `value` is a valid place of `length` bytes without padding (the callers pass integers and arrays of
    // them), and the descriptor is open while it is borrowed.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length) })
}
