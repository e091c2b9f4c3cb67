//! Real workers with real experts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::binaries::program;
use crate::process::Server;

/// A running `moegate-worker serve`. Dropping it kills it.
#[derive(Debug)]
pub struct Worker(Server);

/// The folder of a shipped expert.
pub fn expert(id: &str) -> PathBuf {
    crate::root().join("deploy/experts").join(id)
}

impl Worker {
    /// Starts one on a free port with these shipped experts.
    ///
    /// # Panics
    /// It does not say where it listens.
    pub fn start(experts: &[&str]) -> Self {
        let mut command = Command::new(program("moegate-worker"));
        command.args([
            "serve",
            "--device",
            "cpu",
            "--threads",
            "1",
            "--listen",
            "127.0.0.1:0",
        ]);
        for id in experts {
            command.arg("--expert").arg(expert(id));
        }
        Self(Server::start(&mut command))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.child.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It cannot be waited for.
    pub fn wait(&mut self) {
        self.0.child.wait().expect("it ends");
    }

    /// Its `/status`.
    pub fn status(&self) -> Value {
        crate::http::get(self.0.address, "/status", None).json()
    }
}
