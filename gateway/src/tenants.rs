//! The tenants of the configuration, made ready for requests: what each scenario allows and is worth.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use router::{Exploration, Policy};
use units::{ExpertId, Nanos, ScenarioId, TenantId};

use crate::catalog::Catalog;
use crate::config::{
    CaptureConfig, Config, JudgeConfig, PolicyConfig, ScenarioConfig, TenantConfig, VerifierConfig,
};

/// Every tenant by its id.
#[derive(Debug, Clone, Default)]
pub struct Tenants(HashMap<TenantId, Tenant>);

/// One tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name for people.
    pub name: String,
    /// The ids of its scenarios.
    pub scenarios: Vec<ScenarioId>,
    /// Whether and for how long features of its requests are kept.
    pub capture: Option<CaptureConfig>,
    /// Do its admins run the gateway?
    pub operator: bool,
    /// The time zone of its days and months.
    pub time_zone: jiff::tz::TimeZone,
    /// The keys of `metadata` that are tags.
    pub tags: BTreeSet<String>,
    rules: HashMap<ScenarioId, Rule>,
    unassigned: Rule,
}

/// How requests of one scenario are routed.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The scenario's name for people.
    pub name: String,
    /// The policy, with what tenant and scenario allow.
    pub policy: Policy,
    /// The task it asks of experts.
    pub task: Option<String>,
    /// The workflow that serves it.
    pub workflow: Option<String>,
    /// Who judges a share of the answers.
    pub judge: Option<Arc<JudgeConfig>>,
    /// What checks a share of the answers.
    pub verifier: Option<Arc<VerifierConfig>>,
    /// Experts that tenant or scenario names.
    named: Vec<ExpertId>,
}

impl Tenants {
    /// Makes the tenants of a configuration ready.
    pub fn new(config: &Config) -> Self {
        let ready =
            |tenant: &TenantConfig| (tenant.id.clone(), Tenant::new(tenant, &config.policy));
        Self(config.tenants.iter().map(ready).collect())
    }

    /// One tenant.
    pub fn get(&self, id: &TenantId) -> Option<&Tenant> {
        self.0.get(id)
    }

    /// Every tenant with its id.
    pub fn iter(&self) -> impl Iterator<Item = (&TenantId, &Tenant)> {
        self.0.iter()
    }

    /// Experts that a tenant or scenario names and nobody offers: a likely slip of the pen.
    pub fn unknown_experts(&self, catalog: &Catalog) -> Vec<(TenantId, ExpertId)> {
        let mut unknown = Vec::new();
        for (id, tenant) in &self.0 {
            for rule in tenant.rules.values().chain([&tenant.unassigned]) {
                for expert in &rule.named {
                    if catalog.get(expert).is_none() {
                        unknown.push((id.clone(), expert.clone()));
                    }
                }
            }
        }
        unknown.sort();
        unknown.dedup();
        unknown
    }

    /// Tasks that a scenario asks for and no expert's card has: the scenario would go to any task.
    pub fn unknown_tasks(&self, catalog: &Catalog) -> Vec<(TenantId, ScenarioId, String)> {
        let has = |task: &String| {
            let mut cards = catalog.experts().iter().map(|expert| &expert.tasks);
            cards.any(|tasks| tasks.contains(task))
        };
        let mut unknown: Vec<_> = self
            .0
            .iter()
            .flat_map(|(id, tenant)| tenant.rules.iter().map(move |(s, rule)| (id, s, rule)))
            .filter_map(|(id, scenario, rule)| {
                let task = rule.task.as_ref().filter(|task| !has(task))?;
                Some((id.clone(), scenario.clone(), task.clone()))
            })
            .collect();
        unknown.sort();
        unknown
    }
}

impl Tenant {
    fn new(tenant: &TenantConfig, defaults: &PolicyConfig) -> Self {
        let base = Policy {
            exploration: Exploration {
                epsilon: tenant.exploration.unwrap_or(defaults.exploration),
                margin: tenant.explore_within.unwrap_or(defaults.explore_within),
            },
            // Candidates are those that the principal may use: the policy need not look again.
            ..policy(defaults, None)
        };
        let named: Vec<ExpertId> = tenant.allowed_experts.iter().flatten().cloned().collect();
        let rules = tenant
            .scenarios
            .iter()
            .map(|s| {
                (
                    s.id.clone(),
                    rule(s, &base, tenant.allowed_experts.as_ref()),
                )
            })
            .collect();
        Self {
            name: tenant.name.clone(),
            scenarios: tenant.scenarios.iter().map(|s| s.id.clone()).collect(),
            capture: tenant.capture,
            operator: tenant.operator,
            time_zone: tenant.time_zone.clone(),
            tags: tenant.tags.clone(),
            rules,
            unassigned: Rule {
                name: "unassigned".to_owned(),
                policy: base,
                task: None,
                workflow: None,
                judge: None,
                verifier: None,
                named,
            },
        }
    }

    /// The rule of a scenario; that of unassigned requests where the tenant has no such scenario.
    pub fn rule(&self, scenario: &ScenarioId) -> &Rule {
        self.rules.get(scenario).unwrap_or(&self.unassigned)
    }

    /// Does the tenant have this scenario?
    pub fn has(&self, scenario: &ScenarioId) -> bool {
        self.rules.contains_key(scenario)
    }
}

fn policy(defaults: &PolicyConfig, allowed: Option<&BTreeSet<ExpertId>>) -> Policy {
    Policy {
        value: defaults.value_per_task,
        value_of_time: defaults.value_of_second,
        allowed: allowed.map(|set| set.iter().cloned().collect()),
        max_cost: None,
        min_quality: defaults.abstain_below,
        max_out_of_distribution: Some(defaults.out_of_distribution_above),
        assumed_latency: Nanos::new(1_000_000_000),
        exploration: Exploration::NONE,
    }
}

fn rule(scenario: &ScenarioConfig, base: &Policy, outer: Option<&BTreeSet<ExpertId>>) -> Rule {
    let mut policy = base.clone();
    if let Some(value) = scenario.value_per_accepted_task {
        policy.value = value;
    }
    if let Some(own) = &scenario.allowed_experts {
        policy.allowed = Some(match outer {
            None => own.iter().cloned().collect(),
            Some(outer) => outer.iter().filter(|e| own.contains(e)).cloned().collect(),
        });
    }
    let allowed = scenario.allowed_experts.iter().flatten();
    let judging = scenario.judge.iter();
    let judging = judging.flat_map(|judge| [Some(&judge.expert), judge.against.as_ref()]);
    let judging = judging.flatten();
    Rule {
        name: scenario.name.clone(),
        policy,
        task: scenario.task.clone(),
        workflow: scenario.workflow.clone(),
        judge: scenario.judge.clone().map(Arc::new),
        verifier: scenario.verifier.clone().map(Arc::new),
        named: allowed.chain(judging).cloned().collect(),
    }
}
