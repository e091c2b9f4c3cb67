//! Judges a version on requests it has not learned from, makes it the live one, or puts the one before back.

use gate_learn::promotion::{Bar, Case, CaseOption, Policies, Verdict, judge};
use ledger_store::{CaptureStore, Store, StoreError};
use router::{Decision, Gate, GateError, Package, Platt, Scratch};
use units::Timestamp;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::evidence::{self, Evidence};
use crate::gates::{Action, Entry, Registry, RegistryError, Role, Version};
use crate::replay::{Remembered, replay};
use crate::retraining::live_folder;
use crate::tenants::Tenants;

/// Why a version is not made the live one, or cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// The books or the captures do not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry, or a package in it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A package.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// It has not shown that it is better; every reason is named.
    #[error("version {version} is refused: {}", reasons(verdict))]
    Refused {
        /// Which.
        version: Version,
        /// What was found.
        verdict: Box<Verdict>,
    },
    /// Nothing was promoted before.
    #[error("nothing to roll back: the configured gate is live")]
    Nothing,
}

fn reasons(verdict: &Verdict) -> String {
    let reasons: Vec<String> = verdict.refusals.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// What is needed to judge.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The experts on offer.
    pub catalog: &'a Catalog,
    /// The tenants' rules.
    pub tenants: &'a Tenants,
    /// The books.
    pub store: &'a dyn Store,
    /// The captured features.
    pub captures: &'a dyn CaptureStore,
}

/// Judges a version against the live gate and a lookup table.
///
/// # Errors
/// A store does not answer, or a package cannot be used.
pub async fn verdict(
    bench: &Bench<'_>,
    registry: &Registry,
    version: &Version,
    bar: &Bar,
) -> Result<Verdict, PromotionError> {
    let lineage = registry.lineage(version)?;
    let candidate = registry.load(version)?;
    let live = Gate::load(&live_folder(bench.config, registry)?)?;
    let lookup = lookup_of(&registry.folder(version))?;
    let since = Timestamp::from_unix_nanos(lineage.since);
    let found = evidence::read(bench.store, bench.captures, &[], since).await?;
    let unseen = found.evidence.iter().filter(|one| {
        let judged = &one.judged;
        !lineage.may_have_seen(&judged.tenant, judged.started, one.features.digest)
    });
    let gates = Policies {
        live: &live,
        candidate: &candidate,
        lookup: &lookup,
    };
    let mut scratch = Scratch::new();
    let cases: Vec<Case> = unseen
        .filter_map(|one| case(bench, one, &gates, &mut scratch))
        .collect();
    let shadowed = bench
        .captures
        .shadowed(None, candidate.version().to_string())
        .await?
        .decisions;
    Ok(judge(&cases, shadowed, bar))
}

/// The lookup table alone of a candidate: what was seen of each expert on each slice, without the learned part.
fn lookup_of(folder: &std::path::Path) -> Result<Gate, GateError> {
    let (mut package, _) = Package::read(folder)?;
    package.manifest.prior.head_weight = 0.0;
    package.manifest.calibration.global = Platt::IDENTITY;
    package.manifest.calibration.domains.clear();
    Gate::from_package(&package)
}

/// One request as the three would decide it; `None` where it was no choice of a gate, or another expert answered.
fn case(
    bench: &Bench<'_>,
    one: &Evidence,
    gates: &Policies<&Gate>,
    scratch: &mut Scratch,
) -> Option<Case> {
    let judged = &one.judged;
    let decision = &judged.decision;
    if decision.reason == "pinned" || judged.answered_by != decision.chosen {
        return None;
    }
    let tenant = bench.tenants.get(&judged.tenant)?;
    let remembered = Remembered {
        tenant: &judged.tenant,
        decision: decision.id,
        scenario: &judged.scenario,
        features: &one.features,
        candidates: &decision.candidates,
    };
    let mut decide = |gate: &Gate| replay(gate, &remembered, tenant, bench.catalog, scratch).ok();
    let live = decide(gates.live)?;
    let candidate = decide(gates.candidate)?;
    let lookup = decide(gates.lookup)?;
    let value = float(tenant.rule(&judged.scenario).policy.value.get()).max(1.0);
    let rows = decision.candidates.iter();
    let options = rows.map(|row| CaseOption {
        propensity: f64::from(row.propensity.get()) / 1e6,
        cost: float(row.cost.unwrap_or_default().get()) / value,
        // The live gate's word: it leans to what is, so that a candidate gains nothing by its own.
        model: live
            .candidates
            .iter()
            .find(|known| known.expert == row.expert)
            .map_or(0.5, |known| f64::from(known.quality)),
    });
    let options = options.collect();
    let chosen = place(one, &decision.chosen)?;
    let of = |made: &Decision| {
        let rows = decision.candidates.iter();
        rows.map(|row| f64::from(u8::from(row.expert == made.chosen)))
            .collect()
    };
    Some(Case {
        options,
        chosen,
        score: one.score(),
        policies: Policies {
            live: of(&live),
            candidate: of(&candidate),
            lookup: of(&lookup),
        },
    })
}

