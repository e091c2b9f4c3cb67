//! What plugins keep between calls, and the recorded steps of workflows. Apart from the books, in a place of its own.

use std::fmt::Debug;

use units::{RequestId, TenantId, Timestamp};

use crate::StoreFuture;

/// Whose values: one plugin of one tenant. Nobody else's can be named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginScope {
    /// The tenant.
    pub tenant: TenantId,
    /// The plugin's name.
    pub plugin: String,
}

/// How much a plugin may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginQuota {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Done,
    /// The value was another than the old one.
    Other,
    /// There is no room.
    Full,
}

/// A value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginWrite {
    /// The key.
    pub key: String,
    /// The value; `None` removes.
    pub value: Option<Vec<u8>>,
    /// When it is forgotten.
    pub expires: Option<Timestamp>,
    /// What must be there for it to be written: `Some(None)` is nothing, `None` is anything.
    pub only_if: Option<Option<Vec<u8>>>,
}

/// A recorded step of a workflow's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// Whose.
    pub scope: PluginScope,
    /// The run: the same for a request that is tried again.
    pub run: String,
    /// The step.
    pub key: String,
    /// Its result.
    pub value: String,
    /// When.
    pub at: Timestamp,
    /// The request that took it.
    pub request: RequestId,
}

/// Keeps plugins' values and steps.
pub trait PluginStore: Debug + Send + Sync {
    /// A value that has not expired.
    fn value(
        &self,
        scope: PluginScope,
        key: String,
        now: Timestamp,
    ) -> StoreFuture<'_, Option<Vec<u8>>>;

    /// Writes, replaces or removes a value, within the quota.
    fn write(
        &self,
        scope: PluginScope,
        write: PluginWrite,
        quota: PluginQuota,
        now: Timestamp,
    ) -> StoreFuture<'_, Written>;

    /// Keys with that beginning, in order, at most so many.
    fn keys(
        &self,
        scope: PluginScope,
        prefix: String,
        limit: u32,
        now: Timestamp,
    ) -> StoreFuture<'_, Vec<String>>;

    /// What a step of a run gave.
    fn step(&self, scope: PluginScope, run: String, key: String)
    -> StoreFuture<'_, Option<String>>;

    /// Records a step; of two of the same key the first counts.
    fn record_step(&self, step: StepRecord) -> StoreFuture<'_, ()>;

    /// Steps of a tenant since an instant, in the order of their runs.
    fn steps(&self, tenant: TenantId, since: Timestamp) -> StoreFuture<'_, Vec<StepRecord>>;

    /// Deletes values that have expired; says how many.
    fn sweep(&self, now: Timestamp) -> StoreFuture<'_, u64>;
}
