//! Measuring an expert's folder on labelled rows: the figures of its card, and `moegate-train eval expert`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use expert_card::{Choice, Quality, Task};
use models::{Classification, ClassifierExpert, Encoded};
use serde::Serialize;
use tch::Device;

use crate::data::{Row, labels_of};
use crate::metrics::{self, Scored};
use crate::table::Table;

/// Columns that hold labels, the first that a file has is taken.
const LABEL_COLUMNS: [&str; 4] = ["labels", "label", "intent", "answer"];

/// Arguments of `moegate-train eval expert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The expert's folder.
    #[arg(long)]
    expert: PathBuf,
    /// The task to measure.
    #[arg(long)]
    task: String,
    /// A CSV or JSON lines file with texts and labels.
    #[arg(long)]
    data: PathBuf,
    /// Column of the text.
    #[arg(long, default_value = "text")]
    text_column: String,
    /// Column of the label; if absent the first there is of `labels`, `label`, `intent` and `answer`.
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
    /// With rejection where the task rejects: a rejected row is not right.
    accuracy: f64,
    macro_f1: f64,
    ece: f64,
    /// In-scope accuracy of the best label, nothing rejected by a threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_scope_accuracy: Option<f64>,
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
    /// The row.
    pub row: &'a Row,
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
    let outside = outcomes.iter().filter(|o| is_outside(task, o.row)).count();
    let rejects = task.out_of_scope_label.is_some() || task.reject_threshold.is_some();
    let times = median_ms(&[&expert], &args.task, &rows)?;
    let line = Line {
        expert: expert.card().id.to_string(),
        version: expert.card().version.clone(),
        task: task.id.clone(),
        n: quality.n,
        accuracy: quality.accuracy,
        macro_f1: quality.macro_f1,
        ece: quality.ece,
        in_scope_accuracy: rejects.then(|| best_label_accuracy(task, &outcomes)),
        oos_n: task.out_of_scope_label.is_some().then_some(outside),
        oos_recall: quality.oos_recall,
        ms_per_request: times.first().copied().unwrap_or_default(),
    };
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&line)?)?;
    Ok(())
}

fn read(args: &Args, task: &Task) -> Result<Vec<Row>> {
    let name = args.data.display();
    let table = Table::open(&args.data)?;
    let has = table.columns()?;
    let there = |column: &&str| has.iter().any(|name| name == column);
    let guess = LABEL_COLUMNS.into_iter().find(there).unwrap_or("label");
    let label_column = args.label_column.as_deref().unwrap_or(guess);
    let mut columns = vec![args.text_column.as_str(), label_column];
    columns.extend(args.split.as_ref().map(|_| "split"));
    let mut rows = Vec::new();
    for row in table.rows(&columns)? {
        let mut cells = row.cells.into_iter();
        let (text, labels, split) = (cells.next(), cells.next(), cells.next());
        if split.map(crate::table::Cell::into_text) != args.split {
            continue;
        }
        let place = || format!("{name}: line {}", row.line);
        let (text, labels) = text.zip(labels).with_context(place)?;
        let labels = labels_of(labels, task.choice, &task.labels);
        rows.push(Row {
            text: text.into_text(),
            labels: labels
                .with_context(|| format!("{}: not a label of the task {}", place(), task.id))?,
        });
    }
    ensure!(!rows.is_empty(), "{name}: no rows to measure");
    Ok(rows)
}

/// What the expert decides about each row, in order.
pub fn classify<'a>(
    expert: &ClassifierExpert,
    task: &str,
    rows: &'a [Row],
) -> Result<Vec<Outcome<'a>>> {
    const BATCH: usize = 64;
    let tokenizer = expert.tokenizer();
    let encoded = rows
        .iter()
        .map(|row| tokenizer.encode(&row.text, Some(task)))
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
    let outcome = |(row, (_, found)): (&'a Row, _)| Outcome { row, found };
    Ok(rows.iter().zip(found).map(outcome).collect())
}

