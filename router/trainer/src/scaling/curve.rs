//! `moegate-train scaling curve`: how many labels an accuracy takes.

mod curve_file;
mod features;
mod learner;
mod measure;
mod picture;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use economics::curve::{Labels, Point};
use serde_json::json;

use super::table::Table;
use crate::export::Draft;
use curve_file::{CURVE_FILE, CurveFile, Measured, Origin, Prediction};

/// Commands of `moegate-train scaling curve`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit accuracy = a - b / n^c to rows of labels and accuracy.
    Fit(FitArgs),
    /// Ask a fitted curve: the accuracy of an amount of labels, or the labels for an accuracy.
    Predict(PredictArgs),
    /// Measure the curve of a recipe's task with a fast learner on growing parts of its train rows, and foretell more.
    Run(measure::Args),
}

/// Runs `moegate-train scaling curve`.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Fit(args) => fit(args),
        Command::Predict(args) => predict(args),
        Command::Run(args) => measure::run(args),
    }
}

/// Arguments of `moegate-train scaling curve fit`.
#[derive(Debug, Clone, ClapArgs)]
pub struct FitArgs {
    /// A CSV file with the columns n and accuracy, and n_eval where the number of measured cases is known; or a folder
    /// with one.
    #[arg(long)]
    pub data: PathBuf,
    /// Amounts of labels to foretell.
    #[arg(long, value_delimiter = ',', value_parser = super::above_zero)]
    pub predict: Vec<f64>,
    /// The folder to write `curve.json` and `curve.svg` into.
    #[arg(long)]
    pub out: PathBuf,
    /// Seed of the resampling.
    #[arg(long, default_value_t = 20_261_125)]
    pub seed: u64,
    /// Resamplings behind the band.
    #[arg(long, default_value_t = 400)]
    pub bootstrap: usize,
}

/// Arguments of `moegate-train scaling curve predict`.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(ArgGroup::new("question").required(true).args(["labels", "accuracy"])))]
pub struct PredictArgs {
    /// The `curve.json` of `scaling curve fit` or `run`.
    #[arg(long)]
    pub curve: PathBuf,
    /// An amount of labels: which accuracy do they reach?
    #[arg(long, value_parser = super::above_zero)]
    pub labels: Option<f64>,
    /// An accuracy from 0 to 1: how many labels does it take?
    #[arg(long, value_parser = super::above_zero)]
    pub accuracy: Option<f64>,
}

fn fit(args: &FitArgs) -> Result<()> {
    let table = Table::find(&args.data, &["n", "accuracy"])?;
    let points = points(&table)?;
    let origin = Origin::of(&table);
    let mut file = CurveFile::fit(origin, points, args.seed, args.bootstrap)
        .with_context(|| format!("{}", table.path().display()))?;
    for &labels in &args.predict {
        file.foretell(labels)?;
    }
    finish(&file, &args.out)
}

/// Writes a curve's folder, and prints it as a table and a line.
fn finish(file: &CurveFile, out: &Path) -> Result<()> {
    let draft = Draft::new(out)?;
    file.write(&draft.folder().join(CURVE_FILE))?;
    let path = draft.folder().join("curve.svg");
    std::fs::write(&path, picture::chart(file).svg()?)
        .with_context(|| format!("{}", path.display()))?;
    draft.finish()?;
    crate::say(file.table().trim_end());
    writeln!(std::io::stdout(), "{}", file.line())?;
    Ok(())
}

fn points(table: &Table) -> Result<Vec<Measured>> {
    let counted = table.has("n_eval");
    let mut points = Vec::new();
    for row in table.rows() {
        let (labels, accuracy) = (row.number("n")?, row.number("accuracy")?);
        let cases = if counted {
            Some(cases(row.text("n_eval")?).map_err(|what| row.wrong(&what))?)
        } else {
            None
        };
        Point::new(labels, accuracy, cases).map_err(|error| row.wrong(&error.to_string()))?;
        points.push(Measured {
            labels,
            accuracy,
            cases,
            seed: None,
        });
    }
    Ok(points)
}

fn cases(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("n_eval: expected a whole number, found {text:?}"))
}

fn predict(args: &PredictArgs) -> Result<()> {
    let file = CurveFile::read(&args.curve)?;
    let (words, line) = match (args.labels, args.accuracy) {
        (Some(labels), _) => {
            let found = Prediction::of(&file, labels)?;
            let words = format!("{labels:.0} labels: accuracy {}", found.in_words());
            (
                words,
                json!({ "labels": labels, "accuracy": found.accuracy, "accuracy_95": found.interval }),
            )
        }
        (None, Some(accuracy)) => labels_for(&file, accuracy)?,
        (None, None) => bail!("expected --labels or --accuracy"),
    };
    crate::say(&words);
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn labels_for(file: &CurveFile, accuracy: f64) -> Result<(String, serde_json::Value)> {
    Ok(match file.curve.labels_for(accuracy)? {
        Labels::Needed(labels) => (
            format!("accuracy {accuracy}: {labels:.0} labels"),
            json!({ "reachable": true, "accuracy": accuracy, "labels": labels }),
        ),
        Labels::Ceiling(ceiling) => (
            format!(
                "accuracy {accuracy} is not reachable with more labels alone: the curve ends at {ceiling:.4}"
            ),
            json!({ "reachable": false, "accuracy": accuracy, "ceiling": ceiling }),
        ),
    })
}

#[cfg(test)]
mod tests;
