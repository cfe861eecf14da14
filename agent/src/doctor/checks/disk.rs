//! The state directory: leases, modems' records and old sysctl values must survive a restart.

use super::super::facts::{Disk, Facts};
use super::super::finding::{Check, Finding};
use shunt_config::Config;

const CHECK: Check = Check::Disk;
/// What the state takes beside the recording: incidents, leases, records of modems; each is written anew beside the old.
const STATE: u64 = 1024 * 1024;
/// Files that the state takes: those of the recording's ring, and two dozen others.
const FILES: u64 = 64;
/// Kinds of file systems that are gone with the power.
const VOLATILE: [&str; 2] = ["tmpfs", "ramfs"];

pub(super) fn check(config: &Config, facts: &Facts) -> Vec<Finding> {
    let disk = match &facts.disk {
        Some(Ok(disk)) => disk,
        Some(Err(why)) => return vec![Finding::unread(CHECK, "the state directory", why)],
        None => return Vec::new(),
    };
    let mut found = Vec::new();
    let place = disk.directory.display();
    if disk.read_only {
        found.push(Finding::fault(
            CHECK,
            format!("{place} is on a file system that takes no writes: leases, incidents and modems' records are lost."),
            "Set [agent] state_dir to a place that is writable and survives a restart, such as an overlay or a data partition.",
        ));
    } else if !disk.writable {
        let verb = if disk.exists { "written" } else { "made" };
        let finding = Finding::not_checked(
            CHECK,
            "whether the agent may write its state",
            &format!("this user may not: {place} cannot be {verb} by it"),
            Some("Run this as root."),
        );
        found.push(Finding { denied: true, ..finding });
    }
    found.extend(space(config, disk));
    if let Some(kind) = disk.kind.as_deref().filter(|kind| VOLATILE.contains(kind)) {
        found.push(Finding::warning(
            CHECK,
            format!("{place} is on a {kind}: what is kept there is gone after a reboot, leases and the counts of modem resets with it."),
            "Set [agent] state_dir to a place on the flash; in the steady state nothing but the recording is written.",
        ));
    }
    if found.is_empty() {
        let free = disk.free / (1024 * 1024);
        found.push(Finding::ok(CHECK, format!("{place} can be written, and has {free} MiB left.")));
    }
    found
}

fn space(config: &Config, disk: &Disk) -> Option<Finding> {
    let recording = if config.recording.enabled { config.recording.size } else { 0 };
    // What is recorded already needs no more room.
    let needed = recording.saturating_sub(disk.recorded).saturating_add(STATE);
    if disk.free >= needed && disk.free_files >= FILES {
        return None;
    }
    let left = if disk.free < needed {
        format!("{} KiB", disk.free / 1024)
    } else {
        format!("{} files", disk.free_files)
    };
    let what = format!(
        "{} has {left} left, and the recording and the state take up to {} KiB more.",
        disk.directory.display(),
        needed / 1024
    );
    Some(Finding::warning(CHECK, what, "Make room there, or set a smaller [recording] size."))
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::Unread;
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    #[test]
    fn what_is_wrong_with_the_state_directory_is_told() {
        for (spoil, level, said) in [
            ((|disk| disk.read_only = true) as fn(&mut Disk), Level::Fault, "takes no writes"),
            (|disk| disk.writable = false, Level::NotChecked, "this user may not"),
            (|disk| disk.free = 4 << 20, Level::Warning, "4096 KiB left"),
            (|disk| disk.free_files = 3, Level::Warning, "3 files left"),
            (|disk| disk.kind = Some("tmpfs".to_owned()), Level::Warning, "gone after a reboot"),
        ] {
            let mut facts = facts();
            if let Some(Ok(disk)) = &mut facts.disk {
                spoil(disk);
            }
            found(&check(&config(""), &facts), CHECK, level, said);
        }
        let mut small = facts();
        if let Some(Ok(disk)) = &mut small.disk {
            (disk.free, disk.recorded) = (3 << 20, 4 << 20);
        }
        found(&check(&config(""), &small), CHECK, Level::Ok, "");
        let mut facts = facts();
        facts.disk = Some(Err(Unread::Failed("it is gone".to_owned())));
        found(&check(&config(""), &facts), CHECK, Level::NotChecked, "it is gone");
    }
}
