//! Chooses the expert for one request: text features, the gate's inference in plain Rust, a policy, and the decision
//! that is put on record. It must not know of sockets, of a runtime, of a wall clock, or of who pays: ids, random
//! draws, prices and load are passed in.
//!
//! ```no_run
//! use router::{Candidate, Decision, Draw, Gate, Policy, RequestView, Scratch};
//!
//! fn choose(view: &RequestView<'_>, candidates: &[Candidate<'_>], draw: &Draw) -> Answer<Decision> {
//!     let gate = Gate::load("deploy/gate".as_ref())?; // once
//!     let mut scratch = Scratch::new(); // one per thread, reused
//!     let reading = gate.read(view, &mut scratch); // scenario, domain, out-of-distribution
//!     let policy = Policy::default(); // the one of reading.scenario()
//!     Ok(router::decide(&reading, candidates, &policy, draw)?)
//! }
//! # type Answer<T> = Result<T, Box<dyn std::error::Error>>;
//! ```

mod candidate;
mod captured;
mod decide;
mod decision;
mod error;
mod explain;
mod features;
mod gate;
mod package;
mod policy;
mod view;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod shipped;

pub use candidate::{Candidate, Capabilities, Capacity, Price};
pub use captured::{CAPTURED_MOST, Captured, CapturedError};
pub use decide::{Draw, decide};
pub use decision::{Decision, DomainGuess, Ranked, Reason, ScenarioGuess};
pub use error::{DecideError, GateError};
pub use explain::{Contribution, Explanation, explain};
pub use features::{
    DENSE, DENSE_NAMES, DIM, FEATURE_VERSION, Kind, Outline, Sink, Token, extract, known_bit,
    table_row, wide_row,
};
pub use gate::{Column, Gate, Prediction, Reading, Scratch, interval};
pub use package::{
    Calibration, ExpertEntry, GATE_JSON, GATE_TENSORS, HIDDEN, INPUT, Linear, Manifest, Package,
    Platt, Prior, PriorKey, PriorRow, Source, Spec, Training, Weights, Wide,
};
pub use policy::{Exploration, Policy};
pub use view::{RequestView, Role, Turn};
