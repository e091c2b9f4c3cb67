//! Which answers of a scenario are checked after they were given, and by whom.

use serde::Deserialize;
use units::ExpertId;

/// A model that judges a share of the answers, asked in both orders.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeConfig {
    /// Who judges. It needs not be among the experts that the tenant may ask; take one of another family than those that
    /// answer.
    pub expert: ExpertId,
    /// Share of the answers that are judged, above 0, at most 1.
    pub share: f64,
    /// Whose answer to the same request each is compared with; absent: each is judged by itself.
    #[serde(default)]
    pub against: Option<ExpertId>,
    /// What makes an answer good, in words for the judge.
    pub rubric: String,
}

/// A program that checks a share of the answers: a plugin, or anything else that can be asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifierConfig {
    /// Who checks.
    pub expert: ExpertId,
    /// Share of the answers that are checked, above 0, at most 1.
    #[serde(default = "all")]
    pub share: f64,
}

fn all() -> f64 {
    1.0
}
