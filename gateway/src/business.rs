//! What a scenario is worth: its case, which people put, joined with what the ledger measured, judged by the policy, and kept
//! as a verdict that nobody changes afterwards.

mod case;
mod measured;

use std::collections::BTreeMap;
use std::sync::Arc;

use economics::case::{Assessment, Case, Compared};
use economics::forecast::{Spread, Uncertain};
use economics::readiness::{Level, LoopPolicy, Readiness};
use economics::scenario::{Factor, Scenario};
use economics::sizing::Sizes;
use economics::verdict::{Policy, Verdict};
use ledger_store::{Author, CaseRecord, Store, VerdictRecord};
use moka::sync::Cache;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde::Serialize;
use sha2::{Digest, Sha256};
use units::{ScenarioId, TenantId, Timestamp};

pub use case::{Answer, BusinessCase};
pub use measured::{Measured, judged_of};

/// Seed of the draws, so that the same numbers always get the same verdict.
const SEED: u64 = 20_261_127;

/// Draws behind the band of cash on a page.
const BAND_DRAWS: usize = 2_000;
/// Judged cases that are kept: the same numbers come to the same.
const KEPT: u64 = 1_000;

/// Judges cases, and remembers what it came to.
#[derive(Debug, Clone)]
pub struct Judge {
    judged: Cache<JudgeKey, Arc<Judged>>,
    sized: Cache<JudgeKey, Arc<Sizes>>,
}

/// A case as it stands: the tenant, and a hash of everything it is judged by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct JudgeKey {
    tenant: TenantId,
    hash: [u8; 32],
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            judged: Cache::new(KEPT),
            sized: Cache::new(KEPT),
        }
    }
}

/// A scenario judged as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The tenant.
    pub tenant: TenantId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// The case with its version; `None` where nobody put one.
    pub case: Option<(CaseRecord, BusinessCase)>,
    /// What the ledger says.
    pub measured: Measured,
    /// What both come to; `None` without a case.
    pub judged: Option<Arc<Judged>>,
    /// What the pilots of its case say; `None` where it names none.
    pub sized: Option<Arc<Sizes>>,
    /// The verdicts given so far, oldest first.
    pub verdicts: Vec<VerdictRecord>,
}

/// What a case comes to.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// Everything that went in.
    pub input: Case,
    /// What came out.
    pub assessment: Assessment,
    /// The middle 80 % of the cumulative cash of each month.
    pub cash: Vec<economics::Span>,
    /// The policy it was judged by.
    pub policy: Policy,
}

/// Why a scenario cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum BusinessError {
    /// The case is not what a case is.
    #[error("the case is wrong: {0}")]
    Case(String),
    /// A number of it cannot be.
    #[error("the case is wrong: {0}")]
    Number(#[from] economics::EconomicsError),
    /// Nobody put a case.
    #[error("scenario {0} has no case: put one with `moegate scenario case put`")]
    None(ScenarioId),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] ledger_store::StoreError),
}

/// Every scenario of a tenant that has traffic, a case, or a place in the configuration.
///
/// # Errors
/// The store does not answer, or a case that it holds is wrong.
pub async fn standings(
    judge: &Judge,
    store: &dyn Store,
    tenant: &TenantId,
    configured: &BTreeMap<ScenarioId, f32>,
    now: Timestamp,
) -> Result<Vec<Standing>, BusinessError> {
    let mut measured = measured::of(store, tenant, configured, now).await?;
    let mut cases = BTreeMap::new();
    for record in store.cases(Some(tenant.clone())).await? {
        measured.entry(record.scenario.clone()).or_default();
        cases.insert(record.scenario.clone(), record);
    }
    let mut verdicts: BTreeMap<ScenarioId, Vec<VerdictRecord>> = BTreeMap::new();
    for verdict in store.verdicts(Some(tenant.clone())).await? {
        verdicts
            .entry(verdict.scenario.clone())
            .or_default()
            .push(verdict);
    }
    let mut standings = Vec::with_capacity(measured.len());
    for (scenario, measured) in measured {
        let case = match cases.remove(&scenario) {
            None => None,
            Some(record) => {
                let case = BusinessCase::from_json(&record.body)?;
                Some((record, case))
            }
        };
        let verdicts = verdicts.remove(&scenario).unwrap_or_default();
        let judged = match &case {
            None => None,
            Some((_, case)) => {
                Some(judge.of((tenant, &scenario), case, &measured, last(&verdicts), now)?)
            }
        };
        let sized = match &case {
            None => None,
            Some((_, case)) => judge.sizes(tenant, case)?,
        };
        standings.push(Standing {
            tenant: tenant.clone(),
            scenario,
            case,
            measured,
            judged,
            sized,
            verdicts,
        });
    }
    Ok(standings)
}

