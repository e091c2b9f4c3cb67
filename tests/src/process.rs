//! A program of ours that says where it listens, as one line of JSON, and then serves.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Where a program says that it listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) listening: SocketAddr,
    /// The operators' listener, if it has one.
    pub(crate) operations: Option<SocketAddr>,
}

/// Starts a program and waits until it listens.
///
/// # Panics
/// It does not start, or says something else; `explain` tells what is known of it then.
pub(crate) fn listening(command: &mut Command, explain: impl Fn() -> String) -> (Child, Bound) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it says a line");
    let said: Value =
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line:?}\n{}", explain()));
    let address = |name: &str| said[name].as_str().and_then(|a| a.parse().ok());
    let bound = Bound {
        listening: address("listening").expect("an address"),
        operations: address("operations"),
    };
    (child, bound)
}

/// A program that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let (child, bound) = listening(command, String::new);
        Self {
            child,
            address: bound.listening,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(why) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("{:?} does not end: {why}", self.child);
        }
    }
}
