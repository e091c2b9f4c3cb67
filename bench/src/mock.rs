//! An OpenAI-compatible upstream that costs next to nothing and counts what it gave.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

mod connection;

/// How the mock answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MockConfig {
    /// Wait before an answer that is not streamed.
    pub delay: Duration,
    /// Wait before the first token of a stream.
    pub first_token: Duration,
    /// Wait before each later token.
    pub token: Duration,
    /// Tokens of an answer.
    pub tokens: u32,
    /// Share of requests that are refused with 503, spread evenly.
    pub fail_ratio: f64,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            first_token: Duration::ZERO,
            token: Duration::ZERO,
            tokens: 16,
            fail_ratio: 0.0,
        }
    }
}

/// What the mock counted: the truth that a ledger is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Chat requests.
    pub requests: u64,
    /// Answers that were whole: every byte was handed to the connection.
    pub answered: u64,
    /// Requests refused on purpose.
    pub refused: u64,
    /// Streams whose client went away.
    pub aborted: u64,
    /// Input tokens of whole answers.
    pub prompt_tokens: u64,
    /// Output tokens of whole answers.
    pub completion_tokens: u64,
    /// Output tokens of aborted streams.
    pub aborted_tokens: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    aborted: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    aborted_tokens: AtomicU64,
}

impl Counters {
    /// A request came; its number from 0.
    pub(crate) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, prompt: u64, completion: u64) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.prompt_tokens.fetch_add(prompt, Ordering::Relaxed);
        self.completion_tokens
            .fetch_add(completion, Ordering::Relaxed);
    }

    pub(crate) fn aborted(&self, completion: u64) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
        self.aborted_tokens.fetch_add(completion, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: get(&self.requests),
            answered: get(&self.answered),
            refused: get(&self.refused),
            aborted: get(&self.aborted),
            prompt_tokens: get(&self.prompt_tokens),
            completion_tokens: get(&self.completion_tokens),
            aborted_tokens: get(&self.aborted_tokens),
        }
    }
}

/// A running mock; it ends with this value.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    counters: Arc<Counters>,
    _accepting: JoinSet<()>,
}

impl Mock {
    /// Starts on a free loopback port, with no waits.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start() -> io::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_with(any, MockConfig::default()).await
    }

    /// Starts where and as told. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_with(listen: SocketAddr, config: MockConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let mut accepting = JoinSet::new();
        let counting = Arc::clone(&counters);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(connection::serve(stream, config, Arc::clone(&counting)));
                        }
                    }
                    Some(_ended) = connections.join_next() => {}
                }
            }
        });
        Ok(Self {
            address,
            counters,
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its API, for an OpenAI client.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it counted so far; also at `GET /mock/counts`.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}
