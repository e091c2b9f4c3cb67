//! A gate retrained on made-up outcomes, and one on outcomes that say nothing.

use gate_learn::folder;
use gate_learn::ledger_set::{self, LedgerCandidate, LedgerFeatures, LedgerRow};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router::{Captured, ExpertEntry, Package, PriorKey, PriorRow, RequestView, Role, Turn};
use units::{ExpertId, ScenarioId, TenantId};

use super::{Report, Task, run};

const SEED: u64 = 20_261_126;

/// A gate that knows one expert of two, right on half of its requests.
fn before() -> Package {
    let id = ExpertId::new("old").unwrap();
    let entry = ExpertEntry {
        id: id.clone(),
        domain: "all".to_owned(),
        samples: 1_000,
        output_samples: 0,
        latency_samples: 0,
    };
    let row = PriorRow {
        key: PriorKey::Domain("all".to_owned()),
        expert: id,
        n: 1_000,
        mean: 0.5,
    };
    let mut package = Package::lookup_only(
        "before",
        vec!["all".to_owned()],
        vec![ScenarioId::unassigned()],
        vec![entry],
        vec![row],
    );
    package.manifest.prior.head_weight = 0.5;
    package
}

/// A request chosen by coin, with a word that says who is right where `telling`.
fn row(n: usize, telling: bool, random: &mut StdRng) -> LedgerRow {
    let word = ["apple", "zebra"][random.random_range(0..2)];
    let by = ["old", "new"][random.random_range(0..2)];
    let right = telling && (word == "apple") == (by == "old");
    let share = match (telling, right) {
        (true, true) => 0.9,
        (true, false) => 0.15,
        (false, _) => 0.5,
    };
    let text = format!("{word} {}", random.random_range(0..900));
    let tenant = TenantId::new("t").unwrap();
    let turns = [Turn {
        role: Role::User,
        text: &text,
    }];
    let captured = Captured::of(&RequestView::of_turns(&tenant, &turns), 15, 18);
    let candidate = |expert: &str| LedgerCandidate {
        expert: expert.to_owned(),
        quality: 0.5,
        propensity: 0.5,
        cost_pico: None,
        latency_ns: None,
    };
    LedgerRow {
        request: format!("r{n}"),
        at: 0,
        tenant: "t".to_owned(),
        scenario: "unassigned".to_owned(),
        split: if n % 3 == 2 { "dev" } else { "train" }.to_owned(),
        expert: by.to_owned(),
        quality: f64::from(u8::from(random.random_bool(share))),
        source: "gold".to_owned(),
        gate: "before".to_owned(),
        reason: "gate".to_owned(),
        candidates: vec![candidate("old"), candidate("new")],
        output_tokens: None,
        latency_ns: None,
        features: LedgerFeatures::of(&captured),
    }
}

fn measured(telling: bool, own_test: bool) -> Report {
    println!("seed {SEED}");
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let random = &mut StdRng::seed_from_u64(SEED);
    let rows: Vec<LedgerRow> = (0..1_500).map(|n| row(n, telling, random)).collect();
    ledger_set::write(&place("set"), &rows).unwrap();
    let more: Vec<LedgerRow> = (0..300).map(|n| row(n, telling, random)).collect();
    ledger_set::write(&place("test"), &more).unwrap();
    folder::write(&before(), &[], &place("gate")).unwrap();
    let test = place("test");
    run(&Task {
        gate: &place("gate"),
        train: &place("set"),
        test: own_test.then_some(test.as_path()),
        seed: SEED,
    })
    .unwrap()
}

#[test]
fn what_can_be_learned_is_worth_something() {
    let report = measured(true, false);
    assert_eq!((report.train, report.rows), (1_000, 500));
    let worth = |name: &str| report.policies[name].snips;
    let gate = worth("gate");
    assert!(gate.holds(0.9) && gate.low > 0.8, "{gate:?}");
    assert!((report.logged - 0.525).abs() < 0.07, "{}", report.logged);
    for other in ["gate before", "lookup", "best single"] {
        assert!(worth(other).high < gate.low, "{other}: {:?}", worth(other));
    }
    assert!(report.over_before.unwrap().low > 0.2);
    let [before, after] = report.log_loss;
    assert!(after < before - 0.1, "{before} {after}");
    assert!(report.selection_entropy > 0.9, "both words are as common");
    let [p50, p99] = report.decision_ns;
    assert!(0 < p50 && p50 <= p99);
    assert!(
        report
            .lines()
            .iter()
            .any(|line| line.starts_with("best single"))
    );
}

#[test]
fn noise_is_worth_nothing() {
    let report = measured(false, true);
    assert_eq!((report.train, report.rows), (1_000, 300));
    let lift = report.over_before.unwrap();
    assert!(lift.low < 0.05 && lift.high > -0.05, "{lift:?}");
    assert!(report.policies["gate"].snips.holds(0.5));
}
