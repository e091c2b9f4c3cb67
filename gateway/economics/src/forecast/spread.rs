//! What is known of a number that is not known exactly.

use serde::{Deserialize, Serialize};

use crate::{Draws, EconomicsError};

/// What is known of a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Spread {
    /// A share that was counted: drawn from a Beta distribution with one hit and one miss added.
    Counted {
        /// Cases it held in.
        hits: u64,
        /// Cases looked at.
        cases: u64,
    },
    /// Somebody's estimate: drawn from a triangle.
    Estimated {
        /// The least it can be.
        low: f64,
        /// The likeliest.
        likely: f64,
        /// The most it can be.
        high: f64,
    },
    /// A cost per task that was measured: whole days are drawn with replacement, because the tasks of one day are alike.
    Measured(Vec<Day>),
}

/// A day's cost and tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// What the day cost.
    pub cost: f64,
    /// Tasks of the day.
    pub tasks: u64,
}

impl Spread {
    pub(super) fn check(&self, what: &'static str) -> Result<(), EconomicsError> {
        let bad = |expected, found| {
            Err(EconomicsError::BadNumber {
                what,
                expected,
                found,
            })
        };
        match self {
            Self::Counted { hits, cases } if hits > cases => {
                bad("at most as many hits as cases", *hits as f64)
            }
            Self::Counted { .. } => Ok(()),
            Self::Estimated { low, likely, high } => {
                let finite = [low, likely, high]
                    .into_iter()
                    .all(|value| value.is_finite());
                if finite && 0.0 <= *low && low <= likely && likely <= high {
                    return Ok(());
                }
                bad("finite estimates with 0 <= low <= likely <= high", *likely)
            }
            Self::Measured(days) => {
                if let Some(day) = days
                    .iter()
                    .find(|day| !(day.cost.is_finite() && day.cost >= 0.0))
                {
                    return bad("a day's cost, finite and at least 0", day.cost);
                }
                if days.is_empty() || days.iter().any(|day| day.tasks == 0) {
                    return bad("at least one day, each with tasks", 0.0);
                }
                Ok(())
            }
        }
    }

    /// A value of it.
    pub(super) fn draw(&self, draws: &mut impl Draws) -> f64 {
        match self {
            Self::Counted { hits, cases } => {
                let hit = gamma(*hits as f64 + 1.0, draws);
                let miss = gamma(cases.saturating_sub(*hits) as f64 + 1.0, draws);
                hit / (hit + miss)
            }
            Self::Estimated { low, likely, high } => {
                let (width, place) = (high - low, draws.unit());
                let rising = likely - low;
                if place * width < rising {
                    low + (place * width * rising).sqrt()
                } else {
                    high - ((1.0 - place) * width * (high - likely)).sqrt()
                }
            }
            Self::Measured(days) => {
                let (mut cost, mut tasks) = (0.0, 0.0);
                for _ in days {
                    if let Some(day) = days.get(draws.below(days.len())) {
                        cost += day.cost;
                        tasks += day.tasks as f64;
                    }
                }
                cost / tasks
            }
        }
    }
}

/// A gamma variate of this shape, at least 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, draws: &mut impl Draws) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draws.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - draws.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Day, Spread};
    use crate::draws::splitmix;

    /// Mean and standard deviation of many draws.
    fn moments(spread: &Spread) -> (f64, f64) {
        let seed = 3;
        println!("seed {seed}");
        let mut draws = splitmix(seed);
        let n = 40_000;
        let values: Vec<f64> = (0..n).map(|_| spread.draw(&mut draws)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        (mean, square.sqrt())
    }

    #[track_caller]
    fn near(found: (f64, f64), expected: (f64, f64)) {
        assert!(
            (found.0 - expected.0).abs() < 0.01 * expected.0,
            "{found:?} is not {expected:?}"
        );
        assert!(
            (found.1 - expected.1).abs() < 0.03 * expected.1,
            "{found:?} is not {expected:?}"
        );
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        // Beta(8, 4): mean 2/3, variance 32 / (144 * 13).
        near(
            moments(&Spread::Counted { hits: 7, cases: 10 }),
            (8.0 / 12.0, (32.0f64 / 1_872.0).sqrt()),
        );
        // Nothing counted: uniform.
        near(
            moments(&Spread::Counted { hits: 0, cases: 0 }),
            (0.5, (1.0f64 / 12.0).sqrt()),
        );
        // Triangle 1, 2, 6: mean 3, variance (1 + 4 + 36 - 2 - 6 - 12) / 18.
        near(
            moments(&Spread::Estimated {
                low: 1.0,
                likely: 2.0,
                high: 6.0,
            }),
            (3.0, (21.0f64 / 18.0).sqrt()),
        );
        // Four days of 100 tasks at 1, 1, 2 and 4 each: variance of a mean of four.
        let day = |cost| Day { cost, tasks: 100 };
        near(
            moments(&Spread::Measured(
                [100.0, 100.0, 200.0, 400.0].map(day).to_vec(),
            )),
            (2.0, (1.5f64 / 4.0).sqrt()),
        );
    }

    #[test]
    fn a_point_is_a_point_and_what_cannot_be_is_refused() {
        let (mean, deviation) = moments(&Spread::Estimated {
            low: 2.0,
            likely: 2.0,
            high: 2.0,
        });
        assert!(
            (mean - 2.0).abs() < 1e-9 && deviation < 1e-9,
            "{mean} {deviation}"
        );
        for bad in [
            Spread::Counted { hits: 2, cases: 1 },
            Spread::Estimated {
                low: 2.0,
                likely: 1.0,
                high: 3.0,
            },
            Spread::Estimated {
                low: 0.0,
                likely: f64::NAN,
                high: 3.0,
            },
            Spread::Measured(Vec::new()),
            Spread::Measured(vec![Day {
                cost: 1.0,
                tasks: 0,
            }]),
            Spread::Measured(vec![Day {
                cost: -1.0,
                tasks: 1,
            }]),
        ] {
            assert!(bad.check("gateway_cost").is_err(), "{bad:?}");
        }
    }
}