/// Draws that are always the same.
fn draws() -> impl FnMut() -> u64 {
    let mut random = StdRng::seed_from_u64(SEED);
    move || random.next_u64()
}

/// The verdict that stands.
fn last(verdicts: &[VerdictRecord]) -> Option<Verdict> {
    match verdicts.last()?.verdict.as_str() {
        "invest" => Some(Verdict::Invest),
        "watch" => Some(Verdict::Watch),
        "stop" => Some(Verdict::Stop),
        _ => None,
    }
}

/// A verdict as it is written.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Invest => "invest",
        Verdict::Watch => "watch",
        Verdict::Stop => "stop",
    }
}

impl Judge {
    /// A scenario's case with what was measured; `standing` is the verdict it has.
    fn of(
        &self,
        (tenant, scenario): (&TenantId, &ScenarioId),
        case: &BusinessCase,
        measured: &Measured,
        standing: Option<Verdict>,
        now: Timestamp,
    ) -> Result<Arc<Judged>, BusinessError> {
        let input = joined(scenario, case, measured, now)?;
        let policy = case.policy.clone().unwrap_or_default();
        let key = JudgeKey {
            tenant: tenant.clone(),
            hash: Sha256::digest(format!("{} {standing:?}", hashed(&input, &policy))).into(),
        };
        if let Some(known) = self.judged.get(&key) {
            return Ok(known);
        }
        let mut draws = draws();
        let judged = Arc::new(Judged {
            assessment: input.assess(&policy, standing, &mut draws)?,
            cash: input.money.cash_bands(BAND_DRAWS, &mut draws)?,
            input,
            policy,
        });
        self.judged.insert(key, Arc::clone(&judged));
        Ok(judged)
    }

    /// What the pilots of a case say.
    fn sizes(
        &self,
        tenant: &TenantId,
        case: &BusinessCase,
    ) -> Result<Option<Arc<Sizes>>, BusinessError> {
        let Some(sizing) = &case.sizing else {
            return Ok(None);
        };
        let text = serde_json::to_string(sizing).unwrap_or_default();
        let key = JudgeKey {
            tenant: tenant.clone(),
            hash: Sha256::digest(text).into(),
        };
        if let Some(known) = self.sized.get(&key) {
            return Ok(Some(known));
        }
        let sized = Arc::new(sizing.ask(&mut draws())?);
        self.sized.insert(key, Arc::clone(&sized));
        Ok(Some(sized))
    }
}

/// SHA-256 of what a verdict is made of, hex.
fn hashed(input: &Case, policy: &Policy) -> String {
    let input = serde_json::to_string(input).unwrap_or_default();
    let policy = serde_json::to_string(policy).unwrap_or_default();
    hex::encode(Sha256::digest(format!("{input}\n{policy}\n{SEED}")))
}

