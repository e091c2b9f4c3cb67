//! May a candidate take the live gate's place? On requests it has not learned from: paired bootstrap over doubly robust
//! scores against a lookup table and against the live gate, and an off-policy lower bound that is not worse.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::off_policy::{Estimates, Interval, Logged, Options, estimate};
use crate::resample;

/// One judged request, with what three policies would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The experts that could have been chosen.
    pub options: Vec<CaseOption>,
    /// Place of the one that was.
    pub chosen: usize,
    /// Its score in `[0, 1]`.
    pub score: f64,
    /// Probability of each option, by each policy.
    pub policies: Policies<Vec<f64>>,
}

/// One option of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaseOption {
    /// Probability with which it was chosen; 0: never on such a request.
    pub propensity: f64,
    /// Predicted cost, as a share of what an accepted answer is worth.
    pub cost: f64,
    /// Quality that a model expects which has not learned from this request.
    pub model: f64,
}

/// One thing for each policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Policies<T> {
    /// The gate that decides now.
    pub live: T,
    /// The one that wants to.
    pub candidate: T,
    /// The best expert of each slice by what was seen.
    pub lookup: T,
}

/// What a candidate has to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Fewest judged requests.
    pub least_cases: usize,
    /// Fewest decisions in the shadow of the live gate.
    pub least_shadowed: u64,
    /// Probability that an interval holds the truth.
    pub level: f64,
    /// Largest share of choices that were never made on such requests.
    pub most_unsupported: f64,
    /// How far the candidate's lower bound may lie under the live gate's.
    pub slack: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for Bar {
    fn default() -> Self {
        Self {
            least_cases: 100,
            least_shadowed: 50,
            level: 0.95,
            most_unsupported: 0.05,
            slack: 0.01,
            seed: 20_261_125,
        }
    }
}

/// Resamples of an interval.
const ROUNDS: usize = 2_000;
/// Largest importance weight.
const CLIP: f64 = 50.0;

/// What was found. Worth is in accepted answers for each request: score less cost over what an answer is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Judged requests.
    pub cases: usize,
    /// Decisions in the shadow.
    pub shadowed: u64,
    /// Mean score of what was really chosen.
    pub logged_score: f64,
    /// Off-policy estimates of the mean worth.
    pub worth: Option<Policies<Estimates>>,
    /// Paired difference of worth: candidate less live gate.
    pub over_live: Option<Interval>,
    /// Paired difference of worth: candidate less lookup.
    pub over_lookup: Option<Interval>,
    /// Share of requests on which candidate and live gate choose alike.
    pub agreement: f64,
    /// Why not; empty: it may.
    pub refusals: Vec<Refusal>,
}

/// Why a candidate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// Too little is known.
    #[error(
        "too_few_outcomes: {have} judged requests that it has not learned from, {need} are needed"
    )]
    TooFewOutcomes {
        /// Judged requests.
        have: usize,
        /// The bar.
        need: usize,
    },
    /// It was not watched for long enough.
    #[error("not_shadowed: {have} decisions in the shadow of the live gate, {need} are needed")]
    NotShadowed {
        /// Decisions.
        have: u64,
        /// The bar.
        need: u64,
    },
    /// It would do what was never tried.
    #[error(
        "unsupported: {share:.3} of its choices were never made on such requests, {most:.3} may be: explore first"
    )]
    Unsupported {
        /// The share.
        share: f64,
        /// The bar.
        most: f64,
    },
    /// It does not beat the lookup table.
    #[error(
        "not_above_lookup: its lift over the lookup table is {value:+.4}, {low:+.4} to {high:+.4}"
    )]
    NotAboveLookup {
        /// The lift.
        value: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// It does not beat the live gate.
    #[error("not_above_live: its lift over the live gate is {value:+.4}, {low:+.4} to {high:+.4}")]
    NotAboveLive {
        /// The lift.
        value: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// What it earns at least is less than what the live gate earns at least.
    #[error(
        "off_policy_worse: it earns at least {candidate:.4} off policy, the live gate at least {live:.4}"
    )]
    OffPolicyWorse {
        /// The candidate's lower bound.
        candidate: f64,
        /// The live gate's.
        live: f64,
    },
}

impl Refusal {
    /// The name of the reason.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooFewOutcomes { .. } => "too_few_outcomes",
            Self::NotShadowed { .. } => "not_shadowed",
            Self::Unsupported { .. } => "unsupported",
            Self::NotAboveLookup { .. } => "not_above_lookup",
            Self::NotAboveLive { .. } => "not_above_live",
            Self::OffPolicyWorse { .. } => "off_policy_worse",
        }
    }
}

