//! Answers on the control socket. It knows nothing itself: each request becomes an [`Order`] for the event loop.
//! Whatever a client sends or fails to read costs that client its connection, and the daemon nothing.

use super::credentials;
use super::wire::{
    Answer, ApiError, Done, ErrorCode, Event, EventKind, Line, MAX_REQUEST, Request, Response,
};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Read from a connection at once: all requests but that with a firmware fit.
const READ_AHEAD: usize = 4_096;

/// Connections at once: a few people and scrapers; each costs two buffers of a few KiB.
pub const MAX_CONNECTIONS: usize = 16;

/// A connection on which nothing was asked for this long is closed, so that forgotten clients do not fill the table.
const IDLE: Duration = Duration::from_secs(60);

/// A client that does not read for this long is given up.
const WRITE: Duration = Duration::from_secs(5);

/// The event loop answers within a millisecond; taking everything out of the kernel may take it some seconds.
const REPLY: Duration = Duration::from_secs(30);

/// After a failed `accept` (the process has no descriptor left) the next try waits this long instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A request for the event loop, and where the answer goes.
#[derive(Debug)]
pub struct Order {
    /// What is asked.
    pub request: Request,
    /// For the answer; to [`Request::Events`] it is the history that is kept, oldest first.
    pub reply: oneshot::Sender<Response>,
}

/// Who may use the socket: root, the user that the daemon runs as, and the members of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The user that the daemon runs as.
    pub own_user: u32,
    /// The group.
    pub group: Option<u32>,
}

impl Access {
    /// Root, the user of this process, and `group`.
    #[must_use]
    pub fn for_group(group: Option<u32>) -> Self {
        Self { own_user: credentials::own_user(), group }
    }

    /// Whether a peer with these numbers may.
    #[must_use]
    pub fn allows(&self, user: u32, group: u32, groups: &[u32]) -> bool {
        let member = |wanted| group == wanted || groups.contains(&wanted);
        user == 0 || user == self.own_user || self.group.is_some_and(member)
    }
}

/// Answers until the receiver of `orders` is dropped; then what is being written is finished, and it returns.
/// So the loop that was told to stop sends its reply, drops the receiver, and awaits this.
pub async fn serve(
    listener: UnixListener,
    access: Access,
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<Event>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = orders.closed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("failed to accept a connection on the control socket: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        if let Some(error) = refusal(&stream, access, connections.len()) {
            refuse(&stream, error);
            continue;
        }
        let connection = Connection::new(stream, orders.clone(), events.clone());
        connections.spawn(connection.run());
    }
    while connections.join_next().await.is_some() {}
}

fn refusal(stream: &UnixStream, access: Access, open: usize) -> Option<ApiError> {
    let allowed = stream.peer_cred().is_ok_and(|peer| {
        let groups = credentials::peer_groups(stream).unwrap_or_default();
        access.allows(peer.uid(), peer.gid(), &groups)
    });
    if !allowed {
        let message = "only root and the members of the group may use this socket; join it, or use sudo";
        return Some(ApiError::new(ErrorCode::PermissionDenied, message));
    }
    (open >= MAX_CONNECTIONS).then(|| {
        let message = format!("{MAX_CONNECTIONS} connections are open already; close one and try again");
        ApiError::new(ErrorCode::Busy, message)
    })
}

/// One line into the empty buffer of a fresh connection: it never waits.
fn refuse(stream: &UnixStream, error: ApiError) {
    if let Ok(line) = encode(&Line::<Done>::Error(error)) {
        let _ = stream.try_write(&line);
    }
}

/// Why a connection ends.
enum End {
    /// The client hung up, or does not read.
    Gone,
    /// It is told why, and then closed.
    Told(ApiError),
}

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<Event>,
}

