//! The case of a scenario: who does the work today, at what cost and how well, and what is to be spent. People put it; every
//! version is kept.

use economics::forecast::Spread;
use economics::scenario::{Baseline, Factor, REALISATION, Source, Spend};
use economics::sizing::Sizing;
use economics::verdict::Policy;
use serde::{Deserialize, Serialize};
use units::Timestamp;

use super::BusinessError;

/// What people say of a scenario. Amounts are in the ledger's currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessCase {
    /// Who answers for the figures.
    pub owner: String,
    /// The question in a sentence.
    pub question: String,
    /// Who does it today.
    pub baseline: Today,
    /// Share of eligible tasks that come to the gateway.
    #[serde(default = "whole")]
    pub adoption: f64,
    /// Share of the saved labour that is released or redeployed.
    #[serde(default = "realisation")]
    pub realisation: f64,
    /// Share of answers that a person reviews.
    #[serde(default)]
    pub review_rate: f64,
    /// What a review costs.
    #[serde(default)]
    pub review_cost: f64,
    /// What it costs a month at any volume.
    #[serde(default)]
    pub fixed: f64,
    /// What is to be spent, and what already was.
    #[serde(default)]
    pub investment: Vec<Spend>,
    /// Discount rate a year.
    #[serde(default)]
    pub annual_rate: f64,
    /// Months that are looked at.
    #[serde(default = "two_years")]
    pub months: u32,
    /// Are inputs, steps and outcome of each case there?
    pub task_path: Answer,
    /// Is it known why each step was taken?
    pub reasoning_path: Answer,
    /// Estimates with their bounds, of `volume`, `realisation`, `loss_per_error`, `review_rate`, `review_cost`, `fixed` and
    /// `investment`.
    #[serde(default)]
    pub estimates: Vec<Estimate>,
    /// What pilots say of the accuracy that is wanted, before it is paid for.
    #[serde(default)]
    pub sizing: Option<Sizing>,
    /// When a verdict is given; absent: the policy that is shipped.
    #[serde(default)]
    pub policy: Option<Policy>,
}

/// Who does a task today, how long it takes and how well it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Today {
    /// The role.
    pub role: String,
    /// Loaded cost of an hour of it.
    pub hourly_rate: f64,
    /// Minutes that half of the tasks take at most.
    pub minutes_p50: f64,
    /// Minutes that nine in ten tasks take at most.
    pub minutes_p90: f64,
    /// Tasks a month that could come to the gateway.
    pub tasks_per_month: f64,
    /// Share of tasks that are done twice.
    #[serde(default)]
    pub rework: f64,
    /// Share of tasks that are done wrong.
    pub error: f64,
    /// What a wrong one costs.
    #[serde(default)]
    pub loss_per_error: f64,
    /// How it is known.
    pub source: Source,
    /// Tasks that were looked at.
    pub cases: u64,
    /// When, as `2026-11-27`.
    pub date: String,
}

/// An answer about the data, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// 0 to 4.
    pub level: u8,
    /// Links or words that show it.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// An estimate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Of what.
    pub of: Factor,
    /// The least it can be.
    pub low: f64,
    /// The likeliest.
    pub likely: f64,
    /// The most it can be.
    pub high: f64,
}

const fn whole() -> f64 {
    1.0
}

const fn realisation() -> f64 {
    REALISATION
}

const fn two_years() -> u32 {
    24
}

impl BusinessCase {
    /// A case as a file holds it, TOML.
    ///
    /// # Errors
    /// `Case` and `Number` name what is wrong.
    pub fn from_toml(text: &str) -> Result<Self, BusinessError> {
        let case: Self =
            toml::from_str(text).map_err(|why| BusinessError::Case(why.to_string()))?;
        if let Some(sizing) = &case.sizing {
            sizing.ask(&mut super::draws())?;
        }
        case.checked()
    }

    /// A case as the store holds it.
    ///
    /// # Errors
    /// `Case` and `Number` name what is wrong.
    pub fn from_json(text: &str) -> Result<Self, BusinessError> {
        let case: Self =
            serde_json::from_str(text).map_err(|why| BusinessError::Case(why.to_string()))?;
        case.checked()
    }

    fn checked(self) -> Result<Self, BusinessError> {
        let wrong = |what: &str| Err(BusinessError::Case(what.to_owned()));
        if !(0.0..=1.0).contains(&self.adoption) {
            return wrong("adoption: expected a share from 0 to 1");
        }
        if self.owner.trim().is_empty() {
            return wrong("owner: somebody answers for the figures");
        }
        for answer in [&self.task_path, &self.reasoning_path] {
            super::level(answer)?;
            if answer.level > 0 && answer.evidence.is_empty() {
                return wrong("an answer above 0 needs evidence");
            }
        }
        let measured = [Factor::GatewayCost, Factor::GatewayError];
        if let Some(estimate) = self.estimates.iter().find(|e| measured.contains(&e.of)) {
            return wrong(&format!(
                "{} is measured, not estimated",
                estimate.of.name()
            ));
        }
        self.day()?;
        self.spreads()?;
        self.cost_of_person(Timestamp::default())?;
        Ok(self)
    }

