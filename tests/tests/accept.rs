//! `shunt accept` against a gateway that works, and against one that does not: who answers is a script, who pulls cables is
//! the laboratory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod common;

use common::{DEADLINE, link, program, settled, two_uplinks, uplink};
use serde_json::Value;
use shunt::api::types::{Family, Status, Verdict};
use shunt_lab::mcu::{Seen, Stage, StandIn};
use shunt_lab::{Agent, AgentConfig, Lab, enter_or_reexec};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

const QUICK_BACK: &str = "[failback]\nhold_down = \"1s\"";

/// A run under way.
struct Run {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Run {
    fn start(mut command: Command, arguments: &[&str]) -> Self {
        command
            .arg("accept")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let read = |pipe: Box<dyn std::io::Read + Send>| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines() {
                    let _nobody_waits = sender.send(line.unwrap());
                }
            });
        };
        read(Box::new(child.stdout.take().unwrap()));
        read(Box::new(child.stderr.take().unwrap()));
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line with this in it.
    fn says(&mut self, part: &str) {
        let end = Instant::now() + DEADLINE * 2;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("it does not say {part:?}:\n{}", self.said.join("\n")),
            }
            if self.said.last().unwrap().contains(part) {
                return;
            }
        }
    }

    /// How it ended, and all that it said.
    fn ends(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + DEADLINE * 3;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.said.push(line);
        }
        assert!(Instant::now() < end, "it does not end:\n{}", self.said.join("\n"));
        (self.child.wait().unwrap(), self.said.join("\n"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn accept(agent: &Agent, arguments: &[&str]) -> Run {
    // The command comes before the options that name the config.
    let mut command = agent.command(&[]);
    command.current_dir(agent.home());
    Run::start(command, arguments)
}

fn report(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} in {report:#}"))
}

fn figure(step: &Value, what: &str) -> f64 {
    let figures = step["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["what"].as_str().unwrap().contains(what));
    figure.unwrap_or_else(|| panic!("{what} in {step:#}"))["value_ms"].as_f64().unwrap()
}

/// Pulls the cable when it is asked for, and plugs it in when that is.
fn hands(run: &mut Run, lab: &Lab, name: &str) {
    let uplink = lab.uplink(name).unwrap();
    run.says(&format!("Pull the cable of {name}"));
    uplink.set_carrier(false).unwrap();
    run.says(&format!("Plug the cable of {name}"));
    uplink.set_carrier(true).unwrap();
}

#[test]
fn every_uplink_is_pulled_and_the_report_has_the_daemons_own_numbers() {
    let Some(_turn) = enter_or_reexec("every_uplink_is_pulled_and_the_report_has_the_daemons_own_numbers")
    else {
        return;
    };
    let lab = two_uplinks(true);
    let agent = settled(&lab, &AgentConfig::new(&lab).with_v6().with(QUICK_BACK));
    let path = agent.home().join("report.json");
    let mut run = accept(
        &agent,
        &[
            "--yes",
            "all",
            "--skip",
            "restart=the site is in use",
            "--sign",
            "Ada Lovelace",
            "--report",
            "report.json",
        ],
    );
    hands(&mut run, &lab, "fiber");
    hands(&mut run, &lab, "lte");
    let (status, said) = run.ends();
    println!("{said}\n\n{}", std::fs::read_to_string(path.with_extension("txt")).unwrap());
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(
        said.contains("The gateway is accepted but for what was skipped: 3 passed, 0 failed, 1 skipped."),
        "{said}"
    );
    let report = report(&path);
    assert_eq!((&report["signed_by"], &report["whole"]), (&"Ada Lovelace".into(), &true.into()));
    assert_eq!(step(&report, "restart")["why"][0], "the site is in use");
    // What stands there, the daemon has measured.
    let now = agent.status().unwrap();
    for name in ["fiber", "lte"] {
        let tried = step(&report, &format!("link:{name}"));
        assert_eq!((&tried["verdict"], &tried["way"]), (&"passed".into(), &"real".into()), "{tried:#}");
        let incident = now
            .incidents
            .iter()
            .find(|incident| incident.link.as_deref() == Some(name) && incident.family == Some(Family::V4));
        let incident = incident.unwrap();
        let apart = figure(tried, "traffic flows again (IPv4)") - incident.restored_ms.unwrap();
        assert!(apart.abs() < 0.01, "{apart}");
        assert!(figure(tried, "traffic flows again (IPv6)") > 0.0);
    }
    assert!(figure(step(&report, "link:fiber"), "takes the traffic back") >= 1_000.0);
    // All is as before: no lease, the fiber in use.
    assert_eq!((uplink(&now), &now.forced), (Some("fiber"), &None));
    // The report is as it was written, and a change is seen; the run is over, and the next one would begin anew.
    let verify =
        |path: &Path| agent.command(&["accept", "--verify", path.to_str().unwrap()]).output().unwrap();
    assert!(verify(&path).status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Ada Lovelace", "Charles Babbage")).unwrap();
    let changed = verify(&path);
    assert_eq!(changed.status.code(), Some(1), "{changed:?}");
    assert!(String::from_utf8_lossy(&changed.stderr).contains("was changed since it was written"));
    assert!(!agent.home().join("state/accept.json").exists());
}

#[test]
fn what_takes_too_long_fails_and_what_is_stopped_leaves_nothing_in_force() {
    let Some(_turn) =
        enter_or_reexec("what_takes_too_long_fails_and_what_is_stopped_leaves_nothing_in_force")
    else {
        return;
    };
    let lab = two_uplinks(true);
    let promise = format!("[failover]\nrecovery_time_objective = \"10ms\"\n{QUICK_BACK}");
    let agent = settled(&lab, &AgentConfig::new(&lab).with(&promise));
    let path = agent.home().join("report.json");
    let arguments = ["--yes", "all", "--skip", "restart=in use", "--report", "report.json"];
    let mut run = accept(&agent, &arguments);
    // No answer of the far end comes back within 10 ms here.
    hands(&mut run, &lab, "fiber");
    // The traffic is on the standby now, by the run's lease; then somebody presses Ctrl-C.
    run.says("Pull the cable of lte");
    assert_eq!(agent.status().unwrap().forced.unwrap().link, "lte");
    let stopped = Command::new("/bin/kill").args(["-INT", &run.child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let (status, said) = run.ends();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("2 of 4 steps are over") && said.contains("run this again to go on"), "{said}");
    let released = |status: &Status| status.forced.is_none() && uplink(status) == Some("fiber");
    agent.wait_for("the way back", DEADLINE, released).unwrap();
    assert_eq!(report(&path)["whole"], false);
    // It goes on where it was, with what was judged before.
    let run = accept(&agent, &["--order", "link:lte", "--skip", "restart=in use", "--json"]);
    let (status, said) = run.ends();
    println!("{said}");
    assert_eq!(status.code(), Some(1), "{said}");
    let report = report(&path);
    assert_eq!(step(&report, "link:fiber")["verdict"], "failed");
    assert_eq!(step(&report, "link:fiber")["why"][0], "It took too long: traffic flows again (IPv4).");
    assert_eq!(step(&report, "link:lte")["way"], "by_order");
    assert!(figure(step(&report, "link:lte"), "traffic flows over lte") > 0.0);
    let now = agent.status().unwrap();
    assert_eq!((uplink(&now), &now.forced, now.incidents.len()), (Some("fiber"), &None, 1));
}

#[test]
fn nothing_is_done_where_nobody_says_yes_or_the_run_could_not_end() {
    let Some(_turn) = enter_or_reexec("nothing_is_done_where_nobody_says_yes_or_the_run_could_not_end")
    else {
        return;
    };
    let lab = two_uplinks(true);
    let mut agent = settled(&lab, &AgentConfig::new(&lab));
    let before = agent.status().unwrap();
    let refused: [(&[&str], i32, &str); 8] = [
        (&[], 2, "nobody is on a terminal"),
        (&["--plan"], 0, "You pull the cable of fiber (fiber0)"),
        (&["--yes", "link:dsl"], 2, "there is no step \"link:dsl\"; the steps are gateway, link:fiber"),
        (&["--skip", "restart"], 2, "a step is skipped with its reason"),
        (&["--answers", "/nowhere"], 2, "failed to use the answers: /nowhere"),
        (
            &["--yes", "all", "--report", "/proc/report.json"],
            1,
            "failed to write the report /proc/report.json",
        ),
        (&["--yes", "all", "--state", "/proc/accept.json"], 1, "failed to keep in /proc/accept.json how far"),
        (&["--verify", "/nowhere"], 1, "failed to read /nowhere"),
    ];
    for (arguments, code, part) in refused {
        let (status, said) = accept(&agent, arguments).ends();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}\nlacks {part:?}");
    }
    let after = agent.status().unwrap();
    assert_eq!((after.counters.moves, &after.forced), (before.counters.moves, &None));
    // A link that is not healthy is not pulled, and another one is not left for it.
    lab.uplink("lte").unwrap().set_carrier(false).unwrap();
    agent.wait_for("lte failed", DEADLINE, |status| link(status, "lte").verdict == Verdict::Failed).unwrap();
    let (status, said) =
        accept(&agent, &["--yes", "link:fiber", "--order", "link:lte", "--skip", "gateway=known"]).ends();
    assert_eq!(status.code(), Some(1), "{said}");
    for part in [
        "No other link is healthy in IPv4, so that this would cut the site off.",
        "lte is not healthy to begin with",
    ] {
        assert!(said.contains(part), "{said}\nlacks {part:?}");
    }
    assert!(agent.terminate().unwrap().success());
    let (status, said) = accept(&agent, &["--yes", "all"]).ends();
    assert_eq!(status.code(), Some(3), "{said}");
}

/// The daemon goes in the midst of a step: what it measured is not whole.
#[test]
fn a_daemon_that_is_restarted_in_the_midst_fails_the_step() {
    let Some(_turn) = enter_or_reexec("a_daemon_that_is_restarted_in_the_midst_fails_the_step") else {
        return;
    };
    let lab = two_uplinks(true);
    let mut agent = settled(&lab, &AgentConfig::new(&lab).with(QUICK_BACK));
    // It must be old enough for its successor to be younger, in whole seconds.
    agent.wait_for("some seconds", DEADLINE, |status| status.uptime_s >= 6).unwrap();
    let mut run = accept(&agent, &["--yes", "link:lte", "--skip", "gateway=known"]);
    run.says("Pull the cable of lte");
    agent.kill().unwrap();
    agent.start_again().unwrap();
    run.says("The daemon was restarted in the midst of the step");
    let (status, said) = run.ends();
    assert_eq!(status.code(), Some(1), "{said}");
    let released = |status: &Status| status.forced.is_none() && uplink(status) == Some("fiber");
    agent.wait_for("the lease of the run to be gone", DEADLINE, released).unwrap();
}

const TIMES: &str =
    "boot_grace = \"1m\"\nfeed_timeout = \"8s\"\nalert = \"20s\"\nshutdown = \"40s\"\nreset_hold = \"10s\"";

/// How long the kernel takes to bring up the agent.
const KERNEL: Duration = Duration::from_secs(30);

/// How fast the MCU's time runs while it is fed, and while it need not be.
const FED: u32 = 3;
const HURRY: u32 = 30;

#[test]
fn the_mcu_resets_the_gateway_and_the_run_goes_on_after_the_boot() {
    let Some(_turn) = enter_or_reexec("the_mcu_resets_the_gateway_and_the_run_goes_on_after_the_boot") else {
        return;
    };
    let home = tempfile::Builder::new().prefix("shunt-accept-").tempdir().unwrap();
    let mcu = StandIn::start(home.path(), None).unwrap();
    let lab = two_uplinks(true);
    let section = format!("[watchdog.mcu]\nport = {:?}\n{TIMES}\n", mcu.port());
    let mut agent = settled(&lab, &AgentConfig::new(&lab).with(&section));
    mcu.hurry(FED).unwrap();
    let path = agent.home().join("report.json");
    let arguments: [&str; 10] = [
        "--yes",
        "all",
        "--skip",
        "link:fiber=tried",
        "--skip",
        "link:lte=tried",
        "--sign",
        "Ada",
        "--report",
        "report.json",
    ];
    let (config, directory) = (agent.config_file(), agent.home().to_owned());
    let booted = |name: &str, uptime: Option<Duration>| -> Command {
        let id: PathBuf = home.path().join(name);
        std::fs::write(&id, format!("{name}\n")).unwrap();
        let gateway = lab.gateway.with_file(&id, Path::new("/proc/sys/kernel/random/boot_id")).unwrap();
        let gateway = uptime.map_or(gateway.clone(), |uptime| gateway.with_uptime(uptime).unwrap());
        let mut command = program().command(&gateway);
        command.arg("--config").arg(&config).current_dir(&directory);
        command
    };
    let mut run = Run::start(booted("first", None), &arguments);
    run.says("the MCU asks the gateway to shut down");
    // A gateway that obeys ends its agent.
    agent.kill().unwrap();
    mcu.hurry(HURRY).unwrap();
    let reset = |seen: &Seen| seen.changes.iter().any(|change| change.pins.host_reset);
    mcu.wait_for("the reset", DEADLINE, reset).unwrap();
    // No machine boots within the same second.
    run.child.kill().unwrap();
    let over = |seen: &Seen| seen.changes.last().is_some_and(|change| !change.pins.host_reset);
    mcu.wait_for("the end of the reset", DEADLINE, over).unwrap();
    mcu.hurry(FED).unwrap();
    let (_, said) = run.ends();
    assert!(said.contains("stand-in, firmware"), "the MCU was looked at: {said}");
    let boot = Instant::now();
    agent.start_again().unwrap();
    mcu.wait_for("an MCU that guards", DEADLINE, |seen| matches!(seen.stage, Some(Stage::Guarding { .. })))
        .unwrap();
    let second = booted("second", Some(KERNEL + boot.elapsed()));
    let (status, said) = Run::start(second, &arguments).ends();
    println!("{said}");
    assert_eq!(status.code(), Some(0), "{said}\n{}", agent.log());
    assert!(said.contains("The gateway was restarted: it is seen how it came back."), "{said}");
    let report = report(&path);
    assert_eq!(report["gateway"]["mcu"]["board"], "stand-in");
    for (name, verdict) in
        [("gateway", "passed"), ("mcu", "passed"), ("lamp", "skipped"), ("restart", "passed")]
    {
        assert_eq!(step(&report, name)["verdict"], verdict, "{report:#}");
    }
    let restart = step(&report, "restart");
    assert!(restart["notes"][0].as_str().unwrap().contains("it was asked to"), "{restart:#}");
    assert!(figure(restart, "from the reset to a healthy uplink") > 0.0);
    // The agent came up so long after the kernel, to the second.
    let started = figure(restart, "from the kernel's start to the agent's");
    assert!((started - 1e3 * KERNEL.as_secs_f64()).abs() <= 3_000.0, "{restart:#}");
    let healthy = figure(restart, "from the kernel's start to a healthy uplink");
    assert!(healthy + 1_000.0 > started, "{restart:#}");
}
