//! What a scenario earns: its baseline, what is spent on it and what it runs at, as one month's net benefit and as cash
//! over a horizon.
//!
//! Amounts are in units of one currency and months are of equal length: a forecast is statistics, not books, so it is made
//! of floats, unlike everything the ledger holds.

mod baseline;
mod cash;
mod factor;

pub use baseline::{Baseline, Source};
pub use cash::{Cash, Spend};
pub use factor::Factor;

use serde::{Deserialize, Serialize};

use crate::EconomicsError;

/// A scenario in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Tasks a month that are routed: the eligible ones times adoption.
    pub volume: f64,
    /// Share of the saved labour that is released or redeployed; only that counts. Printed beside every verdict.
    pub realisation: f64,
    /// What a task costs when a person does it.
    pub human_cost: f64,
    /// Share of tasks that a person gets wrong.
    pub human_error: f64,
    /// What a wrong answer costs.
    pub loss_per_error: f64,
    /// What a task costs through the gateway: all attempts, loaded, judges included.
    pub gateway_cost: f64,
    /// Share of answers that a person reviews.
    pub review_rate: f64,
    /// What a review costs.
    pub review_cost: f64,
    /// Share of tasks that the gateway gets wrong.
    pub gateway_error: f64,
    /// What the scenario costs a month at any volume: platform, monitoring, a reserve for retraining.
    pub fixed: f64,
    /// What is still to be spent, and what already was.
    pub investment: Vec<Spend>,
    /// Discount rate a year, pre-tax and nominal.
    pub annual_rate: f64,
    /// Months that are looked at.
    pub months: u32,
}

/// How much of the saved labour counts unless a scenario says otherwise.
pub const REALISATION: f64 = 0.5;

impl Scenario {
    /// A scenario whose numbers can be: amounts finite and at least 0, shares within 0 and 1, at least one month.
    pub fn checked(self) -> Result<Self, EconomicsError> {
        for factor in Factor::ALL {
            let found = factor.of(&self);
            let most = factor.most();
            if !(found.is_finite() && (0.0..=most).contains(&found)) {
                let expected = if most.is_finite() {
                    "a share from 0 to 1"
                } else {
                    "a finite number of at least 0"
                };
                return Err(EconomicsError::BadNumber {
                    what: factor.name(),
                    expected,
                    found,
                });
            }
        }
        if !(self.annual_rate.is_finite() && self.annual_rate > -1.0) {
            let (what, expected) = ("annual_rate", "a finite number above -1");
            return Err(EconomicsError::BadNumber {
                what,
                expected,
                found: self.annual_rate,
            });
        }
        if self.months == 0 {
            let (what, expected) = ("months", "at least 1");
            return Err(EconomicsError::BadNumber {
                what,
                expected,
                found: 0.0,
            });
        }
        for spend in &self.investment {
            if !(spend.amount.is_finite() && spend.amount >= 0.0) {
                let (what, expected) = ("investment", "a finite number of at least 0");
                return Err(EconomicsError::BadNumber {
                    what,
                    expected,
                    found: spend.amount,
                });
            }
        }
        Ok(self)
    }

    /// What one routed task saves against a person, before fixed costs:
    /// `s c_h + e_h L - (c_g + r c_rev + e_g L)`.
    pub fn saving_per_task(&self) -> f64 {
        let person = self.realisation * self.human_cost + self.human_error * self.loss_per_error;
        person - self.cost_per_task()
    }

    /// What one routed task costs with its reviews and errors.
    pub fn cost_per_task(&self) -> f64 {
        let review = self.review_rate * self.review_cost;
        self.gateway_cost + review + self.gateway_error * self.loss_per_error
    }

    /// What a month earns: `volume * saving per task - fixed`.
    pub fn monthly_benefit(&self) -> f64 {
        self.volume * self.saving_per_task() - self.fixed
    }

    /// The cash of the scenario, month by month.
    pub fn cash(&self) -> Cash {
        Cash::of(self)
    }

    /// Tasks a month at which the undiscounted cash of the horizon is 0: `(I / T + F) / saving per task`; `None` where a
    /// task saves nothing.
    pub fn break_even_volume(&self) -> Option<f64> {
        let saving = self.saving_per_task();
        let a_month = self.cash().investment() / f64::from(self.months) + self.fixed;
        (saving > 0.0).then(|| a_month / saving)
    }
}

#[cfg(test)]
pub(crate) mod tests;