    fn day(&self) -> Result<jiff::civil::Date, BusinessError> {
        let day = self.baseline.date.parse();
        day.map_err(|_| BusinessError::Case("baseline.date: expected 2026-11-27".to_owned()))
    }

    /// What a person's task costs.
    pub(super) fn cost_of_person(&self, now: Timestamp) -> Result<f64, BusinessError> {
        Ok(self.known(now)?.cost_per_task()?)
    }

    /// The baseline with its age.
    ///
    /// # Errors
    /// `Case` where its date is none.
    pub fn known(&self, now: Timestamp) -> Result<Baseline, BusinessError> {
        let then = self.day()?;
        let today = jiff::Timestamp::from_second(now.unix_seconds()).unwrap_or_default();
        let today = today.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        let age = today.since(then).map_or(0, |span| span.get_days());
        let one = &self.baseline;
        Ok(Baseline {
            role: one.role.clone(),
            hourly_rate: one.hourly_rate,
            minutes_p50: one.minutes_p50,
            minutes_p90: one.minutes_p90,
            rework: one.rework,
            source: one.source,
            cases: one.cases,
            age_days: u32::try_from(age).unwrap_or(0),
        })
    }

    pub(super) fn spreads(&self) -> Result<Vec<(Factor, Spread)>, BusinessError> {
        let mut spreads: Vec<(Factor, Spread)> = Vec::new();
        for estimate in &self.estimates {
            if spreads.iter().any(|(factor, _)| *factor == estimate.of) {
                let twice = format!("{} is estimated twice", estimate.of.name());
                return Err(BusinessError::Case(twice));
            }
            let spread = Spread::Estimated {
                low: estimate.low,
                likely: estimate.likely,
                high: estimate.high,
            };
            spreads.push((estimate.of, spread));
        }
        Ok(spreads)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const CASE: &str = r#"
owner = "controlling"
question = "Does an expert name clauses well enough to spare a lawyer's first reading?"
adoption = 0.8
realisation = 0.5
annual_rate = 0.1
task_path = { level = 3, evidence = ["contract register, 2,100 reviews with steps"] }
reasoning_path = { level = 2, evidence = ["notes on 300 reviews"] }
investment = [{ what = "labels", amount = 400.0, month = 0 }]
estimates = [{ of = "volume", low = 500.0, likely = 800.0, high = 1000.0 }]
[baseline]
role = "paralegal"
hourly_rate = 72.0
minutes_p50 = 1.0
minutes_p90 = 3.0
tasks_per_month = 1000.0
error = 0.06
loss_per_error = 2.0
source = "time_study"
cases = 250
date = "2026-10-01"
"#;

    #[test]
    fn a_case_is_read_and_what_is_wrong_is_named() {
        let case = BusinessCase::from_toml(CASE).unwrap();
        assert_eq!(case.months, 24);
        let again = BusinessCase::from_json(&serde_json::to_string(&case).unwrap()).unwrap();
        assert_eq!(again, case);
        for (from, to, said) in [
            ("adoption = 0.8", "adoption = 1.8", "adoption"),
            ("hourly_rate = 72.0", "hourly_rate = -1.0", "hourly_rate"),
            ("2026-10-01", "yesterday", "baseline.date"),
            (
                "level = 3, evidence = [\"contract register, 2,100 reviews with steps\"]",
                "level = 3",
                "evidence",
            ),
            ("level = 3", "level = 5", "0 to 4"),
            ("of = \"volume\"", "of = \"gateway_cost\"", "measured"),
            ("low = 500.0", "low = 900.0", "volume"),
            ("owner = \"controlling\"", "owner = \" \"", "owner"),
            ("adoption = 0.8", "adoptoin = 0.8", "adoptoin"),
        ] {
            let wrong = CASE.replace(from, to);
            assert_ne!(wrong, CASE, "{from}");
            let why = BusinessCase::from_toml(&wrong).map(|case| {
                super::super::Judge::default()
                    .of(
                        (
                            &units::TenantId::new("t").unwrap(),
                            &units::ScenarioId::new("s").unwrap(),
                        ),
                        &case,
                        &super::super::Measured::default(),
                        None,
                        Timestamp::default(),
                    )
                    .map(|_| ())
            });
            let why = match why {
                Err(why) | Ok(Err(why)) => why.to_string(),
                Ok(Ok(())) => panic!("{to} is taken"),
            };
            assert!(why.contains(said), "{to}: {why}");
        }
    }
}
