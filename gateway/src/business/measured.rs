//! What the ledger says of a scenario: cost per task by the day, how much of it is known, how many answers were accepted, and
//! how outcomes come back.

use std::collections::BTreeMap;

use economics::agreement::Agreement;
use economics::forecast::Day;
use economics::readiness::Feedback;
use ledger::{OutcomeSource, Ppm};
use ledger_store::{Judgements, Paired, ScenarioSummary, Span, Store, StoreError};
use units::{Bucket, Pico, ScenarioId, TenantId, Timestamp};

use super::share;

/// Days that count.
const DAYS: i64 = 30;

/// The score that accepts where a scenario says nothing.
const USUAL: f32 = 0.5;

fn ppm(score: f32) -> Ppm {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a configured score lies between 0 and 1"
    )]
    let parts = (f64::from(score).clamp(0.0, 1.0) * 1e6).round() as u32;
    Ppm::new(parts)
}

/// What was measured of one scenario in the last 30 days.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Cost, latency and requests; `None` without traffic.
    pub summary: Option<ScenarioSummary>,
    /// Loaded cost and requests of each day.
    pub days: Vec<Day>,
    /// Loaded cost of a request.
    pub cost_per_task: f64,
    /// Share of attempts of known cost, of those that are settled.
    pub known_cost: f64,
    /// Who judged best, and what they said.
    pub judged: Option<Judgement>,
    /// Judgements of every source.
    pub judgements: Vec<Judgements>,
    /// What a judge says beside what others say of the same answers.
    pub agreements: Vec<(OutcomeSource, Agreement)>,
    /// How outcomes come back.
    pub feedback: Feedback,
}

/// Judgements of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Who judged.
    pub source: OutcomeSource,
    /// Requests.
    pub count: u64,
    /// Of them accepted.
    pub accepted: u64,
}

/// The source to believe: known answers before a checking program, and that before the person who asked. The word of a
/// model that judges decides nothing by itself: it is held against the others and corrected by them.
pub fn judged_of(judgements: &[Judgements]) -> Option<Judgement> {
    let order = [
        OutcomeSource::Gold,
        OutcomeSource::Verifier,
        OutcomeSource::User,
    ];
    let found = order.into_iter().find_map(|source| {
        judgements
            .iter()
            .find(|one| one.source == source && one.count > 0)
    })?;
    Some(Judgement {
        source: found.source,
        count: found.count,
        accepted: found.accepted,
    })
}

/// An amount for statistics: a forecast is no book.
pub(super) fn units(amount: Pico) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "forecasts are statistics")]
    let units = amount.get() as f64 / Pico::UNIT.get() as f64;
    units
}

/// Every scenario of a tenant that is configured or had requests.
pub(super) async fn of(
    store: &dyn Store,
    tenant: &TenantId,
    configured: &BTreeMap<ScenarioId, f32>,
    now: Timestamp,
) -> Result<BTreeMap<ScenarioId, Measured>, StoreError> {
    let to = Bucket::of(now).next();
    // Whole days of UTC, so that the rollups by the day serve.
    let today = to.index().saturating_sub(1).div_euclid(96);
    let from = Bucket::from_index(today.saturating_sub(DAYS).saturating_mul(96));
    let span = Span { from, to };
    let mut all: BTreeMap<ScenarioId, Measured> = configured
        .keys()
        .map(|scenario| (scenario.clone(), Measured::default()))
        .collect();
    for summary in store.scenario_summaries(Some(tenant.clone()), span).await? {
        let one = all.entry(summary.scenario.clone()).or_default();
        let cost = &summary.cost;
        one.known_cost = share(cost.known, cost.known.saturating_add(cost.unknown));
        #[expect(clippy::cast_precision_loss, reason = "forecasts are statistics")]
        let requests = summary.requests.max(1) as f64;
        one.cost_per_task = units(cost.loaded) / requests;
        one.summary = Some(summary);
    }
    days(store, tenant, span, &mut all).await?;
    judged(store, tenant, configured, span, &mut all).await?;
    Ok(all)
}

/// Loaded cost and requests by scenario and day; days without requests carry no cost per task.
async fn days(
    store: &dyn Store,
    tenant: &TenantId,
    span: Span,
    all: &mut BTreeMap<ScenarioId, Measured>,
) -> Result<(), StoreError> {
    let mut days: BTreeMap<(ScenarioId, i64), (Pico, u64)> = BTreeMap::new();
    for cell in store.costs(Some(tenant.clone()), span, 96).await? {
        if let Some((_, scenario)) = cell.payer {
            let day = days.entry((scenario, cell.start.index())).or_default();
            day.0 = [day.0, cell.amount].into_iter().sum();
        }
    }
    for cell in store.traffic(tenant.clone(), span, 96).await? {
        let day = days.entry((cell.scenario, cell.start.index())).or_default();
        day.1 = day.1.saturating_add(cell.requests);
    }
    for ((scenario, _), (cost, tasks)) in days {
        if tasks > 0 {
            all.entry(scenario).or_default().days.push(Day {
                cost: units(cost).max(0.0),
                tasks,
            });
        }
    }
    Ok(())
}

async fn judged(
    store: &dyn Store,
    tenant: &TenantId,
    configured: &BTreeMap<ScenarioId, f32>,
    span: Span,
    all: &mut BTreeMap<ScenarioId, Measured>,
) -> Result<(), StoreError> {
    // One question for each score that accepts: most tenants have one.
    let mut by_least: BTreeMap<u32, Vec<&ScenarioId>> = BTreeMap::new();
    for scenario in all.keys() {
        let least = ppm(configured.get(scenario).copied().unwrap_or(USUAL));
        by_least.entry(least.get()).or_default().push(scenario);
    }
    let mut found: BTreeMap<ScenarioId, Vec<Judgements>> = BTreeMap::new();
    let mut pairs: Vec<Paired> = Vec::new();
    for (least, scenarios) in by_least {
        let rows = store
            .judgements(tenant.clone(), span, Ppm::new(least))
            .await?;
        for row in rows {
            if scenarios.contains(&&row.scenario) {
                found.entry(row.scenario.clone()).or_default().push(row);
            }
        }
        let rows = store.paired(tenant.clone(), span, Ppm::new(least)).await?;
        let own = rows.into_iter();
        pairs.extend(own.filter(|row| scenarios.contains(&&row.scenario)));
    }
    for pair in pairs {
        let agreement = Agreement {
            both: pair.both,
            only_people: pair.only_people,
            only_judge: pair.only_judge,
            neither: pair.neither,
        };
        let one = all.entry(pair.scenario).or_default();
        one.agreements.push((pair.source, agreement));
    }
    for (scenario, rows) in found {
        let one = all.entry(scenario).or_default();
        one.judged = judged_of(&rows);
        let most = rows.iter().max_by_key(|row| row.in_time);
        let requests = one.summary.as_ref().map_or(0, |summary| summary.requests);
        if let Some(most) = most {
            one.feedback = Feedback {
                requests,
                joined: most.in_time.min(requests),
                with_reason: most.reasoned.min(most.in_time),
                // Exploration routes some requests at random.
                holdout: false,
            };
        }
        one.judgements = rows;
    }
    Ok(())
}
