//! What people do today, and how that is known.

use serde::{Deserialize, Serialize};

use crate::EconomicsError;

/// Who does a task today, for how long and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The role.
    pub role: String,
    /// Loaded cost of an hour of it.
    pub hourly_rate: f64,
    /// Minutes that half of the tasks take at most.
    pub minutes_p50: f64,
    /// Minutes that nine in ten tasks take at most.
    pub minutes_p90: f64,
    /// Share of tasks that are done twice.
    pub rework: f64,
    /// How it is known.
    pub source: Source,
    /// Tasks that were looked at.
    pub cases: u64,
    /// Age of the figures in days.
    pub age_days: u32,
}

/// How a baseline is known, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody took the time.
    TimeStudy,
    /// A system wrote it down.
    SystemLog,
    /// Somebody said so.
    Estimate,
}

/// Figures older than this are stale.
const STALE_AFTER_DAYS: u32 = 180;

impl Baseline {
    /// What a task costs: the hourly rate over the mean minutes, rework included. Times are log-normal, so the mean follows
    /// from median and ninetieth percentile: `p50 * exp(sigma^2 / 2)` with `sigma = ln(p90 / p50) / 1.2816`.
    pub fn cost_per_task(&self) -> Result<f64, EconomicsError> {
        const Z90: f64 = 1.281_551_565_544_600_4;
        let bad = |what, expected, found| {
            Err(EconomicsError::BadNumber {
                what,
                expected,
                found,
            })
        };
        if !(self.hourly_rate.is_finite() && self.hourly_rate >= 0.0) {
            return bad(
                "hourly_rate",
                "a finite number of at least 0",
                self.hourly_rate,
            );
        }
        if !(self.minutes_p50.is_finite() && self.minutes_p50 > 0.0) {
            return bad("minutes_p50", "a finite number above 0", self.minutes_p50);
        }
        if !(self.minutes_p90.is_finite() && self.minutes_p90 >= self.minutes_p50) {
            return bad(
                "minutes_p90",
                "a finite number of at least minutes_p50",
                self.minutes_p90,
            );
        }
        if !(0.0..=1.0).contains(&self.rework) {
            return bad("rework", "a share from 0 to 1", self.rework);
        }
        let sigma = (self.minutes_p90 / self.minutes_p50).ln() / Z90;
        let minutes = self.minutes_p50 * (sigma * sigma / 2.0).exp();
        Ok(self.hourly_rate / 60.0 * minutes * (1.0 + self.rework))
    }

    /// Whether the figures are too old to decide on.
    pub fn is_stale(&self) -> bool {
        self.age_days > STALE_AFTER_DAYS
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Source};
    use crate::draws::{Draws, splitmix};

    fn baseline() -> Baseline {
        Baseline {
            role: "claims clerk".to_owned(),
            hourly_rate: 60.0,
            minutes_p50: 6.0,
            minutes_p90: 12.0,
            rework: 0.0,
            source: Source::SystemLog,
            cases: 400,
            age_days: 180,
        }
    }

    #[test]
    fn the_mean_follows_from_two_percentiles() {
        let found = baseline().cost_per_task().unwrap();
        // Drawn: minutes = 6 * 2^(z / 1.2816), at one a minute.
        let mut draws = splitmix(2);
        let n = 200_000;
        let mean = (0..n)
            .map(|_| 6.0 * 2f64.powf(draws.normal() / 1.281_551_6))
            .sum::<f64>()
            / f64::from(n);
        assert!((found / mean - 1.0).abs() < 0.01, "{found} is not {mean}");
        let even = Baseline {
            minutes_p90: 6.0,
            rework: 0.1,
            ..baseline()
        };
        assert!((even.cost_per_task().unwrap() - 6.6).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_refused_and_what_is_old_is_stale() {
        for bad in [
            Baseline {
                minutes_p90: 5.0,
                ..baseline()
            },
            Baseline {
                minutes_p50: 0.0,
                ..baseline()
            },
            Baseline {
                hourly_rate: f64::NAN,
                ..baseline()
            },
            Baseline {
                rework: 1.5,
                ..baseline()
            },
        ] {
            assert!(bad.cost_per_task().is_err(), "{bad:?}");
        }
        assert!(
            !baseline().is_stale()
                && Baseline {
                    age_days: 181,
                    ..baseline()
                }
                .is_stale()
        );
    }
}
