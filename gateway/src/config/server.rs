//! The listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// The listener of the public API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address and port of `/ready` and `/metrics`, plain HTTP; they are then not on the public listener. Absent means
    /// that both are on `listen`.
    pub operations: Option<SocketAddr>,
    /// Certificate and key; absent means plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Largest request body in bytes; larger ones get 413.
    pub max_body_bytes: usize,
    /// Most connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Time for a request's head from its first byte, in milliseconds.
    pub header_timeout_ms: u64,
    /// Time for a request's body, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a connection may be idle between requests, and how long a client may leave its answer untaken, in
    /// milliseconds.
    pub idle_timeout_ms: u64,
    /// Time for an answer where the client sets none, in milliseconds.
    pub request_timeout_ms: u64,
    /// Time for running requests to end after SIGTERM, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Runtime threads; absent means one per core.
    pub threads: Option<usize>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operations: None,
            tls: None,
            max_body_bytes: 4 << 20,
            max_connections: 4096,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            request_timeout_ms: 60_000,
            drain_timeout_ms: 20_000,
            threads: None,
        }
    }
}

impl ServerConfig {
    /// Time for a request's head.
    pub const fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// Time for a request's body.
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// Idle time of a connection.
    pub const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// Time for an answer where the client sets none.
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Time for running requests to end.
    pub const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

/// Certificate and key of the listener, PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}
