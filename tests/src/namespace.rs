//! A network namespace as a value: it lives as long as somebody holds its descriptor, and leaves nothing behind.

use crate::error::{Doing, LabError, Result};
use crate::netlink::Netlink;
use crate::privilege::before_exec;
use crate::sys;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A network namespace. Clones are the same namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: Arc<str>,
    file: Arc<File>,
    devices: Option<Arc<Devices>>,
    /// What `/proc/self/timens_offsets` is told.
    uptime: Option<Arc<str>>,
}

impl Namespace {
    /// Makes an empty namespace whose `lo` is up and which treats no address as a duplicate. `name` appears in
    /// messages only.
    ///
    /// # Errors
    /// When the system refuses; see [`crate::privilege::enter`].
    pub fn new(name: &str) -> Result<Self> {
        let make = || {
            sys::unshare(libc::CLONE_NEWNET)?;
            sys::own_network()
        };
        let file = std::thread::scope(|scope| scope.spawn(make).join())
            .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
            .doing(|| format!("make the namespace {name}"))?;
        let namespace = Self { name: name.into(), file: Arc::new(file), devices: None, uptime: None };
        for scope in ["all", "default"] {
            namespace.set_sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
            // The laboratory's addresses are its own; waiting a second to prove it would only slow it down.
            namespace.set_sysctl(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
            namespace.set_sysctl(&format!("ipv6/conf/{scope}/accept_ra"), "0")?;
            namespace.set_sysctl(&format!("ipv6/conf/{scope}/keep_addr_on_down"), "1")?;
        }
        let mut netlink = namespace.netlink()?;
        let lo = netlink.index("lo")?;
        netlink.set_link_up(lo, true)?;
        Ok(namespace)
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread inside the namespace, and waits for it. Sockets that are opened there stay inside.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or `work` panicked.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let inside = || sys::enter_network(self.file.as_fd()).map(|()| work());
        std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
            .doing(|| format!("work in the namespace {}", self.name))
    }

    /// Starts a thread inside the namespace.
    ///
    /// # Errors
    /// When no thread can be started. A namespace that cannot be entered ends the thread before `work`.
    pub fn spawn<T: Send + 'static>(
        &self,
        thread: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<io::Result<T>>> {
        let file = Arc::clone(&self.file);
        std::thread::Builder::new()
            .name(thread.to_owned())
            .spawn(move || sys::enter_network(file.as_fd()).map(|()| work()))
            .doing(|| format!("start the thread {thread}"))
    }

    /// Has `command` run inside the namespace, where `/sys` shows that namespace's interfaces. It dies with the
    /// thread that starts it.
    pub fn enclose(&self, command: &mut Command) {
        let file = Arc::clone(&self.file);
        let (devices, uptime) = (self.devices.clone(), self.uptime.clone());
        before_exec(command, move || {
            sys::die_with_parent()?;
            if let Some(offset) = &uptime {
                sys::own_uptime(offset.as_bytes())?;
            }
            sys::enter_network(file.as_fd())?;
            // Where it is refused (a container that hides parts of /sys), /sys shows the outer interfaces: only
            // what reads /sys/class/net then sees the wrong ones.
            let mounts = sys::own_mounts();
            let _best_effort = mounts.as_ref().map(|()| sys::mount_own_sys());
            match &devices {
                Some(devices) => mounts.and_then(|()| devices.mount()),
                None => Ok(()),
            }
        });
    }

    /// The same namespace with other devices: a program that is started in it finds the files of `directory`'s `dev` in
    /// `/dev`, beside those that every program needs, and the serial ports of its `sys` in `/sys/class/tty`.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn with_devices(&self, directory: &Path) -> Result<Self> {
        let devices =
            Devices::new(directory).doing(|| format!("lay out devices in {}", directory.display()))?;
        Ok(Self { devices: Some(Arc::new(devices)), ..self.clone() })
    }

    /// The same namespace in which a program that is started finds the file `content` in the place of `shown`.
    ///
    /// # Errors
    /// When a path cannot be passed to the kernel.
    pub fn with_file(&self, content: &Path, shown: &Path) -> Result<Self> {
        let mount = || Ok((text(content)?, text(shown)?));
        let mount = mount().doing(|| format!("show {} as {}", content.display(), shown.display()))?;
        let before = self.devices.iter().flat_map(|devices| devices.0.clone());
        let devices = Devices(before.chain([mount]).collect());
        Ok(Self { devices: Some(Arc::new(devices)), ..self.clone() })
    }

    /// The same namespace in which a program that is started finds a machine that runs for so long only. Needs Linux 6.1, where a
    /// program enters its time namespace when it is executed.
    ///
    /// # Errors
    /// When the machine's own uptime cannot be read.
    pub fn with_uptime(&self, uptime: Duration) -> Result<Self> {
        let machine = || {
            let text = std::fs::read_to_string("/proc/uptime")?;
            let seconds = text.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
            seconds.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        let machine = machine().doing(|| "read the machine's uptime".into())?;
        let back = machine.saturating_sub(uptime.as_secs());
        Ok(Self { uptime: Some(format!("boottime -{back} 0").into()), ..self.clone() })
    }

    /// A connection to the namespace's rtnetlink.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn netlink(&self) -> Result<Netlink> {
        self.run(Netlink::open)?
    }

    /// Writes `/proc/sys/net/<key>`.
    ///
    /// # Errors
    /// When the kernel refuses the key or the value.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.run(|| std::fs::write(format!("/proc/sys/net/{key}"), value))?
            .doing(|| format!("set net/{key} to {value} in the namespace {}", self.name))
    }

    /// Reads `/proc/sys/net/<key>`, without the line's end.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn sysctl(&self, key: &str) -> Result<String> {
        self.run(|| std::fs::read_to_string(format!("/proc/sys/net/{key}")))?
            .map(|text| text.trim().to_owned())
            .doing(|| format!("read net/{key} in the namespace {}", self.name))
    }

    /// The descriptor's number, as `IFLA_NET_NS_FD` wants it.
    pub(crate) fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

/// What is mounted in a program's own view of the file system, in this order.
#[derive(Debug)]
struct Devices(Vec<(CString, CString)>);

/// What programs need of `/dev`: the pseudo-files, the terminals (a simulated modem is one), and the TUN device.
const NEEDED: [&str; 6] = ["null", "zero", "random", "urandom", "pts", "net/tun"];

impl Devices {
    fn new(directory: &Path) -> io::Result<Self> {
        let (dev, ports) = (directory.join("dev"), directory.join("sys/class/tty"));
        std::fs::create_dir_all(dev.join("net"))?;
        std::fs::create_dir_all(&ports)?;
        let mut mounts = Vec::new();
        for name in NEEDED {
            let (real, shown) = (Path::new("/dev").join(name), dev.join(name));
            if real.is_dir() {
                std::fs::create_dir_all(&shown)?;
            } else if real.exists() {
                File::create(&shown)?;
            } else {
                continue;
            }
            mounts.push((text(&real)?, text(&shown)?));
        }
        mounts.push((text(&dev)?, c"/dev".to_owned()));
        mounts.push((text(&ports)?, c"/sys/class/tty".to_owned()));
        Ok(Self(mounts))
    }

    /// Allocates nothing.
    fn mount(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|(source, target)| sys::bind_mount(source, target))
    }
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

/// Waits for a thread of [`Namespace::spawn`].
pub(crate) fn join<T>(thread: JoinHandle<io::Result<T>>, name: &str) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("it panicked")))
        .map_err(|source| LabError::System { doing: format!("finish the thread {name}"), source })
}
