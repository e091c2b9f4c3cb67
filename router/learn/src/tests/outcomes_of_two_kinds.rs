//! Fitting, measuring and joining on outcomes made here: one expert is good at one kind of text, another at the other.

use router::{Candidate, Column, Gate, Package, Price, RequestView, Role, Scratch, Turn};
use units::{ExpertId, Nanos, Pico, Tokens};

use crate::bench::{self, Task};
use crate::encode::{self, Encoder, Known};
use crate::fit::{self, FitOptions, Fitted};
use crate::join::{Newcomer, join};
use crate::network::Target;
use crate::table::{Fold, Outcome, OutcomeTable, Row, TableExpert};
use crate::wide::{self, WideOptions};
use crate::{Silent, stress};
use rand::SeedableRng;
use rand::rngs::StdRng;

const SEED: u64 = 5;

fn price(each: i128) -> Price {
    Price {
        per_output_token: Pico::new(each),
        ..Price::default()
    }
}

/// `sums` is right on sums and slow, `poems` is right on poems and quick; of both kinds a seventh is too hard for either.
fn table() -> OutcomeTable {
    let expert = |name: &str, each: i128| TableExpert {
        id: ExpertId::new(name).unwrap(),
        domain: "sums".to_owned(),
        price: price(each),
    };
    let words = [
        "seven", "lamp", "river", "stone", "cloud", "apple", "north", "glass",
    ];
    let mut rows = Vec::new();
    for number in 0..900_usize {
        let sum = number % 2 == 0;
        let hard = number % 7 == 0;
        let (a, b) = (words[number % 8], words[number / 8 % 8]);
        let kind = if sum {
            "add the numbers of"
        } else {
            "write a verse on"
        };
        let extra = if hard {
            "with a proof in latin"
        } else {
            "for a friend"
        };
        let text = format!("{kind} {a} and {b} {extra} {number}");
        let outcome = |right: bool, tokens: u64| Outcome {
            quality: Some(if right && !hard { 1.0 } else { 0.0 }),
            output: Some(Tokens::new(tokens)),
            latency: Some(Nanos::new(tokens * 1_000_000)),
            ..Outcome::default()
        };
        let fold = match number % 10 {
            0..7 => Fold::Train,
            7 => Fold::Tune,
            _ => Fold::Report,
        };
        let tokens = if hard { 800 } else { 200 };
        let outcomes = vec![outcome(sum, tokens), outcome(!sum, 20)];
        rows.push(Row::new(text, fold, Some(usize::from(!sum)), outcomes));
    }
    let mut table = OutcomeTable {
        name: "two-kinds".to_owned(),
        experts: vec![expert("sums", 30_000_000), expert("poems", 10_000_000)],
        domains: vec!["sums".to_owned(), "poems".to_owned()],
        rows,
        ..OutcomeTable::default()
    };
    table.charge();
    table
}

fn fitted(table: &OutcomeTable) -> Fitted {
    let options = FitOptions {
        folds: 2,
        ..FitOptions::for_table(table, SEED)
    };
    fit::fit(table, &options, &Silent).unwrap()
}

#[test]
fn a_gate_learns_quality_cost_and_latency_of_each_expert() {
    let table = table();
    let gate = Gate::from_package(&fitted(&table).package).unwrap();
    let predict = |text: &str, expert: usize| {
        let turns = [Turn {
            role: Role::User,
            text,
        }];
        let (tenant, mut scratch) = (encode::tenant(), Scratch::new());
        let reading = gate.read(&RequestView::of_turns(&tenant, &turns), &mut scratch);
        reading.predict(&Candidate::new(&table.experts[expert].id, "sums"))
    };
    let easy = predict("add the numbers of lamp and river for a friend 7", 0);
    let hard = predict(
        "add the numbers of lamp and river with a proof in latin 7",
        0,
    );
    assert!(
        easy.quality > 0.8 && hard.quality < 0.4,
        "{easy:?} {hard:?}, seed {SEED}"
    );
    assert!(
        easy.output.unwrap().get() < 400 && hard.output.unwrap().get() > 400,
        "{easy:?} {hard:?}"
    );
    assert!(hard.latency.unwrap() > easy.latency.unwrap());
    let poem = predict("write a verse on lamp and river for a friend 7", 1);
    assert!(poem.quality > 0.8, "{poem:?}");
    assert!(predict("write a verse on lamp and river for a friend 7", 0).quality < 0.2);
}

#[test]
fn the_same_seed_gives_the_same_package() {
    let table = table();
    assert!(
        fitted(&table).package == fitted(&table).package,
        "seed {SEED}"
    );
}

