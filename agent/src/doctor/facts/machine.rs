//! What the kernel can do, what the caller may do, and what time it is.

use super::{Known, Roots, Unread};
use crate::clock;
use crate::netlink::{Raw, RequestSocket};
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use shunt_decision::PerFamily;
use std::io;

/// `NFNL_SUBSYS_CTNETLINK << 8` with `IPCTNL_MSG_CT_GET_STATS`: the smallest question to connection tracking.
const CT_GET_STATS: u16 = (1 << 8) | 5;
/// An empty `struct nfgenmsg`.
const NO_FAMILY: [u8; 4] = [0; 4];

#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The kernel's version.
    pub(crate) release: String,
    pub(crate) ipv6: bool,
    /// Whether the kernel knows `ignore_routes_with_linkdown`.
    pub(crate) linkdown: PerFamily<bool>,
    /// Whether tracked flows can be listed and forgotten.
    pub(crate) conntrack: Known<bool>,
    /// Whether TUN interfaces can be made: the canary's.
    pub(crate) tun: Known<bool>,
    /// What the caller may do: the bits of capabilities(7).
    pub(crate) capabilities: Known<u64>,
    /// Seconds since the beginning of 1970.
    pub(crate) time: u64,
    /// Something keeps the time.
    pub(crate) synchronised: bool,
    /// It is run by systemd, else by scripts in /etc/init.d as OpenWrt is.
    pub(crate) systemd: bool,
}

impl Machine {
    pub(super) fn read(roots: &Roots) -> Self {
        let has = |path: &str| roots.path(path).exists();
        Self {
            release: roots.value("proc/sys/kernel/osrelease").unwrap_or_else(|| "of unknown version".into()),
            ipv6: has("proc/sys/net/ipv6"),
            linkdown: PerFamily {
                v4: has("proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown"),
                v6: has("proc/sys/net/ipv6/conf/all/ignore_routes_with_linkdown"),
            },
            conntrack: conntrack(),
            tun: tun(roots),
            capabilities: capabilities(roots),
            time: clock::wall_now().as_nanos() / 1_000_000_000,
            synchronised: clock::is_synchronised(),
            systemd: has("run/systemd/system"),
        }
    }

    /// What starts the agent.
    pub(crate) const fn start(&self) -> &'static str {
        if self.systemd { "`systemctl start shunt`" } else { "`/etc/init.d/shunt start`" }
    }
}

fn conntrack() -> Known<bool> {
    let what = "ask connection tracking";
    let mut socket = match RequestSocket::open(NETLINK_NETFILTER) {
        Ok(socket) => socket,
        Err(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => return Ok(false),
        Err(error) => return Err(Unread::of(what, &error)),
    };
    match socket.query(CT_GET_STATS, &Raw(NO_FAMILY.to_vec()), |_| {}) {
        Ok(()) => Ok(true),
        // Nobody has registered for such questions.
        Err(refusal) if matches!(refusal.code, libc::EINVAL | libc::EOPNOTSUPP) => Ok(false),
        Err(refusal) => Err(Unread::of(what, &io::Error::from_raw_os_error(refusal.code))),
    }
}

/// Opened and closed: without a name no interface is made.
fn tun(roots: &Roots) -> Known<bool> {
    let file = roots.path("dev/net/tun");
    match std::fs::File::options().read(true).write(true).open(&file) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENXIO)) => {
            Ok(false)
        }
        Err(error) => Err(Unread::of(&format!("open {}", file.display()), &error)),
    }
}

fn capabilities(roots: &Roots) -> Known<u64> {
    let file = "proc/thread-self/status";
    let unknown = || Unread::Failed(format!("/{file} does not tell them"));
    let text = roots.text(file)?.ok_or_else(unknown)?;
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;
    use std::fs;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| testing::put(root.path(), path, text);
        let roots = Roots::at(root.path());
        let bare = Machine::read(&roots);
        assert!(!bare.systemd && bare.start().contains("/etc/init.d"));
        assert!(!bare.ipv6 && !bare.linkdown.v4 && bare.tun == Ok(false));
        assert!(matches!(bare.capabilities, Err(Unread::Failed(_))));
        put("proc/sys/kernel/osrelease", "5.15.0\n");
        put("proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown", "0\n");
        put("proc/sys/net/ipv6/conf/all/forwarding", "0\n");
        put("proc/thread-self/status", "Name:\tx\nCapEff:\t0000000000003000\n");
        put("dev/net/tun", "");
        fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
        assert!(Machine::read(&roots).start().contains("systemctl"));
        let machine = Machine::read(&roots);
        assert_eq!((machine.release.as_str(), machine.ipv6), ("5.15.0", true));
        assert_eq!((machine.linkdown.v4, machine.linkdown.v6), (true, false));
        assert_eq!((machine.capabilities, machine.tun), (Ok(0x3000), Ok(true)));
    }
}
