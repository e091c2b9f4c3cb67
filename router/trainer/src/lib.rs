//! Trains what Moegate ships: distilled experts from labelled text, with their cards and reports, and the gate.
//! It must not know the gateway, workers, tenants or money; it reads files and writes files.
//!
//! One run of `moegate-train expert` goes down this list: [`recipe`] says what to make, [`data`] reads the rows,
//! [`vocabulary`] trims the tokenizer, [`student`] cuts the network out of the base model, [`train`] fits it,
//! [`calibrate`] finds temperature and threshold, [`export`] writes the folder and measures what it wrote. [`scaling`]
//! says before any of it how big a model and how many labels a target takes.

pub mod answers;
pub mod base;
pub mod batches;
pub mod calibrate;
pub mod chart;
mod cli;
pub mod data;
pub mod evaluate;
pub mod expert;
pub mod export;
pub mod gate;
pub mod metrics;
pub mod recipe;
pub mod scaling;
pub mod schedule;
pub mod student;
pub mod train;
pub mod vocabulary;
pub mod watch;

pub use cli::{Cli, say};
