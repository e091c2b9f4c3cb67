//! The leaf of every crate: identifiers, money in 1e-12 units, tokens, time and the receipt, as types
//! that cannot be wrong. It must not know of sockets, of a runtime, of a wall clock or of any policy.

mod bucket;
mod clock;
mod id;
mod money;
mod receipt;
mod time;
mod tokens;

pub use bucket::Bucket;
pub use clock::{Clock, IdSource};
pub use id::{
    AttemptId, DecisionId, ExpertId, IdError, KeyId, PoolId, ProviderId, RequestId, ScenarioId,
    TenantId,
};
pub use money::{Currency, MoneyError, Pico};
pub use receipt::{AttemptStatus, Purpose, Receipt, UnknownName};
pub use time::{Nanos, Timestamp};
pub use tokens::{TokenBuckets, Tokens};
