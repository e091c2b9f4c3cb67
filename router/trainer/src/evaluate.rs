//! Measuring an expert's folder on labelled rows: the figures of its card, and `moegate-train eval expert`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use expert_card::{Quality, Task};
use models::{Classification, ClassifierExpert, Encoded};
use serde::Serialize;
use tch::Device;

use crate::data::records;
use crate::metrics::{self, Scored};

/// Arguments of `moegate-train eval expert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The expert's folder.
    #[arg(long)]
    expert: PathBuf,
    /// The task to measure.
    #[arg(long)]
    task: String,
    /// A CSV file with texts and labels.
    #[arg(long)]
    data: PathBuf,
    /// Column of the text.
    #[arg(long, default_value = "text")]
    text_column: String,
    /// Column of the label; `label` if the file has it, else `intent`.
    #[arg(long)]
    label_column: Option<String>,
    /// Only rows whose column `split` says this; all rows if absent.
    #[arg(long)]
    split: Option<String>,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 2)]
    threads: u16,
}

/// The line that `moegate-train eval expert` prints. Figures are over in-scope rows where the task knows others.
#[derive(Debug, Serialize)]
struct Line {
    expert: String,
    version: String,
    task: String,
    n: usize,
    accuracy: f64,
    macro_f1: f64,
    ece: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oos_n: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oos_recall: Option<f64>,
    /// Median milliseconds of one request alone: tokenizing and the network, without HTTP.
    ms_per_request: f64,
}

/// A row with what the expert made of it.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The text.
    pub text: &'a str,
    /// Position of the gold label.
    pub gold: usize,
    /// What the expert decided.
    pub found: Classification,
}

/// Runs `moegate-train eval expert`.
pub fn run(args: &Args) -> Result<()> {
    tch::set_num_threads(i32::from(args.threads));
    let expert = ClassifierExpert::load(&args.expert, Device::Cpu)?;
    let known: Vec<&str> = expert.card().tasks.iter().map(|t| t.id.as_str()).collect();
    let (_, task) = expert
        .card()
        .task(&args.task)
        .with_context(|| format!("unknown task {:?}: the expert knows {known:?}", args.task))?;
    let rows = read(args, task)?;
    let outcomes = classify(&expert, &args.task, &rows)?;
    let quality = quality(task, &outcomes, args.split.as_deref().unwrap_or("all"));
    let outside = outcomes.iter().filter(|o| is_outside(task, o.gold)).count();
    let line = Line {
        expert: expert.card().id.to_string(),
        version: expert.card().version.clone(),
        task: task.id.clone(),
        n: quality.n,
        accuracy: quality.accuracy,
        macro_f1: quality.macro_f1,
        ece: quality.ece,
        oos_n: task.out_of_scope_label.is_some().then_some(outside),
        oos_recall: quality.oos_recall,
        ms_per_request: median_ms(&expert, &args.task, &rows)?,
    };
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&line)?)?;
    Ok(())
}

fn read(args: &Args, task: &Task) -> Result<Vec<(String, usize)>> {
    let name = args.data.display();
    let bytes = std::fs::read(&args.data).with_context(|| format!("{name}: cannot read"))?;
    let header = csv::Reader::from_reader(bytes.as_slice())
        .headers()?
        .clone();
    let has = |column: &str| header.iter().any(|name| name == column);
    let guess = if has("label") { "label" } else { "intent" };
    let label_column = args.label_column.as_deref().unwrap_or(guess);
    let split_column = if args.split.is_some() {
        "split"
    } else {
        label_column
    };
    let columns = [args.text_column.as_str(), label_column, split_column];
    let mut rows = Vec::new();
    for (line, [text, label, split]) in
        records(bytes.as_slice(), columns).with_context(|| format!("{name}"))?
    {
        if args.split.as_ref().is_some_and(|wanted| *wanted != split) {
            continue;
        }
        let Some(gold) = task.label_index(&label) else {
            bail!("{name}: line {line}: the task has no label {label:?}");
        };
        rows.push((text, gold));
    }
    Ok(rows)
}

