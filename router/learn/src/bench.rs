//! Measures a gate on a public set of outcomes beside its baselines: what is fitted on the train rows, tuned on rows that
//! are not reported, and reported with intervals, seeds, a learning curve and stress tests.

use serde::Serialize;

use crate::choose::{Choice, Value, cheapest, choose, outcome, served};
use crate::evaluate::{self, Predictions, Quantiles};
use crate::fit::{self, FitOptions, Fitted};
use crate::metrics::hull::Served;
use crate::score::{Field, Score, Subject};
use crate::stress::{self, Stress};
use crate::table::{Fold, OutcomeTable, Row};
use crate::{LearnError, Watch, baselines};
use router::{Gate, Package};

/// Quality that may be lost against the best single expert and still counts as equal: a fifth of a point.
pub const EPSILON: f64 = 0.002;

/// What is reported of one set.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The set.
    pub set: String,
    /// Where the rows reported on come from.
    pub reported_on: String,
    /// Rows fitted to.
    pub train_rows: usize,
    /// Rows reported on.
    pub rows: usize,
    /// How money comes about.
    pub money: String,
    /// The weak expert of the pair.
    pub weak: String,
    /// The strong expert of the pair, the best single one on the train rows.
    pub strong: String,
    /// Quality that may be lost and still counts as equal.
    pub epsilon: f64,
    /// How the gate of the first seed is mixed.
    pub mix: String,
    /// Scores: the gate first, then its baselines.
    pub routers: Vec<Score>,
    /// Time of a decision on a prompt of 2 kB, by this build on this machine.
    pub decision_ns: Quantiles,
    /// The gate again with other seeds.
    pub seeds: Vec<Seeded>,
    /// The gate of the first seed on rows to learn from, each predicted by parts that were fitted without it. They are many
    /// more than the rows reported on, so these figures are firmer; but the mix and the calibration were chosen on them.
    pub left_out: LeftOut,
    /// What it does where things change; `None` where that was not asked for.
    pub stress: Option<Stress>,
}

/// The main figures of one seed.
#[derive(Debug, Clone, Serialize)]
pub struct Seeded {
    /// The seed.
    pub seed: u64,
    /// Mean quality, money no object.
    pub accuracy: f64,
    /// Average performance gap recovered.
    pub apgr: Option<f64>,
    /// Share of strong calls, in percent, that recovers half of the gap.
    pub cpt50: Option<f64>,
    /// The same for four fifths of the gap.
    pub cpt80: Option<f64>,
    /// Share of the best single expert's cost saved at equal accuracy.
    pub saving: Option<f64>,
    /// The same where the value of an answer is chosen on the rows reported on.
    pub saving_in_hindsight: Option<f64>,
    /// Quality there.
    pub equal_accuracy: Option<f64>,
    /// Calibration error.
    pub ece: Option<f64>,
}

/// Figures on rows that were left out in turn.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// How many rows.
    pub rows: usize,
    /// The figures.
    pub figures: Seeded,
    /// Average performance gap recovered by the lookup, fitted without a row's fold too.
    pub lookup_apgr: Option<f64>,
    /// Its mean quality, money no object.
    pub lookup_accuracy: Option<f64>,
}

/// What is measured, and on what.
#[derive(Debug)]
pub struct Task<'a> {
    /// Rows to fit to (train fold) and to tune on (tune fold).
    pub learned: &'a OutcomeTable,
    /// Rows to report on; their own table, with the experts in the same order.
    pub report: &'a OutcomeTable,
    /// Whether tuning may look at the tune fold: not where that is reported on.
    pub tune_fold: bool,
    /// Seeds; the first is reported in full.
    pub seeds: Vec<u64>,
    /// Whether the stress tests run too, which fit the gate many times.
    pub stress: bool,
}

