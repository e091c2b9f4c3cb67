//! The gate's training on small texts made here: gradients, labels, calibration, determinism and refusals.

use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use router::{Gate, Platt, RequestView, Role, Scratch, Turn};
use units::TenantId;

use crate::encode::{BUCKET_BITS, Encoder};
use crate::network::{Dense, Network, Shape};
use crate::shipped::corpus::{Corpus, DOMAINS, ReadSource, Row};
use crate::shipped::sources::{self, SOURCES};
use crate::shipped::{Options, labels, measure, outcomes};
use crate::table::Fold;
use crate::tune::{Point, fit};
use crate::{Silent, noise, shipped};

mod outcomes_of_two_kinds;

const SEED: u64 = 11;

fn args() -> Options {
    Options {
        data: "data".into(),
        outcomes: "outcomes".into(),
        experts: None,
        supplement: "supplement".into(),
        out: "gate".into(),
        seed: SEED,
        epochs: 4,
        version: "0.0.1".into(),
    }
}

/// Texts that a person tells apart at once, in all folds.
fn corpus() -> Corpus {
    let words = [
        ("card", "account", "transfer"),
        ("clause", "party", "agreement"),
        ("patient", "tumor", "therapy"),
        ("timer", "weather", "song"),
    ];
    let tasks = ["banking77", "cuad-clauses", "medical-abstracts", "clinc150"];
    let mut rows = Vec::new();
    for number in 0..240_usize {
        let domain = number % 4;
        let (a, b, c) = words[domain];
        let text = match number % 3 {
            0 => format!("my {a} and the {b} number {number}"),
            1 => format!("about the {b} or {c} of case {number}"),
            _ => format!("one {c} with a {a} please"),
        };
        let fold = match number % 10 {
            0..6 => Fold::Train,
            6..8 => Fold::Tune,
            _ => Fold::Report,
        };
        rows.push(Row {
            text: format!("{text} {}", number / 12),
            domain: Some(domain),
            scenario: Some([0, 2, 3, 4][domain]),
            task: Some(tasks[domain]),
            outside: false,
            foreign: false,
            fold,
            source: 0,
            quality: Vec::new(),
            observed: Vec::new(),
        });
    }
    let source = ReadSource {
        source: SOURCES[0],
        sha256: "0".repeat(64),
    };
    Corpus {
        rows,
        sources: vec![source],
    }
}

fn fitted() -> router::Package {
    let mut corpus = corpus();
    let experts = labels::experts(None).unwrap();
    let labelled = labels::join(&mut corpus, &experts, &outcomes::Outcomes::default());
    let table = corpus
        .table(&experts, &outcomes::Outcomes::default())
        .unwrap();
    let fitted = shipped::learn(&corpus, &table, &labelled, &args(), &Silent).unwrap();
    assert!(fitted.curve.last().unwrap().tune < fitted.curve.first().unwrap().tune);
    let package = fitted.package;
    let figures = measure::measure(&package, &corpus, SEED).unwrap();
    assert!(figures.domain_accuracy > 0.95, "{figures:?}");
    assert!(figures.quality_ece < 0.1, "{figures:?}");
    assert!(figures.choice.regret_to_lookup < 0.05, "{figures:?}");
    assert!(figures.choice_ece < 0.1, "{figures:?}");
    package
}

#[test]
fn a_small_gate_learns_and_the_same_seed_gives_the_same_weights() {
    let (one, two) = (fitted(), fitted());
    assert!(one.weights == two.weights, "seed {SEED} gave two results");
    assert_eq!(one.manifest.prior, two.manifest.prior);
    let gate = Gate::from_package(&one).unwrap();
    let tenant = TenantId::new("trainer").unwrap();
    let turns = [Turn {
        role: Role::User,
        text: "the clause binds each party",
    }];
    let mut scratch = Scratch::new();
    let reading = gate.read(&RequestView::of_turns(&tenant, &turns), &mut scratch);
    assert_eq!(&*reading.domain().name, "legal");
}

