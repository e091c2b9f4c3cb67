//! `moegate quality run`: asks a running gateway every question of a gold set, says how many answers were right, and gives
//! the ledger a judgement of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use economics::confidence;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use units::ScenarioId;

use super::{Table, runtime, say};
use crate::demo::Client;

/// Error of the interval that is printed.
const ALPHA: f64 = 0.05;

#[derive(Debug, Args)]
pub(super) struct QualityArgs {
    #[command(subcommand)]
    command: QualityCommand,
}

#[derive(Debug, Subcommand)]
enum QualityCommand {
    /// Ask every question of a set whose answers are known. The key needs the roles user and reviewer.
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// JSON lines, each with `id`, `prompt` and `gold`.
    #[arg(long)]
    set: PathBuf,
    /// The scenario that is asked.
    #[arg(long)]
    scenario: ScenarioId,
    /// Whom to ask; `auto` leaves it to the gate.
    #[arg(long, default_value = "auto")]
    model: String,
    /// Where the label stands in an answer that is JSON, a JSON pointer. An answer that is none is compared as a whole.
    #[arg(long, default_value = "/label")]
    answer: String,
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// The variable that holds the key.
    #[arg(long, default_value = "MOEGATE_KEY", value_name = "NAME")]
    key_env: String,
    /// Fail below this share of right answers.
    #[arg(long, value_parser = share)]
    least: Option<f64>,
    /// `table` or `json`.
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
}

fn share(text: &str) -> Result<f64, String> {
    let found = text.parse().ok();
    found
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share from 0 to 1".to_owned())
}

/// A question whose answer is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    id: String,
    prompt: String,
    gold: String,
}

/// What became of the questions.
#[derive(Debug, Default)]
struct Counts {
    asked: u64,
    right: u64,
    /// Without an answer: missing, and no right one.
    failed: u64,
    /// Right and all, by who answered.
    experts: BTreeMap<String, (u64, u64)>,
    wrong: Vec<(String, String, String)>,
}

