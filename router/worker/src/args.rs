//! The command line, parsed into what cannot be wrong.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use models::DeviceChoice;

use crate::batch::BatchLimits;
use crate::card::CardArgs;
use crate::scheduler::Limits;
use crate::serve::WorkerConfig;
use crate::writing::WriteLimits;

/// Hosts model experts on one device.
#[derive(Debug, Parser)]
#[command(name = "moegate-worker", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer for experts over the OpenAI API.
    Serve(ServeArgs),
    /// Write the card of a folder as Hugging Face has it: a decoder that can be hosted then.
    Card(CardArgs),
}

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Folder of an expert; may be given several times.
    #[arg(long = "expert", required = true, num_args = 1.., value_name = "DIR")]
    pub experts: Vec<PathBuf>,
    /// Where to compute: `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
    /// Address to listen on; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Memory for the weights of experts, in MiB; the least recently used make room.
    #[arg(long, default_value = "1024", value_name = "N")]
    pub memory_mb: NonZeroUsize,
    /// Memory for keys and values of each expert that writes, in MiB; part of `memory-mb`.
    #[arg(long, default_value = "256", value_name = "N")]
    pub kv_mb: NonZeroUsize,
    /// Answers of one expert that are written at a time.
    #[arg(long, default_value = "64", value_name = "N")]
    pub max_sequences: NonZeroUsize,
    /// Tokens read in one step of writing; longer prompts take several.
    #[arg(long, default_value = "256", value_name = "N")]
    pub step_tokens: NonZeroUsize,
    /// Requests that may wait.
    #[arg(long, default_value = "256", value_name = "N")]
    pub queue: NonZeroUsize,
    /// Most requests computed in one step.
    #[arg(long, default_value = "32", value_name = "N")]
    pub max_batch: NonZeroUsize,
    /// Threads that compute on a CPU; by default as many as libtorch takes.
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Most seconds to finish what has begun after SIGTERM.
    #[arg(long, default_value = "30", value_name = "N")]
    pub drain_seconds: u64,
    /// Stop when stdin closes, as it does when the parent process ends.
    #[arg(long)]
    pub exit_with_parent: bool,
}

/// Largest body of a request, in bytes: an encoder's context is far smaller.
const BODY_BYTES: usize = 4 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

impl ServeArgs {
    /// The options as a worker's configuration.
    pub fn config(&self) -> WorkerConfig {
        let mib =
            |n: NonZeroUsize| u64::try_from(n.get()).map_or(u64::MAX, |n| n.saturating_mul(MIB));
        WorkerConfig {
            experts: self.experts.clone(),
            device: self.device,
            listen: self.listen,
            limits: Limits {
                queue: self.queue.get(),
                batch: BatchLimits::of_members(self.max_batch.get()),
                memory_bytes: mib(self.memory_mb),
                write: WriteLimits {
                    sequences: self.max_sequences.get(),
                    step_tokens: self.step_tokens.get(),
                },
            },
            kv_bytes: mib(self.kv_mb),
            threads: self.threads,
            body_bytes: BODY_BYTES,
            drain: Duration::from_secs(self.drain_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_defaults_and_bounds() {
        let parse = |more: &[&str]| {
            let words = ["moegate-worker", "serve"].iter().chain(more);
            Args::try_parse_from(words)
        };
        let Command::Serve(args) = parse(&["--expert", "a", "--expert", "b"]).unwrap().command
        else {
            panic!("another command")
        };
        let config = args.config();
        assert_eq!(config.experts.len(), 2);
        assert_eq!(config.limits.memory_bytes, 1 << 30);
        assert!(config.listen.ip().is_loopback());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--expert", "a", "--queue", "0"]).is_err());
        assert!(parse(&["--expert", "a", "--memory-mb", "0"]).is_err());
    }
}
