//! Messages from end to end: listed and sent by the command line, and orders by SMS that move the uplink and are answered.

use crate::bench::{Attached, DEADLINE, Gateway, says};
use crate::common::monitor::wait_until;
use crate::common::{moved_to, probed, uplink};
use shunt_lab::modem::{Profile, Sent};
use shunt_lab::{Agent, enter_or_reexec_beside};

const ANNA: &str = "+491701234567";
const STRANGER: &str = "+491709999999";

/// Anna's secret, and its codes from the first on (RFC 4226, appendix D).
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";
const CODES: [&str; 5] = ["755224", "287082", "359152", "969429", "338314"];

fn deliver(gateway: &Gateway, from: &'static str, text: String) {
    assert!(gateway.act(move |modem, now| modem.deliver(from, &text, now)));
}

/// Waits until the modem has sent so many messages, and gives them.
fn sent(gateway: &Gateway, agent: &Agent, count: usize) -> Vec<Sent> {
    let enough =
        gateway.modem.wait_for("an answer by SMS", DEADLINE, move |modem, _| modem.sent().len() >= count);
    enough.unwrap_or_else(|error| panic!("{error}\n{}", agent.log()));
    gateway.act(|modem, _| modem.sent().to_vec())
}

#[test]
fn messages_are_listed_once_they_came_and_sent_by_the_command_line() {
    let test = "sms::messages_are_listed_once_they_came_and_sent_by_the_command_line";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let gateway = Gateway::new(Profile::quick(), Attached::Line, "");
    let mut agent = gateway.ready();
    let list = |agent: &Agent| says(agent, &["modem", "sms", "list"]);
    assert!(!list(&agent).contains("bill"));
    deliver(&gateway, STRANGER, "your bill is ready".into());
    wait_until("the message in the list", || list(&agent).contains("your bill is ready"));
    // It is on the disk, and nobody takes it a second time.
    agent.kill().unwrap();
    agent.start_again().unwrap();
    gateway.stands_by(&agent);
    let listed = list(&agent);
    assert!(listed.contains(STRANGER) && listed.matches("your bill is ready").count() == 1, "{listed}");
    assert!(agent.log().contains("got a message from +491709999999"), "{}", agent.log());

    let said = says(&agent, &["modem", "sms", "send", ANNA, "on my way"]);
    assert!(said.contains("the message to +491701234567 is sent"), "{said}");
    let sent = sent(&gateway, &agent, 1);
    assert_eq!((sent.len(), sent[0].to.as_str(), sent[0].text.as_str()), (1, ANNA, "on my way"));
}

#[test]
fn orders_by_sms_move_the_uplink_and_are_answered_and_a_replay_is_refused() {
    let test = "sms::orders_by_sms_move_the_uplink_and_are_answered_and_a_replay_is_refused";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let mut gateway = Gateway::new(Profile::quick(), Attached::Line, "");
    gateway.allow("anna", ANNA, SECRET);
    let agent = gateway.ready();
    let [status, force, release, second, last] = CODES;

    deliver(&gateway, ANNA, format!("status {status}"));
    let answer = sent(&gateway, &agent, 1).remove(0);
    assert!(answer.to == ANNA && answer.text.contains("IPv4 uplink is fiber"), "{answer:?}");
    assert!(answer.text.contains("lte healthy"), "{answer:?}");

    deliver(&gateway, ANNA, format!("Force LTE 30 {force}"));
    let shown = moved_to(&agent, "lte");
    let forced = shown.forced.expect("it is forced");
    assert_eq!(forced.link, "lte");
    let answer = sent(&gateway, &agent, 2).remove(1);
    assert!(answer.to == ANNA && answer.text.contains("lte"), "{answer:?}");
    let log = agent.log();
    assert!(log.contains("\"force LTE 30\" by SMS from anna (+491701234567) is carried out"), "{log}");

    deliver(&gateway, ANNA, format!("release {release}"));
    moved_to(&agent, "fiber");
    assert_eq!(sent(&gateway, &agent, 3).len(), 3);

    // The same once more, as a network may bring it twice, or somebody who read it; then a stranger with the next code.
    deliver(&gateway, ANNA, format!("Force LTE 30 {force}"));
    deliver(&gateway, STRANGER, format!("force lte 30 {second}"));
    deliver(&gateway, ANNA, format!("status {last}"));
    let answers = sent(&gateway, &agent, 4);
    assert!(answers.iter().all(|answer| answer.to == ANNA), "strangers get no answer: {answers:?}");
    assert_eq!(answers.len(), 4, "neither does a code that was used: {answers:?}");
    let status = probed(&agent, 6);
    assert_eq!((uplink(&status), status.forced.as_ref()), (Some("fiber"), None));
    let log = agent.log();
    assert_eq!(log.matches("is carried out").count(), 4, "{log}");
    assert!(log.contains("\"force LTE 30\" by SMS from anna (+491701234567) is refused"), "{log}");
    assert!(log.contains("by SMS from +491709999999 is refused"), "{log}");
    let listed = says(&agent, &["modem", "sms", "list"]);
    for shown in [&log, &listed] {
        assert!(!CODES.iter().any(|code| shown.contains(code)), "no code is shown: {shown}");
    }
}
