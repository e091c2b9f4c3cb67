//! What is kept of requests so that a gate can learn from them: features without text, and what a gate in the shadow
//! would have chosen. It lives apart from the books: only of tenants that agree, for a time, and it can be deleted.

use std::fmt::Debug;
use std::sync::Arc;

use ledger::Ppm;
use units::{DecisionId, ExpertId, TenantId, Timestamp};

use crate::StoreFuture;

/// The features of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRecord {
    /// Whose request.
    pub tenant: TenantId,
    /// The decision it led to.
    pub decision: DecisionId,
    /// When it came; says when it is old.
    pub at: Timestamp,
    /// The router's bytes, which hold no text.
    pub features: Vec<u8>,
}

/// What a gate in the shadow would have done, beside what the live one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowRecord {
    /// Whose request.
    pub tenant: TenantId,
    /// The decision of the live gate.
    pub decision: DecisionId,
    /// When it was made.
    pub at: Timestamp,
    /// The live gate.
    pub live: Arc<str>,
    /// Its choice.
    pub live_choice: ExpertId,
    /// The gate in the shadow.
    pub shadow: Arc<str>,
    /// Its choice.
    pub choice: ExpertId,
    /// What it expects of its choice.
    pub quality: Ppm,
    /// What it expects of the live gate's choice.
    pub live_quality: Ppm,
}

/// How often a gate in the shadow was asked, and how often it agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShadowSummary {
    /// Decisions.
    pub decisions: u64,
    /// Of them, those with the live gate's choice.
    pub same: u64,
    /// Choices that differ: the live one, the shadow's, how often; most often first.
    pub changes: Vec<(ExpertId, ExpertId, u64)>,
}

/// What is kept of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureUsage {
    /// The tenant.
    pub tenant: TenantId,
    /// Requests with features.
    pub captures: u64,
    /// Bytes of features.
    pub bytes: u64,
    /// Decisions of gates in the shadow.
    pub shadows: u64,
    /// The oldest of them.
    pub oldest: Timestamp,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// Everything of the tenant.
    All,
    /// Everything older than an instant.
    Before(Timestamp),
    /// One request, by its decision.
    Decision(DecisionId),
}

/// Keeps captured features. The tenant is part of every key.
pub trait CaptureStore: Send + Sync + Debug {
    /// Keeps what is new, in one transaction; what is there already stays as it is.
    fn keep(&self, captures: Vec<CaptureRecord>, shadows: Vec<ShadowRecord>)
    -> StoreFuture<'_, ()>;

    /// The features of a tenant's decisions, in the order asked; `None` where nothing is kept.
    fn features(
        &self,
        tenant: TenantId,
        decisions: Vec<DecisionId>,
    ) -> StoreFuture<'_, Vec<Option<Vec<u8>>>>;

    /// How a gate did in the shadow, for one tenant or all.
    fn shadowed(&self, tenant: Option<TenantId>, shadow: String) -> StoreFuture<'_, ShadowSummary>;

    /// Forgets, so that the bytes are gone from the file too; how many records went.
    fn forget(&self, tenant: TenantId, what: Forget) -> StoreFuture<'_, u64>;

    /// What is kept, by tenant.
    fn usage(&self) -> StoreFuture<'_, Vec<CaptureUsage>>;
}
