//! What an init system does before the first service: file systems, modules, the devices of the agent's user.

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

/// The agent's user and group, as in the image's `/etc/passwd`.
pub(crate) const USER: u32 = 990;

/// The serial port that leads to the watchdog MCU.
pub(crate) const MCU: &str = "/dev/ttyS0";

/// Where the disk is, which outlives resets: the agent's state, as in the packages.
pub(crate) const STATE: &str = "/var/lib/shunt";

/// Kernel modules, in the order in which they are loaded.
const MODULES: &str = "/modules";

/// For how long the machine has been running, by its kernel.
pub(crate) fn uptime() -> Duration {
    // Before /proc is there the kernel's clock says the same.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// # Errors
/// With the first thing that the kernel refuses.
pub(crate) fn set_up() -> Result<(), Box<dyn Error>> {
    for (kind, place) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("tmpfs", "/run")]
    {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None)
            .map_err(|error| format!("mount {place}: {error}"))?;
    }
    fs::set_permissions("/tmp", Permissions::from_mode(0o1777))?;
    let mut modules: Vec<_> =
        fs::read_dir(MODULES)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    modules.sort();
    for module in modules {
        load(&module).map_err(|error| format!("load {}: {error}", module.display()))?;
    }
    fs::create_dir_all(STATE)?;
    mount("/dev/vda", STATE, "ext4", MountFlags::empty(), None)
        .map_err(|error| format!("mount the disk: {error}"))?;
    // What udev does with a rule of its own, and with the package's.
    fs::set_permissions("/dev/net/tun", Permissions::from_mode(0o666))?;
    for device in ["/dev/watchdog", MCU, STATE] {
        chown(device, Some(USER), Some(USER)).map_err(|error| format!("give away {device}: {error}"))?;
    }
    Ok(())
}

fn load(module: &Path) -> rustix::io::Result<()> {
    let file = rustix::fs::open(module, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    finit_module(&file, c"", 0)
}

/// Ends the emulator, if the kernel can.
pub(crate) fn switch_off() {
    let _the_host_ends_it_then = reboot(RebootCommand::PowerOff);
}
