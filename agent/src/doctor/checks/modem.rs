//! The modems of the config: there, not in the hands of another program, and their secrets kept.

use super::super::facts::{Facts, ModemFacts, Secret, SecretState};
use super::super::finding::{Check, Finding};
use shunt_config::Config;

const CHECK: Check = Check::Modem;
/// The name that this program has as a process.
const OURS: &str = "shunt";

pub(super) fn check(_: &Config, facts: &Facts) -> Vec<Finding> {
    let of = |modem: &ModemFacts| {
        of_modem(modem, facts).into_iter().map(|found| found.about(&modem.name)).collect::<Vec<_>>()
    };
    facts.modems.iter().flat_map(of).collect()
}

fn of_modem(modem: &ModemFacts, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    match &modem.ports {
        Ok(ports) if ports.is_empty() => found.push(Finding::fault(
            CHECK,
            "It is not there: no port of it was found.",
            "See whether it has power and is plugged in (`lsusb`), whether its driver is loaded (option, qmi_wwan, \
             cdc_acm), and whether `usb`, `path`, `imei` or `port` of the modem is right.",
        )),
        Ok(_) => {}
        Err(why) => found.push(Finding::unread(CHECK, "its ports", why)),
    }
    let others = modem.holders.iter().filter(|holder| holder.name != OURS);
    for holder in others {
        let ports = format!("{} has {} open (process {})", holder.name, holder.port.display(), holder.pid);
        let mend = if holder.name == "ModemManager" {
            leave_alone(modem, facts)
        } else {
            format!("Stop {}: a modem's port is for one program alone.", holder.name)
        };
        // By its IMEI alone it cannot be told whose ports these are.
        let finding = if modem.by_imei {
            Finding::warning(CHECK, format!("{ports}, and it may be this modem's."), mend)
        } else {
            Finding::fault(CHECK, format!("{ports}: commands and answers of both would be mixed up."), mend)
        };
        found.push(finding);
    }
    if modem.holders.is_empty() && facts.programs.runs("ModemManager") {
        let mend = leave_alone(modem, facts);
        found.push(Finding::warning(
            CHECK,
            "ModemManager runs: it opens the ports of each modem that appears.",
            mend,
        ));
    }
    if modem.hidden {
        let why = "the open files of some processes are hidden from this user";
        let finding = Finding::not_checked(
            CHECK,
            "whether another program has its ports open",
            why,
            Some("Run this as root."),
        );
        found.push(Finding { denied: true, ..finding });
    }
    found.extend(modem.secrets.iter().filter_map(secret));
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "It is there, and no other program has it."));
    }
    found
}

/// How ModemManager is kept off a modem.
fn leave_alone(modem: &ModemFacts, facts: &Facts) -> String {
    if !facts.machine.systemd {
        return "Stop it (`/etc/init.d/modemmanager stop`, and `disable`).".to_owned();
    }
    let vendor = modem.usb.map_or_else(|| "…".to_owned(), |(vendor, _)| format!("{vendor:04x}"));
    let product = modem.usb.map(|(_, product)| format!("ATTRS{{idProduct}}==\"{product:04x}\", "));
    format!(
        "Stop it (`systemctl disable --now ModemManager`), or have it leave the modem alone by a rule of udev: \
         `ATTRS{{idVendor}}==\"{vendor}\", {}ENV{{ID_MM_DEVICE_IGNORE}}=\"1\"`.",
        product.unwrap_or_default()
    )
}

