//! Keeps the books: a local journal that loses no answered request, and the store it is moved to, with
//! rollups for every page. The only crate with SQL. It must not know of HTTP, of prompts or of secrets.

mod backstage;
mod capture;
mod details;
mod error;
mod events;
mod finance;
mod journal;
mod judged;
mod keys;
mod plugins;
mod postgres;
mod report;
mod sql;
mod sqlite;
mod store;

pub use capture::{CaptureRecord, CaptureStore, CaptureUsage, Forget, ShadowRecord, ShadowSummary};
pub use details::{
    AttemptLine, CostRow, Details, Judgements, Paired, PoolTime, PostedLine, RequestDetail,
    RequestLine, RequestsWanted, TaggedCost, Traffic,
};
pub use error::{JournalError, StoreError};
pub use finance::{
    AuditEntry, AuditOf, Author, CaseRecord, Corrected, Correction, Finance, Instead, Invoice,
    Note, PeriodRecord, PeriodState, UnitPriced, VerdictRecord,
};
pub use journal::{Journal, JournalConfig, JournalStatus};
pub use judged::{Judged, JudgedQuery, JudgedRequest, Judgement};
pub use keys::{ApiKey, KeyStore};
pub use plugins::{PluginQuota, PluginScope, PluginStore, PluginWrite, StepRecord, Written};
pub use report::{
    CostSummary, ExpertCount, ExpertSummary, QualitySummary, Reports, ScenarioSummary, SeriesPoint,
    Span, Spend, TakeCharge,
};
pub use sql::SqlStore;
pub use sqlite::{SqliteCaptures, SqlitePlugins};
pub use store::{
    Applied, EventBatch, LedgerStore, Pricing, SettleReport, Store, StoreFuture, VerifyReport,
};
