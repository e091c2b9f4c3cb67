//! Has components compiled by a process of its own: compiling is where a small file can ask for much time and
//! memory, so it happens under bounds, away from the gateway.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use plugin_engine::Metering;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

/// Bounds of one compilation.
#[derive(Debug, Clone, Copy)]
pub struct CompileLimits {
    /// CPU time.
    pub cpu: Duration,
    /// Address space, bytes.
    pub memory_bytes: u64,
    /// Time on the clock.
    pub wall: Duration,
    /// Bytes of code.
    pub code_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(90),
            memory_bytes: 2 << 30,
            wall: Duration::from_secs(120),
            code_bytes: 256 << 20,
        }
    }
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The program is not there or does not start.
    #[error("{program}: {why}", program = program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// It is no component, or one with features that plugins do not have.
    #[error("the component is refused: {0}")]
    Invalid(String),
    /// It took more CPU time or memory than is allowed, and was ended by the system.
    #[error("compiling took more than {cpu:?} of CPU time or {memory_bytes} bytes of memory")]
    Bounds {
        /// CPU time.
        cpu: Duration,
        /// Memory.
        memory_bytes: u64,
    },
    /// It took too long.
    #[error("compiling took longer than {0:?}")]
    Wall(Duration),
    /// The code is larger than allowed.
    #[error("the code has more than {0} bytes")]
    Size(u64),
    /// It broke off.
    #[error("the compiler failed: {0}")]
    Failed(String),
}

/// Starts the compiler, one component at a time.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    limits: CompileLimits,
    turns: Semaphore,
}

impl Compiler {
    /// The compiler at that path.
    pub fn new(program: &Path, limits: CompileLimits) -> Self {
        Self {
            program: program.to_owned(),
            limits,
            turns: Semaphore::new(1),
        }
    }

    /// Code for a component.
    ///
    /// # Errors
    /// The component is refused, or a bound was passed.
    pub async fn compile(
        &self,
        component: &[u8],
        metering: Metering,
    ) -> Result<Vec<u8>, CompileError> {
        let _turn = self.turns.acquire().await;
        let limits = &self.limits;
        let mut child = Command::new(&self.program)
            .arg("--metering")
            .arg(metering.as_str())
            .arg("--cpu-seconds")
            .arg(limits.cpu.as_secs().max(1).to_string())
            .arg("--memory-bytes")
            .arg(limits.memory_bytes.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|why| CompileError::Start {
                program: self.program.clone(),
                why,
            })?;
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let Some(mut input) = input {
                // A compiler that has refused reads no further.
                let _sent = input.write_all(component).await;
            }
        };
        let work = async {
            let ((), code, said) =
                tokio::join!(feed, read(output, limits.code_bytes), read(errors, 4096));
            (child.wait().await, code, said)
        };
        let Ok((status, code, said)) = tokio::time::timeout(limits.wall, work).await else {
            return Err(CompileError::Wall(limits.wall));
        };
        let said = String::from_utf8_lossy(&said.unwrap_or_default())
            .trim()
            .to_owned();
        let status = status.map_err(|why| CompileError::Failed(why.to_string()))?;
        match status.code() {
            Some(0) => code.ok_or(CompileError::Size(limits.code_bytes)),
            Some(2) => Err(CompileError::Invalid(said)),
            Some(_) => Err(CompileError::Failed(said)),
            // Ended by a signal: that of the CPU bound, or an abort for want of memory.
            None => Err(CompileError::Bounds {
                cpu: limits.cpu,
                memory_bytes: limits.memory_bytes,
            }),
        }
    }
}

/// Everything up to that many bytes; `None` where there is more.
async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut from = from?.take(most.saturating_add(1));
    from.read_to_end(&mut bytes).await.ok()?;
    u64::try_from(bytes.len())
        .is_ok_and(|len| len <= most)
        .then_some(bytes)
}
