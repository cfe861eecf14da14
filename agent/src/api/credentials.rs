//! Who is at the other end of a Unix socket. The kernel vouches for it (unix(7): SO_PEERCRED, SO_PEERGROUPS).

use std::io;
use std::os::fd::AsRawFd;

/// More groups than this and the rest are not looked at; people are in a dozen.
const MAX_GROUPS: usize = 1_024;

/// The supplementary groups that the peer had when it connected.
pub(super) fn peer_groups(socket: &impl AsRawFd) -> io::Result<Vec<libc::gid_t>> {
    let mut groups: Vec<libc::gid_t> = vec![0; MAX_GROUPS];
    let bytes = size_of::<libc::gid_t>() * MAX_GROUPS;
    let mut length = libc::socklen_t::try_from(bytes).unwrap_or(0);
    read(socket, &mut groups, &mut length)?;
    groups.truncate(usize::try_from(length).unwrap_or(0) / size_of::<libc::gid_t>());
    Ok(groups)
}

/// The user that this process acts as.
#[allow(unsafe_code)]
pub(super) fn own_user() -> libc::uid_t {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

#[allow(unsafe_code)]
fn read(socket: &impl AsRawFd, groups: &mut [libc::gid_t], length: &mut libc::socklen_t) -> io::Result<()> {
    // SAFETY: the descriptor is open for the length of the call; `groups` is writable for `length` bytes, and the
    // kernel writes no more than that and says in `length` how much it wrote.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_groups_of_the_peer_are_our_own_when_we_are_the_peer() {
        let (one, _other) = UnixStream::pair().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        let mut expected: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
        let mut groups = peer_groups(&one).unwrap();
        groups.sort_unstable();
        expected.sort_unstable();
        assert_eq!(groups, expected);
    }
}
