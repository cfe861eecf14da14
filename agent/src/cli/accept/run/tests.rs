//! A run with somebody at the terminal, and a daemon that looks well and refuses all orders.

use super::*;
use crate::accept::{plan, testing};
use crate::cli::args::{Args, Command};
use clap::Parser;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const CONFIG: &str =
    "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\n";

/// Answers for as long as the test lasts; without `refuses`, it hangs up on an order.
fn daemon(socket: &Path, refuses: bool, orders: Arc<Mutex<Vec<String>>>) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let status = serde_json::to_string(&testing::look().status).unwrap();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let answer = match line.unwrap().as_str() {
                    line if line.contains("\"status\"") => format!("{{\"ok\":{status}}}\n"),
                    line if line.contains("\"events\"") => "{\"ok\":{\"text\":\"that is all\"}}\n".into(),
                    order => {
                        orders.lock().unwrap().push(order.to_owned());
                        if !refuses {
                            break;
                        }
                        "{\"error\":{\"code\":\"failed\",\"message\":\"not today\"}}\n".into()
                    }
                };
                let _hung_up = stream.write_all(answer.as_bytes());
            }
        }
    });
}

struct Site {
    home: tempfile::TempDir,
    /// What the daemon was told to do.
    orders: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn new() -> Self {
        Self::with(true)
    }

    fn with(refuses: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("shunt.toml"), CONFIG).unwrap();
        let orders = Arc::default();
        daemon(&home.path().join("s"), refuses, Arc::clone(&orders));
        Self { home, orders }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What came of it, and what was shown to somebody who types these lines.
    fn run(&self, lines: &[&str]) -> (Result<(Verdict, bool), Failure>, String) {
        self.run_at(Console::typing(lines))
    }

    fn run_at(&self, console: Console) -> (Result<(Verdict, bool), Failure>, String) {
        let report = self.path("report.json");
        let args = Args::try_parse_from(["shunt", "accept", "--report", report.to_str().unwrap()]).unwrap();
        let Command::Accept(flags) = &args.command else { panic!("another command") };
        let config = testing::config(CONFIG);
        let mut talk = Talk::with(self.path("s"));
        let look = talk.look();
        let steps = (plan(&config, &look), Limits::of(&config));
        let said = (Answers::default(), console);
        let (file, state) = (self.path("shunt.toml"), self.path("accept.json"));
        let mut out = Vec::new();
        let verdict = Run::prepare((&file, &state, flags), steps, said, talk)
            .map_err(Failure::from)
            .and_then(|mut run| {
                run.learn(&look);
                run.play(&mut out)
            });
        (verdict, String::from_utf8(out).unwrap())
    }
}

#[test]
fn somebody_is_asked_told_asked_again_and_signs() {
    let site = Site::new();
    let lines = ["perhaps", "no the plug is loose", "again", "skip no ladder", "order", "", "", "quit"];
    let (stopped, shown) = site.run(&lines);
    let error = stopped.unwrap_err();
    assert_eq!((error.exit() as u8, error.to_string().contains("run this again to go on")), (1, true));
    for part in [
        "yes, order (nobody pulls: the agent moves the traffic), skip REASON or quit: ",
        "\"perhaps\" is no answer",
        "failed\n      the plug is loose\n",
        "again (once it is put right), Enter to go on, or quit: ",
        "skipped\n      no ladder\n",
        "failed\n      The daemon refused: not today.\n",
        "3 of 4 steps are over.",
    ] {
        assert!(shown.contains(part), "{shown}\nlacks {part:?}");
    }
    // What was said of the plug before it was put right counts no more.
    let (verdict, shown) = site.run(&["order", "skip it is late", "Ada Lovelace"]);
    assert!(matches!(verdict, Ok((Verdict::Failed, true))), "{shown}");
    for part in
        ["goes on, of which 3 steps are over", "It cannot be done by order.", "Who signs this report?"]
    {
        assert!(shown.contains(part), "{shown}\nlacks {part:?}");
    }
    let text = fs::read_to_string(site.path("report.txt")).unwrap();
    for part in [
        "The gateway is not accepted: 1 passed, 1 failed, 2 skipped.",
        "Signed by Ada Lovelace.",
        "no ladder",
    ] {
        assert!(text.contains(part), "{text}\nlacks {part:?}");
    }
    assert!(!text.contains("loose") && !site.path("accept.json").exists(), "{text}");
}

#[test]
fn a_terminal_that_goes_ends_the_run_and_another_config_is_another_run() {
    let site = Site::new();
    let (stopped, shown) = site.run(&[]);
    assert!(stopped.is_err() && shown.contains("1 of 4 steps are over."), "{shown}");
    fs::write(site.path("shunt.toml"), format!("{CONFIG}# another\n")).unwrap();
    let (refused, _) = site.run(&[]);
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("the config has changed since") && error.exit() as u8 == 2, "{error}");
}

#[test]
fn after_a_signal_nothing_is_ordered_any_more() {
    let site = Site::new();
    let (stopped, shown) = site.run_at(Console::stopped_after(&["order"]));
    assert!(stopped.is_err() && shown.contains("1 of 4 steps are over."), "{shown}");
    assert_eq!(site.orders.lock().unwrap().as_slice(), [""; 0], "{shown}");
    let _stopped = site.run(&["order"]);
    assert_eq!(site.orders.lock().unwrap().len(), 1, "it is seen where there is one");
}

#[test]
fn an_order_whose_answer_is_missing_may_be_done_and_is_waited_for() {
    let (stopped, shown) = Site::with(false).run(&["order", "quit"]);
    assert!(stopped.is_err() && shown.contains("It is not known whether it is done: "), "{shown}");
    assert!(!shown.contains("refused"), "{shown}");
}

/// Ctrl-C, Ctrl-D and SIGTERM all end the waiting for a line, as the lines that run out do here.
#[test]
fn a_run_that_is_stopped_after_a_failure_goes_no_further_and_asks_for_the_step_again() {
    for last in [None, Some("quit")] {
        let site = Site::new();
        let (stopped, shown) =
            site.run(&["no the plug is loose"].into_iter().chain(last).collect::<Vec<_>>());
        assert!(stopped.is_err() && shown.contains("1 of 4 steps are over."), "{shown}");
        assert!(!shown.contains("3/4"), "{shown}");
        let (_, shown) = site.run(&["skip no ladder"]);
        assert!(shown.contains("of which 1 steps are over") && shown.contains("2/4 link:fiber"), "{shown}");
    }
}

#[test]
fn a_report_is_not_ended_by_who_stops_at_the_signature() {
    let site = Site::new();
    let (stopped, shown) = site.run(&["skip one", "skip two", "skip three"]);
    assert!(stopped.is_err() && shown.contains("4 of 4 steps are over."), "{shown}");
    let (stopped, shown) = site.run(&["quit"]);
    assert!(stopped.is_err() && site.path("accept.json").exists(), "{shown}");
    let text = fs::read_to_string(site.path("report.txt")).unwrap();
    assert!(!text.contains("Signed by"), "{text}");
    let (verdict, shown) = site.run(&["Ada Lovelace"]);
    assert!(verdict.is_ok(), "{shown}");
    let text = fs::read_to_string(site.path("report.txt")).unwrap();
    assert!(text.contains("Signed by Ada Lovelace.") && !site.path("accept.json").exists(), "{text}");
}
