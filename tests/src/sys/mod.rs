//! The few system calls that no safe crate offers: namespaces, packet sockets, kernel stamps, TAP, ptys.

#![allow(unsafe_code)]

mod capture;
mod discard;
mod packet;
mod pty;
mod question;
mod receive;
mod tap;

pub(crate) use capture::Capture;
pub(crate) use discard::{discard, echo_replies_only, stamp_both_ways};
pub(crate) use packet::packet_socket;
pub(crate) use pty::{OpenWatch, open_pty, reset_pty};
pub(crate) use question::{receive_with_info, send_back};
pub(crate) use receive::{Arrivals, Datagram, stamped_receiver};
pub(crate) use tap::{open_tap, set_tap_carrier};

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The result of a system call that returns −1 on failure.
pub(crate) fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Gives the calling thread namespaces of its own.
pub(crate) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::unshare(flags) }).map(drop)
}

/// Moves the calling thread into a network namespace.
pub(crate) fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointer; the descriptor is open for the length of the call.
    checked(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// The network namespace of the calling thread.
pub(crate) fn own_network() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Gives the calling process mounts of its own, which others do not see. Only for a process that is about to execute
/// another program: like the next two it calls nothing that is unsafe between fork and exec.
pub(crate) fn own_mounts() -> io::Result<()> {
    unshare(libc::CLONE_NEWNS)?;
    mount(c"none", c"/", std::ptr::null(), libc::MS_REC | libc::MS_SLAVE)
}

/// Gives the program that is about to be executed an uptime of its own (time_namespaces(7)).
pub(crate) fn own_uptime(offset: &[u8]) -> io::Result<()> {
    unshare(libc::CLONE_NEWTIME)?;
    write_file(c"/proc/self/timens_offsets", offset)
}

/// Shows the calling process its own network namespace under `/sys`, as `ip netns exec` does.
pub(crate) fn mount_own_sys() -> io::Result<()> {
    const SYSFS: &CStr = c"sysfs";
    mount(SYSFS, c"/sys", SYSFS.as_ptr(), 0)
}

/// Shows what is at `source`, and what is mounted below it, at `target`, too.
pub(crate) fn bind_mount(source: &CStr, target: &CStr) -> io::Result<()> {
    mount(source, target, std::ptr::null(), libc::MS_BIND | libc::MS_REC)
}

fn mount(source: &CStr, target: &CStr, kind: *const libc::c_char, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: all strings end in NUL and live through the call; the kind is such a string or null, which is allowed.
    checked(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, std::ptr::null()) }).map(drop)
}

/// Writes a file that exists, without allocating (usable between fork and exec).
pub(crate) fn write_file(path: &CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: the path ends in NUL, the text is valid for its length, and the descriptor is closed exactly once.
    unsafe {
        let file = checked(libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC))?;
        let written = libc::write(file, text.as_ptr().cast(), text.len());
        let error = io::Error::last_os_error();
        libc::close(file);
        if usize::try_from(written).is_ok_and(|n| n == text.len()) { Ok(()) } else { Err(error) }
    }
}

/// Who runs this process: real user and group.
pub(crate) fn user_and_group() -> (u32, u32) {
    // SAFETY: both calls take nothing and always succeed.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Sends a signal to a process that this one started and has not yet reaped.
pub(crate) fn signal(process: u32, signal: libc::c_int) -> io::Result<()> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    // SAFETY: takes no pointer.
    checked(unsafe { libc::kill(process, signal) }).map(drop)
}

/// Has the calling process die with the thread that started it, so that nothing of a killed laboratory lives on.
pub(crate) fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a number.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) }).map(drop)
}

/// Lets timers of the calling thread fire when they are due, not up to 50 µs later.
pub(crate) fn exact_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes a number. A refusal costs accuracy only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

/// Lets the calling thread run before all ordinary ones, as the machine or the line for which it stands would. Only
/// real root may; others measure what they can. What it starts is ordinary again.
pub(crate) fn ahead_of_others() {
    // SAFETY: all zeroes is a valid sched_param, whatever further fields it has.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = 1;
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameters outlive the call; 0 is the calling thread. A refusal costs accuracy only.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
}

/// Binds the calling thread to one core.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: a cpu_set_t is plain data for which all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU_SET ignores a core beyond the set's end; the set outlives the call.
    unsafe {
        libc::CPU_SET(core, &mut set);
        checked(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)).map(drop)
    }
}

/// `CLOCK_MONOTONIC`, in nanoseconds.
pub(crate) fn monotonic() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// `CLOCK_REALTIME`, in nanoseconds: the clock of the kernel's packet stamps.
pub(crate) fn wall_clock() -> u64 {
    read_clock(libc::CLOCK_REALTIME)
}

fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    nanos(&time)
}

/// Sleeps until `CLOCK_MONOTONIC` shows `until` nanoseconds; returns early on a signal.
pub(crate) fn sleep_until(until: u64) {
    let time = timespec(Duration::from_nanos(until));
    // SAFETY: `time` is valid; the remainder is not asked for.
    unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &raw const time,
            std::ptr::null_mut(),
        )
    };
}

/// Waits until one of the descriptors can be read or the time has passed; tells which can be read.
pub(crate) fn wait_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|descriptor| poll_entry(&descriptor));
    poll(&mut polled, timeout)?;
    Ok(polled.map(|entry| entry.revents != 0))
}

/// Like [`wait_readable`], for as many descriptors as there are at the time.
pub(crate) fn wait_any(descriptors: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> = descriptors.iter().map(poll_entry).collect();
    poll(&mut polled, timeout)?;
    Ok(polled.iter().map(|entry| entry.revents != 0).collect())
}

fn poll_entry(descriptor: &BorrowedFd<'_>) -> libc::pollfd {
    libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}

fn poll(entries: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<()> {
    let count = libc::nfds_t::try_from(entries.len()).map_err(io::Error::other)?;
    let time = timeout.map(timespec);
    let time_pointer = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the entries and the time outlive the call; the length is the entries'.
    let result = unsafe { libc::ppoll(entries.as_mut_ptr(), count, time_pointer, std::ptr::null()) };
    match checked(result) {
        Ok(_) => Ok(()),
        // As if nothing had come yet: the kernel leaves all entries as they were.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
    }
}

fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        // `time_t` by inference: its name is deprecated for musl.
        tv_sec: duration.as_secs().try_into().unwrap_or_else(|_beyond_time| i32::MAX.into()),
        tv_nsec: libc::c_long::from(i32::try_from(duration.subsec_nanos()).unwrap_or(0)),
    }
}

/// A kernel time as nanoseconds.
pub(crate) fn nanos(time: &libc::timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Gives a socket room for `size` bytes in each direction. Only real root may exceed `net.core.rmem_max`; others get
/// that much, which loses nothing at the pace of the demonstration (1,000 packets/s).
pub(crate) fn set_buffers(socket: BorrowedFd<'_>, size: libc::c_int) -> io::Result<()> {
    for (forced, polite) in [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
    {
        if set_option(socket, libc::SOL_SOCKET, forced, &size).is_err() {
            set_option(socket, libc::SOL_SOCKET, polite, &size)?;
        }
    }
    Ok(())
}

/// Sets a socket option that is plain data.
pub(crate) fn set_option<T>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: `value` is valid for its own size, which is what the kernel is told.
    checked(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    })
    .map(drop)
}
