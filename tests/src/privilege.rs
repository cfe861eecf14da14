//! The right to make network namespaces: root has it, an ordinary user gets it in a user namespace.

use crate::error::{LabError, Result};
use crate::sys;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The exit code of a program that may not make namespaces (`EX_NOPERM` of `sysexits.h`).
pub const EXIT_NOT_PERMITTED: u8 = 77;
/// Set to `1`, tests in namespaces are skipped, and say so.
pub const SKIP_VARIABLE: &str = "SHUNT_SKIP_NETNS";
/// Marks the copy of a test process that runs inside a user namespace.
const INSIDE_VARIABLE: &str = "SHUNT_LAB_INSIDE";
/// `CAP_SYS_ADMIN` in the capability sets of `/proc/self/status`.
const SYS_ADMIN: u32 = 21;

/// Gives the calling process the right to make namespaces. To be called before any thread is started.
///
/// # Errors
/// Where the system forbids it; the message says which setting does, and how to mend it.
pub fn enter() -> Result<()> {
    if has_sys_admin() {
        return Ok(());
    }
    let (uid_map, gid_map) = maps();
    become_namespace_root(&uid_map, &gid_map).map_err(|error| LabError::NotPermitted(explain(&error)))
}

/// Tests in namespaces run one at a time, because their times matter; save those that mostly wait.
static TURNS: RwLock<()> = RwLock::new(());

/// A test may go on while it holds this.
#[derive(Debug)]
pub struct Turn {
    _guard: Guard,
}

#[derive(Debug)]
#[allow(dead_code)] // they are held, and never looked at
enum Guard {
    Alone(RwLockWriteGuard<'static, ()>),
    Beside(RwLockReadGuard<'static, ()>),
}

/// Gives a test the right to make namespaces. `None`: the test is done already, because it ran in a copy of this
/// process inside a user namespace (libtest has threads, and a threaded process may not enter one itself), or
/// because `SHUNT_SKIP_NETNS=1` asked to skip it.
///
/// `test` is the full name of the test, as `cargo test -- --exact` wants it.
///
/// # Panics
/// When the copy failed, or where namespaces are impossible: a test must not pass unseen.
#[must_use]
pub fn enter_or_reexec(test: &str) -> Option<Turn> {
    enter_as(test, || Guard::Alone(TURNS.write().unwrap_or_else(PoisonError::into_inner)))
}

/// The same for a test that mostly waits, and whose result does not hang on milliseconds: it runs beside others of its kind.
///
/// # Panics
/// As [`enter_or_reexec`].
#[must_use]
pub fn enter_or_reexec_beside(test: &str) -> Option<Turn> {
    enter_as(test, || Guard::Beside(TURNS.read().unwrap_or_else(PoisonError::into_inner)))
}

#[allow(clippy::panic, clippy::print_stdout)] // it belongs to tests, although it stands in the library
fn enter_as(test: &str, wait: impl FnOnce() -> Guard) -> Option<Turn> {
    if std::env::var_os(SKIP_VARIABLE).is_some_and(|value| value == "1") {
        println!("{test} is skipped, because {SKIP_VARIABLE}=1");
        return None;
    }
    let turn = Turn { _guard: wait() };
    if has_sys_admin() || std::env::var_os(INSIDE_VARIABLE).is_some() {
        return Some(turn);
    }
    match run_inside(test) {
        Ok(status) if status.success() => None,
        Ok(status) => panic!("{test} failed inside its user namespace ({status})"),
        Err(error) => panic!("failed to make network namespaces: {}", explain(&error)),
    }
}

/// Runs one test of this test binary in a copy of the process, inside a user namespace.
fn run_inside(test: &str) -> io::Result<std::process::ExitStatus> {
    let (uid_map, gid_map) = maps();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(INSIDE_VARIABLE, "1");
    before_exec(&mut command, move || become_namespace_root(&uid_map, &gid_map));
    command.status()
}

/// Has `action` run between fork and exec.
#[allow(unsafe_code)]
pub(crate) fn before_exec(
    command: &mut Command,
    action: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: the actions of this crate make system calls on data that was prepared before; they neither allocate
    // nor take locks.
    unsafe { command.pre_exec(action) };
}

/// Enters a user and a network namespace, in which this user is root. Allocates nothing.
fn become_namespace_root(uid_map: &str, gid_map: &str) -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWUSER)?;
    sys::write_file(c"/proc/self/setgroups", b"deny")?;
    sys::write_file(c"/proc/self/uid_map", uid_map.as_bytes())?;
    sys::write_file(c"/proc/self/gid_map", gid_map.as_bytes())?;
    sys::unshare(libc::CLONE_NEWNET)
}

fn maps() -> (String, String) {
    let (user, group) = sys::user_and_group();
    (format!("0 {user} 1\n"), format!("0 {group} 1\n"))
}

fn has_sys_admin() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set & (1 << SYS_ADMIN) != 0)
}

/// Why user namespaces are refused here, and what to do: by the settings that are known to do it.
fn explain(error: &io::Error) -> String {
    let setting = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let is = |path: &str, value: &str| setting(path).as_deref() == Some(value);
    if is("/proc/sys/user/max_user_namespaces", "0") {
        "the system allows no user namespaces. Run as root, or set user.max_user_namespaces=1000 by sysctl."
            .into()
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "the system allows user namespaces to root only. Run as root, or set kernel.unprivileged_userns_clone=1 by \
         sysctl."
            .into()
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "AppArmor takes the rights away from user namespaces. Run as root, or set \
         kernel.apparmor_restrict_unprivileged_userns=0 by sysctl."
            .into()
    } else {
        format!(
            "the system refuses user namespaces ({error}). Run as root; in a container, allow the call unshare and \
             the capability SYS_ADMIN (docker run --privileged)."
        )
    }
}
