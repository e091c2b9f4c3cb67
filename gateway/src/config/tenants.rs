//! Tenants and their scenarios.

use std::collections::BTreeSet;

use plugin_package::AskedLimits;
use serde::{Deserialize, Deserializer};
use units::{ExpertId, Pico, ScenarioId, TenantId};

use super::experts::optional_amount;
use super::sampling::{JudgeConfig, VerifierConfig};
use crate::admission::TenantLimits;

/// An organisation or department.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// The tenant's id, part of its keys.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// Requests, tokens, concurrency and money.
    #[serde(default)]
    pub limits: TenantLimits,
    /// Who is to be told when its budget is half, four fifths and wholly spent.
    #[serde(default)]
    pub budget_contacts: Vec<String>,
    /// Experts it may use; absent means all.
    #[serde(default)]
    pub allowed_experts: Option<BTreeSet<ExpertId>>,
    /// Share of its requests that try another expert, 0 to 0.2; absent: that of the policy.
    #[serde(default)]
    pub exploration: Option<f32>,
    /// How far behind the best an expert may be to be tried out; absent: that of the policy.
    #[serde(default)]
    pub explore_within: Option<f32>,
    /// It agrees that features of its requests are kept, without their text, for the gate to learn from; absent: it
    /// does not, and what was kept is deleted.
    #[serde(default)]
    pub capture: Option<CaptureConfig>,
    /// What its plugins may use at most; absent bounds are the manifest's within the host's ceiling.
    #[serde(default)]
    pub plugin_limits: AskedLimits,
    /// Its people run the gateway: its admins see pools, workers and every tenant's share of them.
    #[serde(default)]
    pub operator: bool,
    /// The time zone of its days and months, such as `Europe/Berlin`; absent is UTC.
    #[serde(default = "utc", deserialize_with = "time_zone")]
    pub time_zone: jiff::tz::TimeZone,
    /// Keys of a request's `metadata` by which costs are told apart, such as `team`, at most 8. Values are kept in the
    /// ledger.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Its kinds of task.
    #[serde(default)]
    pub scenarios: Vec<ScenarioConfig>,
}

/// For how long features are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureConfig {
    /// Days after which they are deleted, 1 to 3650.
    pub days: u16,
}

/// One kind of task of a tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioConfig {
    /// The scenario's id: `metadata.scenario` of a request.
    pub id: ScenarioId,
    /// Its name for people.
    pub name: String,
    /// What one task is, such as `a classified message`.
    pub unit_of_work: String,
    /// The task of the experts' cards that it asks for; absent leaves the choice to the expert.
    #[serde(default)]
    pub task: Option<String>,
    /// The workflow that serves it where the request leaves the choice open: `name` or `namespace/name`.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Experts it may use; absent means those of the tenant.
    #[serde(default)]
    pub allowed_experts: Option<BTreeSet<ExpertId>>,
    /// What an accepted task is worth, in currency units: the policy's price of quality.
    #[serde(default, deserialize_with = "optional_amount")]
    pub value_per_accepted_task: Option<Pico>,
    /// An outcome is accepted from this score on, 0 to 1.
    #[serde(default = "acceptance")]
    pub acceptance_threshold: f32,
    /// Who judges a share of its answers.
    #[serde(default)]
    pub judge: Option<JudgeConfig>,
    /// What checks a share of its answers.
    #[serde(default)]
    pub verifier: Option<VerifierConfig>,
}

fn utc() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::UTC
}

fn time_zone<'de, D: Deserializer<'de>>(from: D) -> Result<jiff::tz::TimeZone, D::Error> {
    let name = String::deserialize(from)?;
    jiff::tz::TimeZone::get(&name).map_err(|_| {
        serde::de::Error::custom(format!(
            "time_zone: {name} is none, expected such as Europe/Berlin"
        ))
    })
}

fn acceptance() -> f32 {
    0.5
}
