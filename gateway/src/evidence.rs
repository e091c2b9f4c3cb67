//! Judged requests with the features that were kept of them: what a gate can learn from and be judged on.

use gate_learn::retrain::Lesson;
use ledger_store::{CaptureStore, JudgedQuery, JudgedRequest, Judgement, Store, StoreError};
use router::Captured;
use units::{TenantId, Timestamp};

/// Requests read at a time.
const PAGE: u32 = 1_000;

/// One judged request.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The request with its decision.
    pub judged: JudgedRequest,
    /// The judgement that counts.
    pub verdict: Judgement,
    /// What the gate read.
    pub features: Captured,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Judged requests with features, in the order of their arrival.
    pub evidence: Vec<Evidence>,
    /// Judged requests of which no features are kept.
    pub without_features: usize,
    /// Judged requests whose features follow other rules than this program's, or are damaged.
    pub unreadable: usize,
}

/// Reads what was judged since an instant, of these tenants or of all.
///
/// # Errors
/// A store does not answer.
pub async fn read(
    store: &dyn Store,
    captures: &dyn CaptureStore,
    tenants: &[TenantId],
    since: Timestamp,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let query = JudgedQuery {
            tenant: None,
            since,
            after,
            limit: PAGE,
        };
        let page = store.judged(query).await?;
        let whole = page.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        after = page.last().map(|judged| judged.request);
        for judged in page {
            if !tenants.is_empty() && !tenants.contains(&judged.tenant) {
                continue;
            }
            add(captures, judged, &mut found).await?;
        }
        if !whole {
            return Ok(found);
        }
    }
}

async fn add(
    captures: &dyn CaptureStore,
    judged: JudgedRequest,
    found: &mut Found,
) -> Result<(), StoreError> {
    let tenant = judged.tenant.clone();
    let kept = captures.features(tenant, vec![judged.decision.id]).await?;
    let Some(bytes) = kept.into_iter().next().flatten() else {
        found.without_features = found.without_features.saturating_add(1);
        return Ok(());
    };
    match (Captured::from_bytes(&bytes), judged.verdict()) {
        (Ok(features), Some(verdict)) => found.evidence.push(Evidence {
            judged,
            verdict,
            features,
        }),
        _ => found.unreadable = found.unreadable.saturating_add(1),
    }
    Ok(())
}

impl Evidence {
    /// The score in `[0, 1]`.
    pub fn score(&self) -> f64 {
        f64::from(self.verdict.score.get()) / 1e6
    }

    /// What a gate learns from it.
    pub fn lesson(&self) -> Lesson {
        #[expect(clippy::cast_possible_truncation, reason = "a score needs no 64 bits")]
        let quality = self.score() as f32;
        Lesson {
            features: self.features.clone(),
            scenario: self.judged.scenario.clone(),
            expert: self.judged.answered_by.clone(),
            quality,
            output_tokens: self.judged.output_tokens.map(units::Tokens::get),
            candidates: self
                .judged
                .decision
                .candidates
                .iter()
                .map(|row| row.expert.clone())
                .collect(),
        }
    }
}
