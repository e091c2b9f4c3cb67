//! What small pilots say of a target before anybody pays for it: how many labels it takes, and how large a model, which
//! memory it fills, how fast it can answer at most and what a task then costs at least.

use serde::{Deserialize, Serialize};

use crate::curve::{Bagged, Labels, Point};
use crate::scaling::{Form, Law, Run, Size};
use crate::{Draws, EconomicsError, Span};

/// Resamplings behind a band.
const SAMPLES: usize = 100;
/// The share of them that a band holds.
const SHARE: f64 = 0.8;

/// A target, and what was tried on the way to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizing {
    /// The share of tasks to be answered rightly, 0 to 1.
    pub accuracy: f64,
    /// Accuracies after learning from few labels: of at least four amounts.
    pub pilots: Vec<Pilot>,
    /// Labels there are already.
    #[serde(default)]
    pub labels: f64,
    /// What a label costs.
    #[serde(default)]
    pub cost_per_label: f64,
    /// The same question of a model that writes.
    #[serde(default)]
    pub model: Option<ModelSizing>,
}

/// A model that learned from few labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pilot {
    /// Labels it learned from.
    pub labels: f64,
    /// Share of the cases it answered rightly.
    pub accuracy: f64,
    /// Cases it was measured on.
    #[serde(default)]
    pub cases: Option<u64>,
}

/// How large a model a loss takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSizing {
    /// The loss to reach, in nats per token.
    pub loss: f64,
    /// Tokens there are to learn from.
    pub tokens: f64,
    /// Finished runs: at least eight, of several sizes and amounts of data.
    pub runs: Vec<Trained>,
    /// What is to host it.
    #[serde(default)]
    pub device: Option<Device>,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// Parameters.
    pub params: f64,
    /// Tokens it saw.
    pub tokens: f64,
    /// Where it ended, in nats per token.
    pub loss: f64,
}

/// A device that hosts a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its memory, in GB of 1e9 bytes.
    pub memory_gb: f64,
    /// How fast it reads its memory, in GB a second.
    pub bandwidth_gb_s: f64,
    /// What an hour of it costs.
    pub per_hour: f64,
    /// Requests it answers at a time: each step reads the weights once for all of them.
    #[serde(default = "one")]
    pub streams: f64,
    /// Share of its time that it works.
    #[serde(default = "whole")]
    pub utilisation: f64,
    /// Bytes of a parameter: 2 for half precision.
    #[serde(default = "half_precision")]
    pub bytes_per_param: f64,
    /// Tokens that a task has written.
    pub tokens_per_task: f64,
}

const fn one() -> f64 {
    1.0
}

const fn whole() -> f64 {
    1.0
}

const fn half_precision() -> f64 {
    2.0
}

/// What the pilots say.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Labels for the target.
    pub labels: LabelsNeeded,
    /// The same of a model, where it was asked for.
    pub model: Option<ModelSized>,
}

/// Labels for a target.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelsNeeded {
    /// So many.
    Known {
        /// In all.
        needed: f64,
        /// The middle of what resampled pilots say; an end that is infinite never reaches the target.
        band: Option<Span>,
        /// Beyond those that there are.
        missing: f64,
        /// What those cost.
        cost: f64,
    },
    /// No number of them: more labels of this kind end at this accuracy.
    Ceiling(f64),
    /// The pilots are too small to say: larger ones are needed.
    Beyond(EconomicsError),
}

/// A model for a loss.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelSized {
    /// One of this size.
    Params {
        /// Its parameters.
        params: f64,
        /// The middle of what resampled runs say.
        band: Option<Span>,
        /// What it means on the device, where one is named.
        hosted: Option<Hosted>,
    },
    /// None with this data: at least so many tokens are needed. More data, not a larger device.
    NeedsTokens(f64),
    /// None at all: this loss remains.
    Floor(f64),
    /// The runs are too small to say.
    Beyond(EconomicsError),
}

/// A model on a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hosted {
    /// Its weights, in GB of 1e9 bytes.
    pub weights_gb: f64,
    /// Do they fit into the memory with a fifth of it left for what requests need?
    pub fits: bool,
    /// Tokens a second of all streams, at most: each step reads all weights once.
    pub tokens_per_second: f64,
    /// What a task costs at least.
    pub cost_per_task: f64,
}

