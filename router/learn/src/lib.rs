//! Learns the gate from labelled text and recorded outcomes, and measures it. It must not know libtorch, the gateway,
//! sockets, or money beyond integers; it reads files, writes files and tells its progress to a [`Watch`].
//!
//! [`shipped::fit`] goes down this list: [`corpus`] reads the data sets, [`outcomes`] what the experts did on them,
//! [`labels`] joins both, [`train`] fits the network on noisy copies ([`noise`]), [`pack`] turns it into a package,
//! [`tune`] mixes it with the lookup prior and calibrates it, [`measure`] reports it.

pub mod corpus;
pub mod encode;
pub mod labels;
pub mod measure;
pub mod network;
pub mod noise;
pub mod outcomes;
pub mod pack;
pub mod report;
pub mod shipped;
pub mod sources;
pub mod train;
pub mod tune;
mod watch;

#[cfg(test)]
mod tests;

pub use watch::{Silent, Watch};
