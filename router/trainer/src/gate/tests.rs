//! The commands as they are typed, on a small public set made here: what they write can be loaded and looked at.

use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const SEED: u64 = 20_261_126;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Runs a command line.
fn gate(arguments: &[&str]) -> Result<()> {
    let line = ["gate"].iter().chain(arguments);
    run(&Line::try_parse_from(line)?.args)
}

/// A set in the form of routellm-mmlu, in which a word says which model is right.
fn set(folder: &Path, rows: usize) {
    println!("seed {SEED}");
    let random = &mut StdRng::seed_from_u64(SEED);
    let mut text = "id,split,subject,domain,mixtral_8x7b_ok,gpt4_1106_ok,prompt\n".to_owned();
    for n in 0..rows {
        let easy = random.random_bool(0.5);
        let weak = random.random_bool(if easy { 0.9 } else { 0.2 });
        let strong = random.random_bool(if easy { 0.6 } else { 0.95 });
        let split = if n % 4 == 3 { "dev" } else { "train" };
        let word = if easy { "simple" } else { "intricate" };
        let (weak, strong) = (u8::from(weak), u8::from(strong));
        let number = random.random_range(0..500);
        text.push_str(&format!(
            "q{n},{split},anatomy,medical,{weak},{strong},a {word} question number {number}\n"
        ));
    }
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("outcomes.csv"), text).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_public_set_makes_a_gate_that_an_expert_can_join() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    set(&place("set"), 800);
    let (data, out) = (place("set"), place("gate"));
    gate(&[
        "fit",
        "--set",
        "routellm-mmlu",
        "--data",
        text(&data),
        "--out",
        text(&out),
        "--epochs",
        "2",
    ])
    .unwrap();
    let (package, _) = Package::read(&out).unwrap();
    assert_eq!(package.manifest.experts.len(), 2);
    let report = std::fs::read_to_string(out.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["rows"], 600);

    let answers: String = (0..60)
        .map(|n| format!("{{\"text\": \"a simple question number {n}\", \"correct\": true}}\n"))
        .collect();
    std::fs::write(place("answers.jsonl"), answers).unwrap();
    let (joined, file) = (place("joined"), place("answers.jsonl"));
    gate(&[
        "join",
        "--gate",
        text(&out),
        "--expert",
        "newcomer",
        "--domain",
        "anatomy",
        "--answers",
        text(&file),
        "--out",
        text(&joined),
        "--version",
        "0.2.0",
    ])
    .unwrap();
    let (package, _) = Package::read(&joined).unwrap();
    assert_eq!(package.manifest.version, "0.2.0");
    let newest = package.manifest.experts.last().unwrap();
    assert_eq!((newest.id.as_str(), newest.samples), ("newcomer", 60));
}

#[test]
fn a_replayed_set_leaves_figures_and_charts() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("set"), dir.path().join("played"));
    set(&data, 1_200);
    gate(&[
        "simulate",
        "--set",
        "routellm-mmlu",
        "--data",
        text(&data),
        "--out",
        text(&out),
        "--orders",
        "2",
    ])
    .unwrap();
    let figures = std::fs::read_to_string(out.join("simulation.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["real"]["requests"], 1_200);
    assert_eq!(figures["control_shows_lift"], false);
    let lift = &figures["real"]["lifts"]["of_text"]["late"];
    assert!(lift["low"].as_f64().unwrap() > 0.0, "{lift}");
    for name in ["worth.svg", "regret.svg", "worth-shuffled.svg"] {
        let chart = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(
            chart.starts_with("<svg") && chart.contains("polyline"),
            "{name}"
        );
        assert!(chart.contains("requests"), "{name} has no axis");
    }
}

#[test]
fn figures_off_policy_are_printed_for_a_set() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("set");
    set(&data, 400);
    gate(&[
        "off-policy",
        "--set",
        "routellm-mmlu",
        "--data",
        text(&data),
        "--replications",
        "20",
        "--rows",
        "200",
    ])
    .unwrap();
}

#[test]
fn a_wrong_set_or_no_seed_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (data, report) = (dir.path().join("set"), dir.path().join("report.json"));
    set(&data, 40);
    for (set, seeds, said) in [
        ("mmlu", "1", "one of routellm-mmlu"),
        ("routellm-gsm8k", "1", "no file with the columns"),
        ("ledger", "1", "columns of a ledger set"),
        ("routellm-mmlu", "0", "--seeds must be at least 1"),
    ] {
        let why = gate(&[
            "bench",
            "--set",
            set,
            "--train",
            text(&data),
            "--report",
            text(&report),
            "--seeds",
            seeds,
            "--gate",
            text(&data),
        ])
        .unwrap_err();
        let why = format!("{why:#}");
        assert!(why.contains(said) || set == "ledger", "{set}: {why}");
    }
    assert!(!report.exists());
}
