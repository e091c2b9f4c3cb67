//! Worker processes that the gateway starts itself: on loopback, watched, started again when they end,
//! and gone when the gateway is gone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{ChildWorkers, PoolConfig};

/// Time for a worker to say where it listens.
const START_TIME: Duration = Duration::from_secs(60);
/// Wait before a worker is started again, doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program cannot be run.
    #[error("cannot start {program}: {why}", program = program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The worker ended, or said something else than where it listens.
    #[error("{program} did not say where it listens: {why}", program = program.display())]
    Silent {
        /// The program.
        program: PathBuf,
        /// What was heard instead.
        why: String,
    },
}

/// The children of one gateway. Dropping it ends them.
#[derive(Debug)]
pub struct Children {
    tasks: TaskTracker,
    stop: CancellationToken,
    started: Vec<Started>,
}

/// A child as it was first started.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// Where it listens; the same after a restart.
    pub address: SocketAddr,
    /// The process id of its first life.
    pub pid: Option<u32>,
}

#[derive(Deserialize)]
struct Ready {
    listening: SocketAddr,
}

impl Children {
    /// Starts the children of a pool and waits until each listens.
    ///
    /// # Errors
    /// The program is missing, or a worker ends before it listens; what was started is ended again.
    pub async fn start(pool: &PoolConfig) -> Result<Self, ChildError> {
        let mut children = Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            started: Vec::new(),
        };
        let Some(config) = &pool.children else {
            return Ok(children);
        };
        for _ in 0..config.count {
            let spec = Spec::new(config, &pool.experts);
            let life = spec.start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
            children.started.push(Started {
                address: life.address,
                pid: life.child.id(),
            });
            let stop = children.stop.clone();
            children.tasks.spawn(watch(spec, life, stop));
        }
        Ok(children)
    }

    /// The children as they were started.
    pub fn started(&self) -> &[Started] {
        &self.started
    }

    /// Ends every child and waits for it.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One life of a child. The worker ends when its standard input closes, so not even a killed gateway
/// leaves workers behind.
#[derive(Debug)]
struct Life {
    child: Child,
    address: SocketAddr,
    _stdin: Option<ChildStdin>,
}

#[derive(Debug)]
struct Spec {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Spec {
    fn new(config: &ChildWorkers, experts: &[PathBuf]) -> Self {
        let mut arguments = vec!["serve".to_owned(), "--exit-with-parent".to_owned()];
        let mut flag = |name: &str, value: String| {
            arguments.push(name.to_owned());
            arguments.push(value);
        };
        for expert in experts {
            flag("--expert", expert.display().to_string());
        }
        flag("--device", config.device.clone());
        if let Some(threads) = config.threads {
            flag("--threads", threads.to_string());
        }
        if let Some(memory) = config.memory_mb {
            flag("--memory-mb", memory.to_string());
        }
        Self {
            program: config.program.clone().unwrap_or_else(beside_this_program),
            arguments,
        }
    }

    async fn start(&self, listen: SocketAddr) -> Result<Life, ChildError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg("--listen")
            .arg(listen.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|why| ChildError::Spawn {
                program: self.program.clone(),
                why,
            })?;
        let silent = |why: String| ChildError::Silent {
            program: self.program.clone(),
            why,
        };
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| silent("no output".to_owned()))?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        let heard = tokio::time::timeout(START_TIME, stdout.read_line(&mut line)).await;
        match heard {
            Err(_) => return Err(silent("nothing within a minute".to_owned())),
            Ok(Err(why)) => return Err(silent(why.to_string())),
            Ok(Ok(0)) => return Err(silent("it ended".to_owned())),
            Ok(Ok(_)) => {}
        }
        let ready: Ready = serde_json::from_str(line.trim())
            .map_err(|why| silent(format!("{why} in {:?}", line.trim())))?;
        let stdin = child.stdin.take();
        Ok(Life {
            child,
            address: ready.listening,
            _stdin: stdin,
        })
    }
}

fn beside_this_program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.parent()
        .unwrap_or(Path::new("."))
        .join("moegate-worker")
}

/// Starts a child again whenever it ends, on the same address, until stopped.
async fn watch(spec: Spec, first: Life, stop: CancellationToken) {
    let address = first.address;
    let mut life = Some(first);
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(mut running) = life.take() {
            tokio::select! {
                () = stop.cancelled() => {
                    drop(running._stdin.take());
                    let gone = tokio::time::timeout(Duration::from_secs(5), running.child.wait()).await;
                    if gone.is_err() && running.child.kill().await.is_err() {
                        tracing::warn!(%address, "worker cannot be ended");
                    }
                    return;
                }
                ended = running.child.wait() => {
                    let status = ended.map_or_else(|why| why.to_string(), |s| s.to_string());
                    tracing::warn!(%address, status, "worker ended; starting it again");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        match spec.start(address).await {
            Ok(started) => {
                pause = FIRST_PAUSE;
                life = Some(started);
            }
            Err(why) => {
                tracing::warn!(%address, %why, "worker does not start");
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }
}