#[test]
fn the_floats_of_the_wide_part_and_the_packed_gate_agree() {
    let table = table();
    let rows: Vec<&Row> = table.fold(Fold::Train).collect();
    let options = WideOptions::for_rows(rows.len());
    let encoder = Encoder::new(4, options.bits);
    let texts: Vec<_> = rows
        .iter()
        .map(|row| (encoder.encode(&row.text, None), Target::of(row)))
        .collect();
    let fit = wide::fit(&texts, 2, 2, &options, &mut StdRng::seed_from_u64(SEED));
    let mut right = 0;
    for row in table.fold(Fold::Report) {
        let text = encoder.encode(&row.text, None);
        let logits = fit.logits(&text);
        right += usize::from((logits[2] > 0.0) == (row.quality(0) == Some(1.0)));
    }
    let n = table.fold(Fold::Report).count();
    assert!(right * 100 >= n * 95, "{right} of {n}, seed {SEED}");
    assert_eq!(
        Known::count([].into_iter())
            .bits()
            .iter()
            .filter(|byte| **byte != 0)
            .count(),
        0
    );
}

#[test]
fn a_bench_beats_the_best_single_and_keeps_the_lookup() {
    let table = table();
    let report = table.with_rows(table.fold(Fold::Report).cloned().collect());
    let task = Task {
        learned: &table,
        report: &report,
        tune_fold: true,
        seeds: vec![SEED],
        stress: false,
    };
    let (found, fitted) = bench::run(&task, &Silent).unwrap();
    let of = |name: &str| {
        found
            .routers
            .iter()
            .find(|score| score.router == name)
            .unwrap()
    };
    let accuracy = |name: &str| of(name).accuracy.unwrap().value;
    let solvable = report
        .rows
        .iter()
        .filter(|row| row.outcomes.iter().any(|o| o.quality == Some(1.0)));
    let solvable =
        crate::metrics::count(solvable.count()) / crate::metrics::count(report.rows.len());
    assert!((accuracy("oracle") - solvable).abs() < 1e-9);
    assert!(
        (accuracy("lookup") - solvable).abs() < 1e-9,
        "the slices part the kinds"
    );
    assert!(
        accuracy("gate") >= accuracy("lookup") - 0.02,
        "{}",
        accuracy("gate")
    );
    assert!((accuracy("best single") - solvable / 2.0).abs() < 0.05);
    assert!(of("gate").ece.unwrap().value < 0.1);
    let stressed = stress::run(&task, &fitted, crate::choose::Value::Free, &Silent).unwrap();
    assert!(stressed.typos.unchanged > 0.9);
    assert!(
        stressed
            .leave_one_expert_out
            .iter()
            .all(|joined| joined.accuracy_joined >= joined.accuracy_without)
    );
}

fn only(table: &OutcomeTable, expert: usize) -> Vec<Row> {
    let rows = table.fold(Fold::Tune);
    rows.map(|row| Row {
        outcomes: vec![row.outcomes[expert]],
        ..row.clone()
    })
    .collect()
}

#[test]
fn an_expert_joins_and_the_others_predict_as_before() {
    let whole = table();
    let one = whole.with_experts(&[0]);
    let before = fitted(&one).package;
    let newcomer = Newcomer {
        id: ExpertId::new("poems").unwrap(),
        domain: "poems".to_owned(),
    };
    let after = join(&before, &newcomer, &only(&whole, 1)).unwrap();
    let (old, new) = (
        Gate::from_package(&before).unwrap(),
        Gate::from_package(&after).unwrap(),
    );
    let (tenant, mut a, mut b) = (encode::tenant(), Scratch::new(), Scratch::new());
    let mut sent = 0;
    for row in whole.fold(Fold::Report) {
        let turns = [Turn {
            role: Role::User,
            text: &row.text,
        }];
        let view = RequestView::of_turns(&tenant, &turns);
        let (old, new) = (old.read(&view, &mut a), new.read(&view, &mut b));
        let (sums, poems) = (&whole.experts[0], &whole.experts[1]);
        let known = Candidate::new(&sums.id, "sums");
        assert_eq!(old.predict(&known), new.predict(&known));
        assert!((old.learned(Column::Cost, 0) - new.learned(Column::Cost, 0)).abs() < 1e-6);
        let joined = new.predict(&Candidate::new(&poems.id, "poems"));
        assert!(joined.known && joined.output.is_some());
        sent +=
            usize::from((joined.quality > new.predict(&known).quality) == (row.domain == Some(1)));
    }
    let n = whole.fold(Fold::Report).count();
    assert!(
        sent * 100 >= n * 85,
        "{sent} of {n} go where they should, seed {SEED}"
    );
}

#[test]
fn who_cannot_join_is_told_why() {
    let whole = table();
    let package: Package = fitted(&whole.with_experts(&[0])).package;
    let who = |id: &str, domain: &str| Newcomer {
        id: ExpertId::new(id).unwrap(),
        domain: domain.to_owned(),
    };
    let refused =
        |newcomer: &Newcomer, rows: &[Row]| join(&package, newcomer, rows).unwrap_err().to_string();
    let answers = only(&whole, 1);
    assert!(refused(&who("sums", "sums"), &answers).contains("known already"));
    assert!(refused(&who("odes", "odes"), &answers).contains("none of the gate's"));
    assert!(refused(&who("odes", "poems"), &answers[..5]).contains("5 answers"));
}