fn place(one: &Evidence, expert: &units::ExpertId) -> Option<usize> {
    let candidates = &one.judged.decision.candidates;
    candidates.iter().position(|row| row.expert == *expert)
}

fn float(pico: i128) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no exact amount")]
    let float = pico as f64;
    float
}

/// Makes a version the live one, if it has shown that it is better, or for a reason that goes on record.
///
/// # Errors
/// It is refused, or the registry cannot be written; the live gate stays.
pub async fn promote(
    bench: &Bench<'_>,
    version: &Version,
    bar: &Bar,
    forced: Option<&str>,
    now: Timestamp,
) -> Result<Verdict, PromotionError> {
    let registry = Registry::of(bench.config);
    let verdict = verdict(bench, &registry, version, bar).await?;
    let before = registry.pointer(Role::Live)?;
    let entry = |action, forced: Option<&str>| Entry {
        at: now.unix_nanos(),
        action,
        version: Some(version.to_string()),
        before: before.as_ref().map(ToString::to_string),
        forced: forced.map(str::to_owned),
        evidence: serde_json::to_value(&verdict).ok(),
    };
    if !verdict.refusals.is_empty() && forced.is_none() {
        registry.note(&entry(Action::Refuse, None))?;
        return Err(PromotionError::Refused {
            version: version.clone(),
            verdict: Box::new(verdict),
        });
    }
    registry.point(Role::Live, Some(version))?;
    registry.note(&entry(Action::Promote, forced))?;
    if registry.pointer(Role::Shadow)?.as_ref() == Some(version) {
        registry.point(Role::Shadow, None)?;
    }
    Ok(verdict)
}

/// Puts back what was live before the last promotion that was not rolled back; `None` is the configured gate.
///
/// # Errors
/// Nothing was promoted, or the version cannot be loaded; the live gate stays.
pub fn roll_back(registry: &Registry, now: Timestamp) -> Result<Option<Version>, PromotionError> {
    let live = registry
        .pointer(Role::Live)?
        .ok_or(PromotionError::Nothing)?;
    let history = registry.history()?;
    let promoted = history.iter().rev().find(|entry| {
        entry.action == Action::Promote && entry.version.as_deref() == Some(live.as_str())
    });
    let before = promoted.and_then(|entry| entry.before.as_deref());
    let before = before.map(|name| registry.find(name)).transpose()?;
    registry.point(Role::Live, before.as_ref())?;
    registry.note(&Entry {
        at: now.unix_nanos(),
        action: Action::Rollback,
        version: before.as_ref().map(ToString::to_string),
        before: Some(live.to_string()),
        forced: None,
        evidence: None,
    })?;
    Ok(before)
}

/// Puts a version into the shadow of the live gate, or empties it.
///
/// # Errors
/// The version cannot be loaded, or the registry cannot be written.
pub fn shadow(
    registry: &Registry,
    version: Option<&Version>,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let before = registry.pointer(Role::Shadow)?;
    registry.point(Role::Shadow, version)?;
    registry.note(&Entry {
        at: now.unix_nanos(),
        action: if version.is_some() {
            Action::Shadow
        } else {
            Action::Unshadow
        },
        version: version.map(ToString::to_string),
        before: before.as_ref().map(ToString::to_string),
        forced: None,
        evidence: None,
    })
}
