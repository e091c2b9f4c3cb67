//! A replica that does as the test says, down to the bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// What a replica does with one request.
#[derive(Debug, Clone)]
pub(super) enum Do {
    /// Sends these bytes.
    Send(String),
    /// Waits until the test opens the gate, or the client goes away.
    Wait,
    /// Closes the connection.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            (key == name).then_some(value)
        })
    }
}

#[derive(Default)]
struct Inner {
    script: Mutex<VecDeque<Vec<Do>>>,
    always: Mutex<Vec<Do>>,
    status: Mutex<Option<Value>>,
    seen: Mutex<Vec<Seen>>,
    counts: watch::Sender<Counts>,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) connections: usize,
    pub(super) requests: usize,
    pub(super) disconnects: usize,
}

/// A replica; it ends with this value.
pub(super) struct Mock {
    pub(super) address: SocketAddr,
    pub(super) gate: Arc<Semaphore>,
    inner: Arc<Inner>,
    _tasks: JoinSet<()>,
}

pub(super) const USAGE: &str = r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}"#;

/// A whole answer.
pub(super) fn whole(status: u16, headers: &str, body: &str) -> Vec<Do> {
    vec![Do::Send(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))]
}

pub(super) fn answer() -> Vec<Do> {
    let body = format!(r#"{{"id":"1","model":"up","choices":[],"usage":{USAGE}}}"#);
    whole(200, "", &body)
}

pub(super) fn error(status: u16) -> Vec<Do> {
    whole(status, "", r#"{"error":{"message":"no"}}"#)
}

pub(super) fn stream_head() -> Do {
    Do::Send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .into(),
    )
}

pub(super) fn event(data: &str) -> Do {
    let event = format!("data: {data}\n\n");
    Do::Send(format!("{:x}\r\n{event}\r\n", event.len()))
}

pub(super) fn piece(text: &str) -> Do {
    event(&json!({"model":"up","choices":[{"index":0,"delta":{"content":text},"finish_reason":null}]}).to_string())
}

pub(super) fn stream_end() -> Vec<Do> {
    vec![
        event(r#"{"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#),
        event(&format!(r#"{{"model":"up","choices":[],"usage":{USAGE}}}"#)),
        event("[DONE]"),
        Do::Send("0\r\n\r\n".into()),
    ]
}

pub(super) fn status_of(experts: &[&str]) -> Value {
    let hosted: Vec<Value> = experts
        .iter()
        .map(|id| json!({"id": id, "version": "1", "domain": "legal", "loaded": true, "bytes": 1}))
        .collect();
    json!({"version":"0.1.0","device":"cpu","started_unix_ms":1,"experts":hosted,
        "capacity":{"queue":64,"max_batch":8,"memory_bytes":1},"queue":{"waiting":0,"running":0},
        "counters":{"provisioned_ns":100,"busy_ns":60,"load_ns":10,"idle_ns":30,"requests":3,
        "rejected":0,"cancelled":0}})
}

impl Mock {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner::default());
        let gate = Arc::new(Semaphore::new(0));
        let mut tasks = JoinSet::new();
        let (accepting, opening) = (Arc::clone(&inner), Arc::clone(&gate));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepting.counts.send_modify(|c| c.connections += 1);
                connections.spawn(serve(stream, Arc::clone(&accepting), Arc::clone(&opening)));
            }
        });
        Self {
            address,
            gate,
            inner,
            _tasks: tasks,
        }
    }

    /// A worker that hosts these.
    pub(super) async fn worker(experts: &[&str]) -> Self {
        let mock = Self::start().await;
        *mock.inner.status.lock() = Some(status_of(experts));
        mock.always(answer());
        mock
    }

    /// What it does with every request that no script is left for.
    pub(super) fn always(&self, steps: Vec<Do>) {
        *self.inner.always.lock() = steps;
    }

    /// What it does with the next request.
    pub(super) fn then(&self, steps: Vec<Do>) {
        self.inner.script.lock().push_back(steps);
    }

    pub(super) fn set_status(&self, status: Value) {
        *self.inner.status.lock() = Some(status);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().clone()
    }

    pub(super) fn counts(&self) -> Counts {
        *self.inner.counts.borrow()
    }

    /// Waits until the counts are so.
    pub(super) async fn until(&self, is_so: impl FnMut(&Counts) -> bool) {
        let mut counts = self.inner.counts.subscribe();
        counts.wait_for(is_so).await.unwrap();
    }
}

async fn serve(mut stream: TcpStream, inner: Arc<Inner>, gate: Arc<Semaphore>) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await {
        if head.starts_with("GET /status") {
            let status = inner.status.lock().clone();
            let reply = match status {
                Some(status) => whole(200, "", &status.to_string()),
                None => error(404),
            };
            if let [Do::Send(text)] = reply.as_slice() {
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            continue;
        }
        let seen = Seen {
            head,
            body: serde_json::from_slice(&body).unwrap(),
        };
        inner.seen.lock().push(seen);
        let scripted = inner.script.lock().pop_front();
        let steps = scripted.unwrap_or_else(|| inner.always.lock().clone());
        inner.counts.send_modify(|c| c.requests += 1);
        for step in steps {
            match step {
                Do::Send(text) => {
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        inner.counts.send_modify(|c| c.disconnects += 1);
                        return;
                    }
                }
                Do::Close => return,
                Do::Wait => {
                    let mut byte = [0_u8; 1];
                    tokio::select! {
                        permit = gate.acquire() => permit.unwrap().forget(),
                        _gone = stream.read(&mut byte) => {
                            inner.counts.send_modify(|c| c.disconnects += 1);
                            return;
                        }
                    }
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        let end = buffer.windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "))
                .map_or(0, |n| n.parse::<usize>().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
