//! The server against a fake event loop: good requests, bad ones, and clients that misbehave.

use super::*;
use crate::api::wire::MAX_REPLY;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::AsyncBufReadExt;
use tokio::task::JoinHandle;

/// A wait that is not over by then has failed; nothing here takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(10);

struct Bench {
    path: PathBuf,
    server: JoinHandle<()>,
    events: broadcast::Sender<Event>,
    orders: Option<mpsc::Receiver<Order>>,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// A server whose orders nobody answers yet.
    fn new(access: Access, queue: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shunt.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, orders) = mpsc::channel(queue);
        let (events, _) = broadcast::channel(4);
        let server = tokio::spawn(serve(listener, access, sender, events.clone()));
        Self { path, server, events, orders: Some(orders), _directory: directory }
    }

    /// A server whose loop answers all there is, with a history of two events.
    fn answering() -> Self {
        let mut bench = Self::new(Access::for_group(None), 4);
        let mut orders = bench.orders.take().unwrap();
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                let response = match order.request {
                    Request::Force { link, .. } if link != "lte" => {
                        Err(ApiError::unknown_link(&link, ["fiber", "lte"]))
                    }
                    Request::Events { .. } => Ok(Answer::Events(vec![numbered(1), numbered(2)])),
                    Request::Stop { .. } => {
                        let _ = order.reply.send(Ok(Answer::done("stopping")));
                        return;
                    }
                    request => Ok(Answer::done(format!("{request:?}"))),
                };
                let _ = order.reply.send(response);
            }
        });
        bench
    }

    async fn client(&self) -> Client {
        Client(BufReader::new(UnixStream::connect(&self.path).await.unwrap()))
    }
}

struct Client(BufReader<UnixStream>);

impl Client {
    async fn say(&mut self, text: &str) {
        // The server may have hung up already: then the answer tells.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// The next line; empty when the connection is closed.
    async fn hear(&mut self) -> String {
        let mut line = String::new();
        let read = (&mut self.0).take(MAX_REPLY as u64);
        let mut read = BufReader::new(read);
        let mut byte = [0];
        while let Ok(1) = timeout(DEADLINE, read.get_mut().read(&mut byte)).await.unwrap() {
            if byte == *b"\n" {
                break;
            }
            line.push(char::from(byte[0]));
        }
        line
    }

    async fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\n")).await;
        self.hear().await
    }
}

