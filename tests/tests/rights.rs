//! What the agent may do: it works with two capabilities and without root, however it was started, and keeps no more.
//!
//! Not for an ordinary user in a user namespace: there is nobody there but root.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests
#![allow(clippy::print_stdout)] // what is not run is told

mod common;

use common::monitor::{all_routes, rules, wait_until};
use common::{DEADLINE, healthy_with, link, moved_to, program, settled, two_uplinks, uplink};
use shunt::api::types::{Status, Verdict};
use shunt_lab::{Agent, AgentConfig, Lab, Program, enter_or_reexec};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Nobody of this machine, in no group.
const USER: u32 = 4_242;
const STRANGER: u32 = 4_343;

/// CAP_NET_ADMIN and CAP_NET_RAW, as the kernel writes them (capabilities(7)).
const TWO: &str = "0000000000003000";

/// A group that every system has, for the control socket, and its number (Debian policy 9.2.2).
const GROUP: &str = "daemon";
const GROUP_NUMBER: u32 = 1;

/// Whether this machine has more users than one.
fn has_users(test: &str) -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    let count = map.split_whitespace().nth(2).and_then(|count| count.parse::<u32>().ok());
    let has = count.is_some_and(|count| count > STRANGER);
    if !has {
        println!("{test} is not run: only root has users to become");
    }
    has
}

/// The agent's directory, state and all, as a package would have made it.
fn give_to_user(home: &Path) -> io::Result<()> {
    fs::create_dir(home.join("state"))?;
    for path in [home.to_owned(), home.join("state"), home.join("shunt.toml")] {
        chown(path, Some(USER), Some(USER))?;
    }
    fs::set_permissions(home, Permissions::from_mode(0o755))
}

/// What the kernel says of the process: `CapEff`, `Uid` and so on.
fn rights(agent: &Agent) -> BTreeMap<String, String> {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process())).unwrap();
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(key, value)| (key.to_owned(), value.trim().replace('\t', " "))).collect()
}

fn assert_has_two_rights_alone(agent: &Agent, user: u32) {
    let has = rights(agent);
    assert_eq!(has["Uid"], format!("{user} {user} {user} {user}"));
    for (set, expected) in [("CapPrm", TWO), ("CapEff", TWO), ("CapBnd", TWO), ("NoNewPrivs", "1")] {
        assert_eq!(has[set], expected, "{set}");
    }
    // Whatever it started would have nothing.
    assert_eq!(has["CapAmb"], "0".repeat(TWO.len()));
}

/// Files that are not the user's below `directory`.
fn of_others(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { of_others(&path) } else { vec![path] });
    all.filter(|path| fs::symlink_metadata(path).unwrap().uid() != USER).collect()
}

fn config(lab: &Lab) -> AgentConfig {
    AgentConfig { group: GROUP.to_owned(), ..AgentConfig::new(lab).with_v6() }
}

/// Probes, a switch, sysctls, the state on disk: all that an agent does.
fn assert_works(agent: &mut Agent, lab: &Lab) {
    let answered = |status: &Status| {
        let families = status.links.iter().flat_map(|link| [&link.families.v4, &link.families.v6]);
        families.flatten().flat_map(|path| &path.targets).all(|target| target.rtt_ms.is_some())
    };
    healthy_with(agent, "fiber");
    agent.wait_for("answers of all targets", DEADLINE, answered).unwrap();
    for interface in ["fiber0", "lte0"] {
        let key = format!("ipv4/conf/{interface}/ignore_routes_with_linkdown");
        assert_eq!(lab.gateway.sysctl(&key).unwrap(), "1");
    }
    lab.uplinks[0].black_hole().unwrap();
    assert_eq!(link(&moved_to(agent, "lte"), "fiber").verdict, Verdict::Failed);
    lab.uplinks[0].restore().unwrap();
    healthy_with(agent, "lte");
    agent.force("fiber", Some(600)).unwrap();
    moved_to(agent, "fiber");
    agent.kill().unwrap();
    agent.start_again().unwrap();
    let status = agent.wait_for("the lease again", DEADLINE, |status| status.forced.is_some()).unwrap();
    assert_eq!(uplink(&status), Some("fiber"));
    let denied = |warning: &&String| warning.contains("denied") || warning.contains("permitted");
    // In a bare container the device of the canary's interface is root's; udev gives it to everybody.
    let warnings = status.warnings.iter().filter(|warning| !warning.contains("canary"));
    assert_eq!(warnings.filter(denied).collect::<Vec<_>>(), Vec::<&String>::new());
}

fn assert_gives_everything_back(agent: &mut Agent, lab: &Lab, before: &(String, String)) {
    assert!(agent.command(&["stop", "--restore"]).output().unwrap().status.success());
    wait_until("the agent's end", || agent.ended().unwrap().is_some());
    assert_eq!(&look(lab), before);
    assert_eq!(of_others(&agent.home().join("state")), Vec::<PathBuf>::new());
}

