//! A server process that ends with its value.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::process::Family;

/// A process that listens.
pub(crate) struct Server {
    child: Child,
    /// Held open, or what it says at its end would break it.
    output: Option<Lines<BufReader<ChildStdout>>>,
    pid: u32,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The mock, in a process of its own.
    pub(super) async fn mock(bench: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(bench);
        command.args(["mock", "--listen", "127.0.0.1:0"]);
        Self::announced(command).await
    }

    /// Starts a program that prints `{"listening":"ADDRESS"}` when it listens.
    pub(super) async fn announced(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{:?} does not start", command.as_std().get_program()))?;
        let output = child.stdout.take().context("no output")?;
        let mut server = Self::of(child)?;
        let lines = server.output.insert(BufReader::new(output).lines());
        let told = tokio::time::timeout(Duration::from_secs(60), async {
            while let Some(line) = lines.next_line().await? {
                let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = value.get("listening").and_then(|v| v.as_str()) {
                    return Ok(address.parse::<SocketAddr>()?);
                }
            }
            anyhow::bail!("it ended before it listened")
        });
        server.address = told.await.context("it does not say where it listens")??;
        Ok(server)
    }

    /// Starts a program that is known to listen there, and waits until it does.
    pub(super) async fn known(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let program = command.as_std().get_program().to_owned();
        let child = command.stdin(Stdio::null()).spawn();
        let mut server = Self::of(child.with_context(|| format!("{program:?} does not start"))?)?;
        server.address = address;
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                anyhow::bail!("{program:?} ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!("{program:?} does not listen at {address}")
    }

    fn of(child: Child) -> anyhow::Result<Self> {
        let pid = child.id().context("it ended at once")?;
        Ok(Self {
            child,
            output: None,
            pid,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        })
    }

    pub(super) fn family(&self) -> Family {
        Family { pid: self.pid }
    }

    /// Asks it to end, and waits.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.ask_to_end();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended.context("a server does not end")??;
        Ok(())
    }

    fn ask_to_end(&self) {
        // Ended and awaited, it has no id any more.
        if let (Some(_), Ok(pid)) = (self.child.id(), i32::try_from(self.pid)) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// Ends it also where the run failed: asked and not killed, for a master has to end its workers.
impl Drop for Server {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}
