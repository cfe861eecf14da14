//! Other people's programs use the simulated modem as they use real ones: it is no private fiction.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // helpers of tests are tests

mod peers;

use peers::manager::Manager;
use peers::{DEADLINE, modem, run, skipped};
use shunt_lab::modem::{Endpoint, Simulator};
use std::path::{Path, PathBuf};
use std::process::Command;

const MANAGER: [(&str, &str); 3] =
    [("ModemManager", "modemmanager"), ("dbus-daemon", "dbus"), ("gdbus", "libglib2.0-bin")];
const GAMMU: [(&str, &str); 1] = [("gammu", "gammu")];

#[test]
fn modem_manager_registers_connects_and_exchanges_messages() {
    if skipped("modem_manager_registers_connects_and_exchanges_messages", &MANAGER) {
        return;
    }
    let (modem, home) = modem(|home, number| Endpoint::Socket(home.join(format!("at{number}"))));
    let sockets = modem.wait_for_ports(DEADLINE).unwrap();
    let manager = Manager::start(home.path(), &sockets);
    let object = manager.modem();
    manager.ask(&[&object, "org.freedesktop.ModemManager1.Modem.Enable", "true"]);
    // MM_MODEM_STATE_REGISTERED
    manager.wait_for_property(&object, "Modem", "State", "<8>");
    assert!(manager.property(&object, "Modem", "EquipmentIdentifier").contains("001012345678902"));
    assert!(manager.property(&object, "Modem.Modem3gpp", "OperatorCode").contains("26201"));
    assert!(manager.property(&object, "Modem.Modem3gpp", "OperatorName").contains("Shunt Mobile"));
    exchange_messages(&modem, &manager, &object);

    let apn = "{'apn': <'internet'>}";
    manager.ask(&[&object, "org.freedesktop.ModemManager1.Modem.Simple.Connect", apn]);
    // MM_MODEM_STATE_CONNECTED
    manager.wait_for_property(&object, "Modem", "State", "<11>");
    modem.wait_for("a bearer that carries", DEADLINE, |modem, _| modem.bearer().passes).unwrap();
    manager.ask(&[&object, "org.freedesktop.ModemManager1.Modem.Simple.Disconnect", "/"]);
    modem.wait_for("the bearer's end", DEADLINE, |modem, _| modem.bearer().addresses.is_none()).unwrap();
}

fn exchange_messages(modem: &Simulator, manager: &Manager, object: &str) {
    let message = "{'number': <'+491700000009'>, 'text': <'from the host: äöü [€]'>}";
    let created = manager.ask(&[object, "org.freedesktop.ModemManager1.Modem.Messaging.Create", message]);
    let sms = created.split('\'').nth(1).unwrap().to_owned();
    manager.ask(&[&sms, "org.freedesktop.ModemManager1.Sms.Send"]);
    let sent = modem.act(|modem, _| modem.sent().to_vec()).unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("+491700000009", "from the host: äöü [€]"));

    for text in ["to the host: ÄÖÜ", "漢字"] {
        assert!(modem.act(move |modem, now| modem.deliver("+491700000008", text, now)).unwrap());
        let known = manager.ask(&[object, "org.freedesktop.ModemManager1.Modem.Messaging.List"]);
        let received = peers::wait_for(
            "the message at ModemManager",
            || {
                let list = manager.ask(&[object, "org.freedesktop.ModemManager1.Modem.Messaging.List"]);
                let paths: Vec<String> =
                    list.split('\'').filter(|part| part.starts_with('/')).map(str::to_owned).collect();
                paths.into_iter().find(|path| manager.property(path, "Sms", "Text").contains(text))
            },
            || format!("{known}\n{}", manager.log()),
        );
        assert!(manager.property(&received, "Sms", "Number").contains("+491700000008"));
    }
}

#[test]
fn gammu_identifies_registers_and_exchanges_messages() {
    if skipped("gammu_identifies_registers_and_exchanges_messages", &GAMMU) {
        return;
    }
    let (modem, home) = modem(|home, _| Endpoint::Pty(home.to_owned()));
    let ports = modem.wait_for_ports(DEADLINE).unwrap();
    let config = configure(home.path(), &ports[0]);
    modem.wait_for("the registration", DEADLINE, |modem, _| modem.registered()).unwrap();
    let gammu = |arguments: &[&str]| run(Command::new("gammu").arg("-c").arg(&config).args(arguments));

    let identity = gammu(&["identify"]);
    assert!(identity.contains("001012345678902") && identity.contains("EC25"), "{identity}");
    let network = gammu(&["networkinfo"]);
    assert!(network.contains("home network") && network.contains("262"), "{network}");

    gammu(&["sendsms", "TEXT", "+491700000009", "-text", "from gammu"]);
    let sent = modem.act(|modem, _| modem.sent().to_vec()).unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("+491700000009", "from gammu"));

    assert!(modem.act(|modem, now| modem.deliver("+491700000008", "to gammu", now)).unwrap());
    let all = gammu(&["getallsms"]);
    assert!(all.contains("to gammu") && all.contains("+491700000008"), "{all}");
    gammu(&["deleteallsms", "1"]);
}

fn configure(home: &Path, port: &Path) -> PathBuf {
    let config = home.join("gammurc");
    let text = format!("[gammu]\nport = {}\nconnection = at115200\n", port.display());
    std::fs::write(&config, text).unwrap();
    config
}
