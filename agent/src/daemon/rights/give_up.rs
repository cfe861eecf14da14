//! What the agent may do beyond its work it gives up before it begins, whoever started it and however.
//!
//! Two capabilities are kept: CAP_NET_ADMIN for routes, rules, marks, sysctls of interfaces and the canary's interface, and
//! CAP_NET_RAW for raw sockets. Started by root, it works as the owner of the state directory: where the packages made a
//! user for it, that is this one, whoever typed the command, and no file is left behind that the service could not read.
//! Where the state is root's, as on OpenWrt, it stays root without root's powers over other users' files and processes.
//!
//! Rights are the thread's (capabilities(7)): all of this has to come before any thread is started.

use super::accounts::Account;
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid, getgroups};
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

/// What the agent needs.
const KEPT: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// The kernel numbers capabilities below this, which is what its sets have room for.
const MOST_CAPABILITIES: u32 = 64;

/// Mode of the control socket's directory that is made for another user: its group may pass, others may not.
const DIRECTORY_MODE: u32 = 0o750;

/// Where the agent works, which says as whom.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Place<'a> {
    /// It must be there.
    pub(in crate::daemon) state_dir: &'a Path,
    /// The control socket, if it will have one.
    pub(in crate::daemon) socket: Option<&'a Path>,
    /// The control socket's group: only a member may give it away once CAP_CHOWN is gone.
    pub(in crate::daemon) group: Option<u32>,
}

/// A right could not be given up. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum GiveUpError {
    #[error("look at who owns {}: {source}", path.display())]
    Owner { path: PathBuf, source: io::Error },
    #[error("make the directory {} for user {user}: {source}; check [agent] socket", path.display())]
    Directory { path: PathBuf, user: u32, source: io::Error },
    #[error(
        "become user {user}, who owns {}: {source}; run it as that user by the service, or as root with CAP_SETUID and CAP_SETGID",
        directory.display()
    )]
    Become { user: u32, directory: PathBuf, source: io::Error },
    #[error(
        "give up the rights that it does not need: {0}; run it with fewer, or by the service (`systemctl start shunt`)"
    )]
    Capabilities(#[source] io::Error),
}

/// Becomes who works at `place`, and keeps no right but those above, for itself and for whatever it might start.
///
/// # Errors
/// When the kernel refuses a step.
pub(in crate::daemon) fn give_up(place: Place<'_>) -> Result<(), GiveUpError> {
    if geteuid().is_root() {
        let owner = |source| GiveUpError::Owner { path: place.state_dir.to_owned(), source };
        let state = fs::metadata(place.state_dir).map_err(owner)?;
        if state.uid() == 0 {
            join(place.group);
        } else {
            become_user(&Account::of(state.uid(), state.gid()), place)?;
        }
    }
    keep_two().map_err(|errno| GiveUpError::Capabilities(errno.into()))
}

/// Root joins the group that is to have the socket. Where it may not (a user namespace), the socket's making will tell.
fn join(group: Option<u32>) {
    let Some(group) = group.map(Gid::from_raw) else { return };
    let mut groups = getgroups().unwrap_or_default();
    if !groups.contains(&group) {
        groups.push(group);
        let _told_later = thread::set_thread_groups(&groups);
    }
}

fn become_user(account: &Account, place: Place<'_>) -> Result<(), GiveUpError> {
    if let Some(directory) = place.socket.and_then(Path::parent) {
        make_directory(directory, account).map_err(|source| GiveUpError::Directory {
            path: directory.to_owned(),
            user: account.user,
            source,
        })?;
    }
    let mut groups: Vec<_> = account.groups.iter().copied().chain(place.group).map(Gid::from_raw).collect();
    groups.dedup();
    switch(account, &groups).map_err(|errno| GiveUpError::Become {
        user: account.user,
        directory: place.state_dir.to_owned(),
        source: errno.into(),
    })?;
    tracing::info!("works as user {}, who owns {}", account.user, place.state_dir.display());
    Ok(())
}

/// What is there already stays as it is.
fn make_directory(directory: &Path, account: &Account) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(DIRECTORY_MODE).create(directory)?;
    hand_over(directory, account)
}

/// Where it lies in a directory of that user's, this one may have put a link in its place meanwhile: what that leads to stays
/// whose it is.
fn hand_over(directory: &Path, account: &Account) -> io::Result<()> {
    lchown(directory, Some(account.user), Some(account.group))
}

/// The capabilities stay permitted over the change of the user, or they would go with root.
fn switch(account: &Account, groups: &[Gid]) -> Result<(), Errno> {
    thread::set_keep_capabilities(true)?;
    thread::set_thread_groups(groups)?;
    let group = Gid::from_raw(account.group);
    thread::set_thread_res_gid(group, group, group)?;
    let user = Uid::from_raw(account.user);
    thread::set_thread_res_uid(user, user, user)
}

fn keep_two() -> Result<(), Errno> {
    thread::set_no_new_privs(true)?;
    thread::clear_ambient_capability_set()?;
    let held = thread::capabilities(None)?;
    let kept = held.permitted & KEPT;
    // A service that was started with no more may be forbidden even to give up.
    if held.permitted == kept && held.effective == kept {
        return Ok(());
    }
    if held.permitted.contains(CapabilitySet::SETPCAP) {
        narrow_the_bounds(held.permitted)?;
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    thread::set_capabilities(None, sets)
}

/// What a program that root starts would be given anew.
fn narrow_the_bounds(held: CapabilitySet) -> Result<(), Errno> {
    // Having become another user leaves the right permitted but not in effect.
    let sets = CapabilitySets { effective: held, permitted: held, inheritable: CapabilitySet::empty() };
    thread::set_capabilities(None, sets)?;
    for number in 0..MOST_CAPABILITIES {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match thread::capability_is_in_bounding_set(one) {
            Ok(true) if !KEPT.contains(one) => thread::remove_capability_from_bounding_set(one)?,
            Ok(_) => {}
            // There are no more.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Nobody of this machine.
    const USER: u32 = 4_242;

    #[test]
    fn a_directory_is_handed_over_and_what_a_link_in_its_place_leads_to_is_not() {
        let home = tempfile::tempdir().unwrap();
        let (precious, link) = (home.path().join("precious"), home.path().join("run"));
        let own = geteuid().as_raw();
        // Only root of a whole machine can give a file away.
        let user = if std::os::unix::fs::chown(home.path(), Some(USER), None).is_ok() { USER } else { own };
        let account = Account { user, group: rustix::process::getegid().as_raw(), groups: Vec::new() };
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        fs::create_dir(&precious).unwrap();
        symlink(&precious, &link).unwrap();
        hand_over(&link, &account).unwrap();
        assert_eq!((owner(&precious), owner(&link)), (own, user));
        make_directory(&home.path().join("deep/run"), &account).unwrap();
        assert_eq!(owner(&home.path().join("deep/run")), user);
        assert_eq!(owner(&home.path().join("deep")), own);
    }
}
