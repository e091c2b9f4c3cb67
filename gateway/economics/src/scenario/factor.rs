//! The numbers of a scenario that may turn out otherwise.

use serde::{Deserialize, Serialize};

use super::Scenario;

/// A number of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Tasks a month.
    Volume,
    /// Share of saved labour that counts.
    Realisation,
    /// Cost of a person's task.
    HumanCost,
    /// A person's share of errors.
    HumanError,
    /// Cost of an error.
    LossPerError,
    /// Cost of a task through the gateway.
    GatewayCost,
    /// Share of answers reviewed.
    ReviewRate,
    /// Cost of a review.
    ReviewCost,
    /// The gateway's share of errors.
    GatewayError,
    /// Fixed cost a month.
    Fixed,
    /// What is still to be spent, all of it in proportion.
    Investment,
}

impl Factor {
    /// Every factor.
    pub const ALL: [Self; 11] = [
        Self::Volume,
        Self::Realisation,
        Self::HumanCost,
        Self::HumanError,
        Self::LossPerError,
        Self::GatewayCost,
        Self::ReviewRate,
        Self::ReviewCost,
        Self::GatewayError,
        Self::Fixed,
        Self::Investment,
    ];

    /// Its name in files and on pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Realisation => "realisation",
            Self::HumanCost => "human_cost",
            Self::HumanError => "human_error",
            Self::LossPerError => "loss_per_error",
            Self::GatewayCost => "gateway_cost",
            Self::ReviewRate => "review_rate",
            Self::ReviewCost => "review_cost",
            Self::GatewayError => "gateway_error",
            Self::Fixed => "fixed",
            Self::Investment => "investment",
        }
    }

    /// The largest value it can have: 1 for a share, infinity for an amount.
    pub fn most(self) -> f64 {
        match self {
            Self::Realisation | Self::HumanError | Self::ReviewRate | Self::GatewayError => 1.0,
            _ => f64::INFINITY,
        }
    }

    /// Its value in a scenario.
    pub fn of(self, scenario: &Scenario) -> f64 {
        match self {
            Self::Volume => scenario.volume,
            Self::Realisation => scenario.realisation,
            Self::HumanCost => scenario.human_cost,
            Self::HumanError => scenario.human_error,
            Self::LossPerError => scenario.loss_per_error,
            Self::GatewayCost => scenario.gateway_cost,
            Self::ReviewRate => scenario.review_rate,
            Self::ReviewCost => scenario.review_cost,
            Self::GatewayError => scenario.gateway_error,
            Self::Fixed => scenario.fixed,
            Self::Investment => scenario.cash().investment(),
        }
    }

    /// The scenario with another value of it. Investment scales every amount to come; where there is none, it falls due at
    /// once.
    #[must_use]
    pub fn set(self, mut scenario: Scenario, value: f64) -> Scenario {
        match self {
            Self::Volume => scenario.volume = value,
            Self::Realisation => scenario.realisation = value,
            Self::HumanCost => scenario.human_cost = value,
            Self::HumanError => scenario.human_error = value,
            Self::LossPerError => scenario.loss_per_error = value,
            Self::GatewayCost => scenario.gateway_cost = value,
            Self::ReviewRate => scenario.review_rate = value,
            Self::ReviewCost => scenario.review_cost = value,
            Self::GatewayError => scenario.gateway_error = value,
            Self::Fixed => scenario.fixed = value,
            Self::Investment => invest(&mut scenario, value),
        }
        scenario
    }
}

fn invest(scenario: &mut Scenario, value: f64) {
    let now = scenario.cash().investment();
    if now > 0.0 {
        let to_come = scenario
            .investment
            .iter_mut()
            .filter(|spend| spend.month >= 0);
        to_come.for_each(|spend| spend.amount *= value / now);
    } else {
        scenario.investment.retain(|spend| spend.month < 0);
        let what = "investment".to_owned();
        scenario.investment.push(super::Spend {
            what,
            amount: value,
            month: 0,
        });
    }
}
