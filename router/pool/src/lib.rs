//! The client of workers and remote APIs: membership, health, replica choice, breaker, retries and
//! fallback, and one report for every try. It must not know tenants, prices, budgets or the ledger.

mod answer;
mod attempt;
mod body;
mod breaker;
mod budget;
mod call;
mod config;
mod conn;
mod drain;
mod error;
mod events;
mod exchange;
mod frames;
mod guard;
mod idle;
mod io;
mod local;
mod membership;
mod pick;
mod places;
mod plan;
mod pool;
mod random;
mod replica;
mod report;
mod request;
mod resolve;
mod secret;
mod state;
mod status;
mod stream;
mod target;
mod tls;
mod usage;
mod verdict;
mod watchers;

pub use answer::{Answer, Frame};
pub use body::{BodyError, RequestBody};
pub use config::{
    BreakerConfig, ConnectionConfig, DrainConfig, PoolConfig, ProbeConfig, RemoteSource,
    RetryConfig, WorkerSource,
};
pub use error::PoolError;
pub use local::{CallScope, LocalAnswer, LocalExpert, LocalSource, LocalSpent};
pub use plan::{AttemptLimits, CallOutcome, CallPlan, OnAbandon, StreamOutcome};
pub use pool::Pool;
pub use report::{AttemptError, AttemptReport, PoolFailure, ReplicaKind};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use secret::{ApiKey, ApiKeyError};
pub use state::{ExpertLoad, ExpertState};
pub use status::{WorkerCounters, WorkerKey, WorkerSample};
pub use stream::{ExpertStream, StreamEvent};
pub use target::{Target, TargetError};
pub use watchers::Samples;
