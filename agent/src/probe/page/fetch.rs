//! One page: where it is, connection, TLS, request, status, body.

use super::meter::{Ending, Meter};
use super::{Client, Page, judge};
use crate::clock;
use crate::netlink::Binding;
use crate::probe::names::Place;
use crate::probe::socket::{self, address, family_of};
use crate::probe::spent::Bill;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use shunt_config::Page as Wanted;
use shunt_decision::{Outcome, Timestamp};
use socket2::{SockAddr, Socket, Type};
use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much of a body is looked at: a mark stands near its beginning, and a film must not come over a metered link.
const MAX_BODY: usize = 8 * 1024;

/// The longest head of an answer; what is longer is garbage. It is also the least that hyper takes.
const MAX_HEAD: usize = 8 * 1024;

/// What is read of a connection at the most: head, body, and 16 KiB of certificates, which are 3 to 6 as a rule.
const MAX_READ: u64 = (MAX_HEAD + MAX_BODY + 16 * 1024) as u64;

/// The receive buffer, of which the kernel makes twice as much and keeps a part for itself: a far end may send 2 to 6 KiB
/// that nobody asked for before it must wait. Nearly every page for such checks has less.
const BUFFER: usize = 4 * 1024;

/// The same over TLS: the certificates of most servers come in one flight.
const TLS_BUFFER: usize = 8 * 1024;

/// As much of a request as is read where no network is.
const MAX_REQUEST: usize = 1024;

/// What servers are told of us.
const AGENT: &str = "shunt";

/// What ends a probe before its answer: an outcome, or nothing that could be said of the target.
type End = Option<Outcome>;

/// What came of a request.
struct Answer {
    /// When the status line was there.
    at: Timestamp,
    judgement: Judgement,
}

/// What is to be said of an answer.
struct Judgement {
    /// What is wrong with it; `None`: nothing.
    wrong: Option<Outcome>,
    /// Bytes of its body that nobody read, at the most; `None`: nobody knows how many.
    left: Option<u64>,
}

/// What a probe's task needs to know.
pub(super) struct Fetch {
    pub(super) page: Arc<Page>,
    pub(super) binding: Option<Binding>,
    pub(super) bill: Bill,
}

impl Fetch {
    /// The whole probe.
    pub(super) async fn run(self, place: Place, client: &Client) -> Option<Outcome> {
        let fetched = async {
            let ip = place.address().await.ok_or(Some(Outcome::Unresolved))?;
            // The look-up is no part of the time: it comes seldom, and is not the target's doing.
            let sent = clock::now();
            let socket = self.open(ip).map_err(|_| Some(Outcome::Unsendable))?;
            let meter = Meter::on(&socket, ip, self.page.price, self.bill.clone());
            let mut meter = meter.map_err(|_| Some(Outcome::Unsendable))?;
            let talk = async {
                let stream = self.connect(socket, ip).await?;
                let (read, write) = tokio::io::split(stream);
                self.exchange_by(tokio::io::join(read.take(MAX_READ), write), client).await
            };
            let said = talk.await;
            meter.ending = ending(&said);
            let Answer { at, judgement } = said?;
            Ok(judgement.wrong.unwrap_or(Outcome::Reply { rtt: at.since(sent), at }))
        };
        fetched.await.map_or_else(|end| end, Some)
    }

    /// A socket that leaves by the link, into which a far end cannot pour much.
    fn open(&self, ip: IpAddr) -> io::Result<Socket> {
        let socket = socket::open(Type::STREAM, family_of(ip), self.binding.as_ref())?;
        socket.set_recv_buffer_size(if self.page.wanted.secure { TLS_BUFFER } else { BUFFER })?;
        Ok(socket)
    }