/// What the expert decides about each row, in order.
pub fn classify<'a>(
    expert: &ClassifierExpert,
    task: &str,
    rows: &'a [(String, usize)],
) -> Result<Vec<Outcome<'a>>> {
    const BATCH: usize = 64;
    let tokenizer = expert.tokenizer();
    let encoded = rows
        .iter()
        .map(|(text, _)| tokenizer.encode(text, Some(task)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| encoded.get(row).map(|e| e.ids.len()));
    let mut found: Vec<(usize, Classification)> = Vec::with_capacity(rows.len());
    for part in order.chunks(BATCH) {
        let batch: Vec<Encoded> = part
            .iter()
            .filter_map(|&row| encoded.get(row).cloned())
            .collect();
        found.extend(part.iter().copied().zip(expert.classify(&batch)?));
    }
    found.sort_by_key(|(row, _)| *row);
    let outcome = |((text, gold), (_, found)): (&'a (String, usize), _)| Outcome {
        text,
        gold: *gold,
        found,
    };
    Ok(rows.iter().zip(found).map(outcome).collect())
}

/// The figures of a task: over in-scope rows, with the share of out-of-scope rows rejected where there are any.
pub fn quality(task: &Task, outcomes: &[Outcome<'_>], split: &str) -> Quality {
    let (outside, inside): (Vec<&Outcome<'_>>, Vec<&Outcome<'_>>) = outcomes
        .iter()
        .partition(|outcome| is_outside(task, outcome.gold));
    let rows: Vec<Scored> = inside.iter().map(|outcome| scored(outcome)).collect();
    let rejected = outside
        .iter()
        .filter(|outcome| outcome.found.rejected)
        .count();
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let oos_recall = (!outside.is_empty()).then(|| rejected as f64 / outside.len() as f64);
    Quality {
        split: split.to_owned(),
        n: rows.len(),
        accuracy: metrics::accuracy(&rows),
        macro_f1: metrics::macro_f1(&rows),
        ece: metrics::ece(&rows),
        oos_recall,
    }
}

fn is_outside(task: &Task, label: usize) -> bool {
    let outside = task
        .out_of_scope_label
        .as_deref()
        .and_then(|name| task.label_index(name));
    outside == Some(label)
}

fn scored(outcome: &Outcome<'_>) -> Scored {
    let best = outcome.found.ranked.first();
    Scored {
        gold: outcome.gold,
        answered: best
            .map(|(label, _)| *label)
            .filter(|_| !outcome.found.rejected),
        confidence: best.map_or(0.0, |(_, probability)| f64::from(*probability)),
    }
}

/// Median milliseconds of one request alone, over at most 200 rows spread over the data.
fn median_ms(expert: &ClassifierExpert, task: &str, rows: &[(String, usize)]) -> Result<f64> {
    const MOST: usize = 200;
    let tokenizer = expert.tokenizer();
    let mut times: Vec<Duration> = Vec::new();
    for (text, _) in rows.iter().step_by(rows.len().div_ceil(MOST).max(1)) {
        let started = Instant::now();
        expert.classify(&[tokenizer.encode(text, Some(task))?])?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times
        .get(times.len() / 2)
        .map_or(0.0, |time| time.as_secs_f64() * 1_000.0))
}

/// Writes each outcome as a JSON line: what a gate learns from. Holds texts: keep it out of the repository.
pub fn append_outcomes(path: &Path, task: &Task, outcomes: &[Outcome<'_>]) -> Result<()> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    let mut file = std::io::BufWriter::new(file.with_context(|| format!("{}", path.display()))?);
    let name = |label: usize| task.labels.get(label).map(|l| l.name.as_str());
    for outcome in outcomes {
        let scored = scored(outcome);
        let outside = is_outside(task, outcome.gold);
        let line = serde_json::json!({
            "task": task.id,
            "text": outcome.text,
            "gold": name(outcome.gold),
            "predicted": outcome.found.ranked.first().and_then(|(label, _)| name(*label)),
            "confidence": scored.confidence,
            "correct": if outside { outcome.found.rejected } else { scored.correct() },
            "rejected": outcome.found.rejected,
        });
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(())
}
