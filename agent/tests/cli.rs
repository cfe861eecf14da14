//! The program as a script sees it: what it asks, what it prints, and its exit codes, against a fake daemon.

// Helpers of tests, outside the functions that clippy knows as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::JoinHandle;

const API_PAGE: &str = include_str!("../API.md");

fn shunt(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shunt")).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Takes one connection, reads one request, gives `answer`, and hangs up.
struct Daemon {
    path: PathBuf,
    thread: JoinHandle<String>,
    _directory: tempfile::TempDir,
}

impl Daemon {
    fn answering(answer: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let answer = answer.to_owned();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            request.trim_end().to_owned()
        });
        Self { path, thread, _directory: directory }
    }

    /// Runs the program against it: what it printed, and what it asked.
    fn run(self, args: &[&str]) -> (Output, String) {
        let mut args = args.to_vec();
        args.extend(["--socket", self.path.to_str().unwrap()]);
        let output = shunt(&args);
        (output, self.thread.join().unwrap())
    }
}

fn status_line() -> String {
    let json = API_PAGE.split("```json status\n").nth(1).unwrap().split("```").next().unwrap();
    format!("{{\"ok\":{}}}\n", json.replace('\n', " "))
}

fn event(number: u64) -> String {
    format!(
        r#"{{"event":{{"number":{number},"at":"2026-01-02T03:04:05.000Z","kind":"started","text":"number {number}"}}}}"#
    )
}

fn config(directory: &Path, extra: &str) -> PathBuf {
    let path = directory.join("shunt.toml");
    let links = "[[link]]\nname = \"fiber\"\ninterface = \"eth0\"\n\n[[link]]\nname = \"lte\"\ninterface = \"wwan0\"\nmetered = true\n";
    std::fs::write(&path, format!("{extra}\n{links}")).unwrap();
    path
}

