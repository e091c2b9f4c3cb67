//! A mock of an OpenAI-compatible upstream: the real program of `bench`, in a process of its own.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::binaries::program;
use crate::process::Server;

/// A running mock. Dropping it kills it.
#[derive(Debug)]
pub struct Mock(Server);

impl Mock {
    /// Starts `bench mock` on a free port with more flags.
    ///
    /// # Panics
    /// It does not say where it listens.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(program("bench"));
        command
            .args(["mock", "--listen", "127.0.0.1:0"])
            .args(flags);
        Self(Server::start(&mut command))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it counted: requests, tokens, disconnects.
    pub fn counts(&self) -> Value {
        crate::http::get(self.0.address, "/mock/counts", None).json()
    }

    /// A `[[remotes]]` entry of a configuration that names it.
    pub fn remote(&self, id: &str) -> String {
        remote(id, self.0.address)
    }
}

/// A `[[remotes]]` entry of a configuration, with prices of 1 and 2 per million tokens.
pub fn remote(id: &str, address: SocketAddr) -> String {
    format!(
        "[[remotes]]
id = \"{id}\"
base_url = \"http://{address}/v1\"
upstream_model = \"mock\"
quality = 0.9
[[remotes.prices]]
effective_from = \"2026-01-01T00:00:00Z\"
source = \"price list of the test\"
input = \"1.00\"
output = \"2.00\"
"
    )
}
