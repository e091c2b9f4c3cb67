//! The decision: which expert was chosen, out of which candidates, on which predictions and why. It goes to the ledger.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{DecisionId, ExpertId, Nanos, Pico, ScenarioId, Tokens};

/// The record of one choice. Holds no text of the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id, as passed in.
    pub id: DecisionId,
    /// The gate that predicted: name, version and hash of the package.
    pub gate: Arc<str>,
    /// The scenario, declared or recognised.
    pub scenario: ScenarioGuess,
    /// The domain the gate sees.
    pub domain: DomainGuess,
    /// Probability that the gate has no evidence on such a request, in `[0, 1]`.
    #[serde(rename = "ood")]
    pub out_of_distribution: f32,
    /// Digest of the features, to join outcomes without keeping text.
    pub features: u32,
    /// The candidates that may be used, best utility first.
    pub candidates: Vec<Ranked>,
    /// The choice; one of the candidates.
    pub chosen: ExpertId,
    /// Why it was chosen.
    pub reason: Reason,
}

/// A scenario with the gate's probability for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioGuess {
    /// The scenario; `unassigned` where none is likely enough.
    pub id: ScenarioId,
    /// The gate's probability of the declared scenario, or of the likeliest one, in `[0, 1]`.
    #[serde(rename = "p")]
    pub probability: f32,
    /// The client declared it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
}

/// The likeliest domain with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainGuess {
    /// The domain.
    pub name: Arc<str>,
    /// Its probability, in `[0, 1]`.
    #[serde(rename = "p")]
    pub probability: f32,
}

/// One candidate with what was predicted for it. Short keys: a line of the ledger carries several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The expert.
    #[serde(rename = "e")]
    pub expert: ExpertId,
    /// Calibrated probability that its answer is acceptable, in `[0, 1]`.
    #[serde(rename = "q")]
    pub quality: f32,
    /// Lower end of the 90 % interval of the quality.
    #[serde(rename = "lo")]
    pub low: f32,
    /// Upper end of the 90 % interval of the quality.
    #[serde(rename = "hi")]
    pub high: f32,
    /// Predicted output tokens.
    #[serde(rename = "o")]
    pub output: Tokens,
    /// Predicted cost.
    #[serde(rename = "c")]
    pub cost: Pico,
    /// Predicted latency with the queue, ns; absent where neither gate nor pool knows one.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Nanos>,
    /// Value of the quality less cost, time and load, in pico.
    #[serde(rename = "u")]
    pub utility: i64,
    /// Probability with which it would be chosen; over all candidates they sum to 1.
    #[serde(rename = "p")]
    pub propensity: f64,
}

/// Why an expert was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Best utility, or a logged draw among near-ties.
    Gate,
    /// The client named it.
    Pinned,
    /// No other may be used.
    OnlyCandidate,
    /// A better one is full.
    Overflow,
    /// The gate is not sure of anyone.
    AbstainToGeneralist,
    /// The first choice failed; set by the gateway through [`Decision::fallback_to`].
    Fallback,
}

impl Reason {
    /// The name as it is serialised.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Pinned => "pinned",
            Self::OnlyCandidate => "only_candidate",
            Self::Overflow => "overflow",
            Self::AbstainToGeneralist => "abstain_to_generalist",
            Self::Fallback => "fallback",
        }
    }
}

impl Decision {
    /// The row of the chosen expert.
    pub fn chosen_row(&self) -> Option<&Ranked> {
        self.candidates.iter().find(|row| row.expert == self.chosen)
    }

    /// The experts to try, the chosen one first, then the others by utility.
    pub fn order(&self) -> impl Iterator<Item = &ExpertId> {
        let others = self.candidates.iter().map(|row| &row.expert);
        std::iter::once(&self.chosen).chain(others.filter(|expert| **expert != self.chosen))
    }

    /// The same decision after the choice failed and `expert` answers. `None` if it is no candidate.
    pub fn fallback_to(&self, expert: &ExpertId) -> Option<Self> {
        let known = self.candidates.iter().any(|row| row.expert == *expert);
        known.then(|| Self {
            chosen: expert.clone(),
            reason: Reason::Fallback,
            ..self.clone()
        })
    }
}
