//! The policy: how a tenant's scenario trades quality against money and time, and what it forbids.

use units::{ExpertId, Nanos, Pico};

/// How one scenario of a tenant trades quality, money and time, and what it forbids.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Worth of one accepted answer: the price of quality.
    pub value: Pico,
    /// Worth of one second of waiting less.
    pub value_of_time: Pico,
    /// The experts that may be used; `None`: any that is offered.
    pub allowed: Option<Vec<ExpertId>>,
    /// Most that one request may cost, as predicted.
    pub max_cost: Option<Pico>,
    /// Best predicted quality below this sends the request to a generalist, in `[0, 1]`.
    pub min_quality: f32,
    /// Out-of-distribution probability from here on sends the request to a generalist; `None`: the gate's own threshold.
    pub max_out_of_distribution: Option<f32>,
    /// Latency assumed where neither gate nor pool knows one.
    pub assumed_latency: Nanos,
    /// How much is tried out.
    pub exploration: Exploration,
}

/// How much is tried out: with probability `epsilon` one of the near-ties is drawn evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// Probability of a draw, in `[0, 1]`.
    pub epsilon: f32,
    /// Candidates whose utility is within this share of the value of an accepted answer are near-ties, at least 0.
    pub margin: f32,
}

impl Exploration {
    /// Nothing is tried out.
    pub const NONE: Self = Self {
        epsilon: 0.0,
        margin: 0.0,
    };
}

impl Default for Policy {
    /// An answer is worth a cent, a second a hundredth of that; two in a hundred near-ties are drawn.
    fn default() -> Self {
        Self {
            value: Pico::new(10_000_000_000),
            value_of_time: Pico::new(100_000_000),
            allowed: None,
            max_cost: None,
            min_quality: 0.35,
            max_out_of_distribution: None,
            assumed_latency: Nanos::new(1_000_000_000),
            exploration: Exploration {
                epsilon: 0.02,
                margin: 0.05,
            },
        }
    }
}

impl Policy {
    /// May this expert be used?
    pub fn allows(&self, expert: &ExpertId) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|list| list.contains(expert))
    }
}
