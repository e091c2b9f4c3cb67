//! What every store does for the ledger, whatever database stands behind it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::Pin;

use ledger::{IdlePolicy, LedgerEvent, RateBook};
use units::{PoolId, RequestId, TenantId, Timestamp};
use uuid::Uuid;

use crate::{Details, Finance, Judged, KeyStore, Reports, StoreError};

/// The answer of a store, later.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Writes the books. Every method is one transaction: it happens as a whole or not at all.
pub trait LedgerStore: Send + Sync + Debug {
    /// Posts a batch of the journal and remembers how far the segment is read. Events that are there
    /// already change nothing, so that a batch may come again.
    fn apply(&self, batch: EventBatch) -> StoreFuture<'_, Applied>;

    /// How many bytes of a journal segment are posted; 0 for one never seen.
    fn applied_bytes(&self, segment: Uuid) -> StoreFuture<'_, u64>;

    /// Makes everything posted safe against loss of power, then forgets a segment that is about to be deleted.
    fn forget_segment(&self, segment: Uuid) -> StoreFuture<'_, ()>;

    /// Closes the window of every pool up to its last sample: the pool's bill since its last window becomes
    /// lines. Attempts that ended later wait for the next window.
    fn settle(&self, now: Timestamp) -> StoreFuture<'_, SettleReport>;

    /// Proves the books on one consistent view: every window's lines are its bill, rollups are their rows,
    /// every attempt is counted once.
    fn verify(&self) -> StoreFuture<'_, VerifyReport>;

    /// Whose request it is; `None` when it is not posted (yet).
    fn request_tenant(&self, request: RequestId) -> StoreFuture<'_, Option<TenantId>>;
}

/// Everything a gateway asks of its store.
pub trait Store: LedgerStore + KeyStore + Reports + Judged + Finance + Details {}

impl<T: LedgerStore + KeyStore + Reports + Judged + Finance + Details> Store for T {}

/// What a store needs to know of money.
#[derive(Debug, Clone)]
pub struct Pricing {
    /// The price lists.
    pub rates: RateBook,
    /// Who carries the idle time of a pool; [`IdlePolicy::Separate`] where nothing is said.
    pub idle: BTreeMap<PoolId, IdlePolicy>,
}

/// A piece of a journal segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBatch {
    /// Which segment.
    pub segment: Uuid,
    /// Up to which byte it is posted with this batch.
    pub end: u64,
    /// The events, in the order they were written.
    pub events: Vec<LedgerEvent>,
}

/// What a batch changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Requests that were new.
    pub requests: u64,
    /// Attempts that were new.
    pub attempts: u64,
    /// New attempts that wait for a window of their pool.
    pub pool_attempts: u64,
    /// Outcomes that were new.
    pub outcomes: u64,
    /// Events that were there already.
    pub repeated: u64,
    /// Outcomes of requests that do not exist or are another tenant's.
    pub refused: u64,
}

/// What closing windows did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SettleReport {
    /// Windows closed.
    pub windows: u64,
    /// Attempts that got their line.
    pub attempts: u64,
    /// Lines posted.
    pub lines: u64,
}

/// The result of a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Requests seen.
    pub requests: u64,
    /// Attempts seen.
    pub attempts: u64,
    /// Attempts of pools that wait for their window.
    pub pending: u64,
    /// Attempts whose request is not there: it is under way, or was lost.
    pub orphans: u64,
    /// Lines seen.
    pub lines: u64,
    /// Lines without an amount.
    pub unknown: u64,
    /// Windows seen.
    pub windows: u64,
    /// Sum of all windows' bills.
    pub pool_cost: units::Pico,
    /// Of it, the lines of attempts and loading.
    pub pool_used: units::Pico,
    /// Of it, the idle lines.
    pub pool_idle: units::Pico,
    /// What does not hold, at most 100 sentences. Empty is proven.
    pub breaks: Vec<String>,
}

impl VerifyReport {
    /// Do the books hold?
    pub fn holds(&self) -> bool {
        self.breaks.is_empty()
    }
}