#[test]
fn status_is_for_people_and_has_no_colour_in_a_pipe() {
    let (output, request) = Daemon::answering(&status_line()).run(&["status"]);
    assert_eq!((code(&output), request.as_str()), (0, r#"{"command":"status"}"#));
    let page = text(&output.stdout);
    assert!(page.starts_with("IPv4 uplink is lte: forced by the operator\n"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page:?}");
}

#[test]
fn status_as_json_is_the_documented_object() {
    let (output, _) = Daemon::answering(&status_line()).run(&["status", "--json"]);
    assert_eq!(code(&output), 0);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sent: serde_json::Value = serde_json::from_str(&status_line()).unwrap();
    assert_eq!(printed, sent["ok"]);
}

#[test]
fn force_and_release_ask_for_what_was_typed() {
    let done = "{\"ok\":{\"text\":\"it is done\"}}\n";
    let table: [(&[&str], &str); 4] = [
        (&["force", "lte"], r#"{"command":"force","link":"lte","strict":false}"#),
        (&["force", "lte", "--for", "10m"], r#"{"command":"force","link":"lte","for_s":600,"strict":false}"#),
        (&["force", "lte", "--strict"], r#"{"command":"force","link":"lte","strict":true}"#),
        (&["release"], r#"{"command":"release"}"#),
    ];
    for (args, asked) in table {
        let (output, request) = Daemon::answering(done).run(args);
        assert_eq!((code(&output), request.as_str(), text(&output.stdout)), (0, asked, "it is done\n"));
    }
}

#[test]
fn events_come_a_line_each() {
    let stream = format!("{}\n{}\n{{\"ok\":{{\"text\":\"that is all\"}}}}\n", event(1), event(2));
    let (output, request) = Daemon::answering(&stream).run(&["events"]);
    assert_eq!((code(&output), request.as_str()), (0, r#"{"command":"events","follow":false}"#));
    assert_eq!(
        text(&output.stdout),
        "2026-01-02 03:04:05.000Z  number 1\n2026-01-02 03:04:05.000Z  number 2\n"
    );

    // The daemon ends while it is followed: what came is shown, and the end is told.
    let stream =
        format!("{}\n{{\"error\":{{\"code\":\"stopping\",\"message\":\"the daemon stops\"}}}}\n", event(7));
    let (output, request) = Daemon::answering(&stream).run(&["events", "--follow", "--json"]);
    assert_eq!((code(&output), request.as_str()), (3, r#"{"command":"events","follow":true}"#));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["number"], 7);
    assert_eq!(text(&output.stderr), "shunt: the daemon stops\n");
}

#[test]
fn stop_waits_for_the_end() {
    let (output, request) =
        Daemon::answering("{\"ok\":{\"text\":\"it stops\"}}\n").run(&["stop", "--restore"]);
    assert_eq!((code(&output), text(&output.stdout)), (0, "it stops\n"));
    assert_eq!(request, r#"{"command":"stop","restore":true}"#);
}

#[test]
fn a_refusal_is_shown_and_has_its_exit_code() {
    let table = [
        ("unknown_link", 2),
        ("bad_request", 2),
        ("stopping", 3),
        ("permission_denied", 4),
        ("busy", 1),
        ("failed", 1),
        ("eclipse", 1),
    ];
    for (word, expected) in table {
        let line = format!("{{\"error\":{{\"code\":\"{word}\",\"message\":\"because of {word}\"}}}}\n");
        let (output, _) = Daemon::answering(&line).run(&["release"]);
        assert_eq!(code(&output), expected, "{word}");
        assert_eq!(text(&output.stderr), format!("shunt: because of {word}\n"));
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn an_answer_that_is_none_is_told() {
    for answer in ["", "hello\n", "{\"ok\":{}}\n", "{\"ok\":"] {
        let (output, _) = Daemon::answering(answer).run(&["release"]);
        assert_eq!(code(&output), 1, "{answer:?}");
        assert!(text(&output.stderr).starts_with("shunt: "), "{answer:?}");
    }
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let socket = path.to_str().unwrap();
    for left_behind in [false, true] {
        if left_behind {
            drop(UnixListener::bind(&path).unwrap());
        }
        let output = shunt(&["status", "--socket", socket]);
        assert_eq!(code(&output), 3);
        let message = text(&output.stderr);
        assert!(message.contains(socket) && message.contains("`systemctl start shunt`"), "{message}");
    }
}

#[test]
fn the_socket_comes_from_the_config() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("from-config");
    let config = config(directory.path(), &format!("[agent]\nsocket = {socket:?}\n"));
    let output = shunt(&["status", "--config", config.to_str().unwrap()]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains(socket.to_str().unwrap()), "{}", text(&output.stderr));
}

#[test]
fn check_tells_what_a_good_config_means() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "");
    let output = shunt(&["check", config.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let summary = text(&output.stdout);
    for part in [
        ": valid\n",
        "fiber on eth0",
        "lte on wwan0",
        "uplink table",
        "mark bits",
        "while it stands by every",
        "steady probing ",
        "a silent failure is found within ",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let by_flag = shunt(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(text(&by_flag.stdout), summary);
}

#[test]
fn check_as_json_is_the_documented_object() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "targets = [\"1.1.1.1\", \"9.9.9.9\"]\n");
    let text_of = std::fs::read_to_string(&config).unwrap();
    let modem = "[[modem]]\nlink = \"lte\"\nusb = \"2c7c:0125\"\napn = \"internet\"\nallowance = \"5 GB\"\n";
    std::fs::write(&config, format!("{text_of}probe_budget = \"100 MB/month\"\n{modem}")).unwrap();
    let output = shunt(&["check", "--json", config.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let mut printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    printed["file"] = "/etc/shunt/shunt.toml".into();
    let documented = API_PAGE.split("```json check\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(printed, serde_json::from_str::<serde_json::Value>(documented).unwrap());
}

#[test]
fn check_tells_every_fault_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "colour = \"red\"\n[probe]\ninterval = \"never\"\n");
    let output = shunt(&["check", config.to_str().unwrap()]);
    assert_eq!((code(&output), text(&output.stdout)), (2, ""));
    let faults = text(&output.stderr);
    assert!(faults.contains("colour") && faults.contains("probe.interval"), "{faults}");
    assert_eq!(code(&shunt(&["check", "/nonexistent/shunt.toml"])), 2);
    assert_eq!(code(&shunt(&["run", "--config", "/nonexistent/shunt.toml"])), 2);
}

/// The program as a user without any right, in a directory that this user may enter; nobody else is one for root.
fn powerless(program: &Path, args: &[&str]) -> Output {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    command.args(args).output().unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_rights_it_is_4_and_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    set_mode(directory.path(), 0o755);
    let program = directory.path().join("shunt");
    // By another process: a program that this one has open for writing, or a child that another test has just forked,
    // could not be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_shunt")).arg(&program).status().unwrap();
    assert!(copied.success());
    set_mode(&program, 0o755);
    let (socket, state) = (directory.path().join("none/s"), directory.path().join("none/state"));
    let config = config(directory.path(), &format!("[agent]\nsocket = {socket:?}\nstate_dir = {state:?}\n"));
    set_mode(&config, 0o644);
    let config = config.to_str().unwrap();
    let denied = |args: &[&str], said: &str| {
        let output = powerless(&program, args);
        let message = text(&output.stderr);
        assert!(message.contains(said), "{args:?}: {message}");
        assert_eq!((code(&output), text(&output.stdout)), (4, ""), "{args:?}: {message}");
    };
    denied(&["run", "--config", config], "CAP_NET_ADMIN is missing; run as root");
    denied(&["stop", "--restore", "--config", config], "CAP_NET_ADMIN is missing; run as root");
    set_mode(Path::new(config), 0o000);
    for args in [&["run"][..], &["check"]] {
        let args = [args, &["--config", config]].concat();
        denied(&args, "run this as root, or let this user read the file");
    }
    let socket = socket.to_str().unwrap();
    let args = ["stop", "--restore", "--config", config, "--socket", socket];
    denied(&args, "run this as root, or let this user read the file");
}

#[test]
fn the_doctor_says_what_it_may_not_look_at() {
    let directory = tempfile::tempdir().unwrap();
    set_mode(directory.path(), 0o755);
    let program = directory.path().join("shunt");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_shunt")).arg(&program).status().unwrap();
    assert!(copied.success());
    set_mode(&program, 0o755);
    let config = config(directory.path(), "targets = [\"192.0.2.1\"]\n");
    set_mode(&config, 0o644);
    let socket = directory.path().join("s");
    let run = || {
        let args = ["doctor", "--json", "--offline", "--config", config.to_str().unwrap(), "--socket"];
        powerless(&program, &[&args[..], &[socket.to_str().unwrap()]].concat())
    };
    let not_checked = |output: &Output, check: &str| {
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let hit = |finding: &&serde_json::Value| {
            finding["check"] == check
                && finding["level"] == "not_checked"
                && finding["mend"] == "Run this as root."
        };
        assert!(findings.iter().any(|finding| hit(&finding)), "{check}: {report:#}");
    };
    let output = run();
    for check in ["nat", "firewall", "offload", "kernel"] {
        not_checked(&output, check);
    }
    // The links of the example are not on this machine.
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    set_mode(&config, 0o000);
    not_checked(&run(), "config");
}

#[test]
fn the_doctor_ends_with_2_where_the_config_has_faults_and_beside_a_daemon_shows_its_warnings() {
    let directory = tempfile::tempdir().unwrap();
    let file = config(directory.path(), "targets = [\"192.0.2.1\"]\n");
    let name = file.to_str().unwrap();
    let mut status: serde_json::Value = serde_json::from_str(&status_line()).unwrap();
    status["ok"]["warnings"] = serde_json::json!(["It is dark; light a lamp."]);
    let daemon = Daemon::answering(&format!("{status}\n"));
    let (output, asked) = daemon.run(&["doctor", "--offline", "--config", name]);
    assert_eq!(asked, r#"{"command":"status"}"#);
    assert!(
        text(&output.stdout).contains("warning      daemon      It is dark; light a lamp.\n"),
        "{output:?}"
    );
    assert!(!text(&output.stdout).contains('\u{1b}'), "{output:?}");

    std::fs::write(&file, "colour = 1\n").unwrap();
    let socket = directory.path().join("s");
    let output = shunt(&["doctor", "--config", name, "--socket", socket.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("colour"), "{}", text(&output.stdout));
    // As the packages leave it.
    std::fs::write(&file, "# [[link]]\n").unwrap();
    let output = shunt(&["doctor", "--offline", "--config", name, "--socket", socket.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("`shunt init` proposes links"), "{}", text(&output.stdout));
    let absent = shunt(&["doctor", "--config", "/nonexistent/shunt.toml"]);
    assert_eq!((code(&absent), text(&absent.stdout)), (2, ""));
}

#[test]
fn what_is_asked_of_a_modem_goes_to_the_daemon() {
    let done = "{\"ok\":{\"text\":\"it is ordered\"}}\n";
    let directory = tempfile::tempdir().unwrap();
    let pin_file = directory.path().join("pin");
    std::fs::write(&pin_file, " 4711 \nnot this\n").unwrap();
    let pin = pin_file.to_str().unwrap();
    for (args, request) in [
        (&["modem", "reset"][..], r#"{"command":"modem_reset"}"#),
        (
            &["modem", "reset", "lte", "--rung", "usb"],
            r#"{"command":"modem_reset","modem":"lte","rung":"usb"}"#,
        ),
        (&["modem", "sim", "--slot", "2"], r#"{"command":"modem_sim","slot":2}"#),
        (&["modem", "retry"], r#"{"command":"modem_retry"}"#),
        (&["modem", "sim", "--pin-file", pin], r#"{"command":"modem_pin","pin":"4711"}"#),
        (
            &["modem", "sms", "send", "+15550100", "a b"],
            r#"{"command":"modem_sms_send","to":"+15550100","text":"a b"}"#,
        ),
    ] {
        let (output, asked) = Daemon::answering(done).run(args);
        assert_eq!((code(&output), text(&output.stdout)), (0, "it is ordered\n"), "{args:?}");
        assert_eq!(asked, request);
    }
    for args in [&["modem", "reset"][..], &["modem", "sim", "--slot", "2"], &["modem", "retry"]] {
        let (output, _) = Daemon::answering(done).run(&[args, &["--json"]].concat());
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown, serde_json::json!({"text": "it is ordered"}), "{args:?}");
    }
    let absent = shunt(&["modem", "sim", "--pin-file", "/nonexistent/pin"]);
    assert_eq!(code(&absent), 1);
    assert!(text(&absent.stderr).contains("failed to read the PIN from /nonexistent/pin"), "{absent:?}");
    assert_eq!(code(&shunt(&["modem", "sim", "--pin-file", pin, "--slot", "2"])), 2);
    let answer = "{\"ok\":{\"ok\":true,\"result\":\"OK\",\"lines\":[\"+CSQ: 23,99\"]}}\n";
    let (output, asked) = Daemon::answering(answer).run(&["modem", "at", "AT+CSQ", "--for", "1m"]);
    assert_eq!((code(&output), text(&output.stdout)), (0, "+CSQ: 23,99\nOK\n"));
    assert_eq!(asked, r#"{"command":"modem_at","line":"AT+CSQ","limit_s":60}"#);
    let (_, asked) = Daemon::answering(answer).run(&["modem", "at", "AT+QCFG=1", "--unsafe"]);
    assert_eq!(asked, r#"{"command":"modem_at","line":"AT+QCFG=1","unsafe":true}"#);
    let answer = "{\"ok\":{\"ok\":false,\"result\":\"+CME ERROR: 10\",\"lines\":[]}}\n";
    let (output, _) = Daemon::answering(answer).run(&["modem", "at", "AT+CCID"]);
    assert_eq!((code(&output), text(&output.stderr)), (1, "shunt: the modem answered +CME ERROR: 10\n"));
    let message = API_PAGE.split("```json message\n").nth(1).unwrap().split("```").next().unwrap().trim();
    let (output, asked) =
        Daemon::answering(&format!("{{\"ok\":[{message}]}}\n")).run(&["modem", "sms", "list"]);
    assert_eq!(text(&output.stdout), "2026-01-02 03:04:05.678Z  +491701234567  hello\n");
    assert_eq!(asked, r#"{"command":"modem_sms_list"}"#);
}

#[test]
fn modems_are_shown_for_people_and_as_json() {
    let json = API_PAGE.split("```json modem\n").nth(1).unwrap().split("```").next().unwrap();
    let answer = format!("{{\"ok\":[{}]}}\n", json.replace('\n', " "));
    let (output, asked) = Daemon::answering(&answer).run(&["modem", "status"]);
    assert!(
        text(&output.stdout).starts_with("lte carries lte: registered on Testnet (LTE, -95 dBm)"),
        "{output:?}"
    );
    assert_eq!(asked, r#"{"command":"modem"}"#);
    let (output, _) = Daemon::answering(&answer).run(&["modem", "status", "lte", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown[0], serde_json::from_str::<serde_json::Value>(json).unwrap());
    let (output, _) = Daemon::answering(&answer).run(&["modem", "signal"]);
    assert!(text(&output.stdout).contains("-95 dBm"), "{output:?}");
    let (output, _) = Daemon::answering(&answer).run(&["modem", "sim"]);
    assert_eq!(text(&output.stdout), "lte: ready, slot 1, card 8949020000012345678\n");
    let (output, _) = Daemon::answering("{\"ok\":[]}\n").run(&["modem", "status"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("add [[modem]] to the config"), "{output:?}");
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    for args in [&[][..], &["fly"], &["force"], &["force", "lte", "--for", "soon"], &["status", "--xml"]] {
        assert_eq!(code(&shunt(args)), 2, "{args:?}");
    }
    let help = shunt(&["--help"]);
    assert_eq!(code(&help), 0);
    for part in [
        "status",
        "force",
        "release",
        "events",
        "check",
        "doctor",
        "init",
        "modem",
        "stop",
        "run",
        "Exit codes:",
    ] {
        assert!(text(&help.stdout).contains(part), "{part}");
    }
    assert_eq!(code(&shunt(&["--version"])), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let daemon = Daemon::answering(&status_line());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_shunt"))
        .args(["status", "--socket", daemon.path.to_str().unwrap()])
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    daemon.thread.join().unwrap();
}
