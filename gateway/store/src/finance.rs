//! What finance people do with the books: close periods, take lines back, note what was billed, keep the cases of
//! scenarios and the verdicts on them. Nothing is changed in place, and everything leaves an entry in the audit log.

use std::fmt::Debug;

use ledger::{LineId, Meter, Month, RateId};
use units::{ExpertId, Pico, ProviderId, ScenarioId, TenantId, Timestamp};

use crate::{Span, StoreFuture};

/// Writes and reads what finance people add.
pub trait Finance: Send + Sync + Debug {
    /// Adds an entry to the audit log; its number.
    fn note(&self, note: Note) -> StoreFuture<'_, u64>;

    /// Entries of a tenant, or of everybody, latest first: at most `most` of those before entry `before`.
    fn audit(
        &self,
        of: AuditOf,
        before: Option<u64>,
        most: u32,
    ) -> StoreFuture<'_, Vec<AuditEntry>>;

    /// How each month stands that was ever changed, oldest first.
    fn periods(&self) -> StoreFuture<'_, Vec<PeriodRecord>>;

    /// Opens, soft-closes or closes a month. A close sums up its lines and chains them to the close before; what comes
    /// later for a closed month is posted after it, with the month it is about.
    ///
    /// Fails with `Refused` where the month has not ended, or is closed, or the months before it are not.
    fn set_period(
        &self,
        month: Month,
        state: PeriodState,
        by: Author,
    ) -> StoreFuture<'_, PeriodRecord>;

    /// Takes a line back and says who carries its amount, or what it was instead. Twice is once.
    ///
    /// Fails with `NotFound` without that line, `Refused` where the line cannot be corrected so.
    fn correct(&self, order: Correction) -> StoreFuture<'_, Corrected>;

    /// Lines that were priced by the unit and never taken back, of a span, after line `after`: at most `most`, by id.
    fn unit_priced(
        &self,
        span: Span,
        after: Option<LineId>,
        most: u32,
    ) -> StoreFuture<'_, Vec<UnitPriced>>;

    /// Puts a new version of a scenario's case; its number.
    fn put_case(
        &self,
        tenant: TenantId,
        scenario: ScenarioId,
        body: String,
        by: Author,
    ) -> StoreFuture<'_, u64>;

    /// The last version of each case of a tenant, or of all.
    fn cases(&self, tenant: Option<TenantId>) -> StoreFuture<'_, Vec<CaseRecord>>;

    /// Records a verdict; its number.
    fn put_verdict(&self, verdict: VerdictRecord) -> StoreFuture<'_, u64>;

    /// The verdicts on a tenant's scenarios, or on all, by scenario and number.
    fn verdicts(&self, tenant: Option<TenantId>) -> StoreFuture<'_, Vec<VerdictRecord>>;

    /// Notes what was billed.
    fn put_invoice(&self, invoice: Invoice, by: Author) -> StoreFuture<'_, ()>;

    /// What was billed, the last of each subject and month.
    fn invoices(&self) -> StoreFuture<'_, Vec<Invoice>>;
}

/// Who does something, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A key's id, a token's subject or the user of a command line.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// Whose entries are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOf {
    /// Everybody's, the platform's too.
    All,
    /// One tenant's.
    Tenant(TenantId),
}

/// Something to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whose business it is; `None` is the platform's.
    pub tenant: Option<TenantId>,
    /// Who and when.
    pub by: Author,
    /// What was done, such as `period.close`.
    pub action: String,
    /// With what.
    pub object: String,
    /// What stood there before.
    pub before: Option<String>,
    /// What stands there now.
    pub after: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1.
    pub id: u64,
    /// What it says.
    pub note: Note,
    /// SHA-256 over the entry and the hash of the entry before.
    pub hash: [u8; 32],
}

/// How a month stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodState {
    /// Everything is posted to it.
    Open,
    /// Under review: late events still belong to it, but its figures are about to be final.
    SoftClosed,
    /// Final.
    Closed,
}

impl PeriodState {
    /// Its name in commands and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SoftClosed => "soft-closed",
            Self::Closed => "closed",
        }
    }

    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Open => 1,
            Self::SoftClosed => 2,
            Self::Closed => 3,
        }
    }

    pub(crate) const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Open),
            2 => Some(Self::SoftClosed),
            3 => Some(Self::Closed),
            _ => None,
        }
    }
}

/// A month and what was in it when its state changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodRecord {
    /// Which.
    pub month: Month,
    /// How it stands.
    pub state: PeriodState,
    /// Since when.
    pub at: Timestamp,
    /// Lines in it.
    pub lines: u64,
    /// Of them, those without an amount.
    pub unknown: u64,
    /// Attempts of it that still waited for their pool's window.
    pub pending: u64,
    /// The sum of the amounts.
    pub amount: Pico,
    /// Of a close: SHA-256 over the hash of the close before and every line.
    pub hash: Option<[u8; 32]>,
}

/// A line to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Which line.
    pub line: LineId,
    /// What stands in its place.
    pub instead: Instead,
    /// Who, when, why.
    pub by: Author,
}

/// What stands in the place of a line that is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// The platform carries the amount.
    Platform,
    /// A scenario of a tenant carries the amount.
    Tenant(TenantId, ScenarioId),
    /// It was another amount. Only for what is priced by the unit: a pool's lines sum up to its bill.
    Amount(Pico),
    /// The same at another price of the list.
    Rated(Pico, RateId),
}

/// A line that was priced by the unit, with what its price depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPriced {
    /// The line.
    pub line: LineId,
    /// Who charges.
    pub provider: ProviderId,
    /// The expert.
    pub expert: ExpertId,
    /// What was counted.
    pub meter: Meter,
    /// How much.
    pub quantity: u64,
    /// Input tokens of its attempt, as far as known.
    pub input: Option<u64>,
    /// The end of its attempt, which says which price was in force.
    pub finished: Timestamp,
    /// What it cost; `None` is unknown.
    pub amount: Option<Pico>,
    /// The price that was used.
    pub rate: Option<RateId>,
}

/// What a correction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// Lines posted; 0 where the line was corrected before.
    pub lines: u32,
    /// What was taken back; `None` where the amount was unknown.
    pub taken: Option<Pico>,
}

/// A version of a scenario's case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRecord {
    /// The tenant.
    pub tenant: TenantId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// From 1.
    pub version: u64,
    /// When it was put.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// JSON.
    pub body: String,
}

/// A verdict as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// The tenant.
    pub tenant: TenantId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// From 1; given by the store.
    pub number: u64,
    /// Who gave it, when and why.
    pub by: Author,
    /// `invest`, `watch` or `stop`.
    pub verdict: String,
    /// SHA-256 of what it was made of, hex.
    pub inputs: String,
    /// All of it, JSON.
    pub body: String,
}

/// What was billed for a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// `pool NAME` or `provider NAME`.
    pub subject: String,
    /// For which month.
    pub month: Month,
    /// How much.
    pub amount: Pico,
    /// The bill's own number.
    pub number: String,
    /// What explains a difference.
    pub note: String,
}
