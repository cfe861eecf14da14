//! Other programs that touch routes: which run, and what their files say.

use super::{Known, Roots, Unread};
use shunt_config::Config;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

/// Processes that are looked at. A gateway has some hundred.
const PROCESSES_AT_MOST: usize = 16_384;
/// Files of one directory that are read.
const FILES_AT_MOST: usize = 64;

/// Where systemd-networkd looks for its settings, the first over the others (networkd.conf(5)).
const SYSTEMD: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) processes: Known<Vec<Process>>,
    /// The settings of mwan3, in OpenWrt's form.
    pub(crate) mwan3: Option<String>,
    /// The settings of systemd-networkd, the later ones over the earlier.
    pub(crate) networkd: Vec<String>,
    /// The settings of OpenWrt's firewall.
    pub(crate) firewall: Option<String>,
    /// The settings of NetworkManager.
    pub(crate) network_manager: Vec<String>,
    /// The settings of dhcpcd.
    pub(crate) dhcpcd: Option<String>,
    /// What DHCP clients got for the links' interfaces.
    pub(crate) leases: Vec<Lease>,
    /// Why some of these files could not be read.
    pub(crate) unread: Vec<Unread>,
}

/// A process of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Its name, of which the kernel keeps 15 bytes.
    pub(crate) name: String,
    /// Its command line, the program's name first; empty for the kernel's own.
    pub(crate) args: Vec<String>,
}

/// What a DHCP client keeps of its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) interface: String,
    /// Who keeps it.
    pub(crate) client: &'static str,
    pub(crate) router: Option<Ipv4Addr>,
}

impl Programs {
    pub(super) fn read(config: Option<&Config>, roots: &Roots) -> Self {
        let mut files = Files { roots, unread: Vec::new() };
        let found = Self {
            processes: processes(roots),
            mwan3: files.text("etc/config/mwan3"),
            networkd: networkd(&mut files),
            firewall: files.text("etc/config/firewall"),
            network_manager: network_manager(&mut files),
            dhcpcd: files.text("etc/dhcpcd.conf"),
            leases: config.map(|config| leases(config, &mut files)).unwrap_or_default(),
            unread: Vec::new(),
        };
        Self { unread: files.unread, ..found }
    }

    /// The processes of that name.
    pub(crate) fn running<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Process> {
        let name = name.get(..15).unwrap_or(name);
        self.processes.iter().flatten().filter(move |process| process.name == name)
    }

    pub(crate) fn runs(&self, name: &str) -> bool {
        self.running(name).next().is_some()
    }
}

/// All processes, if the caller may see those of others.
pub(super) fn processes(roots: &Roots) -> Known<Vec<Process>> {
    let proc = roots.path("proc");
    let entries =
        fs::read_dir(&proc).map_err(|error| Unread::of(&format!("read {}", proc.display()), &error))?;
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let pids: Vec<u32> = entries.flatten().filter_map(pid).take(PROCESSES_AT_MOST).collect();
    if !pids.contains(&1) {
        // With `hidepid` one sees only one's own.
        return Err(Unread::Denied("the processes of others are hidden".to_owned()));
    }
    let mut found: Vec<Process> = pids.into_iter().filter_map(|pid| process(roots, pid)).collect();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// `None`: it has ended meanwhile.
fn process(roots: &Roots, pid: u32) -> Option<Process> {
    let name = roots.value(format!("proc/{pid}/comm"))?;
    let line = roots.value(format!("proc/{pid}/cmdline")).unwrap_or_default();
    let args = line.split('\0').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
    Some(Process { pid, name, args })
}

/// Reads files, and remembers which could not be read.
struct Files<'a> {
    roots: &'a Roots,
    unread: Vec<Unread>,
}

impl Files<'_> {
    /// The text of a file; `None`: there is none, or it cannot be read.
    fn text(&mut self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.roots.text(path);
        self.known(text)
    }

    fn known(&mut self, text: Known<Option<String>>) -> Option<String> {
        match text {
            Ok(text) => text,
            Err(why) => {
                self.unread.push(why);
                None
            }
        }
    }

    /// The ends of the files in a directory with one of these endings.
    fn ends(&mut self, path: &str, endings: &[&str]) -> Vec<String> {
        let wanted = |name: &String| endings.iter().any(|ending| name.ends_with(ending));
        let names = names(&self.roots.path(path)).into_iter().filter(wanted);
        let read = |name: String| {
            let text = self.roots.end_of_text(format!("{path}/{name}"));
            self.known(text)
        };
        names.filter_map(read).collect()
    }
}

/// The first main file, and after it the files beside it by their names, whichever directory they are in; one hides
/// those of its name in the directories behind.
fn networkd(files: &mut Files<'_>) -> Vec<String> {
    let main = SYSTEMD.iter().map(|place| format!("{place}/networkd.conf"));
    let mut found: Vec<String> = main.filter_map(|path| files.text(path)).take(1).collect();
    let mut beside = BTreeMap::new();
    for place in SYSTEMD.map(|place| format!("{place}/networkd.conf.d")) {
        for name in names(&files.roots.path(&place)).into_iter().filter(|name| name.ends_with(".conf")) {
            beside.entry(name.clone()).or_insert(format!("{place}/{name}"));
        }
    }
    found.extend(beside.into_values().filter_map(|path| files.text(path)));
    found
}

