//! Looks, configs and a report for the tests of this module.

use super::look::Look;
use super::report::{Count, Gateway, McuIs, ModemIs, Report};
use super::step::{Done, Figure, Verdict, Way};
use crate::api::modem::ModemStatus;
use crate::api::types::Status;
use serde::de::DeserializeOwned;
use shunt_config::Config;
use std::path::Path;
use std::time::Duration;

const PAGE: &str = include_str!("../../API.md");

fn documented<T: DeserializeOwned>(name: &str) -> T {
    let begin = format!("```json {name}\n");
    let json = PAGE.split(&begin).nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    serde_json::from_str(json).unwrap()
}

pub(crate) fn config(text: &str) -> Config {
    shunt_config::parse(&format!("targets = [\"198.51.100.1\"]\n{text}"), Path::new("test.toml")).unwrap()
}

/// The documented gateway with everything in order: fiber is the uplink, LTE stands by, the MCU guards.
pub(crate) fn look() -> Look {
    let mut status: Status = documented("status");
    let well = status.links[1].families.v4.clone();
    for link in &mut status.links {
        link.families.v4.clone_from(&well);
        link.verdict = crate::api::types::Verdict::Healthy;
        link.reason = "all 2 targets answer".into();
    }
    status.uplink.v4 = Some("fiber".into());
    status.forced = None;
    status.incidents.clear();
    let modem: ModemStatus = documented("modem");
    Look {
        status: Some(status),
        events: Vec::new(),
        own_lease: false,
        modems: vec![modem],
        mcu: Some(documented("mcu")),
        boot: Some("one".into()),
        up: Duration::from_secs(1_000),
    }
}

pub(super) fn report() -> Report {
    let steps = vec![
        Done {
            step: "link:fiber".into(),
            what: "You pull the cable of fiber (eth0) and plug it in again; users' traffic moves to another link and back.".into(),
            way: Some(Way::Real),
            verdict: Verdict::Passed,
            why: Vec::new(),
            figures: vec![
                Figure::new("failure detected (IPv4)", 0.31, None),
                Figure::new("traffic flows again (IPv4)", 41.2, Some(Duration::from_secs(1))),
            ],
            notes: vec!["incident 1: no carrier on eth0".into()],
            at: "2026-01-02T03:05:00.000Z".into(),
            took_s: 96,
        },
        Done {
            step: "restart".into(),
            what: "The MCU asks the gateway to shut down, and resets it; all traffic stops until it has booted.".into(),
            way: None,
            verdict: Verdict::Skipped,
            why: vec!["the site is in use".into()],
            figures: Vec::new(),
            notes: Vec::new(),
            at: "2026-01-02T03:06:36.000Z".into(),
            took_s: 0,
        },
    ];
    Report {
        version: "0.1.0".into(),
        gateway: Gateway {
            hostname: "gw-17".into(),
            machine_id: Some("0123456789abcdef0123456789abcdef".into()),
            kernel: "6.6.1".into(),
            architecture: "aarch64".into(),
            agent: Some("0.1.0".into()),
            config: "/etc/shunt/shunt.toml".into(),
            config_sha256: super::digest(b"targets = []\n"),
            modems: vec![ModemIs {
                name: "lte".into(),
                manufacturer: Some("Quectel".into()),
                model: Some("EC25".into()),
                revision: Some("EC25EFAR06A06M4G".into()),
                imei: Some("490154203237518".into()),
                iccid: Some("8949020000012345678".into()),
            }],
            mcu: Some(McuIs {
                board: "stm32g030".into(),
                firmware: "0.1.0".into(),
                capabilities: vec!["modem_rail".into(), "host_reset".into()],
            }),
        },
        started: "2026-01-02T03:04:00.000Z".into(),
        written: "2026-01-02T03:06:36.000Z".into(),
        whole: true,
        verdict: Verdict::Passed,
        count: Count::of(&steps),
        steps,
        signed_by: Some("Ada Lovelace".into()),
    }
}
