//! The four things the gateway tells the ledger. None carries text of a prompt or an answer.

use std::borrow::Cow;
use std::sync::Arc;

use units::{
    AttemptId, AttemptStatus, DecisionId, ExpertId, Nanos, Pico, PoolId, ProviderId, Purpose,
    Receipt, RequestId, ScenarioId, TenantId, Timestamp,
};

use crate::Tags;

/// The status of a request whose client went away before its answer was whole.
pub const CLIENT_GONE: u16 = 499;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerEvent {
    /// One try at one expert has ended.
    Attempt(AttemptRecord),
    /// A request has been answered.
    Request(RequestRecord),
    /// Somebody or something has judged an answer.
    Outcome(OutcomeRecord),
    /// A worker has said how its time was spent so far.
    Counters(PoolCounters),
}

/// One try at one expert: who asked, who worked, what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The request it was made for.
    pub request: RequestId,
    /// Whose request.
    pub tenant: TenantId,
    /// For which task.
    pub scenario: ScenarioId,
    /// Which expert was tried.
    pub expert: ExpertId,
    /// Who charges for it.
    pub host: Host,
    /// Which worker of the pool, or which address of the provider; `None` when none was reached.
    pub replica: Option<Arc<str>>,
    /// Wall clock at its start.
    pub started: Timestamp,
    /// Wall clock at its end; says which window carries it.
    pub finished: Timestamp,
    /// The expert's HTTP status, where it sent one.
    pub http_status: Option<u16>,
    /// The decision it follows.
    pub decision: Option<DecisionId>,
    /// By what else its cost is told apart.
    pub tags: Option<Tags>,
    /// What it used. Attempt id, purpose and status stand in here.
    pub receipt: Receipt,
}

impl AttemptRecord {
    /// Device time of the attempt. An expert that refused for load did no work: that zero is known.
    pub fn device_ns(&self) -> Option<Nanos> {
        match self.receipt.status {
            AttemptStatus::Overloaded => Some(self.receipt.device_ns.unwrap_or(Nanos::ZERO)),
            _ => self.receipt.device_ns,
        }
    }

    /// The attempt's id.
    pub const fn attempt(&self) -> AttemptId {
        self.receipt.attempt
    }

    /// Why it was made.
    pub const fn purpose(&self) -> Purpose {
        self.receipt.purpose
    }
}

/// Who charges for an attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Our workers: a share of the pool's bill.
    Pool(PoolId),
    /// A remote API: tokens at its price list.
    Provider(ProviderId),
}

impl Host {
    /// The name of the pool or provider.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pool(id) => id.as_str(),
            Self::Provider(id) => id.as_str(),
        }
    }
}

/// One request of a client, whatever it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The request.
    pub request: RequestId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Key id or token subject; at most 128 bytes are kept.
    pub principal: Arc<str>,
    /// The task it counts for.
    pub scenario: ScenarioId,
    /// How that task was found.
    pub scenario_source: ScenarioSource,
    /// The gate's choice, where it came to one.
    pub decision: Option<DecisionSummary>,
    /// Who gave the answer, where one was given.
    pub answered_by: Option<ExpertId>,
    /// Wall clock at its arrival; says which 15-minute bucket counts it.
    pub started: Timestamp,
    /// From arrival to the last byte of the answer.
    pub total: Nanos,
    /// The part of `total` the gateway spent itself.
    pub overhead: Nanos,
    /// The HTTP status the client saw.
    pub http_status: u16,
    /// Was the answer a stream?
    pub streamed: bool,
    /// By what else its cost is told apart.
    pub tags: Option<Tags>,
}

/// Parts per million: probabilities, scores and propensities without floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(u32);

impl Ppm {
    /// Certainty, or a perfect score.
    pub const ONE: Self = Self(1_000_000);

    /// Wraps parts per million; more than a million is cut there.
    pub const fn new(ppm: u32) -> Self {
        if ppm > Self::ONE.0 {
            Self::ONE
        } else {
            Self(ppm)
        }
    }

    /// Parts per million.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What the gate chose and among what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionSummary {
    /// The decision.
    pub id: DecisionId,
    /// Version of the gate package.
    pub gate_version: Arc<str>,
    /// Why this one: the router's own word, such as `gate` or `pinned`.
    pub reason: Cow<'static, str>,
    /// The expert it put first.
    pub chosen: ExpertId,
    /// The probability with which it was chosen.
    pub propensity: Ppm,
    /// All it weighed, best first; at most 32 are kept.
    pub candidates: Vec<Candidate>,
}

/// One expert the gate weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The expert.
    pub expert: ExpertId,
    /// Predicted probability of an acceptable answer.
    pub quality: Ppm,
    /// The probability with which it would have been chosen.
    pub propensity: Ppm,
    /// Predicted cost.
    pub cost: Option<Pico>,
    /// Predicted latency.
    pub latency: Option<Nanos>,
}

/// A judgement of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// The request that was answered.
    pub request: RequestId,
    /// Whose request; a judgement by another tenant is refused.
    pub tenant: TenantId,
    /// The score; `None` where a judge or a program was asked and came to none: missing, and no score of 0.
    pub score: Option<Ppm>,
    /// Who judged.
    pub source: OutcomeSource,
    /// A short class name the judge gave, at most 64 bytes are kept.
    pub label: Option<Arc<str>>,
    /// Length of the comment in characters. The comment itself is the tenant's text and stays out.
    pub comment_chars: u32,
    /// The same key twice is one judgement; at most 128 bytes are kept.
    pub idempotency_key: Arc<str>,
    /// When it was given.
    pub at: Timestamp,
}

/// How one worker spent its time since it started: running totals, so that any two samples give the
/// truth between them, whoever took them, and a lost sample loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCounters {
    /// The pool that pays.
    pub pool: PoolId,
    /// Which worker.
    pub worker: Arc<str>,
    /// When that worker started; totals of another start are another series.
    pub incarnation: Timestamp,
    /// When the totals were read.
    pub at: Timestamp,
    /// Time the device was there for us.
    pub provisioned: Nanos,
    /// Time it worked for attempts.
    pub busy: Nanos,
    /// Time it loaded experts.
    pub load: Nanos,
    /// Time it did nothing. The four agree: busy + load + idle = provisioned.
    pub idle: Nanos,
    /// The part of `load` each expert caused, as far as the worker says.
    pub load_by_expert: Vec<(ExpertId, Nanos)>,
}

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $text:literal);+ $(;)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name shown and configured.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The number stored; it never changes its meaning.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }

            /// The variant of a stored number.
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = units::UnknownName;
            fn from_str(text: &str) -> Result<Self, units::UnknownName> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
                    .ok_or_else(|| units::UnknownName { kind: $kind, text: text.chars().take(40).collect() })
            }
        }
    };
}
pub(crate) use coded;

coded!(
    /// How a request's scenario was found.
    ScenarioSource, "scenario source" {
        /// The client named it.
        Declared = 1, "declared";
        /// The gate recognised it.
        Recognised = 2, "recognised";
        /// Neither.
        Unassigned = 3, "unassigned";
    }
);

coded!(
    /// Who judged an answer.
    OutcomeSource, "outcome source" {
        /// A known right answer.
        Gold = 1, "gold";
        /// The person who asked.
        User = 2, "user";
        /// A model that judges.
        Judge = 3, "judge";
        /// A program that checks.
        Verifier = 4, "verifier";
    }
);
