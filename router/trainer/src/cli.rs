//! The command line.

use std::io::Write;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{evaluate, expert, gate, scaling};

/// Trains and measures experts and the gate.
#[derive(Debug, Parser)]
#[command(name = "moegate-train", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an expert by a recipe: its teachers, its students, its folder.
    #[command(subcommand)]
    Expert(expert::Command),
    /// Rewrite the texts of an expert's card (name, summary, titles, answers) from its recipe, without training.
    Card(expert::CardArgs),
    /// Train the gate.
    Gate(gate::Args),
    /// Say how big a model and how many labels a target takes.
    #[command(subcommand)]
    Scaling(scaling::Command),
    /// Measure something on labelled data.
    #[command(subcommand)]
    Eval(Eval),
}

#[derive(Debug, Subcommand)]
enum Eval {
    /// Measure one task of an expert's folder; prints one JSON line.
    Expert(evaluate::Args),
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Expert(command) => expert::run(&command),
            Command::Card(args) => expert::rewrite_card(&args),
            Command::Gate(args) => gate::run(&args),
            Command::Scaling(command) => scaling::run(&command),
            Command::Eval(Eval::Expert(args)) => evaluate::run(&args),
        }
    }
}

/// Tells the person at the terminal a line, on stderr; a closed stderr is no reason to stop.
pub fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}
