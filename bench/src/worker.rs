//! How fast a worker writes: streams side by side on a decoder with random weights, beside static batches of `transformers`
//! on the same cores in the same run, and beside what memory and products allow.

pub mod random;
mod stream;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use random::{Sizes, Stored};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is measured.
#[derive(Debug, Clone)]
pub struct WorkerPlan {
    /// The worker's program.
    pub worker: PathBuf,
    /// A Python that has `torch` and `transformers`; without one nothing is compared.
    pub python: Option<PathBuf>,
    /// The script that drives it.
    pub peer: PathBuf,
    /// Threads of either.
    pub threads: usize,
    /// In what the weights are stored.
    pub stored: Stored,
    /// Numbers of streams.
    pub streams: Vec<usize>,
    /// Lengths of prompts, tokens.
    pub prompts: Vec<usize>,
    /// Tokens written for each.
    pub tokens: usize,
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct WorkerFigures {
    /// Reading, GB/s, over all threads.
    pub memory_gb_s: f64,
    /// Products of long prompts, GFLOP/s.
    pub products_gflop_s: f64,
    /// Each number of streams and length of prompts.
    pub cases: Vec<CaseFigures>,
    /// Prompts and answers of many lengths, 16 at a time.
    pub mixed: CaseFigures,
}

/// One case.
#[derive(Debug, Serialize)]
pub struct CaseFigures {
    /// Answers asked for at once.
    pub streams: usize,
    /// Tokens of a prompt, the longest.
    pub prompt: usize,
    /// Tokens written for all, over the time until the last was whole.
    pub tokens_per_second: f64,
    /// Tokens a second while all were written.
    pub writing_per_second: f64,
    /// Of what memory and products allow while all are written.
    pub of_roofline: Option<f64>,
    /// Until the first token, median, ms.
    pub first_token_ms: f64,
    /// The slowest, ms.
    pub last_first_token_ms: f64,
    /// Tokens a second of `transformers`; absent where it was not asked.
    pub transformers_per_second: Option<f64>,
    /// How many times as fast as `transformers`.
    pub times_transformers: Option<f64>,
}

/// What is asked for at once: the length of each prompt and of its answer.
type Case = Vec<(usize, usize)>;

/// Runs all cases.
///
/// # Errors
/// The worker or the peer does not start, or fails.
pub fn measure(plan: &WorkerPlan) -> Result<WorkerFigures> {
    let folder = tempfile::tempdir()?;
    let sizes = random::write(folder.path(), plan.stored)?;
    let worker = Worker::start(plan, folder.path())?;
    let mut peer = match &plan.python {
        None => None,
        Some(python) => Some(Peer::start(plan, python, folder.path())?),
    };
    let memory = memory_gb_s(plan.threads);
    // The first case also warms up; a long prompt says how fast products are.
    let warm = worker.run(&[(512, 2)], 1)?;
    let warm = warm
        .first()
        .and_then(|told| told.first())
        .context("a token")?;
    #[expect(clippy::cast_precision_loss, reason = "figures are for the eye")]
    let products = 2.0 * sizes.parameters as f64 * 512.0 / warm.as_secs_f64() / 1e9;
    let roofline = Roofline {
        sizes,
        memory,
        products,
    };
    let mut cases = Vec::new();
    let mut salt = 2;
    for prompt in &plan.prompts {
        for streams in &plan.streams {
            let case = vec![(*prompt, plan.tokens); *streams];
            salt += 1;
            cases.push(one(&worker, peer.as_mut(), &roofline, &case, salt)?);
        }
    }
    let lengths = [16, 64, 128, 256, 384, 32, 512, 96];
    let answers = [128, 16, 64, 32, 96, 192, 24, 48, 80];
    let mixed = lengths
        .iter()
        .cycle()
        .copied()
        .zip(answers.iter().cycle().copied());
    let mixed: Case = mixed.take(32).collect();
    let mixed = one(&worker, peer.as_mut(), &roofline, &mixed, salt + 1)?;
    Ok(WorkerFigures {
        memory_gb_s: memory,
        products_gflop_s: products,
        cases,
        mixed,
    })
}

#[expect(clippy::cast_precision_loss, reason = "figures are for the eye")]
fn one(
    worker: &Worker,
    peer: Option<&mut Peer>,
    roofline: &Roofline,
    case: &[(usize, usize)],
    salt: usize,
) -> Result<CaseFigures> {
    let told = worker.run(case, salt)?;
    let tokens: usize = case.iter().map(|(_, tokens)| tokens).sum();
    let written: usize = told.iter().map(Vec::len).sum();
    anyhow::ensure!(
        written == tokens,
        "{written} tokens were written, {tokens} were asked for"
    );
    let last = told
        .iter()
        .filter_map(|one| one.last())
        .max()
        .context("a token")?;
    let mut firsts: Vec<Duration> = told.iter().filter_map(|one| one.first().copied()).collect();
    firsts.sort_unstable();
    let slowest = firsts.last().copied().unwrap_or_default();
    let median = firsts.get(firsts.len() / 2).copied().unwrap_or_default();
    // From the last first token to the first last one, all are written.
    let until = told
        .iter()
        .filter_map(|one| one.last())
        .min()
        .context("a token")?;
    let within = told
        .iter()
        .flatten()
        .filter(|at| **at > slowest && *at <= until)
        .count();
    let span = until.saturating_sub(slowest).as_secs_f64();
    let writing = if span > 0.0 {
        within as f64 / span
    } else {
        0.0
    };
    let longest = case.iter().map(|(prompt, _)| *prompt).max().unwrap_or(0);
    let mean = case
        .iter()
        .map(|(prompt, tokens)| prompt + tokens / 2)
        .sum::<usize>()
        / case.len();
    let alike = case.iter().all(|one| Some(one) == case.first());
    let per_second = tokens as f64 / last.as_secs_f64();
    let peer = peer.map(|peer| peer.run(case, salt)).transpose()?;
    Ok(CaseFigures {
        streams: case.len(),
        prompt: longest,
        tokens_per_second: per_second,
        writing_per_second: writing,
        of_roofline: (alike && span > 0.0).then(|| writing / roofline.per_second(case.len(), mean)),
        first_token_ms: median.as_secs_f64() * 1e3,
        last_first_token_ms: slowest.as_secs_f64() * 1e3,
        transformers_per_second: peer,
        times_transformers: peer.map(|peer| per_second / peer),
    })
}

/// What a step cannot be faster than: reading weights, keys and values, and the products of its tokens.
struct Roofline {
    sizes: Sizes,
    memory: f64,
    products: f64,
}

impl Roofline {
    #[expect(clippy::cast_precision_loss, reason = "figures are for the eye")]
    fn per_second(&self, streams: usize, context: usize) -> f64 {
        let kv = self.sizes.kv_bytes as f64 * (streams * context) as f64;
        let reading = (self.sizes.weight_bytes as f64 + kv) / self.memory / 1e9;
        let products = 2.0 * self.sizes.parameters as f64 * streams as f64 / self.products / 1e9;
        streams as f64 / reading.max(products)
    }
}

/// Reading a gigabyte, best of five.
#[expect(clippy::cast_precision_loss, reason = "figures are for the eye")]
fn memory_gb_s(threads: usize) -> f64 {
    let values = vec![1_u64; 1 << 27];
    let sum = |part: &[u64]| {
        let mut sums = [0_u64; 16];
        for chunk in part.as_chunks::<16>().0 {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum = sum.wrapping_add(*value);
            }
        }
        std::hint::black_box(sums)
    };
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for part in values.chunks(values.len().div_ceil(threads.max(1))) {
                scope.spawn(move || sum(part));
            }
        });
        best = best.min(begun.elapsed().as_secs_f64());
    }
    (values.len() * 8) as f64 / best / 1e9
}

