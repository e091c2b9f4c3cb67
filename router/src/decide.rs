//! From predictions to one choice: hard constraints, utility, abstention, overflow and a small logged exploration.

mod constraint;
mod propensity;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use units::{DecisionId, Nanos, Pico, Tokens};

use crate::candidate::{Candidate, Capacity, Price};
use crate::decision::{Decision, Ranked, Reason};
use crate::error::DecideError;
use crate::gate::Reading;
use crate::policy::Policy;
use constraint::{barrier, error_of};
use propensity::{Near, spread};

/// Output tokens assumed where neither gate nor pool knows.
const ASSUMED_OUTPUT: Tokens = Tokens::new(256);
/// Device time assumed where neither gate nor pool knows a latency.
const ASSUMED_DEVICE: Nanos = Nanos::new(50_000_000);

/// What chance and the id source give to one decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// The decision's id.
    pub id: DecisionId,
    /// Uniform in `[0, 1)`.
    pub random: f64,
}

/// A candidate that may be used, with what it is worth.
struct Weighed<'c, 'a> {
    candidate: &'c Candidate<'a>,
    row: Ranked,
    worth: f64,
}

/// Chooses one of the candidates. Never one that the policy forbids, that is full or down, or that cannot do what is asked.
pub fn decide(
    reading: &Reading<'_>,
    candidates: &[Candidate<'_>],
    policy: &Policy,
    draw: &Draw,
) -> Result<Decision, DecideError> {
    let view = reading.view();
    if let Some(expert) = view.pinned {
        let named = candidates
            .iter()
            .find(|candidate| candidate.expert == expert);
        let Some(named) = named else {
            return Err(DecideError::Unknown {
                expert: expert.clone(),
            });
        };
        let only = std::slice::from_ref(named);
        return choose(reading, only, policy, draw).map(|decision| Decision {
            reason: Reason::Pinned,
            ..decision
        });
    }
    choose(reading, candidates, policy, draw)
}

fn choose(
    reading: &Reading<'_>,
    candidates: &[Candidate<'_>],
    policy: &Policy,
    draw: &Draw,
) -> Result<Decision, DecideError> {
    let mut open = Vec::with_capacity(candidates.len());
    let mut barriers = Vec::new();
    let mut best_full: Option<f64> = None;
    for candidate in candidates {
        let option = weigh(reading, candidate, policy);
        match barrier(reading.view(), candidate, policy, option.row.cost) {
            None => open.push(option),
            Some(found) => {
                if candidate.capacity == Capacity::Full && found.is_capacity() {
                    best_full = Some(best_full.map_or(option.worth, |w| w.max(option.worth)));
                }
                barriers.push(found);
            }
        }
    }
    open.sort_by(better_first);
    let Some(top) = open.first() else {
        return Err(error_of(&barriers));
    };
    let overflow = best_full.is_some_and(|worth| worth > top.worth);
    let (chosen, reason) = pick(reading, &mut open, policy, draw, overflow);
    let Some(chosen) = open
        .get(chosen)
        .map(|option| option.candidate.expert.clone())
    else {
        return Err(error_of(&barriers));
    };
    Ok(Decision {
        id: draw.id,
        gate: reading.gate().version().clone(),
        scenario: reading.scenario().clone(),
        domain: reading.domain(),
        out_of_distribution: short(reading.out_of_distribution()),
        features: reading.digest(),
        candidates: open.into_iter().map(|option| option.row).collect(),
        chosen,
        reason,
    })
}

/// Position of the choice among the options, which are sorted and not empty; sets the propensities.
fn pick(
    reading: &Reading<'_>,
    options: &mut [Weighed<'_, '_>],
    policy: &Policy,
    draw: &Draw,
    overflow: bool,
) -> (usize, Reason) {
    let certain = |options: &mut [Weighed<'_, '_>], at: usize| {
        for (place, option) in options.iter_mut().enumerate() {
            option.row.propensity = if place == at { 1.0 } else { 0.0 };
        }
        at
    };
    if options.len() == 1 {
        let reason = if overflow {
            Reason::Overflow
        } else {
            Reason::OnlyCandidate
        };
        return (certain(options, 0), reason);
    }
    let limit = policy.max_out_of_distribution;
    let limit = limit.unwrap_or(reading.gate().manifest().ood_threshold);
    let best = options
        .iter()
        .map(|option| option.row.quality)
        .fold(0.0, f32::max);
    let unsure = best < policy.min_quality || reading.out_of_distribution() >= limit;
    let generalist = options
        .iter()
        .position(|option| option.candidate.generalist);
    if let Some(at) = generalist.filter(|_| unsure) {
        return (certain(options, at), Reason::AbstainToGeneralist);
    }
    let worths = options.iter().map(|option| option.worth);
    let near = Near::of(worths, &policy.exploration, to_float(policy.value));
    let at = spread(
        options.iter_mut().map(|o| &mut o.row.propensity),
        near,
        draw.random,
    );
    (
        at,
        if overflow {
            Reason::Overflow
        } else {
            Reason::Gate
        },
    )
}

/// Predictions, cost and utility of one candidate.
fn weigh<'c, 'a>(
    reading: &Reading<'_>,
    candidate: &'c Candidate<'a>,
    policy: &Policy,
) -> Weighed<'c, 'a> {
    let view = reading.view();
    let predicted = reading.predict(candidate);
    let output = predicted
        .output
        .or(candidate.typical_output)
        .unwrap_or(ASSUMED_OUTPUT);
    let output = view.max_output_tokens.map_or(output, |cap| output.min(cap));
    let service = predicted.latency.or(candidate.typical_latency);
    let latency = service.map(|time| time.saturating_add(candidate.queue));
    let device = service.unwrap_or(ASSUMED_DEVICE);
    let cost = cost(candidate.price, view.input_tokens(), output, device);
    let wait = latency
        .unwrap_or(policy.assumed_latency)
        .to_duration()
        .as_secs_f64();
    let quality = short(predicted.quality);
    let worth = f64::from(quality) * to_float(policy.value)
        - to_float(cost)
        - to_float(policy.value_of_time) * wait
        - to_float(candidate.load_price);
    let row = Ranked {
        expert: candidate.expert.clone(),
        quality,
        low: short(predicted.low),
        high: short(predicted.high),
        output,
        cost,
        latency,
        utility: to_integer(worth),
        propensity: 0.0,
    };
    Weighed {
        candidate,
        row,
        worth,
    }
}

/// Best worth first; the id decides ties, so that order never depends on the caller's.
fn better_first(a: &Weighed<'_, '_>, b: &Weighed<'_, '_>) -> Ordering {
    let by_worth = b.worth.total_cmp(&a.worth);
    by_worth.then_with(|| a.candidate.expert.cmp(b.candidate.expert))
}

/// Cost of one request; held at the largest 64-bit amount, which no one pays.
fn cost(price: Price, input: Tokens, output: Tokens, device: Nanos) -> Pico {
    let part = |price: Pico, count: u64| price.get().saturating_mul(i128::from(count));
    let sum = price
        .per_request
        .get()
        .saturating_add(part(price.per_input_token, input.get()))
        .saturating_add(part(price.per_output_token, output.get()))
        .saturating_add(part(price.per_device_second, device.get()) / 1_000_000_000);
    Pico::new(sum.clamp(0, i128::from(i64::MAX)))
}

fn to_float(amount: Pico) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "utility is a statistic, money is booked elsewhere"
    )]
    let float = amount.get() as f64;
    float
}

fn to_integer(worth: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from float saturates"
    )]
    let integer = worth.round() as i64;
    integer
}

/// Four places are enough for the record.
fn short(share: f32) -> f32 {
    (share * 10_000.0).round() / 10_000.0
}
