//! The SIM's PIN, and the data that it may carry, with the real agent and its disk.

use crate::bench::{Attached, DEADLINE, Gateway, on_lte, says};
use crate::common::monitor::wait_until;
use crate::common::{link, moved_to, probed, uplink};
use shunt::api::modem::Readiness;
use shunt::api::types::Verdict;
use shunt_lab::enter_or_reexec_beside;
use shunt_lab::modem::{Card, Profile};

/// A modem whose card asks for 4711.
fn locked() -> Profile {
    Profile { cards: [Some(Card::with_pin("4711")), None], ..Profile::plain() }
}

#[test]
fn a_locked_card_is_given_its_pin_once_and_again_only_after_it_lost_its_supply() {
    let test = "sims::a_locked_card_is_given_its_pin_once_and_again_only_after_it_lost_its_supply";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let mut gateway = Gateway::new(locked(), Attached::Line, "");
    gateway.name_pin("4711\n");
    let mut agent = gateway.ready();
    assert_eq!(gateway.act(|modem, _| modem.counts().pins), 1);
    agent.terminate().unwrap();
    agent.start_again().unwrap();
    gateway.stands_by(&agent);
    assert_eq!(gateway.act(|modem, _| modem.counts().pins), 1, "the card was open");
    gateway.act(|modem, now| modem.set_power(false, now));
    gateway.is(&agent, Readiness::NoModem);
    gateway.act(|modem, now| modem.set_power(true, now));
    gateway.stands_by(&agent);
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.pins, counts.wrong_pins), (2, 0));
}

#[test]
fn a_wrong_pin_is_given_once_ever_and_the_operator_is_told() {
    let Some(_turn) = enter_or_reexec_beside("sims::a_wrong_pin_is_given_once_ever_and_the_operator_is_told")
    else {
        return;
    };
    let mut gateway = Gateway::new(locked(), Attached::Line, "");
    gateway.name_pin("1111\n");
    let mut agent = gateway.start();
    for restart in [true, false] {
        let shown = gateway.is(&agent, Readiness::Failed);
        assert!(shown.trouble.as_deref().is_some_and(|trouble| trouble.contains("PIN")), "{shown:?}");
        let status = agent.wait_for("the warning", DEADLINE, |status| {
            status
                .warnings
                .iter()
                .any(|warning| warning.starts_with("modem lte: ") && warning.contains("PIN"))
        });
        status.unwrap();
        let counts = gateway.act(|modem, _| modem.counts());
        assert_eq!((counts.pins, counts.wrong_pins), (1, 1));
        if restart {
            agent.kill().unwrap();
            gateway.act(|modem, now| modem.set_power(false, now));
            gateway.act(|modem, now| modem.set_power(true, now));
            agent.start_again().unwrap();
        }
    }
    // The operator gives it by hand: the same is not given again, the right one is.
    let file = agent.config_file().with_file_name("given");
    let given = file.to_str().unwrap();
    std::fs::write(&file, "1111\n").unwrap();
    let refused = agent.command(&["modem", "sim", "--pin-file", given]).output().unwrap();
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && why.contains("was given to this SIM once"), "{why}");
    assert_eq!(gateway.act(|modem, _| modem.counts().pins), 1);
    std::fs::write(&file, "4711\n").unwrap();
    assert!(says(&agent, &["modem", "sim", "--pin-file", given]).contains("is given this PIN once"));
    gateway.stands_by(&agent);
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.pins, counts.wrong_pins), (2, 1));
    assert!(agent.log().contains("modem lte: the PIN was given to SIM"), "{}", agent.log());
    let refused = agent.command(&["modem", "sim", "--pin-file", given]).output().unwrap();
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && why.contains("wants no PIN"), "{why}");
}

/// By a modem that serves DHCP, and counts what it carries by itself.
#[test]
fn a_link_without_data_left_is_spared_and_the_last_resort_and_an_order_goes_before() {
    let test = "sims::a_link_without_data_left_is_spared_and_the_last_resort_and_an_order_goes_before";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let gateway = Gateway::new(Profile::quick(), Attached::Line, "allowance = \"1 MB\"");
    let (gateway, agent) = on_lte(gateway);
    gateway.act(|modem, _| modem.count_traffic(600_000, 600_000));
    let status = moved_to(&agent, "fiber");
    assert_eq!(status.uplink_reason.v4, "the data allowance of lte is used up: it is the last resort");
    assert!(status.incidents.is_empty(), "{:?}", status.incidents);
    let shown = gateway.shows(&agent, "the allowance", |modem| modem.allowance.is_some_and(|it| it.used_up));
    assert!(shown.text.contains("its data allowance is used up"), "{shown:?}");

    // Another core, after a reload, is told so too.
    std::fs::write(agent.config_file(), std::fs::read_to_string(agent.config_file()).unwrap() + "\n")
        .unwrap();
    agent.reload().unwrap();
    wait_until("the reload is told", || agent.log().contains("the new config is in force"));
    let status = agent
        .wait_for("lte healthy again", DEADLINE, |status| link(status, "lte").verdict == Verdict::Healthy);
    assert_eq!(uplink(&status.unwrap()), Some("fiber"));
    let status = probed(&agent, 6);
    assert_eq!(uplink(&status), Some("fiber"), "{}", agent.log());

    agent.force("lte", None).unwrap();
    moved_to(&agent, "lte");
    agent.release().unwrap();
    moved_to(&agent, "fiber");
    gateway.lab.uplinks[0].black_hole().unwrap();
    moved_to(&agent, "lte");
}
