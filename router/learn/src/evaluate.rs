//! What a gate predicts for the rows of a table, read as the gateway reads them, and how fast it decides.

use std::time::Instant;

use router::{
    Candidate, Draw, Gate, Package, Policy, Price, RequestView, Role, Scratch, Turn, decide,
};
use serde::Serialize;
use units::{DecisionId, Tokens};

use crate::LearnError;
use crate::encode;
use crate::fit::Held;
use crate::table::{OutcomeTable, Row, cost};

/// What a router expects of every expert on every row.
#[derive(Debug, Clone, Default)]
pub struct Predictions {
    /// Quality of each expert by row.
    pub quality: Vec<Vec<f32>>,
    /// Cost of each expert by row, in 1e-12 units.
    pub cost: Vec<Vec<f64>>,
}

/// What the gate predicts, through the router's own inference. Costs follow today's prices of the table's experts.
pub fn of_gate(gate: &Gate, table: &OutcomeTable, rows: &[&Row]) -> Predictions {
    let (tenant, mut scratch) = (encode::tenant(), Scratch::new());
    let mut found = Predictions::default();
    for row in rows {
        let turns = [Turn {
            role: Role::User,
            text: &row.text,
        }];
        let view = RequestView {
            scenario: table.declared(row),
            ..RequestView::of_turns(&tenant, &turns)
        };
        let reading = gate.read(&view, &mut scratch);
        let (mut quality, mut costs) = (Vec::new(), Vec::new());
        for expert in &table.experts {
            let predicted = reading.predict(&Candidate::new(&expert.id, &expert.domain));
            quality.push(predicted.quality);
            costs.push(expected_cost(&expert.price, row, predicted.output));
        }
        found.quality.push(quality);
        found.cost.push(costs);
    }
    found
}

/// What a fit predicted for rows that the parts behind it had not seen, with those rows.
pub fn of_held<'t>(held: &[Held], table: &'t OutcomeTable) -> (Vec<&'t Row>, Predictions) {
    let (mut rows, mut found) = (Vec::new(), Predictions::default());
    for held in held {
        let Some(row) = table.rows.get(held.row) else {
            continue;
        };
        let costs = table.experts.iter().enumerate().map(|(at, expert)| {
            let counted = row.outcomes.get(at).and_then(|outcome| outcome.output);
            let output = held.output.get(at).filter(|_| counted.is_some());
            expected_cost(&expert.price, row, output.map(|log| tokens(*log)))
        });
        found.cost.push(costs.collect());
        found.quality.push(held.quality.clone());
        rows.push(row);
    }
    (rows, found)
}

fn tokens(log: f32) -> Tokens {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "held between 0 and e to the 14"
    )]
    let count = log.clamp(0.0, 14.0).exp_m1().round() as u64;
    Tokens::new(count)
}

fn expected_cost(price: &Price, row: &Row, output: Option<Tokens>) -> f64 {
    pico(cost(price, row.input_tokens(), output.unwrap_or_default()))
}

/// Money as a statistic.
pub fn pico(amount: units::Pico) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a statistic, not a booking")]
    let pico = amount.get() as f64;
    pico
}

/// Quantiles of the time of whole decisions, ns.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// Time of whole decisions on prompts of 2 kB, made of these texts, in the quietest of some rounds. It is of this machine and this build, so it is no part
/// of a package; `router/benches/decision.rs` measures it well.
pub fn latency<'t>(
    package: &Package,
    texts: impl Iterator<Item = &'t str>,
) -> Result<Quantiles, LearnError> {
    let gate = Gate::from_package(package)?;
    let tenant = encode::tenant();
    let mut letters: Vec<char> = Vec::new();
    for text in texts {
        letters.extend(text.chars());
        letters.push('\n');
        if letters.len() > 400_000 {
            break;
        }
    }
    let prompts: Vec<String> = letters
        .chunks(2_048)
        .map(|part| part.iter().collect())
        .collect();
    let experts = &gate.manifest().experts;
    let candidates: Vec<_> = experts
        .iter()
        .map(|e| Candidate::new(&e.id, &e.domain))
        .collect();
    let draw = Draw {
        id: DecisionId::from_uuid(Default::default()),
        random: 0.5,
    };
    let (policy, mut scratch, mut quietest) = (Policy::default(), Scratch::new(), None);
    for round in 0..ROUNDS {
        let mut times = Vec::new();
        for prompt in prompts.iter().cycle().skip(round).take(DECISIONS) {
            let turns = [Turn {
                role: Role::User,
                text: prompt.as_str(),
            }];
            let view = RequestView::of_turns(&tenant, &turns);
            let start = Instant::now();
            let decision = decide(&gate.read(&view, &mut scratch), &candidates, &policy, &draw);
            let time = start.elapsed().as_nanos();
            if decision.is_ok() {
                times.push(u64::try_from(time).unwrap_or(u64::MAX));
            }
        }
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or(0);
        let found = Quantiles {
            p50: at(50),
            p99: at(99),
        };
        if quietest.is_none_or(|least: Quantiles| found.p99 < least.p99) {
            quietest = Some(found);
        }
    }
    Ok(quietest.unwrap_or(Quantiles { p50: 0, p99: 0 }))
}

/// Rounds of decisions; the quietest counts, since other work of the machine is not the gate's.
const ROUNDS: usize = 8;
/// Decisions of a round.
const DECISIONS: usize = 1_000;
