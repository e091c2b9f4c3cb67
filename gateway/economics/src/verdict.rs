//! The verdict on a scenario: invest, watch or stop, by a policy that finance people can read and change, with the
//! conditions that bind and the sample still needed.

use serde::{Deserialize, Serialize};

use crate::readiness::{Question, Readiness};
use crate::{EconomicsError, Span, confidence};

/// What to do with a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is worth its money.
    Invest,
    /// It is not known yet, or something is missing.
    Watch,
    /// It is not worth its money, not good enough, or cannot become so.
    Stop,
}

/// When a verdict is given; shown beside every verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its version.
    pub version: String,
    /// Invest needs at least this probability of a positive net present value.
    pub invest_from: f64,
    /// Up to this probability it is stop.
    pub stop_up_to: f64,
    /// A verdict that stands changes only this far beyond its threshold.
    pub hysteresis: f64,
    /// How much worse than the baseline quality may be.
    pub quality_margin: f64,
    /// Invest needs at least this level on every question of readiness.
    pub least_readiness: u8,
    /// Invest needs at least this many judged cases.
    pub least_cases: u64,
    /// Invest needs at least this share of cost to be known.
    pub least_known_cost: f64,
    /// Error of the confidence sequence of quality.
    pub alpha: f64,
}

/// What a verdict is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Probability of a positive net present value.
    pub positive: f64,
    /// Quality of the gateway less that of the baseline, as a confidence sequence; absent where too few cases are judged.
    pub quality: Option<Span>,
    /// Variance of a case's difference in quality.
    pub quality_variance: f64,
    /// Judged cases.
    pub cases: u64,
    /// The answers about the data.
    pub readiness: Readiness,
    /// Share of cost that is known.
    pub known_cost: f64,
}

/// Why a verdict is not invest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The probability of a positive value is below its threshold.
    Value,
    /// Quality may be worse than the margin allows.
    Quality,
    /// Too few cases are judged.
    Cases,
    /// The data is not ready: the weakest question.
    Readiness(Question),
    /// Too much cost is unknown.
    KnownCost,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The conditions that keep it from invest, in the order of the policy; of a stop, those that make it one.
    pub binding: Vec<Condition>,
    /// Judged cases still needed until quality or their number no longer binds, if quality stays where it is; absent where
    /// cases do not bind or no number is enough.
    pub cases_needed: Option<u64>,
    /// The version of the policy.
    pub policy: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: "1".to_owned(),
            invest_from: 0.9,
            stop_up_to: 0.2,
            hysteresis: 0.05,
            quality_margin: 0.02,
            least_readiness: 2,
            least_cases: 200,
            least_known_cost: 0.99,
            alpha: 0.05,
        }
    }
}

impl Policy {
    /// Judges a scenario. `standing` is the verdict it has, which a probability near a threshold does not change.
    pub fn judge(
        &self,
        evidence: &Evidence,
        standing: Option<Verdict>,
    ) -> Result<Judgement, EconomicsError> {
        self.check(evidence)?;
        let stops = self.stops(evidence, standing);
        let missing = self.missing(evidence, standing);
        let (verdict, binding) = match (stops.is_empty(), missing.is_empty()) {
            (false, _) => (Verdict::Stop, stops),
            (true, false) => (Verdict::Watch, missing),
            (true, true) => (Verdict::Invest, Vec::new()),
        };
        let cases_needed = match verdict {
            Verdict::Watch => self.cases_needed(evidence, &binding)?,
            Verdict::Invest | Verdict::Stop => None,
        };
        Ok(Judgement {
            verdict,
            binding,
            cases_needed,
            policy: self.version.clone(),
        })
    }

    fn check(&self, evidence: &Evidence) -> Result<(), EconomicsError> {
        for (what, found) in [
            ("positive", evidence.positive),
            ("known_cost", evidence.known_cost),
        ] {
            if !(0.0..=1.0).contains(&found) {
                return Err(EconomicsError::BadNumber {
                    what,
                    expected: "a share from 0 to 1",
                    found,
                });
            }
        }
        Ok(())
    }

    fn stops(&self, evidence: &Evidence, standing: Option<Verdict>) -> Vec<Condition> {
        let slack = if standing == Some(Verdict::Stop) {
            self.hysteresis
        } else {
            0.0
        };
        let (weakest, level) = evidence.readiness.weakest();
        let mut conditions = Vec::new();
        if evidence.positive <= self.stop_up_to + slack {
            conditions.push(Condition::Value);
        }
        if evidence
            .quality
            .is_some_and(|quality| quality.high < -self.quality_margin)
        {
            conditions.push(Condition::Quality);
        }
        if level.number() == 0 {
            conditions.push(Condition::Readiness(weakest));
        }
        conditions
    }

    fn missing(&self, evidence: &Evidence, standing: Option<Verdict>) -> Vec<Condition> {
        let slack = if standing == Some(Verdict::Invest) {
            self.hysteresis
        } else {
            0.0
        };
        let (weakest, level) = evidence.readiness.weakest();
        let mut conditions = Vec::new();
        if evidence.positive < self.invest_from - slack {
            conditions.push(Condition::Value);
        }
        if evidence
            .quality
            .is_none_or(|quality| quality.low < -self.quality_margin)
        {
            conditions.push(Condition::Quality);
        }
        if evidence.cases < self.least_cases {
            conditions.push(Condition::Cases);
        }
        if level.number() < self.least_readiness {
            conditions.push(Condition::Readiness(weakest));
        }
        if evidence.known_cost < self.least_known_cost {
            conditions.push(Condition::KnownCost);
        }
        conditions
    }

    /// How many more cases until the lower end of quality, at the middle it has now, meets the margin.
    fn cases_needed(
        &self,
        evidence: &Evidence,
        binding: &[Condition],
    ) -> Result<Option<u64>, EconomicsError> {
        let mut total = None;
        if binding.contains(&Condition::Cases) {
            total = Some(self.least_cases);
        }
        if binding.contains(&Condition::Quality) {
            let middle = evidence
                .quality
                .map_or(0.0, |quality| f64::midpoint(quality.low, quality.high));
            let margin = middle + self.quality_margin;
            match confidence::cases_for(margin, evidence.quality_variance, self.alpha)? {
                Some(cases) => total = total.max(Some(cases)),
                None => return Ok(None),
            }
        }
        Ok(total
            .map(|total| total.saturating_sub(evidence.cases))
            .filter(|more| *more > 0))
    }
}

#[cfg(test)]
mod tests;
