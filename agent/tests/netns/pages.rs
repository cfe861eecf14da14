//! Pages and names on the far side, and a prober in a runtime that asks for them.

use super::DEADLINE;
use super::far::Far;
use shunt::clock;
use shunt::probe::Prober;
use shunt_config::Target;
use shunt_decision::{LinkId, Outcome, ProbeId, TargetId, Timestamp};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;

/// By this a TLS record says that it is part of a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// The targets of a config's first link, so that tests write what operators write.
pub fn targets(list: &str) -> Vec<Target> {
    let text = format!("targets = [{list}]\n[[link]]\nname = \"a\"\ninterface = \"a0\"\n");
    let config =
        shunt_config::parse(&text, Path::new("test.toml")).unwrap_or_else(|faults| panic!("{faults}"));
    config.links[0].targets.iter().map(|weighted| weighted.target.clone()).collect()
}

/// A prober whose tasks run while it is asked.
pub struct Asker {
    pub prober: Prober,
    runtime: Runtime,
}

impl Asker {
    pub fn new(prober: Prober) -> Self {
        Self { prober, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    pub fn send(&mut self, id: u64, link: LinkId, target: u8, expires: Timestamp) {
        self.prober.send(ProbeId(id), link, TargetId(target), clock::now(), expires);
    }

    /// Turns until `count` outcomes came.
    pub fn collect(&mut self, count: usize) -> Vec<(ProbeId, Outcome)> {
        self.until(|outcomes| outcomes.len() >= count)
    }

    /// Turns until it is `done`.
    pub fn until(&mut self, mut done: impl FnMut(&[(ProbeId, Outcome)]) -> bool) -> Vec<(ProbeId, Outcome)> {
        let end = clock::now() + DEADLINE;
        let mut outcomes = Vec::new();
        let Self { prober, runtime } = self;
        runtime.block_on(async {
            while !done(&outcomes) {
                assert!(clock::now() < end, "only {outcomes:?} came");
                tokio::task::yield_now().await;
                prober.drain(clock::now(), &mut outcomes);
            }
        });
        outcomes
    }

    /// The outcomes of one probe to each target of a link, in the order of the targets.
    pub fn ask_all(&mut self, link: LinkId, count: u8) -> Vec<Outcome> {
        for target in 0..count {
            self.send(target.into(), link, target, clock::now() + DEADLINE * 2);
        }
        let mut outcomes = self.collect(count.into());
        outcomes.sort_by_key(|(id, _)| *id);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Whether the prober calls for being drained.
    pub fn is_called(&self, within: Duration) -> bool {
        self.runtime.block_on(async { tokio::time::timeout(within, self.prober.called()).await }).is_ok()
    }
}

/// Serves pages over HTTP; each request is told with who sent it.
pub fn serve_pages(far: &Far, ip: IpAddr) -> (SocketAddr, Receiver<(SocketAddr, String)>) {
    let (sender, requests) = mpsc::channel();
    let address = far.run(move || {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || {
                    let peer = connection.peer_addr().unwrap();
                    let request = request(&mut connection);
                    let _ = sender.send((peer, request.clone()));
                    let _ = answer(&mut connection, &request);
                });
            }
        });
        address
    });
    (address, requests)
}

/// One request's head; of what begins as TLS does, the first byte.
pub fn request(connection: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n")
        && bytes != [TLS_HANDSHAKE]
        && connection.read_exact(&mut byte).is_ok()
    {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers by what the path says.
pub fn answer(connection: &mut (impl Write + Read), request: &str) -> std::io::Result<()> {
    let page = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let bytes = match request.split(' ').nth(1).unwrap_or_default() {
        "/good" => page("200 OK", "a page of Success"),
        "/empty" => page("204 No Content", ""),
        "/portal" => b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/ill" => page("503 Service Unavailable", ""),
        "/pieces" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            format!("{head}6\r\na Succ\r\n4\r\ness.\r\n0\r\n\r\n").into_bytes()
        }
        "/garbage" => b"\x16\x03\x01 this is not HTTP\r\n\r\n".to_vec(),
        "/endless" => {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                connection.write_all(&[b'.'; 4096])?;
            }
        }
        "/silent" => {
            // Until the far end gives up.
            let _ = connection.read(&mut [0]);
            return Ok(());
        }
        // It hangs up without a word.
        _ => return Ok(()),
    };
    connection.write_all(&bytes)
}

/// Answers for names: `page.example` and what ends in it is at `at`, anything else does not exist. Each question is
/// told with who asked it.
pub fn serve_names(far: &Far, server: IpAddr, at: IpAddr) -> Receiver<SocketAddr> {
    let (sender, questions) = mpsc::channel();
    far.run(move || {
        let socket = UdpSocket::bind((server, 53)).unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let mut answer = buffer[..length].to_vec();
                answer[2] |= 0x80;
                if buffer[..length].windows(13).any(|bytes| bytes == b"\x04page\x07example") {
                    let (kind, octets) = match at {
                        IpAddr::V4(at) => (1, at.octets().to_vec()),
                        IpAddr::V6(at) => (28, at.octets().to_vec()),
                    };
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, octets.len() as u8]);
                    answer.extend(octets);
                } else {
                    answer[3] |= 3;
                }
                let _ = sender.send(from);
                socket.send_to(&answer, from).unwrap();
            }
        });
    });
    questions
}
