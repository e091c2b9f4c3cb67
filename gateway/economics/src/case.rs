//! A case: a scenario's numbers with what is known of its quality and its data, judged as a whole.

use serde::{Deserialize, Serialize};

use crate::confidence::{LEAST_CASES, mean_margin};
use crate::forecast::{DRAWS, Forecast, Swing, Uncertain, flips_at};
use crate::readiness::Readiness;
use crate::scenario::Factor;
use crate::verdict::{Evidence, Judgement, Policy, Verdict};
use crate::{Draws, EconomicsError, Span};

/// Everything that a verdict on a scenario is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name in reports.
    pub id: String,
    /// The question in a sentence.
    pub question: String,
    /// Where its numbers come from.
    pub sources: Vec<String>,
    /// The money, and what is not known exactly of it.
    pub money: Uncertain,
    /// The quality, and that of what it would replace.
    pub quality: Compared,
    /// Whether its data can carry an expert.
    pub readiness: Readiness,
    /// Share of its cost that is known.
    pub known_cost: f64,
}

/// How often two answered rightly, each on cases of its own or both on the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// Share of right answers of what is judged.
    pub ours: f64,
    /// Share of right answers of what it would replace.
    pub baseline: f64,
    /// Cases that each was judged on; the fewer where they differ.
    pub cases: u64,
}

/// What a case comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The verdict with its reasons.
    pub judgement: Judgement,
    /// What the draws say of the value.
    pub forecast: Forecast,
    /// What a month earns at the likeliest numbers.
    pub monthly_benefit: f64,
    /// Net present value at the likeliest numbers.
    pub npv: f64,
    /// Tasks a month at which the undiscounted cash of the horizon is 0; absent where a task saves nothing.
    pub break_even_volume: Option<f64>,
    /// Quality less that of the baseline, as a confidence sequence; absent where too few cases are judged.
    pub quality: Option<Span>,
    /// What moves the value, the most first.
    pub tornado: Vec<Swing>,
    /// The value of each factor at which the net present value is 0, all else as it is; factors that cannot do that are left out.
    pub flips: Vec<Flip>,
}

/// Where one factor turns the result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    /// The factor.
    pub factor: Factor,
    /// Its value now.
    pub now: f64,
    /// Its value at the turn.
    pub at: f64,
}

impl Compared {
    /// The difference as a confidence sequence. `None` below the fewest cases that one can be made of.
    ///
    /// # Errors
    /// A share is none, or `alpha` is not within 0 and 1.
    pub fn difference(&self, alpha: f64) -> Result<Option<Span>, EconomicsError> {
        for (what, found) in [("ours", self.ours), ("baseline", self.baseline)] {
            if !(0.0..=1.0).contains(&found) {
                return Err(EconomicsError::BadNumber {
                    what,
                    expected: "a share from 0 to 1",
                    found,
                });
            }
        }
        if self.cases < LEAST_CASES {
            return Ok(None);
        }
        let margin = mean_margin(self.cases, self.variance(), alpha)?;
        let middle = self.ours - self.baseline;
        Ok(Some(Span {
            low: middle - margin,
            high: middle + margin,
        }))
    }

    /// Variance of a case's difference where the two err independently: an upper end where they err on the same cases.
    pub fn variance(&self) -> f64 {
        let spread = |share: f64| share * (1.0 - share);
        spread(self.ours) + spread(self.baseline)
    }
}