fn secret(secret: &Secret) -> Option<Finding> {
    let file = secret.file.display();
    let give = format!("`chgrp shunt {file}; chmod 640 {file}`");
    match &secret.state {
        SecretState::Kept => None,
        SecretState::Open => Some(Finding::warning(
            CHECK,
            format!("Everybody on this machine may read the secret in {file}."),
            if secret.of_root {
                format!("Let only its owner read it: `chmod 600 {file}`.")
            } else {
                format!("Let only the agent's group read it: {give}.")
            },
        )),
        SecretState::Unreachable(user) => Some(Finding::fault(
            CHECK,
            format!("The agent (the user {user}) may not read the secret in {file}."),
            format!("Give it to the agent's group: {give}."),
        )),
        SecretState::Unreadable(why) => Some(Finding::fault(
            CHECK,
            format!("The file {file} cannot be looked at ({why})."),
            "Write it, or correct pin_file, password_file or secret_file of the modem.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::facts::{Holder, Process, Unread};
    use super::super::super::finding::Level;
    use super::super::super::testing::{config, facts, found};
    use super::*;

    fn sound() -> ModemFacts {
        ModemFacts {
            name: "lte".to_owned(),
            ports: Ok(vec!["/dev/ttyUSB2".into()]),
            by_imei: false,
            usb: None,
            holders: Vec::new(),
            hidden: false,
            secrets: vec![Secret { file: "/etc/shunt/pin".into(), state: SecretState::Kept, of_root: false }],
        }
    }

    fn with(modem: ModemFacts) -> Vec<Finding> {
        let mut facts = facts();
        facts.modems = vec![modem];
        check(&config(""), &facts)
    }

    #[test]
    fn what_is_wrong_with_a_modem_is_told() {
        found(&with(sound()), CHECK, Level::Ok, "lte");
        let held = |name: &str| vec![Holder { pid: 9, name: name.to_owned(), port: "/dev/ttyUSB2".into() }];
        found(&with(ModemFacts { holders: held("shunt"), ..sound() }), CHECK, Level::Ok, "");
        found(&with(ModemFacts { ports: Ok(Vec::new()), ..sound() }), CHECK, Level::Fault, "It is not there");
        let manager = ModemFacts { holders: held("ModemManager"), ..sound() };
        found(&with(manager.clone()), CHECK, Level::Fault, "ModemManager has /dev/ttyUSB2 open (process 9)");
        found(
            &with(ModemFacts { by_imei: true, ..manager }),
            CHECK,
            Level::Warning,
            "it may be this modem's",
        );
        found(&with(ModemFacts { holders: held("minicom"), ..sound() }), CHECK, Level::Fault, "Stop minicom");
        found(
            &with(ModemFacts { hidden: true, ..sound() }),
            CHECK,
            Level::NotChecked,
            "hidden from this user",
        );
        let unread = Err(Unread::Failed("it failed".to_owned()));
        found(&with(ModemFacts { ports: unread, ..sound() }), CHECK, Level::NotChecked, "its ports");
        let secret = |state, of_root| vec![Secret { file: "/etc/shunt/pin".into(), state, of_root }];
        found(
            &with(ModemFacts { secrets: secret(SecretState::Open, true), ..sound() }),
            CHECK,
            Level::Warning,
            "chmod 600 /etc/shunt/pin",
        );
        // Its service runs it as the user shunt, who could not read what is root's alone.
        found(
            &with(ModemFacts { secrets: secret(SecretState::Open, false), ..sound() }),
            CHECK,
            Level::Warning,
            "`chgrp shunt /etc/shunt/pin; chmod 640 /etc/shunt/pin`",
        );
        found(
            &with(ModemFacts { secrets: secret(SecretState::Unreachable(990), false), ..sound() }),
            CHECK,
            Level::Fault,
            "`chgrp shunt /etc/shunt/pin; chmod 640 /etc/shunt/pin`",
        );
        let gone = SecretState::Unreadable("no such file".to_owned());
        found(
            &with(ModemFacts { secrets: secret(gone, false), ..sound() }),
            CHECK,
            Level::Fault,
            "no such file",
        );
    }

    #[test]
    fn a_modem_manager_that_has_not_found_it_yet_is_told() {
        let mut facts = facts();
        facts.modems = vec![sound()];
        let process = Process { pid: 9, name: "ModemManager".to_owned(), args: Vec::new() };
        facts.programs.processes = Ok(vec![process]);
        found(&check(&config(""), &facts), CHECK, Level::Warning, "ModemManager runs");
        facts.modems[0].usb = Some((0x2c7c, 0x0125));
        let rule = "`ATTRS{idVendor}==\"2c7c\", ATTRS{idProduct}==\"0125\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"`";
        found(&check(&config(""), &facts), CHECK, Level::Warning, rule);
        facts.machine.systemd = false;
        found(&check(&config(""), &facts), CHECK, Level::Warning, "`/etc/init.d/modemmanager stop`");
    }
}
