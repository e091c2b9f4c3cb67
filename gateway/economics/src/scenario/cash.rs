//! A scenario's cash, month by month: what is spent now and later, and what comes back.

use serde::{Deserialize, Serialize};

use super::Scenario;

/// An amount spent on a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// What for.
    pub what: String,
    /// How much.
    pub amount: f64,
    /// In which month, counted from the decision in month 0; before it the amount is sunk.
    pub month: i32,
}

/// The cash of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Cash {
    /// Undiscounted cash of months 0 to the horizon; month 0 has no benefit yet.
    months: Vec<f64>,
    monthly_rate: f64,
    investment: f64,
    sunk: f64,
    benefit: f64,
}

impl Cash {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let benefit = scenario.monthly_benefit();
        let horizon = i32::try_from(scenario.months).unwrap_or(i32::MAX);
        let mut months: Vec<f64> = (0..=horizon)
            .map(|month| if month == 0 { 0.0 } else { benefit })
            .collect();
        let (mut investment, mut sunk) = (0.0, 0.0);
        for spend in &scenario.investment {
            let place = usize::try_from(spend.month);
            match place.ok().and_then(|place| months.get_mut(place)) {
                Some(month) => {
                    *month -= spend.amount;
                    investment += spend.amount;
                }
                None if spend.month < 0 => sunk += spend.amount,
                // Beyond the horizon nothing counts, neither cost nor benefit.
                None => {}
            }
        }
        let monthly_rate = (1.0 + scenario.annual_rate).powf(1.0 / 12.0) - 1.0;
        Self {
            months,
            monthly_rate,
            investment,
            sunk,
            benefit,
        }
    }

    /// Undiscounted cash of months 0, 1, … to the horizon.
    pub fn months(&self) -> &[f64] {
        &self.months
    }

    /// What is still to be spent within the horizon, undiscounted.
    pub fn investment(&self) -> f64 {
        self.investment
    }

    /// What was spent before the decision: shown, and part of no choice.
    pub fn sunk(&self) -> f64 {
        self.sunk
    }

    /// Present value of each month's cash, added up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = f64> {
        let growth = 1.0 + self.monthly_rate;
        let mut discount = 1.0;
        self.months.iter().scan(0.0, move |sum, cash| {
            *sum += cash * discount;
            discount /= growth;
            Some(*sum)
        })
    }

    /// Net present value over the horizon; nothing is left at its end.
    pub fn npv(&self) -> f64 {
        self.cumulative().last().unwrap_or_default()
    }

    /// Months until the investment is earned back, `I / B`, undiscounted; `None` where a month earns nothing.
    pub fn simple_payback(&self) -> Option<f64> {
        (self.benefit > 0.0).then(|| self.investment / self.benefit)
    }

    /// The first month whose cumulative present value is at least 0 and stays so; `None` within no month of the horizon.
    pub fn discounted_payback(&self) -> Option<u32> {
        let sums: Vec<f64> = self.cumulative().collect();
        let behind = sums.iter().rposition(|sum| *sum < 0.0);
        let month = behind.map_or(0, |last| last + 1);
        (month < sums.len())
            .then(|| u32::try_from(month).ok())
            .flatten()
    }
}
