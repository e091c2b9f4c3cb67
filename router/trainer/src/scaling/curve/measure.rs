//! `moegate-train scaling curve run`: the curve of a task of our recipes, measured, foretold and compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args as ClapArgs;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::curve_file::{CurveFile, Measured, Origin, Prediction};
use super::features::grams;
use super::finish;
use super::learner::{Example, Learner};
use crate::data::is_dev;
use crate::recipe::{Recipe, Source, Split};
use crate::scaling::table::Table;

/// Arguments of `moegate-train scaling curve run`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// A task of one of the recipes, such as `headlines`.
    #[arg(long)]
    pub task: String,
    /// The folder of data sets, one folder each.
    #[arg(long)]
    pub data: PathBuf,
    /// The folder of recipes, which say where a task's rows are and which are dev.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes"))]
    pub recipes: PathBuf,
    /// Measure on the rows of this file, in the form of the task's own, and learn from all of the task's rows; without
    /// it, learn from train and measure on dev.
    #[arg(long)]
    pub test: Option<PathBuf>,
    /// Amounts of labels to fit the curve to.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 200, 500, 1000])]
    pub sizes: Vec<usize>,
    /// Amounts of labels to foretell, beside all there are.
    #[arg(long, value_delimiter = ',', default_values_t = [2000, 5000])]
    pub predict: Vec<usize>,
    /// Different parts of the rows for each amount.
    #[arg(long, default_value_t = 10)]
    pub runs: u64,
    /// The folder to write `curve.json` and `curve.svg` into.
    #[arg(long)]
    pub out: PathBuf,
    /// Seed of the parts and of the resampling.
    #[arg(long, default_value_t = 20_261_125)]
    pub seed: u64,
    /// Resamplings behind the band.
    #[arg(long, default_value_t = 400)]
    pub bootstrap: usize,
}

/// Runs `moegate-train scaling curve run`.
pub(super) fn run(args: &Args) -> Result<()> {
    let source = find(&args.recipes, &args.task)?;
    let bench = Bench::read(&args.data, &source, args.test.as_deref())?;
    let all = bench.learn.len();
    ensure!(args.runs > 0, "--runs: expected at least 1");
    for &size in &args.sizes {
        ensure!(
            (1..=all).contains(&size),
            "--sizes: expected 1 to {all}, the labels of {}, found {size}",
            args.task
        );
    }
    let mut points = Vec::new();
    for &size in &args.sizes {
        points.extend(bench.measure(size, args.runs, args.seed));
    }
    let origin = Origin {
        name: format!("{}, {} rows measured", args.task, bench.measured.len()),
        ..bench.origin.clone()
    };
    let mut curve = CurveFile::fit(origin, points, args.seed, args.bootstrap)
        .with_context(|| args.task.clone())?;
    let mut asked: Vec<usize> = args.predict.iter().copied().chain([all]).collect();
    asked.sort_unstable();
    asked.dedup();
    for labels in asked {
        let foretold = match Prediction::of(&curve, labels as f64) {
            Ok(foretold) => foretold,
            Err(refused) => {
                crate::say(&format!("{labels} labels are not foretold: {refused}"));
                continue;
            }
        };
        let truth = match labels {
            labels if labels <= all => bench.measure(labels, args.runs, args.seed),
            _ => Vec::new(),
        };
        let truth = truth.into_iter().map(|row| row.accuracy).collect();
        curve.predictions.push(foretold.beside(truth));
    }
    finish(&curve, &args.out)
}

/// Where the rows of a recipe's task are.
fn find(recipes: &Path, task: &str) -> Result<Source> {
    let name = recipes.display();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(recipes).with_context(|| format!("{name}"))? {
        let path = entry.with_context(|| format!("{name}"))?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut known = Vec::new();
    for path in paths {
        for found in Recipe::read(&path)?.tasks {
            if found.id == task {
                return Ok(found.source);
            }
            known.push(found.id);
        }
    }
    let known = known.join(", ");
    Err(anyhow!(
        "{name}: no recipe has the task {task:?}; there are: {known}"
    ))
}

/// Rows to learn from and rows to measure on.
struct Bench {
    origin: Origin,
    learn: Vec<Example>,
    measured: Vec<Example>,
    labels: usize,
}

impl Bench {
    /// Reads a task's rows. What its label column says is one label, even where a recipe sees several in it.
    fn read(data: &Path, source: &Source, test: Option<&Path>) -> Result<Self> {
        let (text, label) = (source.text_column.as_str(), source.label_column.as_str());
        let (Split::Column { column } | Split::Hash { column, .. }) = &source.split;
        let table = Table::find(&data.join(&source.file), &[text, label, column])?;
        let mut labels = BTreeMap::new();
        let (mut learn, mut measured) = (Vec::new(), Vec::new());
        for row in table.rows() {
            let dev = is_dev(&source.split, row.text(column)?);
            let dev = dev.map_err(|error| row.wrong(&error.to_string()))?;
            let fresh = labels.len();
            let label = *labels.entry(row.text(label)?.to_owned()).or_insert(fresh);
            let grams = grams(row.text(text)?);
            let part = if dev && test.is_none() {
                &mut measured
            } else {
                &mut learn
            };
            part.push(Example { grams, label });
        }
        if let Some(test) = test {
            let table = Table::find(test, &[text, label])?;
            for row in table.rows() {
                // A label that nothing was learned of is one no answer is right on.
                let known = labels.get(row.text(label)?).copied();
                let grams = grams(row.text(text)?);
                measured.push(Example {
                    grams,
                    label: known.unwrap_or(labels.len()),
                });
            }
        }
        let name = table.path().display();
        ensure!(!measured.is_empty(), "{name}: no dev rows");
        ensure!(!learn.is_empty(), "{name}: no train rows");
        Ok(Self {
            origin: Origin::of(&table),
            learn,
            measured,
            labels: labels.len(),
        })
    }

    /// Learns from `size` rows, `runs` times from different ones, and measures each. All of the rows are one part only.
    fn measure(&self, size: usize, runs: u64, seed: u64) -> Vec<Measured> {
        let runs = if size == self.learn.len() { 1 } else { runs };
        let mut points = Vec::new();
        for seed in (0..runs).map(|run| seed.wrapping_add(run)) {
            let mut order: Vec<&Example> = self.learn.iter().collect();
            order.shuffle(&mut StdRng::seed_from_u64(seed));
            order.truncate(size);
            let accuracy = Learner::learn(&order, self.labels).accuracy(&self.measured);
            crate::say(&format!(
                "{size:>6} labels, seed {seed}: accuracy {accuracy:.4}"
            ));
            points.push(Measured {
                labels: size as f64,
                accuracy,
                cases: Some(self.measured.len() as u64),
                seed: Some(seed),
            });
        }
        points
    }
}