impl Connection {
    fn new(stream: UnixStream, orders: mpsc::Sender<Order>, events: broadcast::Sender<Event>) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::with_capacity(READ_AHEAD, reader), writer, orders, events }
    }

    async fn run(mut self) {
        loop {
            match self.exchange().await {
                Ok(()) => {}
                Err(End::Gone) => return,
                Err(End::Told(error)) => {
                    let _ = self.send(&Line::<Done>::Error(error)).await;
                    return;
                }
            }
        }
    }

    async fn exchange(&mut self) -> Result<(), End> {
        let orders = self.orders.clone();
        let line = tokio::select! {
            biased;
            line = timeout(IDLE, self.line()) => line.unwrap_or_else(|_| {
                Err(End::Told(ApiError::new(ErrorCode::Idle, "nothing was asked for a minute")))
            })?,
            () = orders.closed() => return Err(End::Gone),
        };
        let request: Request = serde_json::from_slice(&line).map_err(|error| {
            let message = format!("the line is not a request: {error}");
            End::Told(ApiError::new(ErrorCode::BadRequest, message))
        })?;
        if let Request::Events { follow } = request {
            return self.stream(follow).await;
        }
        match self.order(request).await {
            Ok(answer) => self.send(&Line::Ok(answer)).await,
            Err(error) => self.send(&Line::<Done>::Error(error)).await,
        }
    }

    /// The next line without its end; never more than [`MAX_REQUEST`] bytes are held.
    async fn line(&mut self) -> Result<Vec<u8>, End> {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut line).await;
        if read.map_err(|_| End::Gone)? == 0 {
            return Err(End::Gone);
        }
        if line.pop() == Some(b'\n') {
            return Ok(line);
        }
        let message = if line.len() + 1 >= MAX_REQUEST {
            format!("the line is longer than {MAX_REQUEST} bytes")
        } else {
            "the line does not end".into()
        };
        Err(End::Told(ApiError::new(ErrorCode::BadRequest, message)))
    }

    async fn order(&self, request: Request) -> Response {
        let (reply, answer) = oneshot::channel();
        let patience = REPLY + request.extra();
        self.orders.try_send(Order { request, reply }).map_err(|error| match error {
            TrySendError::Full(_) => ApiError::new(ErrorCode::Busy, "too many requests wait; try again"),
            TrySendError::Closed(_) => stopping(),
        })?;
        match timeout(patience, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(ApiError::new(ErrorCode::Failed, "the daemon did not answer in time; see its log")),
        }
    }

    /// The history, and then what is new. Listening begins before the history is asked for, and what is in both is
    /// sent once: nothing falls between the two.
    async fn stream(&mut self, follow: bool) -> Result<(), End> {
        let live = follow.then(|| self.events.subscribe());
        let history = match self.order(Request::Events { follow }).await {
            Ok(Answer::Events(history)) => history,
            Ok(_) => Vec::new(),
            Err(error) => return Err(End::Told(error)),
        };
        let mut last = 0;
        for event in history {
            last = event.number;
            self.send(&Line::<Done>::Event(event)).await?;
        }
        match live {
            Some(live) => self.follow(live, last).await,
            None => self.send(&Line::Ok(Done { text: "that is all".into() })).await,
        }
    }

    async fn follow(&mut self, mut live: broadcast::Receiver<Event>, mut last: u64) -> Result<(), End> {
        let orders = self.orders.clone();
        let mut missed = 0;
        loop {
            let next = tokio::select! {
                biased;
                next = live.recv() => next,
                () = orders.closed() => return Err(End::Told(stopping())),
                _ = self.reader.fill_buf() => return Err(End::Gone),
            };
            let event = match next {
                Ok(event) => event,
                Err(RecvError::Lagged(count)) => {
                    missed += count;
                    continue;
                }
                Err(RecvError::Closed) => return Err(End::Told(stopping())),
            };
            if event.number <= last {
                continue;
            }
            if missed > 0 {
                self.send(&Line::<Done>::Event(gap(&event, missed))).await?;
                missed = 0;
            }
            last = event.number;
            self.send(&Line::<Done>::Event(event)).await?;
        }
    }

    async fn send<T: serde::Serialize>(&mut self, line: &Line<T>) -> Result<(), End> {
        let bytes = encode(line).map_err(|_| End::Gone)?;
        match timeout(WRITE, self.writer.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn encode<T: serde::Serialize>(line: &Line<T>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The line that stands where `missed` events before `next` were left out.
fn gap(next: &Event, missed: u64) -> Event {
    let text = format!("{missed} events are left out here: this client read too slowly");
    let number = next.number.saturating_sub(1);
    Event { missed: Some(missed), ..Event::plain(number, next.at.clone(), EventKind::Missed, text) }
}

fn stopping() -> ApiError {
    ApiError::new(ErrorCode::Stopping, "the daemon stops")
}

#[cfg(test)]
mod tests;
