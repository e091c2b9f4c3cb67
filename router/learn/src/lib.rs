//! Learns the gate from labelled text and recorded outcomes, and measures it. It must not know libtorch, the gateway,
//! sockets, or money beyond integers; it reads files, writes files and tells its progress to a [`Watch`].
//!
//! Everything starts from an [`OutcomeTable`]: texts, and what each expert did on them. [`sets`] reads one from recorded
//! outcomes, [`shipped`] makes one from labelled data sets and from the shipped experts' answers. [`fit::fit`] turns a
//! table into a package: [`parts`] are the network ([`train`], on noisy copies: [`noise`]) and the wide part ([`wide`]),
//! [`tune`] mixes them with the lookup prior and calibrates, [`pack`] writes it down.
//!
//! What happens after that starts from the live package: [`retrain`] makes a candidate from recorded outcomes of the one
//! expert that answered, [`off_policy`] says what it would have earned, [`promotion`] whether it may take the live gate's
//! place, [`drift`] whether the traffic has changed; [`simulate`] plays all of it on a full table of outcomes.

pub mod baselines;
pub mod bench;
pub mod choose;
pub mod drift;
pub mod encode;
mod error;
pub mod evaluate;
pub mod fit;
pub mod folder;
pub mod join;
pub mod ledger_set;
pub mod metrics;
pub mod network;
pub mod noise;
pub mod off_policy;
pub mod pack;
pub mod parts;
mod platt;
pub mod promotion;
pub mod resample;
pub mod retrain;
pub mod score;
pub mod sets;
pub mod shipped;
pub mod simulate;
pub mod sparse;
pub mod stress;
pub mod summary;
pub mod table;
pub mod train;
pub mod tune;
mod watch;
pub mod wide;
pub mod world;

#[cfg(test)]
mod tests;

pub use error::LearnError;
pub use retrain::spread;
pub use table::OutcomeTable;
pub use watch::{Silent, Watch};
