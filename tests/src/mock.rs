//! A mock of an OpenAI-compatible upstream: the real program of `bench`, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::binaries::program;

/// A running mock. Dropping it kills it.
#[derive(Debug)]
pub struct Mock {
    child: Child,
    address: SocketAddr,
}

impl Mock {
    /// Starts `bench mock` on a free port with more flags.
    ///
    /// # Panics
    /// It does not say where it listens.
    pub fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(program("bench"))
            .args(["mock", "--listen", "127.0.0.1:0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bench starts");
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

    /// What it counted: requests, tokens, disconnects.
    pub fn counts(&self) -> Value {
        crate::http::get(self.address, "/mock/counts", None).json()
    }

    /// A `[[remotes]]` entry of a configuration that names it.
    pub fn remote(&self, id: &str) -> String {
        format!(
            "[[remotes]]
id = \"{id}\"
base_url = \"http://{}/v1\"
upstream_model = \"mock\"
quality = 0.9
[[remotes.prices]]
effective_from = \"2026-01-01T00:00:00Z\"
source = \"price list of the test\"
input = \"1.00\"
output = \"2.00\"
",
            self.address
        )
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if let Err(why) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("mock does not end: {why}");
        }
    }
}
