//! The arithmetic of the books: what an attempt used, what it cost, how a pool's bill is split and what a
//! budget still allows, in integers only. It must not know of clocks, files, SQL, sockets or prompts.
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod allocate;
mod budget;
mod charge;
mod codec;
mod error;
mod event;
mod latency;
mod line;
mod month;
mod price;
mod rate;
mod settle;
mod tags;

pub use allocate::allocate;
pub use budget::{BudgetBook, BudgetError, Reservation};
pub use charge::{Charge, ChargeRate};
pub use codec::{CodecError, decode_events, encode_events};
pub use error::LedgerError;
pub use event::{
    AttemptRecord, CLIENT_GONE, Candidate, DecisionSummary, Host, LedgerEvent, OutcomeRecord,
    OutcomeSource, PoolCounters, Ppm, RequestRecord, ScenarioSource,
};
pub use latency::{LatencyHistogram, LatencySlot};
pub use line::{CostLine, LineId, Method, Payer, WindowKey};
pub use month::Month;
pub use price::{price_now, token_lines};
pub use rate::{Meter, Price, Rate, RateBook, RateId, RateSubject};
pub use settle::{DeviceShare, IdlePolicy, PoolWindow, RESERVED, Settlement, settle_window};
pub use tags::{TagError, Tags, is_key as is_tag_key};