#[test]
fn backward_agrees_with_differences() {
    let rng = &mut StdRng::seed_from_u64(SEED);
    let shape = Shape {
        domains: 4,
        scenarios: 7,
        experts: 4,
    };
    let encoder = Encoder::new(BUCKET_BITS, 0);
    let text = encoder.encode("pay the 3 invoices by card", Some("be brief"));
    let mut network = Network::new(shape, BUCKET_BITS, rng);
    for (at, value) in network.table.as_flattened_mut().iter_mut().enumerate() {
        *value = if at % 3 == 0 { 0.1 } else { -0.05 };
    }
    let slopes = network.forward(&text).logits.map(|logits| {
        let number = |at: usize| if at.is_multiple_of(2) { 0.7 } else { -0.4 };
        (0..logits.len()).map(number).collect::<Vec<f32>>()
    });
    // A fixed weighting of all logits: its slope by each parameter is what backward must give.
    let value = |network: &Network| -> f64 {
        let logits = network.forward(&text).logits;
        let pairs = logits.iter().flatten().zip(slopes.iter().flatten());
        pairs
            .map(|(logit, slope)| f64::from(*logit) * f64::from(*slope))
            .sum()
    };
    let mut gradients = Dense::zeros(shape);
    let bags = network.backward(&network.forward(&text), &slopes, &mut gradients);
    let step = 1e-2;
    let expected: Vec<f32> = gradients.numbers().map(|number| *number).collect();
    for at in (0..expected.len()).step_by(211) {
        let mut moved = network.clone();
        *moved.dense.numbers().nth(at).unwrap() += step;
        let found = (value(&moved) - value(&network)) / f64::from(step);
        assert!(
            (found - f64::from(expected[at])).abs() < 2e-2,
            "{at}: {found} {}",
            expected[at]
        );
    }
    let row = usize::try_from(text.bags[0][0]).unwrap();
    let times = text.bags[0]
        .iter()
        .chain(&text.bags[2])
        .filter(|r| **r == text.bags[0][0]);
    if times.count() == 1 && !text.bags[1].contains(&text.bags[0][0]) {
        let mut moved = network.clone();
        moved.table[row][0] += step;
        let found = (value(&moved) - value(&network)) / f64::from(step);
        let expected = bags[0][0] * crate::network::factor(text.bags[0].len());
        assert!(
            (found - f64::from(expected)).abs() < 2e-2,
            "{found} {expected}"
        );
    }
}

#[test]
fn labels_come_from_outcomes_then_cards_then_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let mut corpus = corpus();
    let text = corpus.rows[0].text.clone();
    let line = |text: &str, correct: bool| {
        let value = serde_json::json!({"task": "banking77", "text": text, "gold": "a",
            "predicted": "b", "confidence": 0.4, "correct": correct, "rejected": false});
        format!("{value}\n")
    };
    std::fs::write(folder.path().join("finance.jsonl"), line(&text, false)).unwrap();
    let experts = labels::experts(None).unwrap();
    let outcomes = outcomes::read(folder.path(), &experts).unwrap();
    let labelled = labels::join(&mut corpus, &experts, &outcomes);
    assert!(
        labelled.origin.contains("outcomes on dev rows for finance"),
        "{}",
        labelled.origin
    );
    let at = |id: &str| experts.iter().position(|e| e.id.as_str() == id).unwrap();
    let row = &corpus.rows[0];
    assert_eq!(row.quality[at("finance")], Some(0.0));
    assert!(row.observed[at("finance")] && !row.observed[at("legal")]);
    assert_eq!(row.quality[at("legal")], Some(0.0));
    // Another banking row was trained on by the expert that has outcomes: unknown.
    assert_eq!(corpus.rows[4].quality[at("finance")], None);
    // An expert without outcomes and without a measured card is assumed.
    assert_eq!(corpus.rows[1].quality[at("legal")], Some(0.8));
}