/// The case with what was measured in the place of what was not.
fn joined(
    scenario: &ScenarioId,
    case: &BusinessCase,
    measured: &Measured,
    now: Timestamp,
) -> Result<Case, BusinessError> {
    let (judged, accepted) = measured
        .judged
        .map_or((0, 0), |judged| (judged.count, judged.accepted));
    let ours = share(accepted, judged);
    let mut spreads = case.spreads()?;
    if !measured.days.is_empty() {
        spreads.push((Factor::GatewayCost, Spread::Measured(measured.days.clone())));
    }
    if judged > 0 {
        let wrong = judged.saturating_sub(accepted);
        spreads.push((
            Factor::GatewayError,
            Spread::Counted {
                hits: wrong,
                cases: judged,
            },
        ));
    }
    let money = Uncertain {
        scenario: Scenario {
            volume: case.baseline.tasks_per_month * case.adoption,
            realisation: case.realisation,
            human_cost: case.cost_of_person(now)?,
            human_error: case.baseline.error,
            loss_per_error: case.baseline.loss_per_error,
            gateway_cost: measured.cost_per_task,
            review_rate: case.review_rate,
            review_cost: case.review_cost,
            // Before anything was judged, half of it may be wrong: no case is won by not looking.
            gateway_error: if judged > 0 { 1.0 - ours } else { 0.5 },
            fixed: case.fixed,
            investment: case.investment.clone(),
            annual_rate: case.annual_rate,
            months: case.months,
        }
        .checked()?,
        spreads,
    };
    Ok(Case {
        id: scenario.to_string(),
        question: case.question.clone(),
        sources: vec![
            format!("case of {}", case.owner),
            "the ledger's last 30 days".to_owned(),
        ],
        money,
        quality: Compared {
            ours,
            baseline: 1.0 - case.baseline.error,
            cases: judged.min(case.baseline.cases),
        },
        readiness: Readiness {
            task_path: level(&case.task_path)?,
            reasoning_path: level(&case.reasoning_path)?,
            closed_loop: measured.feedback.level(&LoopPolicy::default()),
        },
        known_cost: measured.known_cost,
    })
}

fn level(answer: &Answer) -> Result<Level, BusinessError> {
    Ok(Level::new(answer.level)?)
}

/// A share of a whole; 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "shares are statistics")]
    let share = part as f64 / whole as f64;
    share
}

/// Records the verdict on a scenario as it stands; `None` where the same was recorded last from the same numbers.
///
/// # Errors
/// There is no case, or the store does not answer.
pub async fn record(
    store: &dyn Store,
    standing: &Standing,
    by: Author,
) -> Result<Option<VerdictRecord>, BusinessError> {
    let (Some(judged), Some((case, _))) = (&standing.judged, &standing.case) else {
        return Err(BusinessError::None(standing.scenario.clone()));
    };
    let inputs = hashed(&judged.input, &judged.policy);
    if standing
        .verdicts
        .last()
        .is_some_and(|last| last.inputs == inputs)
    {
        return Ok(None);
    }
    let body = Recorded {
        case_version: case.version,
        seed: SEED,
        judged: judged.as_ref().clone(),
    };
    let mut verdict = VerdictRecord {
        tenant: standing.tenant.clone(),
        scenario: standing.scenario.clone(),
        number: 0,
        by,
        verdict: word(judged.assessment.judgement.verdict).to_owned(),
        inputs,
        body: serde_json::to_string(&body).unwrap_or_default(),
    };
    verdict.number = store.put_verdict(verdict.clone()).await?;
    Ok(Some(verdict))
}

/// What is kept of a verdict: enough to make it again.
#[derive(Serialize)]
struct Recorded {
    case_version: u64,
    seed: u64,
    #[serde(flatten)]
    judged: Judged,
}

/// The scenarios of a configured tenant, each with the score from which an outcome is accepted.
pub fn configured(config: &crate::config::Config, tenant: &TenantId) -> BTreeMap<ScenarioId, f32> {
    let tenant = config.tenants.iter().find(|one| one.id == *tenant);
    let scenarios = tenant.map_or(&[][..], |tenant| &tenant.scenarios);
    scenarios
        .iter()
        .map(|scenario| (scenario.id.clone(), scenario.acceptance_threshold))
        .collect()
}
