//! `agent/API.md` is the contract: its examples are read and written back unchanged.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shunt::api::mcu::{McuLogEntry, McuStatus};
use shunt::api::modem::{AtAnswer, ModemStatus, ShortMessage};
use shunt::api::types::{HostReset, ResetBy, Status};
use shunt::api::wire::{Done, ErrorCode, EventKind, Line, Request};

const PAGE: &str = include_str!("../API.md");

fn example(name: &str) -> &'static str {
    let begin = format!("```json {name}\n");
    PAGE.split(&begin).nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

/// Reads the example as `T`, and proves that nothing of it is lost, renamed or added.
fn unchanged<T: DeserializeOwned + Serialize>(json: &str) -> T {
    let typed: T = serde_json::from_str(json).unwrap();
    let before: Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), before);
    typed
}

#[test]
fn the_status_is_as_documented() {
    let status: Status = unchanged(example("status"));
    assert_eq!(status.links.len(), 2);
}

#[test]
fn the_event_and_the_error_are_as_documented() {
    let Line::Event(event) = unchanged::<Line<Done>>(example("event")) else { panic!("no event") };
    assert_eq!(event.kind, EventKind::Uplink);
    let Line::Error(error) = unchanged::<Line<Done>>(example("error")) else { panic!("no error") };
    assert_eq!(error.code, ErrorCode::UnknownLink);
}

#[test]
fn modems_are_as_documented() {
    let modem: ModemStatus = unchanged(example("modem"));
    assert_eq!(modem.cells.len(), 1);
    assert!(unchanged::<AtAnswer>(example("at")).ok);
    assert_eq!(unchanged::<ShortMessage>(example("message")).text, "hello");
}

#[test]
fn the_watchdog_mcu_is_as_documented() {
    let mcu: McuStatus = unchanged(example("mcu"));
    assert!(mcu.state.is_some_and(|state| state.modem_power));
    assert_eq!(unchanged::<McuLogEntry>(example("mcu_log")).what, "host_reset");
    assert_eq!(unchanged::<HostReset>(example("host_reset")).by, ResetBy::Mcu);
}

#[test]
fn the_requests_are_as_documented() {
    let requests: Vec<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(request, _)| request)
        .collect();
    assert_eq!(requests.len(), 19, "{requests:?}");
    for request in requests {
        unchanged::<Request>(request);
    }
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    let table = [
        (
            r#"{"command":"force","link":"lte"}"#,
            Request::Force { link: "lte".into(), for_s: None, strict: false },
        ),
        (r#"{"command":"events"}"#, Request::Events { follow: false }),
        (r#"{"command":"stop"}"#, Request::Stop { restore: false }),
    ];
    for (line, request) in table {
        assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
    }
}

#[test]
fn a_newer_daemons_words_are_understood_as_far_as_possible() {
    let line = r#"{"event":{"number":1,"at":"x","kind":"eclipse","moon":true,"text":"dark"}}"#;
    let Line::Event(event) = serde_json::from_str::<Line<Done>>(line).unwrap() else { panic!("no event") };
    assert_eq!((event.kind, event.text.as_str()), (EventKind::Other, "dark"));
    let line = r#"{"error":{"code":"eclipse","message":"dark"}}"#;
    let Line::Error(error) = serde_json::from_str::<Line<Done>>(line).unwrap() else { panic!("no error") };
    assert_eq!(error.code, ErrorCode::Other);
}
