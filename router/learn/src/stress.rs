//! What a gate does where things change: a slice or an expert that it was not fitted to, prices, typing errors, less data.

mod figures;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use router::Gate;
use units::Pico;

use crate::bench::{Task, pair};
use crate::choose::{Choice, Value, choose, outcome, served};
use crate::evaluate::{Predictions, of_gate};
use crate::fit::{self, FitOptions, Fitted};
use crate::join::{Newcomer, join};
use crate::metrics::count;
use crate::metrics::ranking::{Pair, apgr, curve};
use crate::table::{Fold, OutcomeTable, Row, group};
use crate::{LearnError, Silent, Watch, baselines, noise};
pub use figures::{Joined, Learned, LeftOut, Shock, Stress, Typos};

/// Answers that a new expert joins with.
const CALIBRATION: usize = 100;
/// Slices and experts that are left out one by one, at most.
const MOST: usize = 6;

/// Runs all stress tests on a fitted gate. `value` is that of equal accuracy.
pub fn run(
    task: &Task<'_>,
    fitted: &Fitted,
    value: Value,
    watch: &dyn Watch,
) -> Result<Stress, LearnError> {
    let gate = Gate::from_package(&fitted.package)?;
    let rows: Vec<&Row> = task.report.rows.iter().collect();
    let base = of_gate(&gate, task.learned, &rows);
    Ok(Stress {
        learning_curve: learning_curve(task, &rows, &base, watch)?,
        leave_one_domain_out: domains(task, &rows, &base, watch)?,
        leave_one_expert_out: experts(task, &rows, &base, watch)?,
        price_shock: shock(task, &gate, &rows, &base, value),
        typos: typos(task, &gate, &rows, &base, value),
    })
}

/// A lighter fit of the same kind.
fn fit_on(task: &Task<'_>, table: &OutcomeTable) -> Result<Fitted, LearnError> {
    let seed = task.seeds.first().copied().unwrap_or(1);
    let options = FitOptions {
        folds: 2,
        tune_fold: false,
        ..FitOptions::for_table(table, seed)
    };
    fit::fit(table, &options, &Silent)
}

fn accuracy(rows: &[&Row], predicted: &Predictions) -> f64 {
    served(&choose(rows, predicted, Value::Free)).1
}

fn gap(table: &OutcomeTable, rows: &[&Row], predicted: &Predictions) -> Option<f64> {
    let (weak, strong) = pair(table);
    let pairs: Vec<Pair> = rows
        .iter()
        .zip(&predicted.quality)
        .map(|(row, quality)| {
            let at = |expert: usize| quality.get(expert).copied().unwrap_or(0.0);
            Pair {
                score: at(strong) - at(weak),
                weak: row.evidence(weak).unwrap_or(0.0),
                strong: row.evidence(strong).unwrap_or(0.0),
            }
        })
        .collect();
    curve(&pairs).map(|points| apgr(&points))
}

fn learning_curve(
    task: &Task<'_>,
    rows: &[&Row],
    base: &Predictions,
    watch: &dyn Watch,
) -> Result<Vec<Learned>, LearnError> {
    let mut points = Vec::new();
    for (part, of) in [(1, 8), (1, 4), (1, 2)] {
        watch.say(&format!("learning curve: {part}/{of}"));
        let kept = task
            .learned
            .rows
            .iter()
            .filter(|row| group(&row.text) / 91 % of < part);
        let table = task.learned.with_rows(kept.cloned().collect());
        let count = table.fold(Fold::Train).count();
        if count < 50 {
            continue;
        }
        let gate = Gate::from_package(&fit_on(task, &table)?.package)?;
        let predicted = of_gate(&gate, task.learned, rows);
        points.push(Learned {
            rows: count,
            accuracy: accuracy(rows, &predicted),
            apgr: gap(task.learned, rows, &predicted),
        });
    }
    points.push(Learned {
        rows: task.learned.fold(Fold::Train).count(),
        accuracy: accuracy(rows, base),
        apgr: gap(task.learned, rows, base),
    });
    Ok(points)
}