/// Measures.
pub fn run(task: &Task<'_>, watch: &dyn Watch) -> Result<(Report, Fitted), LearnError> {
    let rows: Vec<&Row> = task.report.rows.iter().collect();
    let mut first: Option<(Fitted, Vec<Score>, Value)> = None;
    let mut seeds = Vec::new();
    for seed in &task.seeds {
        watch.say(&format!("{}: seed {seed}", task.learned.name));
        let options = FitOptions {
            tune_fold: task.tune_fold,
            ..FitOptions::for_table(task.learned, *seed)
        };
        let fitted = fit::fit(task.learned, &options, watch)?;
        let field = field(task, &rows, *seed);
        let value = value_of_gate(task, &fitted);
        let gate = gate_score(task, &fitted.package, value, &field)?;
        seeds.push(seeded(*seed, &gate));
        if first.is_none() {
            let mut scores = vec![gate];
            scores.extend(baseline_scores(task, &field, &rows));
            first = Some((fitted, scores, value));
        }
    }
    let Some((fitted, routers, value)) = first else {
        return Err(LearnError::unfit(
            &task.learned.name,
            "at least one seed is needed",
        ));
    };
    let stress = if task.stress {
        Some(stress::run(task, &fitted, value, watch)?)
    } else {
        None
    };
    let seed = task.seeds.first().copied().unwrap_or_default();
    let left_out = left_out(task, &fitted, seed);
    let texts = rows.iter().map(|row| row.text.as_str());
    let decision_ns = evaluate::latency(&fitted.package, texts)?;
    let (weak, strong) = pair(task.learned);
    let name = |at: usize| {
        task.learned
            .experts
            .get(at)
            .map_or_else(String::new, |e| e.id.to_string())
    };
    let report = Report {
        set: task.learned.name.clone(),
        reported_on: if task.tune_fold {
            "the test folder"
        } else {
            "split dev"
        }
        .to_owned(),
        train_rows: task.learned.fold(Fold::Train).count(),
        rows: rows.len(),
        money: task.learned.money.clone(),
        weak: name(weak),
        strong: name(strong),
        epsilon: EPSILON,
        mix: format!("{:?}", fitted.mix),
        routers,
        decision_ns,
        seeds,
        left_out,
        stress,
    };
    Ok((report, fitted))
}

/// The gate and the lookup on the rows that the parts behind a prediction have not seen.
fn left_out(task: &Task<'_>, fitted: &Fitted, seed: u64) -> LeftOut {
    let table = task.learned;
    let (rows, predicted) = evaluate::of_held(&fitted.held, table);
    let field = field(task, &rows, seed);
    let score = |name: &str, predicted: &Predictions, value: Value| {
        field.score(&Subject {
            name,
            predicted,
            value,
            calibrated: true,
        })
    };
    let value = value_of(task, &rows, &predicted);
    let gate = score("gate", &predicted, value);
    let folds = FitOptions::for_table(table, seed).folds;
    let by_fold: Vec<Predictions> = (0..=folds)
        .map(|fold| {
            let kept = table.fold(Fold::Train);
            let kept = kept.filter(|row| fit::fold_of(row, folds) != fold);
            baselines::lookup(&table.with_rows(kept.cloned().collect()), &rows)
        })
        .collect();
    let mut lookup = Predictions::default();
    for (at, row) in rows.iter().enumerate() {
        // Rows to tune on were left out of none.
        let fold = match row.fold {
            Fold::Train => fit::fold_of(row, folds),
            _ => folds,
        };
        let said = usize::try_from(fold)
            .ok()
            .and_then(|fold| by_fold.get(fold));
        let one = |of: fn(&Predictions) -> &Vec<Vec<f64>>| {
            said.and_then(|said| of(said).get(at))
                .cloned()
                .unwrap_or_default()
        };
        lookup.cost.push(one(|said| &said.cost));
        let quality = said.and_then(|said| said.quality.get(at)).cloned();
        lookup.quality.push(quality.unwrap_or_default());
    }
    let lookup = score("lookup", &lookup, Value::Free);
    LeftOut {
        rows: rows.len(),
        figures: seeded(seed, &gate),
        lookup_apgr: lookup.apgr.map(|interval| interval.value),
        lookup_accuracy: lookup.accuracy.map(|interval| interval.value),
    }
}

fn seeded(seed: u64, score: &Score) -> Seeded {
    let value = |interval: Option<crate::score::Interval>| interval.map(|interval| interval.value);
    Seeded {
        seed,
        accuracy: value(score.accuracy).unwrap_or(0.0),
        apgr: value(score.apgr),
        cpt50: value(score.cpt50),
        cpt80: value(score.cpt80),
        saving: value(score.equal_saving),
        saving_in_hindsight: score.equal_saving_in_hindsight,
        equal_accuracy: value(score.equal_accuracy),
        ece: value(score.ece),
    }
}

/// The cheapest expert and the best one, by means over the train fold.
pub fn pair(table: &OutcomeTable) -> (usize, usize) {
    let train: Vec<&Row> = table.fold(Fold::Train).collect();
    let means = (0..table.experts.len()).map(|at| {
        let choices: Vec<Choice> = train.iter().filter_map(|row| outcome(row, at)).collect();
        served(&choices)
    });
    let means: Vec<Served> = means.collect();
    let quality = |at: usize| means.get(at).map_or(0.0, |mean: &Served| mean.1);
    let cost = |at: usize| means.get(at).map_or(0.0, |mean| mean.0);
    let experts = || 0..means.len();
    let first = |order: &dyn Fn(usize) -> f64| {
        let least = experts().reduce(|best, at| if order(at) < order(best) { at } else { best });
        least.unwrap_or(0)
    };
    let (strong, weak) = (first(&|at| -quality(at)), first(&cost));
    if weak == strong {
        // Without costs the weak one is the worst.
        return (first(&quality), strong);
    }
    (weak, strong)
}