impl Case {
    /// Judges the case by a policy; `standing` is the verdict it has.
    ///
    /// # Errors
    /// A number cannot be.
    pub fn assess(
        &self,
        policy: &Policy,
        standing: Option<Verdict>,
        draws: &mut impl Draws,
    ) -> Result<Assessment, EconomicsError> {
        let forecast = self.money.forecast(DRAWS, draws)?;
        let quality = self.quality.difference(policy.alpha)?;
        let evidence = Evidence {
            positive: forecast.positive,
            quality,
            quality_variance: self.quality.variance(),
            cases: self.quality.cases,
            readiness: self.readiness,
            known_cost: self.known_cost,
        };
        let judgement = policy.judge(&evidence, standing)?;
        let scenario = &self.money.scenario;
        let flips = Factor::ALL.into_iter().filter_map(|factor| {
            Some(Flip {
                factor,
                now: factor.of(scenario),
                at: flips_at(scenario, factor)?,
            })
        });
        Ok(Assessment {
            judgement,
            forecast,
            monthly_benefit: scenario.monthly_benefit(),
            npv: scenario.cash().npv(),
            break_even_volume: scenario.break_even_volume(),
            quality,
            tornado: self.money.tornado(DRAWS, draws)?,
            flips: flips.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::splitmix;
    use crate::readiness::Level;
    use crate::scenario::Scenario;
    use crate::verdict::Condition;

    fn case() -> Case {
        let level = Level::new(3).unwrap();
        Case {
            id: "letters".to_owned(),
            question: "Is a small expert worth it?".to_owned(),
            sources: Vec::new(),
            money: Uncertain {
                scenario: Scenario {
                    volume: 1_000.0,
                    realisation: 1.0,
                    human_cost: 0.01,
                    human_error: 0.1,
                    loss_per_error: 0.0,
                    gateway_cost: 0.001,
                    review_rate: 0.0,
                    review_cost: 0.0,
                    gateway_error: 0.05,
                    fixed: 0.0,
                    investment: vec![crate::scenario::Spend {
                        what: "labels".to_owned(),
                        amount: 50.0,
                        month: 0,
                    }],
                    annual_rate: 0.0,
                    months: 12,
                },
                spreads: Vec::new(),
            },
            quality: Compared {
                ours: 0.95,
                baseline: 0.9,
                cases: 5_000,
            },
            readiness: Readiness {
                task_path: level,
                reasoning_path: level,
                closed_loop: level,
            },
            known_cost: 1.0,
        }
    }

    #[test]
    fn a_case_is_judged_with_the_numbers_behind_it() {
        let found = case()
            .assess(&Policy::default(), None, &mut splitmix(1))
            .unwrap();
        assert_eq!(found.judgement.verdict, Verdict::Invest);
        assert!((found.monthly_benefit - 9.0).abs() < 1e-9 && (found.npv - 58.0).abs() < 1e-9);
        // 50 / 12 a month at .009 a task.
        assert!((found.break_even_volume.unwrap() - 50.0 / 12.0 / 0.009).abs() < 1e-9);
        let at = |factor| found.flips.iter().find(|flip| flip.factor == factor);
        assert!((at(Factor::Volume).unwrap().at - 50.0 / 12.0 / 0.009).abs() < 1e-6);
        assert!((at(Factor::Investment).unwrap().at - 108.0).abs() < 1e-6);
        assert!(at(Factor::Fixed).is_some() && at(Factor::HumanError).is_none());
        let quality = found.quality.unwrap();
        assert!(quality.low > 0.02 && quality.high < 0.08, "{quality:?}");
    }

    #[test]
    fn worse_quality_stops_whatever_it_earns_and_few_cases_wait() {
        let judged = |quality| {
            let case = Case { quality, ..case() };
            case.assess(&Policy::default(), None, &mut splitmix(1))
                .unwrap()
                .judgement
        };
        let worse = judged(Compared {
            ours: 0.6,
            baseline: 0.9,
            cases: 500,
        });
        assert_eq!(
            (worse.verdict, worse.binding),
            (Verdict::Stop, vec![Condition::Quality])
        );
        let few = judged(Compared {
            ours: 0.95,
            baseline: 0.9,
            cases: 99,
        });
        assert_eq!(few.verdict, Verdict::Watch);
        assert_eq!(few.binding, vec![Condition::Quality, Condition::Cases]);
        let none = Compared {
            ours: 1.2,
            baseline: 0.9,
            cases: 500,
        };
        assert!(none.difference(0.05).is_err());
    }
}
