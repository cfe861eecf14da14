//! The modems of the config: their ports, who has these open, and the files of their secrets.

use super::programs::processes;
use super::{Known, Roots, Unread};
use crate::modem::selector;
use shunt_config::{Config, Find, Modem};
use shunt_modem::ports::{Device, Sysfs};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The number of root, as a user and as a group.
const ROOT: u32 = 0;
/// Open files of one process that are looked at.
const FILES_AT_MOST: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModemFacts {
    pub(crate) name: String,
    /// The ports that may be its; none: it is not there.
    pub(crate) ports: Known<Vec<PathBuf>>,
    /// Which it is can only be asked of it, so that the ports are those of all modems.
    pub(crate) by_imei: bool,
    /// Its USB vendor and product, where the config names them.
    pub(crate) usb: Option<(u16, u16)>,
    /// Who has one of them open.
    pub(crate) holders: Vec<Holder>,
    /// The open files of some processes are hidden.
    pub(crate) hidden: bool,
    pub(crate) secrets: Vec<Secret>,
}

/// A process that has a port open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) port: PathBuf,
}

/// A file that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) file: PathBuf,
    pub(crate) state: SecretState,
    /// The agent is root's, as its state directory is; not known before that directory is there.
    pub(crate) of_root: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretState {
    /// Only its owner, or its group, may read it.
    Kept,
    /// Neither the owner of the state directory, who is the agent, nor a group that it may have: this user's number.
    Unreachable(u32),
    /// Everybody may read it.
    Open,
    /// It cannot be looked at.
    Unreadable(String),
}

pub(super) fn read(config: &Config, roots: &Roots) -> Vec<ModemFacts> {
    if config.modems.is_empty() {
        return Vec::new();
    }
    let devices = Sysfs::at(roots.path("sys"), roots.path("dev")).devices();
    let (holders, hidden) = holders(roots);
    let state = fs::metadata(roots.path(&config.agent.state_dir)).ok();
    let agent = state.map(|state| (state.uid(), state.gid()));
    let modem = |modem: &Modem| {
        let ports = ports(modem, devices.as_deref(), roots);
        let known: &[PathBuf] = ports.as_deref().unwrap_or(&[]);
        let ours = |holder: &&Holder| known.contains(&holder.port);
        ModemFacts {
            name: modem.name.clone(),
            usb: match modem.find {
                Find::Usb { vendor, product } => Some((vendor, product)),
                Find::Port(_) | Find::Path(_) | Find::Imei(_) => None,
            },
            by_imei: matches!(modem.find, Find::Imei(_)),
            holders: holders.iter().filter(ours).cloned().collect(),
            hidden,
            secrets: secrets(modem).map(|file| secret(file, agent, roots)).collect(),
            ports,
        }
    };
    config.modems.iter().map(modem).collect()
}

fn ports(modem: &Modem, devices: Result<&[Device], &io::Error>, roots: &Roots) -> Known<Vec<PathBuf>> {
    if let Find::Port(port) = &modem.find {
        let node = roots.path(port);
        // What has it open is known by its own name, not by that of a link to it.
        return Ok(node.canonicalize().into_iter().collect());
    }
    let devices = devices.map_err(|error| Unread::of("list the devices with ports in /sys", error))?;
    let meant = selector(&modem.find).map_err(|error| Unread::Failed(format!("it failed to {error}")))?;
    let ours = devices.iter().filter(|device| meant.admits(device));
    Ok(ours.flat_map(|device| device.ports.iter().map(|port| port.node.clone())).collect())
}

/// Every process that has a serial port or a port of a modem open, and whether some could not be looked at.
fn holders(roots: &Roots) -> (Vec<Holder>, bool) {
    let Ok(all) = processes(roots) else { return (Vec::new(), true) };
    let (mut found, mut hidden) = (Vec::new(), false);
    for process in all {
        let files = match fs::read_dir(roots.path(format!("proc/{}/fd", process.pid))) {
            Ok(files) => files,
            Err(error) => {
                hidden |= error.kind() == io::ErrorKind::PermissionDenied;
                continue;
            }
        };
        for file in files.flatten().take(FILES_AT_MOST) {
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let name = target.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("tty") || name.starts_with("wwan") || name.starts_with("cdc-wdm") {
                let port = roots.path(&target);
                let holder = Holder { pid: process.pid, name: process.name.clone(), port };
                if !found.contains(&holder) {
                    found.push(holder);
                }
            }
        }
    }
    (found, hidden)
}

fn secrets(modem: &Modem) -> impl Iterator<Item = &Path> {
    let of_sims = modem.sims.iter().flat_map(|sim| [&sim.pin_file, &sim.password_file]).flatten();
    let of_operators = modem.remote.iter().flat_map(|remote| &remote.operators);
    of_sims.map(PathBuf::as_path).chain(of_operators.map(|operator| operator.secret_file.as_path()))
}