impl Sizing {
    /// Asks the pilots.
    ///
    /// # Errors
    /// A number cannot be, or there are too few pilots or runs.
    pub fn ask(&self, draws: &mut impl Draws) -> Result<Sizes, EconomicsError> {
        let bad = |what, expected, found| EconomicsError::BadNumber {
            what,
            expected,
            found,
        };
        if !(0.0..=1.0).contains(&self.accuracy) {
            return Err(bad("sizing.accuracy", "a share from 0 to 1", self.accuracy));
        }
        for (what, found) in [
            ("sizing.labels", self.labels),
            ("sizing.cost_per_label", self.cost_per_label),
        ] {
            if !(found.is_finite() && found >= 0.0) {
                return Err(bad(what, "at least 0", found));
            }
        }
        let points = self.pilots.iter();
        let points: Vec<Point> = points
            .map(|pilot| Point::new(pilot.labels, pilot.accuracy, pilot.cases))
            .collect::<Result<_, _>>()?;
        let fitted = Bagged::fit(&points, SAMPLES, draws)?;
        let labels = match fitted.labels_for(self.accuracy) {
            Ok(Labels::Needed(needed)) => {
                let each = fitted.curves.iter();
                let each =
                    each.map(|curve| curve.labels_for(self.accuracy).unwrap_or(f64::INFINITY));
                let missing = (needed.ceil() - self.labels).max(0.0);
                LabelsNeeded::Known {
                    needed,
                    band: crate::quantile::middle(each, SHARE),
                    missing,
                    cost: missing * self.cost_per_label,
                }
            }
            Ok(Labels::Ceiling(at)) => LabelsNeeded::Ceiling(at),
            Err(why) => LabelsNeeded::Beyond(why),
        };
        let model = match &self.model {
            None => None,
            Some(model) => Some(model.ask(draws)?),
        };
        Ok(Sizes { labels, model })
    }
}

impl ModelSizing {
    fn ask(&self, draws: &mut impl Draws) -> Result<ModelSized, EconomicsError> {
        if let Some(device) = &self.device {
            device.check()?;
        }
        let runs = self.runs.iter().enumerate();
        let runs: Vec<Run> = runs
            .map(|(at, run)| Run::new(run.params, run.tokens, run.loss, at))
            .collect::<Result<_, _>>()?;
        let fit = Law::fit(&runs, Form::Free)?;
        if let Err(why) = fit.reach.tokens.admit("tokens", self.tokens) {
            return Ok(ModelSized::Beyond(why));
        }
        let params = match fit.law.size_for(self.loss, self.tokens) {
            Size::Params(params) => params,
            Size::NeedsTokens(tokens) => return Ok(ModelSized::NeedsTokens(tokens)),
            Size::BelowFloor(floor) => return Ok(ModelSized::Floor(floor)),
        };
        if let Err(why) = fit.reach.admit(params, self.tokens) {
            return Ok(ModelSized::Beyond(why));
        }
        let laws = fit.bootstrap(&runs, SAMPLES, draws);
        let band = laws.interval(SHARE, |law| match law.size_for(self.loss, self.tokens) {
            Size::Params(params) => Some(params),
            Size::NeedsTokens(_) | Size::BelowFloor(_) => Some(f64::INFINITY),
        });
        Ok(ModelSized::Params {
            params,
            band,
            hosted: self.device.as_ref().map(|device| device.host(params)),
        })
    }
}

impl Device {
    fn check(&self) -> Result<(), EconomicsError> {
        for (what, found) in [
            ("device.memory_gb", self.memory_gb),
            ("device.bandwidth_gb_s", self.bandwidth_gb_s),
            ("device.per_hour", self.per_hour),
            ("device.streams", self.streams),
            ("device.utilisation", self.utilisation),
            ("device.bytes_per_param", self.bytes_per_param),
            ("device.tokens_per_task", self.tokens_per_task),
        ] {
            if !(found.is_finite() && found > 0.0) {
                return Err(EconomicsError::BadNumber {
                    what,
                    expected: "a finite number above 0",
                    found,
                });
            }
        }
        Ok(())
    }

    /// A model of so many parameters: writing a token reads every weight, so that memory bounds the rate
    /// (Williams et al. 2009, the roofline).
    fn host(&self, params: f64) -> Hosted {
        let weights_gb = params * self.bytes_per_param / 1e9;
        let tokens_per_second = self.bandwidth_gb_s / weights_gb * self.streams;
        let busy = tokens_per_second * self.utilisation;
        Hosted {
            weights_gb,
            fits: weights_gb <= 0.8 * self.memory_gb,
            tokens_per_second,
            cost_per_task: self.tokens_per_task / busy / 3_600.0 * self.per_hour,
        }
    }
}

#[cfg(test)]
mod tests;
