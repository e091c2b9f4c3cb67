//! Trains what Moegate ships: distilled experts from labelled text, with their cards and reports, and the gate.
//! It must not know the gateway, workers, tenants or money; it reads files and writes files.
//!
//! One run of `moegate-train expert make` goes down this list: [`recipe`] says what to make, [`data`] reads the rows,
//! [`teacher`] makes teachers and says what they think of the rows, [`vocabulary`] trims the tokenizer, [`student`]
//! cuts the network out of a model, [`train`] fits it, [`calibrate`] finds temperature and thresholds, [`export`]
//! writes the folder, [`evaluate`] measures what was written, [`report`] says how student and teachers compare.
//! [`scaling`] says before any of it how big a model and how many labels a target takes.

pub mod answers;
pub mod base;
pub mod batches;
pub mod calibrate;
pub mod chart;
pub mod checkpoint;
mod cli;
pub mod curves;
pub mod data;
pub mod distil;
pub mod evaluate;
pub mod example;
pub mod expert;
pub mod export;
pub mod gate;
pub mod int8;
pub mod loss;
pub mod metrics;
pub mod optimizer;
pub mod recipe;
pub mod reject;
pub mod report;
pub mod scaling;
pub mod schedule;
pub mod student;
pub mod table;
pub mod teacher;
pub mod tensor_file;
pub mod train;
pub mod vocabulary;
pub mod watch;

pub use cli::{Cli, say};
