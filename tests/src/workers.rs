//! Real workers with real experts.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::binaries::program;

/// A running `moegate-worker serve`. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    address: SocketAddr,
}

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
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("moegate-worker starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says a line");
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let address = ready["listening"].as_str().and_then(|a| a.parse().ok());
        Self {
            child,
            address: address.expect("an address"),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It cannot be waited for.
    pub fn wait(&mut self) {
        self.child.wait().expect("it ends");
    }

    /// Its `/status`.
    pub fn status(&self) -> Value {
        crate::http::get(self.address, "/status", None).json()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Err(why) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("worker does not end: {why}");
        }
    }
}
