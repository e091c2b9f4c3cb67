//! What the stress tests report.

use serde::Serialize;

/// Figures of all stress tests.
#[derive(Debug, Serialize)]
pub struct Stress {
    /// Fitted to a part of the train rows.
    pub learning_curve: Vec<Learned>,
    /// Fitted without the rows of one area and reported on those.
    pub leave_one_domain_out: Vec<LeftOut>,
    /// Fitted without one expert, which joins with 100 answers.
    pub leave_one_expert_out: Vec<Joined>,
    /// The strong expert costs three times as much from now on; nothing is fitted anew.
    pub price_shock: Option<Shock>,
    /// A typing error in each tenth word.
    pub typos: Typos,
}

/// One point of the learning curve.
#[derive(Debug, Serialize)]
pub struct Learned {
    /// Train rows.
    pub rows: usize,
    /// Mean quality, money no object.
    pub accuracy: f64,
    /// Average performance gap recovered.
    pub apgr: Option<f64>,
}

/// An area that nothing was learned of.
#[derive(Debug, Serialize)]
pub struct LeftOut {
    /// The area.
    pub area: String,
    /// Rows reported on.
    pub rows: usize,
    /// Mean quality of the gate that has not seen the area.
    pub accuracy: f64,
    /// Of the gate that has.
    pub accuracy_with: f64,
    /// Of the best single expert of the other areas.
    pub best_single: f64,
    /// Average performance gap recovered of the gate that has not seen the area.
    pub apgr: Option<f64>,
    /// Of the gate that has.
    pub apgr_with: Option<f64>,
}

/// An expert that joins.
#[derive(Debug, Serialize)]
pub struct Joined {
    /// The expert.
    pub expert: String,
    /// Answers it joined with.
    pub answers: usize,
    /// Mean quality of the gate without it.
    pub accuracy_without: f64,
    /// After it joined.
    pub accuracy_joined: f64,
    /// Of the gate fitted with all its outcomes.
    pub accuracy_fitted: f64,
    /// Calibration error of its quality after it joined.
    pub ece: f64,
    /// Share of texts that go to it after it joined.
    pub share_chosen: f64,
}

/// Prices that change.
#[derive(Debug, Serialize)]
pub struct Shock {
    /// The expert whose price is three times what it was.
    pub expert: String,
    /// Cost of 1,000 requests at the new price if nobody chooses anew.
    pub cost_unmoved_per_1k: f64,
    /// Cost of 1,000 requests at the new price.
    pub cost_per_1k: f64,
    /// Mean quality before.
    pub accuracy_before: f64,
    /// Mean quality after.
    pub accuracy: f64,
    /// Share of texts that go elsewhere.
    pub moved: f64,
}

/// Typing errors.
#[derive(Debug, Serialize)]
pub struct Typos {
    /// Share of decisions that stay, money no object.
    pub unchanged: f64,
    /// Share of decisions that stay at the value of equal accuracy.
    pub unchanged_at_value: f64,
    /// Mean quality without errors, money no object.
    pub accuracy_before: f64,
    /// Mean quality with them.
    pub accuracy: f64,
}