/// Judges a candidate.
pub fn judge(cases: &[Case], shadowed: u64, bar: &Bar) -> Verdict {
    let of = |pick: for<'p> fn(&'p Policies<Vec<f64>>) -> &'p [f64]| {
        let rows: Vec<Logged> = cases
            .iter()
            .map(|case| case.logged(pick(&case.policies)))
            .collect();
        rows
    };
    let live = of(|p| &p.live);
    let candidate = of(|p| &p.candidate);
    let lookup = of(|p| &p.lookup);
    let options = Options {
        clip: CLIP,
        level: bar.level,
    };
    let worth = estimate(&live, &options)
        .zip(estimate(&candidate, &options))
        .zip(estimate(&lookup, &options))
        .map(|((live, candidate), lookup)| Policies {
            live,
            candidate,
            lookup,
        });
    let lift = |over: &[Logged]| {
        let pairs = candidate.iter().zip(over);
        let differences: Vec<f64> = pairs
            .map(|(own, other)| own.doubly_robust(CLIP) - other.doubly_robust(CLIP))
            .collect();
        resample::mean(&differences, ROUNDS, bar.level, bar.seed)
    };
    let mean = |of: &dyn Fn(&Case) -> f64| {
        let sum: f64 = cases.iter().map(of).sum();
        sum / crate::off_policy::count(cases.len().max(1))
    };
    let same = |case: &Case| {
        let top = |of: &[f64]| largest(of);
        f64::from(u8::from(
            top(&case.policies.live) == top(&case.policies.candidate),
        ))
    };
    let mut verdict = Verdict {
        cases: cases.len(),
        shadowed,
        logged_score: mean(&|case| case.score),
        worth,
        over_live: lift(&live),
        over_lookup: lift(&lookup),
        agreement: mean(&same),
        refusals: Vec::new(),
    };
    verdict.refusals = refusals(&verdict, bar);
    verdict
}

fn refusals(verdict: &Verdict, bar: &Bar) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if verdict.cases < bar.least_cases {
        refusals.push(Refusal::TooFewOutcomes {
            have: verdict.cases,
            need: bar.least_cases,
        });
    }
    if verdict.shadowed < bar.least_shadowed {
        refusals.push(Refusal::NotShadowed {
            have: verdict.shadowed,
            need: bar.least_shadowed,
        });
    }
    let nothing = Interval {
        value: 0.0,
        low: 0.0,
        high: 0.0,
    };
    let lookup = verdict.over_lookup.unwrap_or(nothing);
    if lookup.low <= 0.0 {
        let Interval { value, low, high } = lookup;
        refusals.push(Refusal::NotAboveLookup { value, low, high });
    }
    let live = verdict.over_live.unwrap_or(nothing);
    if live.low <= 0.0 {
        let Interval { value, low, high } = live;
        refusals.push(Refusal::NotAboveLive { value, low, high });
    }
    let Some(worth) = &verdict.worth else {
        refusals.push(Refusal::Unsupported {
            share: 1.0,
            most: bar.most_unsupported,
        });
        return refusals;
    };
    let share = worth.candidate.unsupported;
    if share > bar.most_unsupported {
        refusals.push(Refusal::Unsupported {
            share,
            most: bar.most_unsupported,
        });
    }
    let (candidate, live) = (worth.candidate.snips.low, worth.live.snips.low);
    // An interval without an end says nothing good: only a comparison that holds lets it pass.
    let holds = candidate >= live - bar.slack;
    if !holds {
        refusals.push(Refusal::OffPolicyWorse { candidate, live });
    }
    refusals
}

impl Case {
    /// The request as an off-policy estimate of a policy takes it. The reward is worth: score less cost.
    fn logged(&self, policy: &[f64]) -> Logged {
        let probability = |at: usize| policy.get(at).copied().unwrap_or(0.0);
        let mut expected = 0.0;
        let mut unsupported = 0.0;
        for (at, option) in self.options.iter().enumerate() {
            expected += probability(at) * (option.model - option.cost);
            if option.propensity <= 0.0 {
                unsupported += probability(at);
            }
        }
        let chosen = self.options.get(self.chosen);
        let (propensity, cost, model) =
            chosen.map_or((0.0, 0.0, 0.0), |o| (o.propensity, o.cost, o.model));
        Logged {
            propensity,
            reward: self.score - cost,
            target: probability(self.chosen),
            model: model - cost,
            expected,
            unsupported,
        }
    }
}

fn largest(values: &[f64]) -> usize {
    let pairs = values.iter().copied().enumerate();
    pairs
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map_or(0, |(at, _)| at)
}