/// The figures of a task: over in-scope rows, with the share of out-of-scope rows rejected where there are any.
pub fn quality(task: &Task, outcomes: &[Outcome<'_>], split: &str) -> Quality {
    let (outside, inside): (Vec<&Outcome<'_>>, Vec<&Outcome<'_>>) = outcomes
        .iter()
        .partition(|outcome| is_outside(task, outcome.row));
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

/// Share of in-scope rows whose best label is right, whatever a threshold says of them.
pub fn best_label_accuracy(task: &Task, outcomes: &[Outcome<'_>]) -> f64 {
    let inside = outcomes.iter().filter(|o| !is_outside(task, o.row));
    let rows: Vec<Scored> = inside
        .map(|outcome| Scored {
            answered: Some(outcome.found.chosen.clone()),
            ..scored(outcome)
        })
        .collect();
    metrics::accuracy(&rows)
}

fn is_outside(task: &Task, row: &Row) -> bool {
    let outside = task.out_of_scope_label.as_deref();
    let outside = outside.and_then(|name| task.label_index(name));
    outside.is_some_and(|outside| row.labels == [outside])
}

fn scored(outcome: &Outcome<'_>) -> Scored {
    let Classification {
        chosen,
        confidence,
        rejected,
        ..
    } = &outcome.found;
    Scored {
        gold: outcome.row.labels.clone(),
        answered: (!rejected).then(|| chosen.clone()),
        confidence: f64::from(*confidence),
    }
}

/// Median milliseconds of one request alone for each expert, over at most 200 rows spread over the data. Experts take
/// turns row by row, so that whatever else the machine does disturbs all of them.
pub fn median_ms(experts: &[&ClassifierExpert], task: &str, rows: &[Row]) -> Result<Vec<f64>> {
    const MOST: usize = 200;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); experts.len()];
    for row in rows.iter().step_by(rows.len().div_ceil(MOST).max(1)) {
        for (expert, times) in experts.iter().zip(&mut times) {
            let tokenizer = expert.tokenizer();
            let started = Instant::now();
            expert.classify(&[tokenizer.encode(&row.text, Some(task))?])?;
            times.push(started.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        let middle = times.get(times.len() / 2);
        middle.map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    Ok(times.iter_mut().map(median).collect())
}

/// Rows an expert classifies per second in batches of 64 of like length.
pub fn rows_per_second(expert: &ClassifierExpert, task: &str, rows: &[Row]) -> Result<f64> {
    let started = Instant::now();
    let outcomes = classify(expert, task, rows)?;
    let seconds = started.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
    Ok(f64::from(u32::try_from(outcomes.len())?) / seconds)
}

/// Writes each outcome as a JSON line: what a gate learns from. Holds texts: keep it out of the repository.
pub fn append_outcomes(path: &Path, task: &Task, outcomes: &[Outcome<'_>]) -> Result<()> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    let mut file = std::io::BufWriter::new(file.with_context(|| format!("{}", path.display()))?);
    for outcome in outcomes {
        let scored = scored(outcome);
        let outside = is_outside(task, outcome.row);
        let line = serde_json::json!({
            "task": task.id,
            "text": outcome.row.text,
            "gold": names(task, &outcome.row.labels),
            "predicted": names(task, &outcome.found.chosen),
            "confidence": scored.confidence,
            "correct": if outside { outcome.found.rejected } else { scored.correct() },
            "rejected": outcome.found.rejected,
        });
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(())
}

/// The names of labels as an answer writes them.
fn names(task: &Task, labels: &[usize]) -> String {
    let name = |at: &usize| task.labels.get(*at).map(|label| label.name.as_str());
    let mut names: Vec<&str> = labels.iter().filter_map(name).collect();
    names.sort_unstable();
    if task.choice == Choice::Any && names.is_empty() {
        return expert_card::NO_LABEL.to_owned();
    }
    names.join(expert_card::LABEL_SEPARATOR)
}

#[cfg(test)]
mod tests;
