//! A server process that ends with its value.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::process::Family;

/// A process that listens.
pub(super) struct Server {
    child: Child,
    pid: u32,
    pub(super) address: SocketAddr,
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
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{:?} does not start", command.as_std().get_program()))?;
        let output = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let told = tokio::time::timeout(Duration::from_secs(60), async {
            while let Some(line) = lines.next_line().await? {
                let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = value.get("listening").and_then(|v| v.as_str()) {
                    return Ok(address.parse::<SocketAddr>()?);
                }
            }
            anyhow::bail!("it ended before it listened")
        });
        let address = told.await.context("it does not say where it listens")??;
        let pid = child.id().context("it ended at once")?;
        Ok(Self {
            child,
            pid,
            address,
        })
    }

    /// Starts a program that is known to listen there, and waits until it does.
    pub(super) async fn known(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        let pid = child.id().context("it ended at once")?;
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(Self {
                    child,
                    pid,
                    address,
                });
            }
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("{:?} ended: {status}", command.as_std().get_program());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!(
            "{:?} does not listen at {address}",
            command.as_std().get_program()
        )
    }

    pub(super) fn family(&self) -> Family {
        Family { pid: self.pid }
    }

    /// Asks it to end, and waits; one that does not is killed with this value.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?);
        kill(pid, Signal::SIGTERM)?;
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended.context("a server does not end")??;
        Ok(())
    }
}
