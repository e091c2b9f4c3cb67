//! How sure a scenario's value is: thousands of draws of what is not known exactly, what moves the result most, and what
//! would turn it.

mod spread;

use serde::{Deserialize, Serialize};

pub use spread::{Day, Spread};

use crate::scenario::{Factor, Scenario};
use crate::{Draws, EconomicsError, Span};

/// Draws behind a forecast.
pub const DRAWS: usize = 10_000;

/// A scenario with what is not known exactly about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uncertain {
    /// The scenario at its likeliest numbers.
    pub scenario: Scenario,
    /// The numbers that may turn out otherwise; each factor at most once.
    pub spreads: Vec<(Factor, Spread)>,
}

/// What the draws say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// Share of draws whose net present value is above 0.
    pub positive: f64,
    /// Mean net present value.
    pub mean: f64,
    /// The middle 80 % of net present values.
    pub npv: Span,
    /// The middle 80 % of simple paybacks in months; the high end is infinite where a tenth or more never pay back.
    pub payback: Span,
}

/// How far one factor moves the result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swing {
    /// The factor.
    pub factor: Factor,
    /// Its tenth and ninetieth percentile.
    pub values: Span,
    /// Net present value at the tenth percentile, everything else at its likeliest.
    pub at_low: f64,
    /// The same at the ninetieth.
    pub at_high: f64,
}

impl Uncertain {
    /// Draws every spread `count` times and looks at the scenario each time.
    pub fn forecast(
        &self,
        count: usize,
        draws: &mut impl Draws,
    ) -> Result<Forecast, EconomicsError> {
        self.check()?;
        let (mut npvs, mut paybacks) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            let cash = self.drawn(draws).cash();
            npvs.push(cash.npv());
            paybacks.push(cash.simple_payback().unwrap_or(f64::INFINITY));
        }
        let too_few = EconomicsError::TooFew {
            what: "draws",
            found: count,
            needed: 20,
        };
        let middle = |values: &[f64]| crate::quantile::middle(values.iter().copied(), 0.8);
        let (Some(npv), Some(payback)) = (middle(&npvs), middle(&paybacks)) else {
            return Err(too_few);
        };
        let positive = npvs.iter().filter(|npv| **npv > 0.0).count() as f64 / count as f64;
        let mean = npvs.iter().sum::<f64>() / count as f64;
        Ok(Forecast {
            positive,
            mean,
            npv,
            payback,
        })
    }

    /// The middle 80 % of the cumulative present value of each month, from month 0 on: `count` draws.
    pub fn cash_bands(
        &self,
        count: usize,
        draws: &mut impl Draws,
    ) -> Result<Vec<Span>, EconomicsError> {
        self.check()?;
        let mut months: Vec<Vec<f64>> = Vec::new();
        for _ in 0..count {
            let cash = self.drawn(draws).cash();
            for (month, value) in cash.cumulative().enumerate() {
                match months.get_mut(month) {
                    Some(values) => values.push(value),
                    None => months.push(vec![value]),
                }
            }
        }
        let bands = months.into_iter().map(|values| {
            crate::quantile::middle(values.into_iter(), 0.8).ok_or(EconomicsError::TooFew {
                what: "draws",
                found: count,
                needed: 20,
            })
        });
        bands.collect()
    }

    /// What each spread does to the net present value by itself, the widest first: a tornado. Percentiles come from `count`
    /// draws of each.
    pub fn tornado(
        &self,
        count: usize,
        draws: &mut impl Draws,
    ) -> Result<Vec<Swing>, EconomicsError> {
        self.check()?;
        let mut swings = Vec::with_capacity(self.spreads.len());
        for (factor, spread) in &self.spreads {
            let values: Vec<f64> = (0..count)
                .map(|_| spread.draw(draws).clamp(0.0, factor.most()))
                .collect();
            let too_few = EconomicsError::TooFew {
                what: "draws",
                found: count,
                needed: 20,
            };
            let values = crate::quantile::middle(values.into_iter(), 0.8).ok_or(too_few)?;
            let at = |value| factor.set(self.scenario.clone(), value).cash().npv();
            let (at_low, at_high) = (at(values.low), at(values.high));
            swings.push(Swing {
                factor: *factor,
                values,
                at_low,
                at_high,
            });
        }
        swings.sort_by(|a, b| b.width().total_cmp(&a.width()));
        Ok(swings)
    }

    /// The scenario with every spread drawn once.
    fn drawn(&self, draws: &mut impl Draws) -> Scenario {
        let spreads = self.spreads.iter();
        spreads.fold(self.scenario.clone(), |scenario, (factor, spread)| {
            factor.set(scenario, spread.draw(draws).clamp(0.0, factor.most()))
        })
    }

    fn check(&self) -> Result<(), EconomicsError> {
        self.scenario.clone().checked()?;
        self.spreads
            .iter()
            .try_for_each(|(factor, spread)| spread.check(factor.name()))
    }
}

impl Swing {
    /// How far apart the two ends are.
    pub fn width(&self) -> f64 {
        (self.at_high - self.at_low).abs()
    }
}

/// The value of one factor at which the net present value is 0, all else as it is; `None` where no value it can have does
/// that. The value is a straight line in each factor.
pub fn flips_at(scenario: &Scenario, factor: Factor) -> Option<f64> {
    let at = |value| factor.set(scenario.clone(), value).cash().npv();
    let now = factor.of(scenario);
    let step = if now > 0.0 {
        now / 2.0
    } else {
        factor.most().min(1.0)
    };
    let (from, to) = (at(0.0), at(step));
    let slope = (to - from) / step;
    // A line that is level but for rounding crosses nothing.
    if slope.abs() * step <= 1e-12 * from.abs().max(to.abs()) {
        return None;
    }
    let value = -from / slope;
    (0.0..=factor.most()).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests;