/// What the kernel holds that could be ours.
fn look(lab: &Lab) -> (String, String) {
    (format!("{:?}", all_routes(lab)), format!("{:?}", rules(lab)))
}

#[test]
fn a_service_with_a_user_and_two_rights_does_all_its_work() {
    let test = "a_service_with_a_user_and_two_rights_does_all_its_work";
    let Some(_turn) = enter_or_reexec(test) else { return };
    if !has_users(test) {
        return;
    }
    let lab = two_uplinks(true);
    let before = look(&lab);
    let (user, group) = (USER.to_string(), GROUP_NUMBER.to_string());
    let rights = "-all,+net_admin,+net_raw";
    let service = program().by(&[
        "setpriv",
        "--reuid",
        &user,
        "--regid",
        &user,
        "--groups",
        &group,
        "--inh-caps",
        rights,
        "--ambient-caps",
        rights,
        "--bounding-set",
        rights,
        "--no-new-privs",
    ]);
    let mut agent = Agent::start_at_home(&service, &lab.gateway, &config(&lab), give_to_user).unwrap();
    healthy_with(&agent, "fiber");
    assert_has_two_rights_alone(&agent, USER);
    assert_works(&mut agent, &lab);
    assert_gives_everything_back(&mut agent, &lab, &before);
}

#[test]
fn started_by_root_it_works_as_the_owner_of_the_state_and_leaves_nothing_that_is_roots() {
    let test = "started_by_root_it_works_as_the_owner_of_the_state_and_leaves_nothing_that_is_roots";
    let Some(_turn) = enter_or_reexec(test) else { return };
    if !has_users(test) {
        return;
    }
    let lab = two_uplinks(true);
    let before = look(&lab);
    let mut agent = Agent::start_at_home(&program(), &lab.gateway, &config(&lab), give_to_user).unwrap();
    healthy_with(&agent, "fiber");
    assert_has_two_rights_alone(&agent, USER);

    // The socket is the user's and the group's. A member is answered, a stranger is not.
    let socket = fs::metadata(agent.socket()).unwrap();
    assert_eq!((socket.uid(), socket.gid(), socket.mode() & 0o777), (USER, GROUP_NUMBER, 0o660));
    assert_eq!(asked_by(&agent, &lab, &[GROUP_NUMBER]).status.code(), Some(0));
    assert_eq!(asked_by(&agent, &lab, &[]).status.code(), Some(4));
    // Nor where the files would let him through: then the agent looks at who he is.
    fs::set_permissions(agent.socket(), Permissions::from_mode(0o666)).unwrap();
    let refused = asked_by(&agent, &lab, &[]);
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("only root and the members of the group"), "{said}");

    assert_works(&mut agent, &lab);
    // Without an agent it is root who cleans up, with the state of the user.
    agent.kill().unwrap();
    assert_gives_everything_back(&mut agent, &lab, &before);
}

#[test]
fn an_agent_of_roots_keeps_two_rights_alone() {
    let test = "an_agent_of_roots_keeps_two_rights_alone";
    let Some(_turn) = enter_or_reexec(test) else { return };
    let lab = two_uplinks(false);
    let agent = settled(&lab, &AgentConfig::new(&lab));
    let user = fs::metadata("/proc/self").unwrap().uid();
    assert_has_two_rights_alone(&agent, user);
}

#[test]
fn nobody_reaches_it_over_the_network() {
    let Some(_turn) = enter_or_reexec("nobody_reaches_it_over_the_network") else { return };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab).with_v6());
    for table in ["tcp", "tcp6"] {
        // As the kernel tells it of the agent's own network (proc_net(5)): the fourth field of a socket that listens is 0A.
        let sockets = fs::read_to_string(format!("/proc/{}/net/{table}", agent.process())).unwrap();
        let listening: Vec<_> =
            sockets.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A")).collect();
        assert_eq!(listening, Vec::<&str>::new(), "{table}");
    }
}

/// What `shunt status` says to a stranger who is in `groups`.
fn asked_by(agent: &Agent, lab: &Lab, groups: &[u32]) -> Output {
    // Where the program lies the stranger may have no way to it.
    let copy = agent.home().join("program");
    fs::copy(env!("CARGO_BIN_EXE_lab"), &copy).unwrap();
    let stranger = STRANGER.to_string();
    let groups =
        if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={}", groups[0]) };
    let asking = Program::lab(copy).by(&["setpriv", "--reuid", &stranger, "--regid", &stranger, &groups]);
    let mut command: Command = asking.command(&lab.gateway);
    command.arg("status").arg("--socket").arg(agent.socket()).output().unwrap()
}
