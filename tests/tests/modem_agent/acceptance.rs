//! `shunt accept` with a modem: it is reset, loses its supply by the MCU's rail, and must carry data again.

use crate::rail::{powered, stand_in};
use crate::supply::behind;
use serde_json::Value;
use shunt_lab::enter_or_reexec_beside;
use shunt_lab::modem::Profile;
use std::process::Stdio;

#[test]
fn a_modem_is_accepted_after_a_reset_and_a_cut_of_its_rail() {
    let test = "acceptance::a_modem_is_accepted_after_a_reset_and_a_cut_of_its_rail";
    let Some(_turn) = enter_or_reexec_beside(test) else { return };
    let (mcu, pins) = stand_in();
    let (gateway, agent) = behind(mcu.1.port(), Profile::quick());
    let report = agent.home().join("report.json");
    let report_name = report.to_str().unwrap();
    let skips = ["gateway=known", "mcu=known", "lamp=dark", "restart=in use"];
    let mut arguments = vec!["accept", "--yes", "all", "--order", "link:fiber", "--report", report_name];
    arguments.extend(skips.iter().flat_map(|skip| ["--skip", *skip]));
    let mut command = agent.command(&arguments);
    let run = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The rail is the modem's supply.
    for expected in [false, true] {
        let power = powered(&pins);
        assert_eq!(power, expected);
        gateway.act(move |modem, now| modem.set_power(power, now));
    }
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert!(report["gateway"]["modems"][0]["imei"].is_string(), "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    for name in ["link:fiber", "link:lte", "modem:lte", "rail:lte"] {
        let step = steps.iter().find(|step| step["step"] == name).unwrap();
        assert_eq!(step["verdict"], "passed", "{step:#}");
    }
    let counts = gateway.act(|modem, _| modem.counts());
    assert_eq!((counts.resets >= 1, counts.power_cuts), (true, 1), "{counts:?}");
    gateway.stands_by(&agent);
    assert!(agent.status().unwrap().forced.is_none());
}
