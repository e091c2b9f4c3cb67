//! Measured quality of a task: which split, how many rows, and the figures.

use serde::{Deserialize, Serialize};

/// Figures measured on one split of one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The split measured, such as `dev`.
    pub split: String,
    /// Rows measured. Where the task knows out-of-scope rows, these are the in-scope ones.
    pub n: usize,
    /// Share of rows answered with the gold label, in `[0, 1]`.
    pub accuracy: f64,
    /// Unweighted mean of the F1 of each label that occurs, in `[0, 1]`.
    pub macro_f1: f64,
    /// Expected calibration error over 15 equal bins of the best label's probability, in `[0, 1]`.
    pub ece: f64,
    /// Share of out-of-scope rows rejected, in `[0, 1]`; absent where the task knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oos_recall: Option<f64>,
}