/// The kernel goes by who asks for the connection, and rights are the thread's.
fn connected_by_a_stranger(path: &Path) -> Option<std::os::unix::net::UnixStream> {
    let stranger = rustix::process::Uid::from_raw(4_343);
    let ask = || {
        let other = credentials::own_user() != 0
            || rustix::thread::set_thread_res_uid(stranger, stranger, stranger).is_ok();
        other.then(|| {
            let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
    };
    std::thread::scope(|scope| scope.spawn(ask).join().unwrap())
}

fn numbered(number: u64) -> Event {
    Event::plain(number, "2026-01-02T03:04:05.000Z".into(), EventKind::Started, format!("number {number}"))
}

fn line_of(number: u64) -> String {
    String::from_utf8(encode(&Line::<Done>::Event(numbered(number))).unwrap()).unwrap().trim_end().into()
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let bench = Bench::answering();
    let mut client = bench.client().await;
    assert_eq!(client.ask(r#"{"command":"release"}"#).await, r#"{"ok":{"text":"Release"}}"#);
    let forced = client.ask(r#"{"command":"force","link":"lte","for_s":600}"#).await;
    assert!(forced.contains("for_s: Some(600), strict: false"), "{forced}");
    assert_eq!(
        client.ask(r#"{"command":"force","link":"dsl"}"#).await,
        r#"{"error":{"code":"unknown_link","message":"there is no link \"dsl\"; the links are fiber, lte"}}"#
    );
    assert_eq!(client.ask(r#"{"command":"release"}"#).await, r#"{"ok":{"text":"Release"}}"#);
}

#[tokio::test]
async fn garbage_costs_the_connection_and_nothing_else() {
    let bench = Bench::answering();
    let bad = [
        "\n".to_owned(),
        "hello\n".into(),
        "{\"command\":\"reboot\"}\n".into(),
        "{\"command\":\"force\"}\n".into(),
        "{\"command\":\"force\",\"link\":\"lte\",\"fro_s\":600}\n".into(),
        "{\"command\":\"force\",\"link\":\"lte\",\"for_s\":-1}\n".into(),
        "{\"command\":\"force\",\"link\":\"lte\",\"for_s\":0}\n".into(),
        "{\"command\":\"status\",\"surprise\":1}\n".into(),
        "{\"command\":\"release\",\"link\":\"lte\"}\n".into(),
        "\u{0}\u{1}\u{2}\n".into(),
        format!("{}\n", "[".repeat(3_000)),
        "x".repeat(MAX_REQUEST),
        "x".repeat(MAX_REQUEST * 20),
    ];
    for text in bad {
        let mut client = bench.client().await;
        client.say(&text).await;
        let answer = client.hear().await;
        assert!(answer.starts_with(r#"{"error":{"code":"bad_request","#), "{text:.40}: {answer}");
        assert_eq!(client.hear().await, "", "{text:.40}");
    }
    let mut client = bench.client().await;
    assert_eq!(client.ask(r#"{"command":"release"}"#).await, r#"{"ok":{"text":"Release"}}"#);
}

#[tokio::test]
async fn a_line_that_breaks_off_is_refused() {
    let bench = Bench::answering();
    let mut client = bench.client().await;
    client.say("{\"command\":\"rele").await;
    client.0.get_mut().shutdown().await.unwrap();
    assert!(client.hear().await.contains("the line does not end"));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let bench = Bench::answering();
    let mut open = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = bench.client().await;
        assert!(client.ask(r#"{"command":"release"}"#).await.contains("ok"));
        open.push(client);
    }
    let mut late = bench.client().await;
    assert!(late.hear().await.starts_with(r#"{"error":{"code":"busy","#));
    assert_eq!(late.hear().await, "");

    // One that hangs up makes room; the server notices in its own time.
    open.pop();
    let room = async {
        while !bench.client().await.ask(r#"{"command":"release"}"#).await.contains("ok") {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, room).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_says_busy() {
    let bench = Bench::new(Access::for_group(None), 1);
    let mut first = bench.client().await;
    first.say("{\"command\":\"release\"}\n").await;
    let mut second = bench.client().await;
    let busy = async {
        // Whichever of the two comes second finds the one place taken.
        tokio::select! {
            answer = first.hear() => answer,
            answer = second.ask(r#"{"command":"release"}"#) => answer,
        }
    };
    assert!(busy.await.starts_with(r#"{"error":{"code":"busy","#));
}

#[tokio::test]
async fn strangers_are_refused() {
    let nobody = Access { own_user: 4_000_000, group: None };
    let bench = Bench::new(nobody, 1);
    // Whom the modes of the files would let through.
    for path in [bench.path.parent().unwrap(), &bench.path] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    match connected_by_a_stranger(&bench.path) {
        Some(stranger) => {
            let mut client = Client(BufReader::new(UnixStream::from_std(stranger).unwrap()));
            assert!(client.hear().await.starts_with(r#"{"error":{"code":"permission_denied","#));
            assert_eq!(client.hear().await, "");
        }
        None => eprintln!("not looked at on the socket: only root has users here, and root is always served"),
    }
    assert!(nobody.allows(0, 0, &[]));
    assert!(nobody.allows(4_000_000, 7, &[]));
    assert!(!nobody.allows(1_000, 0, &[0, 7]));
    let grouped = Access { group: Some(991), ..nobody };
    assert!(grouped.allows(1_000, 991, &[]));
    assert!(grouped.allows(1_000, 1_000, &[27, 991]));
    assert!(!grouped.allows(1_000, 1_000, &[27]));
}

#[tokio::test]
async fn the_history_ends_with_a_last_line() {
    let bench = Bench::answering();
    let mut client = bench.client().await;
    assert_eq!(client.ask(r#"{"command":"events"}"#).await, line_of(1));
    assert_eq!(client.hear().await, line_of(2));
    assert_eq!(client.hear().await, r#"{"ok":{"text":"that is all"}}"#);
}

#[tokio::test]
async fn a_follower_gets_each_event_once_and_is_told_what_it_missed() {
    let bench = Bench::answering();
    let mut client = bench.client().await;
    assert_eq!(client.ask(r#"{"command":"events","follow":true}"#).await, line_of(1));
    assert_eq!(client.hear().await, line_of(2));
    // Number 2 was in the history: it is not sent again.
    bench.events.send(numbered(2)).unwrap();
    bench.events.send(numbered(3)).unwrap();
    assert_eq!(client.hear().await, line_of(3));
    // The channel holds four; the server does not run while these six are sent.
    for number in 4..=9 {
        bench.events.send(numbered(number)).unwrap();
    }
    let gap: Line<Done> = serde_json::from_str(&client.hear().await).unwrap();
    let Line::Event(gap) = gap else { panic!("{gap:?}") };
    assert_eq!((gap.kind, gap.number, gap.missed), (EventKind::Missed, 5, Some(2)));
    for number in 6..=9 {
        assert_eq!(client.hear().await, line_of(number));
    }
}

#[tokio::test]
async fn a_stop_is_answered_before_the_server_ends() {
    let bench = Bench::answering();
    let mut follower = bench.client().await;
    follower.ask(r#"{"command":"events","follow":true}"#).await;
    let mut idle = bench.client().await;
    let mut client = bench.client().await;
    assert_eq!(client.ask(r#"{"command":"stop"}"#).await, r#"{"ok":{"text":"stopping"}}"#);
    timeout(DEADLINE, bench.server).await.unwrap().unwrap();
    assert_eq!(client.hear().await, "");
    assert_eq!(idle.hear().await, "");
    assert_eq!(follower.hear().await, line_of(2));
    assert_eq!(follower.hear().await, r#"{"error":{"code":"stopping","message":"the daemon stops"}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_nothing_is_closed_in_the_end() {
    let bench = Bench::answering();
    let mut client = bench.client().await;
    let begun = tokio::time::Instant::now();
    let mut line = String::new();
    client.0.read_line(&mut line).await.unwrap();
    assert!(line.starts_with(r#"{"error":{"code":"idle","#), "{line}");
    assert!(begun.elapsed() >= IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_answer_is_not_waited_for_without_end() {
    let mut bench = Bench::new(Access::for_group(None), 1);
    let _kept = bench.orders.take();
    let mut client = bench.client().await;
    client.say("{\"command\":\"release\"}\n").await;
    let mut line = String::new();
    client.0.read_line(&mut line).await.unwrap();
    assert!(line.starts_with(r#"{"error":{"code":"failed","#), "{line}");
}
