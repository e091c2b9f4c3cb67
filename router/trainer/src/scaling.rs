//! `moegate-train scaling`: before an expert is paid for, how big a model and how much data it takes.
//!
//! `fit` reads finished training runs ([`sets`] says how, out of a [`table`]), fits the law of loss with its intervals and
//! checks it on the larger runs; `predict` asks a written [`law_file`] backwards; `curve` does the same for accuracy over
//! labels, and [`curve`] can also measure the curve of a task of ours with a fast learner. The mathematics is `economics`.

pub mod curve;
mod fit;
mod hold_out;
pub mod law_file;
mod predict;
#[cfg(test)]
mod published;
pub mod sets;
pub mod table;

use anyhow::Result;
use clap::Subcommand;

/// Commands of `moegate-train scaling`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit the law of loss over parameters and tokens to finished training runs; checks it on the larger ones.
    Fit(fit::Args),
    /// Ask a fitted law: the size for a loss, the loss of a size, the best use of work.
    Predict(predict::Args),
    /// Curves of accuracy over labels.
    #[command(subcommand)]
    Curve(curve::Command),
}

/// Runs `moegate-train scaling`.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Fit(args) => fit::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Curve(command) => curve::run(command),
    }
}

/// Reads a number above 0 from the command line.
fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(format!("expected a finite number above 0, found {text:?}")),
    }
}

/// A source of random bits for `economics`, from a seed that is printed.
fn draws(seed: u64) -> impl FnMut() -> u64 {
    use rand::{RngCore, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    move || random.next_u64()
}