/// In no order (NetworkManager.conf(5)): what is looked for may stand in any of them.
fn network_manager(files: &mut Files<'_>) -> Vec<String> {
    let mut found: Vec<String> = files.text("etc/NetworkManager/NetworkManager.conf").into_iter().collect();
    for place in ["etc", "run", "usr/lib"].map(|place| format!("{place}/NetworkManager/conf.d")) {
        for name in names(&files.roots.path(&place)).into_iter().filter(|name| name.ends_with(".conf")) {
            found.extend(files.text(format!("{place}/{name}")));
        }
    }
    found
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).take(FILES_AT_MOST).collect();
    names.sort();
    names
}

fn leases(config: &Config, files: &mut Files<'_>) -> Vec<Lease> {
    let mut found = Vec::new();
    let interfaces: Vec<&str> = config.links.iter().map(|link| link.interface.as_str()).collect();
    for interface in &interfaces {
        // Kept by the interface's number.
        let number = files.roots.value(format!("sys/class/net/{interface}/ifindex"));
        let kept = number.and_then(|number| files.text(format!("run/systemd/netif/leases/{number}")));
        let Some(text) = kept else { continue };
        let router = text.lines().find_map(|line| line.strip_prefix("ROUTER=")).and_then(first_address);
        found.push(Lease { interface: (*interface).to_owned(), client: "systemd-networkd", router });
    }
    for directory in ["var/lib/dhcp", "var/lib/dhclient"] {
        let leases = files.ends(directory, &["leases", "lease"]);
        let ours = |lease: &Lease| interfaces.contains(&lease.interface.as_str());
        found.extend(leases.iter().flat_map(|text| dhclient(text)).filter(ours));
    }
    found
}

/// The last lease of each interface in a file of dhclient (dhclient.leases(5)): it writes each new one to its end.
fn dhclient(text: &str) -> Vec<Lease> {
    let mut last = BTreeMap::new();
    for lease in text.split("lease {").skip(1) {
        let value = |key: &str| lease.lines().find_map(|line| line.trim().strip_prefix(key));
        if let Some(interface) = value("interface ") {
            let interface = interface.trim_end_matches(';').trim_matches('"').to_owned();
            last.insert(interface, value("option routers ").and_then(first_address));
        }
    }
    let lease = |(interface, router)| Lease { interface, client: "dhclient", router };
    last.into_iter().map(lease).collect()
}

fn first_address(list: &str) -> Option<Ipv4Addr> {
    list.split([' ', ',', ';']).find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{self, put};
    use super::*;

    #[test]
    fn processes_are_seen_by_name_and_hidden_ones_are_told() {
        let root = tempfile::tempdir().unwrap();
        let roots = Roots::at(root.path());
        assert!(matches!(processes(&roots), Err(Unread::Failed(_))));
        put(root.path(), "proc/7/comm", "systemd-network\n");
        put(root.path(), "proc/7/cmdline", "/lib/systemd/systemd-networkd\0");
        assert!(matches!(processes(&roots), Err(Unread::Denied(_))));
        put(root.path(), "proc/1/comm", "init\n");
        put(root.path(), "proc/self/comm", "x\n");
        let programs = Programs::read(None, &roots);
        assert_eq!(programs.processes.as_ref().unwrap().len(), 2);
        assert!(programs.runs("systemd-networkd") && !programs.runs("dhclient"));
        assert_eq!(programs.running("init").next().unwrap().args, Vec::<String>::new());
    }

    #[test]
    fn settings_come_in_the_order_in_which_they_hold() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etc/systemd/networkd.conf", "one"),
            ("usr/lib/systemd/networkd.conf", "hidden by that in /etc"),
            ("etc/systemd/networkd.conf.d/10-a.conf", "two"),
            ("usr/lib/systemd/networkd.conf.d/10-a.conf", "hidden by its namesake"),
            ("usr/lib/systemd/networkd.conf.d/20-b.conf", "three"),
            ("run/systemd/networkd.conf.d/15-m.conf", "between"),
            ("etc/systemd/networkd.conf.d/30-c.conf.bak", "not this"),
        ] {
            put(root.path(), path, text);
        }
        assert_eq!(
            Programs::read(None, &Roots::at(root.path())).networkd,
            ["one", "two", "between", "three"]
        );
    }

    #[test]
    fn leases_tell_the_router_of_a_links_interface() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "sys/class/net/eth0/ifindex", "4\n");
        put(root.path(), "run/systemd/netif/leases/4", "ADDRESS=192.0.2.10\nROUTER=192.0.2.1 192.0.2.2\n");
        let block = |interface: &str, router: &str| {
            format!("lease {{\n  interface \"{interface}\";\n  option routers {router};\n}}\n")
        };
        // Many renewals later, with the lease of another interface at the end.
        let renewed = block("wwan0", "203.0.113.9").repeat(5_000);
        let all = renewed + &block("wwan0", "203.0.113.1") + &block("lan0", "10.0.0.1");
        put(root.path(), "var/lib/dhcp/dhclient.leases", &all);
        put(root.path(), "var/lib/dhcp/dhclient.lan0.leases", &block("lan0", "10.0.0.1"));
        let leases = Programs::read(Some(&testing::config("")), &Roots::at(root.path())).leases;
        let told: Vec<_> = leases
            .iter()
            .map(|lease| (lease.interface.as_str(), lease.client, lease.router.unwrap().to_string()))
            .collect();
        assert_eq!(
            told,
            [
                ("eth0", "systemd-networkd", "192.0.2.1".to_owned()),
                ("wwan0", "dhclient", "203.0.113.1".to_owned())
            ]
        );
        assert_eq!(dhclient("nothing"), []);
    }
}
