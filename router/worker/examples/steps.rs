//! How many requests an expert answers a second, by the size of a step: what batching is worth.
//!
//! `cargo run --release -p expert-worker --example steps -- DIR [TOKENS] [SECONDS] [THREADS]`
//! prints one line of JSON per size. Steps are computed as the worker does, without HTTP. CPU time is
//! what to compare on a machine that does other things too.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use expert_worker::{Engine, Slot, TorchEngine};
use models::Encoded;
use nix::sys::resource::{UsageWho, getrusage};

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
    let mut engine = TorchEngine::new(
        [folder],
        tch::Device::cuda_if_available(),
        expert_worker::Writing {
            threads: 1,
            kv_bytes: 0,
        },
    );
    let loaded = engine.load(slot)?;
    let text = "what does the fee on my account of last week mean and who can undo it ".repeat(40);
    let expert_worker::Reader::Classifier(tokenizer) = loaded.reader else {
        anyhow::bail!("the expert does not decide");
    };
    let mut ids = tokenizer.encode(&text, None)?.ids;
    let last = ids.pop().context("a text has tokens")?;
    ids.truncate(tokens.saturating_sub(1));
    ids.push(last);
    let row = Encoded { ids, task: None };
    let mut stdout = std::io::stdout().lock();
    for members in [1, 2, 4, 8, 16, 32, 64] {
        let batch = vec![row.clone(); members];
        engine.classify(slot, &batch)?;
        let cpu_before = cpu_seconds()?;
        let (start, bound) = (Instant::now(), Duration::from_secs_f64(seconds));
        let mut steps = 0_u32;
        while start.elapsed() < bound {
            engine.classify(slot, &batch)?;
            steps += 1;
        }
        let each = start.elapsed().as_secs_f64() / f64::from(steps);
        let cpu = (cpu_seconds()? - cpu_before) / f64::from(steps * u32::try_from(members)?);
        let rate = f64::from(u32::try_from(members)?) / each;
        let line = serde_json::json!({
            "members": members,
            "tokens": row.ids.len(),
            "threads": tch::get_num_threads(),
            "step_ms": (each * 1e5).round() / 1e2,
            "requests_per_second": rate.round(),
            "cpu_ms_per_request": (cpu * 1e6).round() / 1e3,
        });
        writeln!(stdout, "{line}")?;
    }
    Ok(())
}

/// User and system time of this process so far.
fn cpu_seconds() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |sec: i64, usec: i64| {
        Duration::from_secs(sec.unsigned_abs()) + Duration::from_micros(usec.unsigned_abs())
    };
    let (user, system) = (usage.user_time(), usage.system_time());
    let sum = seconds(user.tv_sec(), user.tv_usec()) + seconds(system.tv_sec(), system.tv_usec());
    Ok(sum.as_secs_f64())
}