/// What routers are held against on these rows.
pub fn field<'a>(task: &Task<'_>, rows: &'a [&'a Row], seed: u64) -> Field<'a> {
    let (weak, strong) = pair(task.learned);
    let fixed =
        |at: usize| -> Vec<Choice> { rows.iter().filter_map(|row| outcome(row, at)).collect() };
    let costs: Vec<f64> = (0..task.learned.experts.len())
        .map(|at| served(&fixed(at)).0)
        .collect();
    Field {
        rows,
        weak,
        strong,
        lookup: choose(rows, &baselines::lookup(task.learned, rows), Value::Free),
        oracle: choose(rows, &baselines::oracle(rows), Value::Free),
        single: fixed(strong),
        costs: (
            costs.iter().copied().fold(f64::INFINITY, f64::min),
            costs.iter().copied().fold(0.0, f64::max),
        ),
        seed,
    }
}

/// The value of an answer at which a router is as good as the best single expert, chosen on rows that are not reported.
fn value_of(task: &Task<'_>, rows: &[&Row], predicted: &Predictions) -> Value {
    let (_, strong) = pair(task.learned);
    let single: Vec<Choice> = rows.iter().filter_map(|row| outcome(row, strong)).collect();
    cheapest(rows, predicted, &single, EPSILON)
}

fn value_of_gate(task: &Task<'_>, fitted: &Fitted) -> Value {
    let (rows, predicted) = evaluate::of_held(&fitted.held, task.learned);
    value_of(task, &rows, &predicted)
}

/// The figures of a gate, whatever it was fitted to, on the rows to report on.
pub fn gate_score(
    task: &Task<'_>,
    package: &Package,
    value: Value,
    field: &Field<'_>,
) -> Result<Score, LearnError> {
    let gate = Gate::from_package(package)?;
    let predicted = evaluate::of_gate(&gate, task.learned, field.rows);
    Ok(field.score(&Subject {
        name: "gate",
        predicted: &predicted,
        value,
        calibrated: true,
    }))
}

fn baseline_scores(task: &Task<'_>, field: &Field<'_>, rows: &[&Row]) -> Vec<Score> {
    let table = task.learned;
    let tuned: Vec<&Row> = if task.tune_fold {
        table.fold(Fold::Tune).collect()
    } else {
        table.fold(Fold::Train).collect()
    };
    let score = |name: &str, predicted: &Predictions, value: Value| {
        field.score(&Subject {
            name,
            predicted,
            value,
            calibrated: name == "lookup" || name == "nearest",
        })
    };
    let lookup = baselines::lookup(table, rows);
    let value = value_of(task, &tuned, &baselines::lookup(table, &tuned));
    let mut scores = vec![score("lookup", &lookup, value)];
    let near = baselines::neighbours(table, rows);
    let value = if task.tune_fold {
        value_of(task, &tuned, &baselines::neighbours(table, &tuned))
    } else {
        Value::Free
    };
    scores.push(score("nearest", &near, value));
    scores.push(score(
        "best single",
        &baselines::same(table, rows),
        Value::Free,
    ));
    scores.push(fixed_score("weak", field.weak, field, rows));
    scores.push(fixed_score("strong", field.strong, field, rows));
    scores.push(field.random());
    scores.push(score("oracle", &baselines::oracle(rows), Value::Free));
    scores
}

/// One expert for every text.
fn fixed_score(name: &str, expert: usize, field: &Field<'_>, rows: &[&Row]) -> Score {
    let experts = rows.first().map_or(0, |row| row.outcomes.len());
    let quality: Vec<f32> = (0..experts)
        .map(|at| if at == expert { 1.0 } else { 0.0 })
        .collect();
    let predicted = Predictions {
        quality: vec![quality; rows.len()],
        cost: vec![vec![0.0; experts]; rows.len()],
    };
    let score = field.score(&Subject {
        name,
        predicted: &predicted,
        value: Value::Free,
        calibrated: false,
    });
    Score {
        apgr: None,
        cpt50: None,
        cpt80: None,
        aiq: None,
        ..score
    }
}

/// The figures of any package on the report rows of a task, at a value of an answer: what a candidate and a live gate
/// are compared by.
pub fn evaluate(
    task: &Task<'_>,
    package: &Package,
    value: Value,
    seed: u64,
) -> Result<Score, LearnError> {
    let rows: Vec<&Row> = task.report.rows.iter().collect();
    gate_score(task, package, value, &field(task, &rows, seed))
}