/// The prompt of a stream: no two begin alike.
fn prompt(salt: usize, stream: usize, length: usize) -> Vec<usize> {
    let token = |at: usize| (salt * 7_919 + stream * 104_729 + at * 31 + 1) % 31_000;
    (0..length).map(token).collect()
}

struct Worker {
    child: Child,
    address: std::net::SocketAddr,
}

#[derive(Deserialize)]
struct Listening {
    listening: std::net::SocketAddr,
}

impl Worker {
    fn start(plan: &WorkerPlan, folder: &std::path::Path) -> Result<Self> {
        let about = [
            "--id",
            "bench",
            "--domain",
            "bench",
            "--base",
            "none",
            "--base-licence",
            "MIT",
        ];
        let card = Command::new(&plan.worker)
            .arg("card")
            .arg(folder)
            .args(about)
            .output()?;
        anyhow::ensure!(
            card.status.success(),
            "{}",
            String::from_utf8_lossy(&card.stderr)
        );
        let threads = plan.threads.to_string();
        let mut child = Command::new(&plan.worker)
            .args([
                "serve",
                "--memory-mb",
                "8192",
                "--kv-mb",
                "2048",
                "--max-sequences",
                "64",
            ])
            .args(["--exit-with-parent", "--threads", &threads, "--expert"])
            .arg(folder)
            .env("MOEGATE_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let told: Listening = serde_json::from_str(&line).context("the worker did not start")?;
        Ok(Self {
            child,
            address: told.listening,
        })
    }

    /// Asks for all at once; gives, for each, when its tokens came.
    fn run(&self, case: &[(usize, usize)], salt: usize) -> Result<Vec<Vec<Duration>>> {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let streams = case.iter().enumerate().map(|(at, (length, tokens))| {
                let words: Vec<String> = prompt(salt, at, *length)
                    .into_iter()
                    .map(random::word)
                    .collect();
                let address = self.address;
                scope.spawn(move || stream::times(address, &words.join(" "), *tokens, begun))
            });
            let streams: Vec<_> = streams.collect();
            let joined = streams
                .into_iter()
                .map(|stream| stream.join().map_err(|_| anyhow!("a client panicked"))?);
            joined.collect()
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

struct Peer {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Said {
    seconds: f64,
}

impl Peer {
    fn start(
        plan: &WorkerPlan,
        python: &std::path::Path,
        folder: &std::path::Path,
    ) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(&plan.peer)
            .arg(folder)
            .arg(plan.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            asks: child.stdin.take().context("a pipe")?,
            says: BufReader::new(child.stdout.take().context("a pipe")?),
            child,
        })
    }

    /// Tokens a second: batches of 16, one after the other.
    #[expect(clippy::cast_precision_loss, reason = "figures are for the eye")]
    fn run(&mut self, case: &[(usize, usize)], salt: usize) -> Result<f64> {
        let mut seconds = 0.0;
        let most = if case.iter().all(|one| Some(one) == case.first()) {
            64
        } else {
            16
        };
        for batch in case.chunks(most) {
            let prompts: Vec<Vec<usize>> = batch
                .iter()
                .enumerate()
                .map(|(at, (length, _))| prompt(salt, at, *length))
                .collect();
            let tokens: Vec<usize> = batch.iter().map(|(_, tokens)| *tokens).collect();
            writeln!(
                self.asks,
                "{}",
                json!({"prompts": prompts, "tokens": tokens})
            )?;
            let mut line = String::new();
            self.says.read_line(&mut line)?;
            let said: Said = serde_json::from_str(&line).context("the peer failed")?;
            seconds += said.seconds;
        }
        let tokens: usize = case.iter().map(|(_, tokens)| tokens).sum();
        Ok(tokens as f64 / seconds)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