/// The rows that `keep` holds for, with their predictions.
fn part<'r>(
    rows: &[&'r Row],
    predicted: &Predictions,
    keep: impl Fn(&Row) -> bool,
) -> (Vec<&'r Row>, Predictions) {
    let (mut kept, mut found) = (Vec::new(), Predictions::default());
    let pairs = rows
        .iter()
        .zip(predicted.quality.iter().zip(&predicted.cost));
    for (row, (quality, cost)) in pairs.filter(|(row, _)| keep(row)) {
        kept.push(*row);
        found.quality.push(quality.clone());
        found.cost.push(cost.clone());
    }
    (kept, found)
}

fn domains(
    task: &Task<'_>,
    rows: &[&Row],
    base: &Predictions,
    watch: &dyn Watch,
) -> Result<Vec<LeftOut>, LearnError> {
    let table = task.learned;
    let areas = table.area_names();
    if areas.len() < 2 {
        return Ok(Vec::new());
    }
    let inside = |row: &Row, area: &str| row.domain.is_some_and(|at| table.area(at) == area);
    let mut sized: Vec<(usize, &str)> = areas
        .into_iter()
        .map(|area| (rows.iter().filter(|row| inside(row, area)).count(), area))
        .collect();
    sized.sort_by(|a, b| b.cmp(a));
    let mut found = Vec::new();
    for (count, area) in sized
        .into_iter()
        .take(MOST)
        .filter(|(count, _)| *count >= 10)
    {
        watch.say(&format!("without {area}"));
        let kept = table.rows.iter().filter(|row| !inside(row, area)).cloned();
        let rest = table.with_rows(kept.collect());
        let gate = Gate::from_package(&fit_on(task, &rest)?.package)?;
        let (own, with) = part(rows, base, |row| inside(row, area));
        let without = of_gate(&gate, table, &own);
        found.push(LeftOut {
            area: area.to_owned(),
            rows: count,
            accuracy: accuracy(&own, &without),
            accuracy_with: accuracy(&own, &with),
            best_single: accuracy(&own, &baselines::same(&rest, &own)),
            apgr: gap(table, &own, &without),
            apgr_with: gap(table, &own, &with),
        });
    }
    Ok(found)
}

fn experts(
    task: &Task<'_>,
    rows: &[&Row],
    base: &Predictions,
    watch: &dyn Watch,
) -> Result<Vec<Joined>, LearnError> {
    let table = task.learned;
    let total = table.experts.len();
    let (weak, strong) = pair(table);
    let mut left: Vec<usize> = vec![strong, weak];
    let step = (total / MOST).max(1);
    left.extend(
        (0..total)
            .step_by(step)
            .filter(|at| *at != weak && *at != strong),
    );
    left.truncate(MOST.min(4));
    let mut found = Vec::new();
    for out in left {
        let Some(expert) = table.experts.get(out) else {
            continue;
        };
        watch.say(&format!("without {}", expert.id));
        let others: Vec<usize> = (0..total).filter(|at| *at != out).collect();
        let rest = table.with_experts(&others);
        let before = fit_on(task, &rest)?.package;
        let answers = calibration(table, out, task.seeds.first().copied().unwrap_or(1));
        let newcomer = Newcomer {
            id: expert.id.clone(),
            domain: expert.domain.clone(),
        };
        let after = join(&before, &newcomer, &answers)?;
        let without = of_gate(&Gate::from_package(&before)?, &rest, rows);
        let without = accuracy_without(rows, &without, &others);
        let joined = of_gate(&Gate::from_package(&after)?, table, rows);
        let choices = choose(rows, &joined, Value::Free);
        let labels: Vec<(f32, f32)> = rows
            .iter()
            .zip(&joined.quality)
            .filter_map(|(row, quality)| Some((*quality.get(out)?, row.evidence(out)?)))
            .collect();
        found.push(Joined {
            expert: expert.id.to_string(),
            answers: answers.len(),
            accuracy_without: without,
            accuracy_joined: served(&choices).1,
            accuracy_fitted: accuracy(rows, base),
            ece: crate::metrics::ece(&labels),
            share_chosen: share(&choices, |choice| choice.expert == out),
        });
    }
    Ok(found)
}

