//! `bench worker`.

use std::path::PathBuf;

use bench::machine::Circumstances;
use bench::worker::{WorkerPlan, random::Stored};
use clap::Args;

use super::write;

#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// The worker's release binary; absent: beside this program.
    #[arg(long)]
    worker_bin: Option<PathBuf>,
    /// A Python with `torch` and `transformers`, to compare with.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The script that it runs.
    #[arg(long, default_value = "bench/peers/transformers_generate.py")]
    peer: PathBuf,
    /// Threads; absent: as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// In what the weights are stored.
    #[arg(long, value_enum, default_value = "f32")]
    stored: Stored,
    /// Streams at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64")]
    streams: Vec<usize>,
    /// Tokens of a prompt.
    #[arg(long, value_delimiter = ',', default_value = "128,1024")]
    prompts: Vec<usize>,
    /// Tokens of an answer.
    #[arg(long, default_value_t = 64)]
    tokens: usize,
    /// Where the result is written; nowhere if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: WorkerArgs) -> anyhow::Result<String> {
    let circumstances = Circumstances::now();
    let beside = std::env::current_exe()?.with_file_name("moegate-worker");
    let plan = WorkerPlan {
        worker: args.worker_bin.unwrap_or(beside),
        python: args.python,
        peer: args.peer,
        threads: match args.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism()?.get(),
        },
        stored: args.stored,
        streams: args.streams,
        prompts: args.prompts,
        tokens: args.tokens,
    };
    let figures = tokio::task::spawn_blocking(move || bench::worker::measure(&plan)).await??;
    let said = serde_json::to_string_pretty(&figures)?;
    if let Some(out) = &args.out {
        write(out, circumstances, figures)?;
    }
    Ok(format!("{said}\n"))
}
