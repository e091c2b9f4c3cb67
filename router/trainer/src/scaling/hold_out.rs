//! Checking a law on runs larger than those it was fitted on.

use anyhow::Result;
use clap::ValueEnum;
use economics::scaling::{Fit, Form, Law, Run, flops};
use serde::{Deserialize, Serialize};

/// Which runs are held out of a check's fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HoldOut {
    /// None: no check.
    None,
    /// Those of the most parameters.
    Params,
    /// Those of the most work, to a quarter of it.
    Work,
}

/// Runs held out by work reach down to this share of the most work.
const WORK_SHARE: f64 = 0.25;

/// How well a law foretold larger runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Runs the law was fitted on.
    pub fitted_on: usize,
    /// The law.
    pub law: Law,
    /// Mean of the relative errors' sizes.
    pub mean: f64,
    /// Largest of them.
    pub worst: f64,
    /// The runs foretold.
    pub runs: Vec<Foretold>,
}

/// One run foretold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foretold {
    /// Parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
    /// The loss measured.
    pub loss: f64,
    /// The loss foretold.
    pub foretold: f64,
    /// `foretold / loss - 1`.
    pub relative_error: f64,
    /// Whether it lies within ten times what the law was fitted on; `predict` refuses where not.
    pub within_reach: bool,
}

impl HoldOut {
    /// The smaller runs and the larger ones.
    pub fn split(self, runs: &[Run]) -> (Vec<Run>, Vec<Run>) {
        let size = |run: &Run| match self {
            Self::None => 0.0,
            Self::Params => run.params(),
            Self::Work => flops(run.params(), run.tokens()),
        };
        let most = runs.iter().map(size).fold(0.0, f64::max);
        // Sizes of one model are the same number; work is rounded in the file.
        let least = match self {
            Self::None => f64::INFINITY,
            Self::Params => most,
            Self::Work => most * WORK_SHARE * 0.99,
        };
        runs.iter().partition(|run| size(run) < least)
    }

    /// Fits the smaller runs and foretells the larger ones; `None` where none are held out.
    pub fn check(self, runs: &[Run], form: Form) -> Result<Option<Check>> {
        let (smaller, larger) = self.split(runs);
        if larger.is_empty() {
            return Ok(None);
        }
        let fit = Law::fit(&smaller, form)?;
        Ok(Some(Check::of(&fit, smaller.len(), &larger)))
    }
}

impl Check {
    /// How well `fit`, from `fitted_on` runs, foretells `runs`.
    pub fn of(fit: &Fit, fitted_on: usize, runs: &[Run]) -> Self {
        let foretell = |run: &Run| {
            let foretold = fit.law.loss(run.params(), run.tokens());
            Foretold {
                params: run.params(),
                tokens: run.tokens(),
                loss: run.loss(),
                foretold,
                relative_error: foretold / run.loss() - 1.0,
                within_reach: fit.reach.admit(run.params(), run.tokens()).is_ok(),
            }
        };
        let runs: Vec<Foretold> = runs.iter().map(foretell).collect();
        let sizes = || runs.iter().map(|run| run.relative_error.abs());
        Self {
            fitted_on,
            law: fit.law,
            mean: sizes().sum::<f64>() / runs.len().max(1) as f64,
            worst: sizes().fold(0.0, f64::max),
            runs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HoldOut;
    use economics::scaling::{Form, Law, Run};

    #[test]
    fn the_larger_runs_are_foretold() {
        let law = Law {
            e: 1.7,
            a: 400.0,
            b: 900.0,
            alpha: 0.34,
            beta: 0.31,
        };
        let mut runs = Vec::new();
        for i in 0..5 {
            for j in 0..5 {
                let (params, tokens) = (1e7 * 3f64.powi(i), 1e9 * 2f64.powi(j));
                runs.push(Run::new(params, tokens, law.loss(params, tokens), 0).unwrap());
            }
        }
        let check = HoldOut::Params.check(&runs, Form::Free).unwrap().unwrap();
        assert_eq!((check.fitted_on, check.runs.len()), (20, 5));
        assert!(check.worst < 1e-4 && check.mean <= check.worst, "{check:?}");
        assert!(
            check
                .runs
                .iter()
                .all(|run| run.within_reach && run.params > 8e8)
        );
        // Work up to a quarter of the most: (4,4) (4,3) (4,2) (3,4), but not (3,3), a sixth of it.
        assert_eq!(HoldOut::Work.split(&runs).1.len(), 4);
        assert_eq!(HoldOut::None.check(&runs, Form::Free).unwrap(), None);
    }
}