/// By its mode alone: the content concerns nobody. `agent` is who owns the state directory, where it is there.
fn secret(file: &Path, agent: Option<(u32, u32)>, roots: &Roots) -> Secret {
    let state = match fs::metadata(roots.path(file)) {
        Ok(meta) => judged(meta.mode(), (meta.uid(), meta.gid()), agent),
        Err(error) => SecretState::Unreadable(error.to_string()),
    };
    Secret { file: file.to_owned(), state, of_root: agent.is_some_and(|(user, _)| user == ROOT) }
}

fn judged(mode: u32, (user, group): (u32, u32), agent: Option<(u32, u32)>) -> SecretState {
    const OWNER_READS: u32 = 0o400;
    const GROUP_READS: u32 = 0o040;
    const EVERYBODY_READS: u32 = 0o004;
    if mode & EVERYBODY_READS != 0 {
        return SecretState::Open;
    }
    let Some((agent, own_group)) = agent.filter(|(agent, _)| *agent != ROOT) else {
        return SecretState::Kept;
    };
    let reads = if user == agent {
        mode & OWNER_READS != 0
    } else {
        // Its service may have given it any other group, but not that of root.
        mode & GROUP_READS != 0 && (group == own_group || group != ROOT)
    };
    if reads { SecretState::Kept } else { SecretState::Unreachable(agent) }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn who_has_a_port_open_is_found_by_the_ports_file() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| testing::put(root.path(), path, text);
        let config = testing::config(
            "[[modem]]\nlink = \"lte\"\nport = \"/dev/ttyS1\"\nuser = \"me\"\nauth = \"chap\"\npassword_file = \"/etc/secret\"\n",
        );
        let roots = Roots::at(root.path());
        put("proc/1/comm", "init\n");
        put("proc/9/comm", "ModemManager\n");
        let absent = read(&config, &roots);
        assert_eq!((absent[0].ports.clone(), absent[0].holders.len()), (Ok(Vec::new()), 0));
        assert!(matches!(absent[0].secrets[0].state, SecretState::Unreadable(_)));
        put("dev/ttyS1", "");
        put("etc/secret", "");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(root.path().join("etc/secret"), mode).unwrap();
        fs::create_dir_all(root.path().join("proc/9/fd")).unwrap();
        symlink("/dev/ttyS1", root.path().join("proc/9/fd/5")).unwrap();
        symlink("/dev/null", root.path().join("proc/9/fd/6")).unwrap();
        let held = read(&config, &roots);
        assert_eq!(held[0].holders.len(), 1);
        assert_eq!((held[0].holders[0].pid, held[0].holders[0].name.as_str()), (9, "ModemManager"));
        assert_eq!(held[0].secrets[0].state, SecretState::Open);
    }

    #[test]
    fn a_port_named_by_a_link_is_that_which_it_leads_to() {
        let root = tempfile::tempdir().unwrap();
        // As the kernel names it in /proc.
        let base = root.path().canonicalize().unwrap();
        for directory in ["dev", "proc/1", "proc/9/fd"] {
            fs::create_dir_all(base.join(directory)).unwrap();
        }
        for (file, text) in [("dev/ttyS1", ""), ("proc/1/comm", "init\n"), ("proc/9/comm", "minicom\n")] {
            fs::write(base.join(file), text).unwrap();
        }
        symlink("ttyS1", base.join("dev/modem")).unwrap();
        symlink("/dev/ttyS1", base.join("proc/9/fd/5")).unwrap();
        let config = testing::config("[[modem]]\nlink = \"lte\"\nport = \"/dev/modem\"\n");
        let found = read(&config, &Roots::at(&base));
        assert_eq!(found[0].holders.iter().map(|holder| holder.pid).collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn a_secret_is_kept_only_if_the_agent_can_read_it() {
        let agent = Some((990, 980));
        for (mode, owner, agent, expected) in [
            (0o100_640, (0, 980), agent, SecretState::Kept),
            (0o100_400, (990, 980), agent, SecretState::Kept),
            (0o100_600, (0, 0), agent, SecretState::Unreachable(990)),
            (0o100_640, (0, 0), agent, SecretState::Unreachable(990)),
            (0o100_600, (0, 980), agent, SecretState::Unreachable(990)),
            (0o100_644, (0, 0), agent, SecretState::Open),
            // Such as `dialout`, which its service may give it.
            (0o100_640, (0, 20), agent, SecretState::Kept),
            (0o100_600, (0, 0), Some((0, 0)), SecretState::Kept),
            (0o100_600, (0, 0), None, SecretState::Kept),
        ] {
            assert_eq!(judged(mode, owner, agent), expected, "{mode:o} {owner:?} {agent:?}");
        }
    }
}
