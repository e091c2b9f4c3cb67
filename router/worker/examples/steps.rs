//! How many requests an expert answers a second, by the size of a step: what batching is worth.
//!
//! `cargo run --release -p expert-worker --example steps -- DIR [TOKENS] [SECONDS] [THREADS]`
//! prints one line of JSON per size. Steps are computed as the worker does, without HTTP.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use expert_worker::{Engine, Slot, TorchEngine};
use models::Encoded;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().map(PathBuf::from);
    let folder = folder.context("the first argument is an expert's folder")?;
    let tokens = words.next().map_or(Ok(24), |w| w.parse::<usize>())?;
    let seconds = words.next().map_or(Ok(3.0), |w| w.parse::<f64>())?;
    if let Some(threads) = words.next() {
        tch::set_num_threads(threads.parse()?);
    }
    let slot = Slot::new(0);
    let mut engine = TorchEngine::new([folder], tch::Device::cuda_if_available());
    let loaded = engine.load(slot)?;
    let text = "what does the fee on my account of last week mean and who can undo it ".repeat(40);
    let mut ids = loaded.tokenizer.encode(&text, None)?.ids;
    let last = ids.pop().context("a text has tokens")?;
    ids.truncate(tokens.saturating_sub(1));
    ids.push(last);
    let row = Encoded { ids, task: None };
    let mut stdout = std::io::stdout().lock();
    for members in [1, 2, 4, 8, 16, 32, 64] {
        let batch = vec![row.clone(); members];
        engine.classify(slot, &batch)?;
        let (start, bound) = (Instant::now(), Duration::from_secs_f64(seconds));
        let mut steps = 0_u32;
        while start.elapsed() < bound {
            engine.classify(slot, &batch)?;
            steps += 1;
        }
        let each = start.elapsed().as_secs_f64() / f64::from(steps);
        let rate = f64::from(u32::try_from(members)?) / each;
        let line = serde_json::json!({
            "members": members,
            "tokens": row.ids.len(),
            "threads": tch::get_num_threads(),
            "step_ms": (each * 1e5).round() / 1e2,
            "requests_per_second": rate.round(),
        });
        writeln!(stdout, "{line}")?;
    }
    Ok(())
}