pub(super) fn run(args: &QualityArgs) -> anyhow::Result<ExitCode> {
    let QualityCommand::Run(args) = &args.command;
    let key = std::env::var(&args.key_env)
        .with_context(|| format!("the variable {} holds no key", args.key_env))?;
    let (questions, set) = read(&args.set)?;
    let counts = runtime(Some(1))?.block_on(ask(args, key.trim(), &set, questions))?;
    let interval = confidence::share(counts.right, counts.asked, ALPHA)?;
    #[expect(clippy::cast_precision_loss, reason = "a share is statistics")]
    let found = counts.right as f64 / counts.asked as f64;
    if args.format == "json" {
        let experts: BTreeMap<&str, Value> = counts
            .experts
            .iter()
            .map(|(name, (right, asked))| (name.as_str(), json!({"asked": asked, "right": right})))
            .collect();
        say(json!({
            "set": set, "scenario": args.scenario, "asked": counts.asked, "right": counts.right, "failed": counts.failed,
            "share": found, "interval": {"low": interval.low, "high": interval.high, "alpha": ALPHA}, "experts": experts,
        }));
    } else {
        say(shown(&counts));
        say(format_args!(
            "{} of {} right: {found:.4}, between {:.4} and {:.4} however often one looks; {} without an answer",
            counts.right, counts.asked, interval.low, interval.high, counts.failed
        ));
    }
    let enough = args.least.is_none_or(|least| found >= least);
    Ok(if enough {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The questions, and the set's name: its SHA-256.
fn read(file: &Path) -> anyhow::Result<(Vec<Question>, String)> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut questions = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for (at, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = || format!("{}: line {}", file.display(), at.saturating_add(1));
        let question: Question = serde_json::from_str(line).with_context(place)?;
        ensure!(
            ids.insert(question.id.clone()),
            "{}: id {} stands twice",
            place(),
            question.id
        );
        questions.push(question);
    }
    ensure!(!questions.is_empty(), "{}: no question", file.display());
    Ok((questions, hex::encode(Sha256::digest(&text))))
}

async fn ask(
    args: &RunArgs,
    key: &str,
    set: &str,
    questions: Vec<Question>,
) -> anyhow::Result<Counts> {
    let client = Client::new(args.address);
    let mut counts = Counts::default();
    for question in questions {
        let body = json!({
            "model": args.model,
            "messages": [{"role": "user", "content": question.prompt}],
            "metadata": {"scenario": args.scenario},
        });
        let answered = client.chat(key, &body).await?;
        let known = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        ensure!(
            !known.contains(&answered.status),
            "the key is refused: {}",
            answered.text
        );
        counts.asked = counts.asked.saturating_add(1);
        if answered.status != StatusCode::OK {
            counts.failed = counts.failed.saturating_add(1);
            counts
                .wrong
                .push((question.id, question.gold, answered.status.to_string()));
            continue;
        }
        let label = label(&answered.text, &args.answer);
        let right = label.trim() == question.gold.trim();
        let expert = answered.expert.unwrap_or_else(|| "unknown".to_owned());
        let one = counts.experts.entry(expert).or_default();
        one.1 = one.1.saturating_add(1);
        if right {
            one.0 = one.0.saturating_add(1);
            counts.right = counts.right.saturating_add(1);
        } else {
            counts.wrong.push((
                question.id.clone(),
                question.gold.clone(),
                label.chars().take(40).collect(),
            ));
        }
        let judgement = json!({
            "request_id": answered.id,
            "score": if right { 1.0 } else { 0.0 },
            "source": "gold",
            "label": question.gold.chars().take(64).collect::<String>(),
            "idempotency_key": format!("{}:{}", set.get(..16).unwrap_or_default(), question.id),
        });
        let sent = client
            .send(Method::POST, "/v1/feedback", Some(key), Some(&judgement))
            .await?;
        let said = String::from_utf8_lossy(&sent.1);
        ensure!(
            sent.0.status == StatusCode::OK,
            "the judgement is refused: {said}"
        );
    }
    Ok(counts)
}

/// The label of an answer: what the pointer shows of JSON, else all of it.
fn label(text: &str, pointer: &str) -> String {
    let json = serde_json::from_str::<Value>(text).ok();
    let found = json.as_ref().and_then(|json| json.pointer(pointer));
    match found {
        Some(Value::String(label)) => label.clone(),
        Some(other) => other.to_string(),
        None => text.to_owned(),
    }
}

fn shown(counts: &Counts) -> Table {
    let mut table = Table::new(&["expert", ">asked", ">right"]);
    for (name, (right, asked)) in &counts.experts {
        table.row(vec![name.clone(), asked.to_string(), right.to_string()]);
    }
    for (id, gold, found) in counts.wrong.iter().take(20) {
        table.row(vec![format!("wrong: {id}: {found} instead of {gold}")]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_from_json_and_from_text() {
        assert_eq!(
            label("{\"label\": \"a\", \"probability\": 0.9}", "/label"),
            "a"
        );
        assert_eq!(label("{\"total\": 3}", "/total"), "3");
        assert_eq!(label("  plain words", "/label"), "  plain words");
        assert_eq!(label("{\"other\": 1}", "/label"), "{\"other\": 1}");
    }

    #[test]
    fn a_set_is_read_and_what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("set.jsonl");
        let good = "{\"id\": \"1\", \"prompt\": \"p\", \"gold\": \"g\"}\n";
        for (text, said) in [
            (String::new(), "no question"),
            (format!("{good}{{}}\n"), "line 2"),
            (format!("{good}{good}"), "stands twice"),
            (good.replace("gold", "golden"), "line 1"),
        ] {
            std::fs::write(&file, text).unwrap();
            let why = format!("{:#}", read(&file).unwrap_err());
            assert!(why.contains(said) && why.contains("set.jsonl"), "{why}");
        }
        std::fs::write(&file, good).unwrap();
        assert_eq!(read(&file).unwrap().0.len(), 1);
    }
}
