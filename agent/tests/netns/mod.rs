//! A network namespace of the test's own, with the few requests that build a gateway's links in it.
//!
//! A test never touches the host's network: it runs on a thread that has left it, or, for an ordinary user, in a
//! child process with a user namespace, on a thread that has left it there.

#![allow(dead_code, unreachable_pub, missing_docs, unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

pub mod agent;
pub mod far;
pub mod flows;
pub mod nft;
pub mod pages;
pub mod probes;
pub mod seen;
pub mod wire;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

/// Set in the child that already is where it should be.
const INSIDE: &str = "SHUNT_TEST_INSIDE_USER_NAMESPACE";

/// How long an event is awaited before the test gives up.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `body` in a network namespace of its own, with the loopback up; `test` is the calling test's name.
pub fn within(test: &str, body: impl FnOnce() + Send + 'static) {
    if std::env::var_os("SHUNT_SKIP_NETNS").is_some_and(|value| value == "1") {
        eprintln!("{test} is skipped: SHUNT_SKIP_NETNS=1");
        return;
    }
    // SAFETY: no arguments, no memory.
    if unsafe { libc::geteuid() } == 0 || std::env::var_os(INSIDE).is_some() {
        let leave = move || {
            unshare(libc::CLONE_NEWNET).expect("leave the host's network (is CAP_SYS_ADMIN granted?)");
            wire::Wire::open().up("lo");
            body();
        };
        if let Err(panic) = std::thread::spawn(leave).join() {
            std::panic::resume_unwind(panic);
        }
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    // SAFETY: ids only.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: the closure makes system calls and writes small files; the parent's threads hold no lock it needs.
    unsafe {
        child.pre_exec(move || {
            unshare(libc::CLONE_NEWUSER)?;
            std::fs::write("/proc/self/setgroups", "deny")?;
            std::fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
            std::fs::write("/proc/self/gid_map", format!("0 {group} 1"))
        });
    }
    let status = child.status().unwrap_or_else(|error| {
        panic!("no user namespace for this test ({error}): run as root, allow user namespaces, or set SHUNT_SKIP_NETNS=1")
    });
    assert!(status.success(), "{test} failed in its user namespace");
}

/// Has a command run without the rights to change the network and to send raw packets, whoever starts it.
pub fn without_network_rights(command: &mut Command) {
    const CAP_NET_ADMIN: libc::c_ulong = 12;
    const CAP_NET_RAW: libc::c_ulong = 13;
    let drop = || {
        for right in [CAP_NET_ADMIN, CAP_NET_RAW] {
            // SAFETY: numbers only; the set that bounds the rights of the program that is started next.
            if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, right, 0, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls alone.
    unsafe { command.pre_exec(drop) };
}

fn unshare(what: libc::c_int) -> io::Result<()> {
    // SAFETY: the call changes only the calling thread.
    match unsafe { libc::unshare(what) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes a directory read-only for this thread, in a mount namespace of its own.
pub fn read_only(directory: &str) {
    unshare(libc::CLONE_NEWNS).expect("a mount namespace");
    let kept = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount("/", libc::MS_REC | libc::MS_PRIVATE);
    mount(directory, libc::MS_BIND);
    mount(directory, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY | kept);
}

fn mount(directory: &str, flags: libc::c_ulong) {
    let path = std::ffi::CString::new(directory).unwrap();
    let none = std::ptr::null();
    // SAFETY: a terminated string that lives through the call; the rest is not looked at.
    let result = unsafe { libc::mount(path.as_ptr(), path.as_ptr(), none, flags, none.cast()) };
    assert_eq!(result, 0, "mount {directory}: {}", io::Error::last_os_error());
}