#[test]
fn bad_outcomes_are_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let experts = labels::experts(None).unwrap();
    let path = folder.path().join("legal.jsonl");
    std::fs::write(
        &path,
        "{\"task\":\"cuad-clauses\",\"text\":\"x\",\"correct\":true}\n{\"task\":1}\n",
    )
    .unwrap();
    let error = format!("{:#}", outcomes::read(folder.path(), &experts).unwrap_err());
    assert!(error.contains("legal.jsonl: line 2"), "{error}");
    std::fs::rename(&path, folder.path().join("stranger.jsonl")).unwrap();
    let error = format!("{:#}", outcomes::read(folder.path(), &experts).unwrap_err());
    assert!(error.contains("stranger"), "{error}");
}

#[test]
fn bad_data_is_named_by_file() {
    let (source, path) = (&SOURCES[0], Path::new("banking77/train.csv"));
    let drafts = |bytes: &[u8]| sources::drafts(source, path, bytes);
    let error = format!("{:#}", drafts(b"split,label\ntrain,a\n").unwrap_err());
    assert!(
        error.contains("banking77/train.csv") && error.contains("text"),
        "{error}"
    );
    let found = drafts(b"split,label,text\ntrain,a,x\ntest,a,y\ndev,b,x\ndev,b,z\n").unwrap();
    let texts: Vec<&str> = found.iter().map(|draft| draft.text.as_str()).collect();
    assert_eq!(texts, ["x", "z"], "test rows and copies are left out");
}

#[test]
fn the_supplement_is_whole() {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/gate-supplement.jsonl"
    ));
    let source = SOURCES
        .iter()
        .find(|source| source.name == "supplement")
        .unwrap();
    let bytes = std::fs::read(path).unwrap();
    let rows = sources::drafts(source, path, &bytes).unwrap();
    for (domain, name) in DOMAINS.iter().enumerate() {
        let foreign = rows
            .iter()
            .filter(|row| row.foreign && row.domain == Some(domain));
        assert!(foreign.count() >= 30, "{name}");
    }
    assert!(rows.iter().filter(|row| row.outside).count() >= 100);
}

#[test]
fn platt_scaling_recovers_a_known_distortion() {
    // Labels drawn evenly from p = sigmoid(0.5 z - 1): the fit on z must find 0.5 and -1.
    let mut points = Vec::new();
    for step in -40..=40_i16 {
        let logit = f32::from(step) / 8.0;
        let label = 1.0 / (1.0 + (-(0.5 * logit - 1.0)).exp());
        points.extend(
            [Point {
                domain: 0,
                logit,
                label,
            }; 5],
        );
    }
    let platt = fit(&points, None);
    assert!(
        (platt.scale - 0.5).abs() < 0.02 && (platt.shift + 1.0).abs() < 0.02,
        "{platt:?}"
    );
    let few = fit(&points[..3], Some(Platt::IDENTITY));
    assert!(
        (few.scale - 1.0).abs() < 0.3,
        "few labels stay near the whole: {few:?}"
    );
    assert_eq!(fit(&[], Some(platt)), platt);
    let upside_down: Vec<Point> = points
        .iter()
        .map(|p| Point {
            label: 1.0 - p.label,
            ..*p
        })
        .collect();
    assert!(fit(&upside_down, None).scale > 0.0, "order is never turned");
}

#[test]
fn noise_keeps_most_of_a_text() {
    let rng = &mut StdRng::seed_from_u64(SEED);
    let text = "please transfer the remaining balance to my other account today";
    for _ in 0..200 {
        let noisy = noise::typos(text, 0.3, rng);
        assert_eq!(noisy.split(' ').count(), text.split(' ').count());
        let copy = noise::copy("Ünïcode 法律 — ok?", rng);
        assert!(copy.chars().count() >= 10, "{copy}");
    }
    assert_eq!(noise::typos(text, 0.0, rng), text);
    let mut changed = 0;
    for _ in 0..200 {
        let said = noise::paraphrase(text, rng);
        let kept = said.split(' ').filter(|word| text.contains(word)).count();
        assert!(kept * 2 > text.split(' ').count(), "{said}");
        changed += usize::from(said != text);
    }
    assert!(changed > 100, "{changed} of 200 changed, seed {SEED}");
    assert_eq!(
        noise::paraphrase("too short to change", rng),
        "too short to change"
    );
}