/// A hundred answers of an expert, drawn from the train fold, as rows with one outcome.
fn calibration(table: &OutcomeTable, expert: usize, seed: u64) -> Vec<Row> {
    let mut rows: Vec<&Row> = table
        .fold(Fold::Train)
        .filter(|row| row.evidence(expert).is_some())
        .collect();
    rows.shuffle(&mut StdRng::seed_from_u64(seed));
    rows.truncate(CALIBRATION);
    let one = |row: &&Row| Row {
        outcomes: row.outcomes.get(expert).copied().into_iter().collect(),
        ..(*row).clone()
    };
    rows.iter().map(one).collect()
}

/// Mean quality of a gate that knows only some of the experts.
fn accuracy_without(rows: &[&Row], predicted: &Predictions, known: &[usize]) -> f64 {
    let choices = rows
        .iter()
        .zip(&predicted.quality)
        .filter_map(|(row, quality)| {
            let pairs = known
                .iter()
                .zip(quality)
                .filter(|(at, _)| row.evidence(**at).is_some());
            let best = pairs.reduce(|a, b| if b.1 > a.1 { b } else { a });
            outcome(row, *best?.0)
        });
    served(&choices.collect::<Vec<_>>()).1
}

fn share(choices: &[Choice], holds: impl Fn(&Choice) -> bool) -> f64 {
    count(choices.iter().filter(|choice| holds(choice)).count()) / count(choices.len().max(1))
}

fn same(a: &[Choice], b: &[Choice]) -> f64 {
    let equal = a
        .iter()
        .zip(b)
        .filter(|(a, b)| a.expert == b.expert)
        .count();
    count(equal) / count(a.len().max(1))
}

fn shock(
    task: &Task<'_>,
    gate: &Gate,
    rows: &[&Row],
    base: &Predictions,
    value: Value,
) -> Option<Shock> {
    let (_, strong) = pair(task.learned);
    let mut dearer = task
        .learned
        .with_rows(rows.iter().map(|row| (*row).clone()).collect());
    let expert = dearer.experts.get_mut(strong)?;
    let price = &mut expert.price;
    for part in [
        &mut price.per_request,
        &mut price.per_input_token,
        &mut price.per_output_token,
    ] {
        *part = Pico::new(part.get().saturating_mul(3));
    }
    let name = expert.id.to_string();
    dearer.charge();
    let charged: Vec<&Row> = dearer.rows.iter().collect();
    let before = choose(rows, base, value);
    let after = choose(&charged, &of_gate(gate, &dearer, &charged), value);
    let unmoved: Vec<Choice> = charged
        .iter()
        .zip(&before)
        .filter_map(|(row, choice)| outcome(row, choice.expert))
        .collect();
    (served(&before).0 > 0.0).then(|| Shock {
        expert: name,
        cost_unmoved_per_1k: served(&unmoved).0 * 1e-9,
        cost_per_1k: served(&after).0 * 1e-9,
        accuracy_before: served(&before).1,
        accuracy: served(&after).1,
        moved: 1.0 - same(&before, &after),
    })
}

fn typos(task: &Task<'_>, gate: &Gate, rows: &[&Row], base: &Predictions, value: Value) -> Typos {
    let rng = &mut StdRng::seed_from_u64(task.seeds.first().copied().unwrap_or(1));
    let noisy: Vec<Row> = rows
        .iter()
        .map(|row| Row {
            text: noise::typos(&row.text, 0.1, rng),
            ..(*row).clone()
        })
        .collect();
    let noisy: Vec<&Row> = noisy.iter().collect();
    let predicted = of_gate(gate, task.learned, &noisy);
    let (before, after) = (
        choose(rows, base, Value::Free),
        choose(&noisy, &predicted, Value::Free),
    );
    Typos {
        unchanged: same(&before, &after),
        unchanged_at_value: same(
            &choose(rows, base, value),
            &choose(&noisy, &predicted, value),
        ),
        accuracy_before: served(&before).1,
        accuracy: served(&after).1,
    }
}