    /// A connection, or none.
    async fn connect(&self, socket: Socket, ip: IpAddr) -> Result<TcpStream, End> {
        let unsendable = Some(Outcome::Unsendable);
        match socket.connect(&SockAddr::from(address(ip, self.page.port(), self.binding.as_ref()))) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Some(Outcome::Refused));
            }
            Err(_) => return Err(unsendable),
        }
        let stream = TcpStream::from_std(socket.into()).map_err(|_| unsendable)?;
        stream.writable().await.map_err(|error| broken(&error))?;
        match stream.take_error() {
            Ok(None) => Ok(stream),
            Ok(Some(error)) | Err(error) => Err(broken(&error)),
        }
    }

    #[cfg(feature = "https")]
    async fn exchange_by(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        client: &Client,
    ) -> Result<Answer, End> {
        use shunt_config::Host;
        use tokio_rustls::rustls::pki_types::ServerName;
        let wanted = &self.page.wanted;
        if !wanted.secure {
            return self.exchange(stream).await;
        }
        let name = match &wanted.host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name { name, .. } => {
                ServerName::try_from(name.clone()).map_err(|_| Some(Outcome::Unsendable))?
            }
        };
        self.exchange(client.trust.secure(name, stream).await?).await
    }

    /// Without TLS: the config has refused secure pages.
    #[cfg(not(feature = "https"))]
    async fn exchange_by(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        _client: &Client,
    ) -> Result<Answer, End> {
        self.exchange(stream).await
    }

    /// Request, status, body.
    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Answer, End> {
        let opened = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|error| garbled(&error))?;
        let request = self.request().ok_or(Some(Outcome::Unsendable))?;
        let talk = async {
            let response = sender.send_request(request).await.map_err(|error| garbled(&error))?;
            let at = clock::now();
            Ok(Answer { at, judgement: self.judge(response).await? })
        };
        let (mut talk, mut connection) = (pin!(talk), pin!(connection));
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                said = &mut talk => return said,
                // It has carried everything, or has told the exchange why not.
                _ = &mut connection, if open => open = false,
            }
        }
    }

    fn request(&self) -> Option<Request<Empty<Bytes>>> {
        let wanted = &self.page.wanted;
        Request::get(wanted.path.as_str())
            .header(HOST, wanted.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(Empty::new())
            .ok()
    }

    async fn judge(&self, response: Response<Incoming>) -> Result<Judgement, End> {
        let wanted = &self.page.wanted;
        let wrong = judge::status(wanted, response.status().as_u16());
        let mut body = response.into_body();
        let (None, Some(text)) = (wrong, wanted.body.as_deref()) else {
            return Ok(Judgement { wrong, left: body.size_hint().upper() });
        };
        let mut read: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| garbled(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            // The text may lie across two pieces.
            let from = read.len().saturating_sub(text.len());
            let room = MAX_BODY.saturating_sub(read.len());
            read.extend(data.iter().take(room));
            let news = read.get(from..).unwrap_or_default();
            let found = news.windows(text.len()).any(|window| window == text.as_bytes());
            if found || read.len() >= MAX_BODY {
                let wrong = (!found).then(|| judge::mismatch(wanted));
                return Ok(Judgement { wrong, left: body.size_hint().upper() });
            }
        }
        Ok(Judgement { wrong: Some(judge::mismatch(wanted)), left: Some(0) })
    }
}

/// How an exchange ended, for the count of what it took.
const fn ending(said: &Result<Answer, End>) -> Ending {
    match said {
        Ok(answer) => Ending::Answered { left: answer.judgement.left },
        Err(Some(_)) => Ending::Answered { left: None },
        Err(None) => Ending::Unanswered,
    }
}

/// What a broken connection says: a far end that refuses, closes or resets is there. "Unreachable" and the like come
/// from routers on the way, or from nobody: the deadline judges.
pub(super) fn broken(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData => Some(Outcome::Refused),
        _ => None,
    }
}

/// What a failed exchange says: what is no HTTP, or too little of it, is a wrong answer.
fn garbled(error: &hyper::Error) -> End {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    cause.map_or(Some(Outcome::Refused), broken)
}

/// What a server that says these bytes and hangs up is taken for, without a network.
pub(in crate::probe) fn answered(wanted: &Wanted, said: &[u8]) -> Option<Outcome> {
    let fetch = Fetch { page: Arc::new(Page::new(wanted)?), binding: None, bill: Bill::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let answer = runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(2 * MAX_BODY);
        let serve = async {
            // What comes before the request is no answer to it.
            let _length = theirs.read(&mut [0; MAX_REQUEST]).await;
            // The prober may hang up before all was said.
            let _all = theirs.write_all(said).await;
            let _end = theirs.shutdown().await;
        };
        tokio::join!(fetch.exchange(ours), serve).0
    });
    answer.map_or_else(
        |end| end,
        |Answer { at, judgement }| {
            Some(judgement.wrong.unwrap_or(Outcome::Reply { rtt: Duration::ZERO, at }))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shunt_config::Host;

    fn wanted(body: Option<&str>) -> Wanted {
        Wanted {
            secure: false,
            host: Host::Address([192, 0, 2, 1].into()),
            port: 80,
            path: "/".to_owned(),
            status: None,
            body: body.map(str::to_owned),
        }
    }

    fn judged(said: &[u8], body: Option<&str>) -> Option<Outcome> {
        answered(&wanted(body), said)
    }

    fn is_good(outcome: Option<Outcome>) -> bool {
        matches!(outcome, Some(Outcome::Reply { .. }))
    }

    #[test]
    fn a_text_is_found_at_the_end_of_what_is_read_and_not_behind_it() {
        let page = |before: usize| format!("HTTP/1.1 200 OK\r\n\r\n{}mark", ".".repeat(before));
        let within = judged(page(MAX_BODY - 4).as_bytes(), Some("mark"));
        assert!(is_good(within), "{within:?}");
        let beyond = judged(page(MAX_BODY - 3).as_bytes(), Some("mark"));
        assert_eq!(beyond, Some(Outcome::Intercepted));
    }

    proptest! {
        #[test]
        fn no_bytes_are_taken_for_a_page_that_are_none(said in prop::collection::vec(any::<u8>(), 0..600)) {
            let good = is_good(judged(&said, None));
            prop_assert!(!good || said.windows(7).any(|window| window == b"HTTP/1."));
        }

        #[test]
        fn no_head_makes_the_reader_panic(status in "[0-9 a-zA-Z]{0,12}", rest in "[ -~\r\n\t:]{0,200}") {
            let said = format!("HTTP/1.1 {status}\r\n{rest}\r\n\r\n");
            let good = is_good(judged(said.as_bytes(), None));
            prop_assert!(!good || status.trim_start().starts_with('2'), "{said:?}");
        }
    }
}
