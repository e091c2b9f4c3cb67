//! Idle connections to one address, the latest used first.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::conn::Conn;

pub(crate) struct Idle {
    connections: Mutex<Vec<(Box<Conn>, Instant)>>,
    most: usize,
    keep: Duration,
}

impl Idle {
    pub(crate) fn new(most: usize, keep: Duration) -> Self {
        Self {
            connections: Mutex::new(Vec::new()),
            most,
            keep,
        }
    }

    /// A connection that can be used.
    pub(crate) fn take(&self) -> Option<Box<Conn>> {
        loop {
            let (mut conn, since) = self.connections.lock().pop()?;
            if since.elapsed() < self.keep && conn.is_usable() {
                return Some(conn);
            }
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn put(&self, mut conn: Box<Conn>) {
        if !conn.is_usable() {
            return;
        }
        let mut connections = self.connections.lock();
        if connections.len() < self.most {
            connections.push((conn, Instant::now()));
        }
    }

    /// Closes connections that were idle for too long or that the other side closed.
    pub(crate) fn sweep(&self) {
        self.connections
            .lock()
            .retain_mut(|(conn, since)| since.elapsed() < self.keep && conn.is_usable());
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.connections.lock());
        drop(all);
    }
}
