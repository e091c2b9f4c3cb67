//! A report for a person: a table of routers, then seeds and stress tests.

use crate::bench::Report;
use crate::score::{Interval, Score};

/// The report as lines.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: fitted to {} rows, reported on {} rows of {}",
            report.set, report.train_rows, report.rows, report.reported_on
        ),
        format!(
            "weak {}, strong {}; money: {}",
            report.weak, report.strong, report.money
        ),
    ];
    for (name, of) in COLUMNS {
        lines.push(name.to_owned());
        for score in &report.routers {
            if let Some(interval) = of(score) {
                let Interval { value, low, high } = interval;
                lines.push(format!(
                    "  {:<12} {value:>9.4}  [{low:.4}, {high:.4}]",
                    score.router
                ));
            }
        }
    }
    lines.push("entropy of the choice".to_owned());
    for score in &report.routers {
        lines.extend(
            score
                .entropy
                .map(|entropy| format!("  {:<12} {entropy:>9.4}", score.router)),
        );
    }
    let time = report.decision_ns;
    lines.push(format!(
        "decision on 2 kB: p50 {} us, p99 {} us",
        time.p50 / 1_000,
        time.p99 / 1_000
    ));
    let optional =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for seed in &report.seeds {
        lines.push(format!(
            "seed {}: accuracy {:.4}, APGR {}, saving {} at {}, ECE {}",
            seed.seed,
            seed.accuracy,
            optional(seed.apgr),
            optional(seed.saving),
            optional(seed.equal_accuracy),
            optional(seed.ece)
        ));
    }
    let (left, figures) = (&report.left_out, &report.left_out.figures);
    lines.push(format!(
        "{} rows to learn from, each left out in turn: accuracy {:.4} (lookup {}), APGR {} (lookup {}), CPT50 {}, CPT80 {}, \
         saving {} at {}, ECE {}",
        left.rows,
        figures.accuracy,
        optional(left.lookup_accuracy),
        optional(figures.apgr),
        optional(left.lookup_apgr),
        optional(figures.cpt50),
        optional(figures.cpt80),
        optional(figures.saving),
        optional(figures.equal_accuracy),
        optional(figures.ece)
    ));
    let Some(stress) = &report.stress else {
        return lines;
    };
    for point in &stress.learning_curve {
        let apgr = optional(point.apgr);
        lines.push(format!(
            "{} train rows: accuracy {:.4}, APGR {apgr}",
            point.rows, point.accuracy
        ));
    }
    for left in &stress.leave_one_domain_out {
        lines.push(format!(
            "without {} ({} rows): accuracy {:.4} (with it {:.4}, best single {:.4}), APGR {} (with it {})",
            left.area,
            left.rows,
            left.accuracy,
            left.accuracy_with,
            left.best_single,
            optional(left.apgr),
            optional(left.apgr_with)
        ));
    }
    for joined in &stress.leave_one_expert_out {
        lines.push(format!(
            "{} joins with {} answers: accuracy {:.4} before, {:.4} after, {:.4} fitted whole; ECE {:.4}, chosen {:.3}",
            joined.expert,
            joined.answers,
            joined.accuracy_without,
            joined.accuracy_joined,
            joined.accuracy_fitted,
            joined.ece,
            joined.share_chosen
        ));
    }
    if let Some(shock) = &stress.price_shock {
        lines.push(format!(
            "{} at three times its price: {:.3} a thousand instead of {:.3}, accuracy {:.4} (before {:.4}), {:.3} moved",
            shock.expert,
            shock.cost_per_1k,
            shock.cost_unmoved_per_1k,
            shock.accuracy,
            shock.accuracy_before,
            shock.moved
        ));
    }
    let typos = &stress.typos;
    lines.push(format!(
        "an error in each tenth word: {:.4} of choices stay ({:.4} at equal accuracy), accuracy {:.4} (before {:.4})",
        typos.unchanged, typos.unchanged_at_value, typos.accuracy, typos.accuracy_before
    ));
    lines
}

type Column = (&'static str, fn(&Score) -> Option<Interval>);

const COLUMNS: [Column; 13] = [
    ("accuracy, money no object", |score| score.accuracy),
    ("  cost of 1,000 then", |score| score.cost_per_1k),
    ("APGR", |score| score.apgr),
    ("CPT(50 %), percent of strong calls", |score| score.cpt50),
    ("CPT(80 %), percent of strong calls", |score| score.cpt80),
    ("AIQ", |score| score.aiq),
    (
        "accuracy at the value chosen for the best single's",
        |score| score.equal_accuracy,
    ),
    ("  cost of 1,000 there", |score| score.equal_cost_per_1k),
    ("  saved of the best single's cost", |score| {
        score.equal_saving
    }),
    ("  saved where the value is chosen on these rows", |score| {
        score.equal_saving_in_hindsight.map(Interval::exactly)
    }),
    ("ECE", |score| score.ece),
    ("regret to the lookup that is told the slice", |score| {
        score.regret_to_lookup
    }),
    ("regret to the oracle", |score| score.regret_to_oracle),
];

/// The main figures as one object, by router.
pub fn figures(report: &Report) -> serde_json::Value {
    let value = |interval: Option<Interval>| interval.map(|interval| interval.value);
    let routers = report.routers.iter().map(|score| {
        let figures = serde_json::json!({
            "accuracy": value(score.accuracy),
            "cost_per_1k": value(score.cost_per_1k),
            "apgr": value(score.apgr),
            "cpt50": value(score.cpt50),
            "cpt80": value(score.cpt80),
            "aiq": value(score.aiq),
            "equal_accuracy": value(score.equal_accuracy),
            "equal_cost_per_1k": value(score.equal_cost_per_1k),
            "equal_saving": value(score.equal_saving),
            "equal_saving_in_hindsight": score.equal_saving_in_hindsight,
            "ece": value(score.ece),
            "regret_to_lookup": value(score.regret_to_lookup),
            "regret_to_oracle": value(score.regret_to_oracle),
            "entropy": score.entropy,
        });
        (score.router.replace(' ', "_"), figures)
    });
    serde_json::json!({
        "set": report.set,
        "reported_on": report.reported_on,
        "rows": report.rows,
        "train_rows": report.train_rows,
        "epsilon": report.epsilon,
        "decision_p50_ns": report.decision_ns.p50,
        "decision_p99_ns": report.decision_ns.p99,
        "routers": routers.collect::<serde_json::Map<_, _>>(),
        "seeds": report.seeds,
        "left_out": report.left_out,
    })
}
