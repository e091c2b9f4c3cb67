//! `curve.json`: a fitted curve with what it was fitted on, its resampled curves and what it foretells.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use economics::Span;
use economics::curve::{Bagged, Curve, Point};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scaling::draws;
use crate::scaling::table::Table;

/// The file's name inside the folder.
pub(super) const CURVE_FILE: &str = "curve.json";
const SCHEMA: u32 = 1;
const SHARE: f64 = 0.95;
/// A misfit of this many binomial variances a row is worth a warning.
const POOR: f64 = 2.0;

/// A fitted curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurveFile {
    schema: u32,
    /// Where the rows came from.
    pub(super) origin: Origin,
    /// Seed of the resampling.
    pub(super) seed: u64,
    /// The measured rows the curve was fitted on.
    pub(super) points: Vec<Measured>,
    /// The curve, with those of resampled rows.
    pub(super) curve: Bagged,
    /// What it foretells.
    pub(super) predictions: Vec<Prediction>,
}

/// Where measured rows came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// What was measured: a task, or the file.
    pub(super) name: String,
    /// The file.
    pub(super) file: String,
    /// SHA-256 of it, lower-case hex.
    pub(super) sha256: String,
}

/// One measured row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    /// Labels learned from.
    pub(super) labels: f64,
    /// Share of cases answered rightly.
    pub(super) accuracy: f64,
    /// Cases measured on, where known.
    pub(super) cases: Option<u64>,
    /// Seed of the part of the rows that was learned from, where measured here.
    pub(super) seed: Option<u64>,
}

/// An accuracy foretold, beside the truth where it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prediction {
    /// Labels.
    pub(super) labels: f64,
    /// Accuracy foretold: the mean of the resampled curves.
    pub(super) accuracy: f64,
    /// Its 95 % interval.
    pub(super) interval: Option<Span>,
    /// Measured accuracies, none where these labels are not there.
    pub(super) truth: Vec<f64>,
    /// Points between the foretold accuracy and the mean of the measured ones.
    pub(super) error_points: Option<f64>,
}

impl CurveFile {
    /// Fits the curve to measured rows.
    pub(super) fn fit(
        origin: Origin,
        points: Vec<Measured>,
        seed: u64,
        count: usize,
    ) -> Result<Self> {
        let rows: Result<Vec<Point>, _> = points
            .iter()
            .map(|point| Point::new(point.labels, point.accuracy, point.cases))
            .collect();
        let rows = rows?;
        let curve = Bagged::fit(&rows, count, &mut draws(seed))?;
        Ok(Self {
            schema: SCHEMA,
            origin,
            seed,
            points,
            curve,
            predictions: Vec::new(),
        })
    }

    /// Adds what the curve foretells for an amount of labels.
    pub(super) fn foretell(&mut self, labels: f64) -> Result<()> {
        let prediction = Prediction::of(self, labels)?;
        self.predictions.push(prediction);
        Ok(())
    }

    /// The 95 % band at an amount of labels.
    pub(super) fn band(&self, labels: f64) -> Option<Span> {
        self.curve.band(SHARE, labels)
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
        let file: Self = serde_json::from_str(&text).with_context(|| format!("{name}"))?;
        ensure!(
            file.schema == SCHEMA,
            "{name}: schema: expected {SCHEMA}, found {}",
            file.schema
        );
        Ok(file)
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("{}", path.display()))
    }

    /// The line for programs: everything but the resampled curves.
    pub(super) fn line(&self) -> Value {
        json!({
            "name": self.origin.name,
            "seed": self.seed,
            "points": self.points.len(),
            "curve": self.curve.fit.curve,
            "misfit": self.curve.fit.misfit,
            "predictions": self.predictions,
        })
    }

    /// The table for people.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a text never fails.
        let _never = self.write_table(&mut text);
        text
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let Curve { a, b, c } = self.curve.fit.curve;
        writeln!(
            out,
            "{}: accuracy = {a:.4} - {b:.4} / n^{c:.4}, seed {}",
            self.origin.name, self.seed
        )?;
        writeln!(
            out,
            "{:>9} {:>5} {:>9} {:>9}",
            "labels", "runs", "measured", "curve"
        )?;
        for (labels, mean, runs) in self.means() {
            let on_curve = self.curve.fit.curve.accuracy(labels);
            writeln!(out, "{labels:>9.0} {runs:>5} {mean:>9.4} {on_curve:>9.4}")?;
        }
        let (misfit, rows) = (self.curve.fit.misfit, self.points.len() as f64);
        if misfit > POOR * rows {
            writeln!(
                out,
                "the rows lie {:.1} times as far from the curve as their tests explain: fewer labels than the curve holds \
                 for, or runs that differ much; leave out the smallest amounts",
                (misfit / rows).sqrt()
            )?;
        }
        for prediction in &self.predictions {
            writeln!(
                out,
                "{:>9.0} labels foretold: {}",
                prediction.labels,
                prediction.in_words()
            )?;
        }
        Ok(())
    }

    /// Labels, mean accuracy and number of rows, by labels.
    pub(super) fn means(&self) -> Vec<(f64, f64, usize)> {
        let mut rows: Vec<(f64, f64)> =
            self.points.iter().map(|p| (p.labels, p.accuracy)).collect();
        rows.sort_by(|x, y| x.0.total_cmp(&y.0));
        let mut means: Vec<(f64, f64, usize)> = Vec::new();
        for (labels, accuracy) in rows {
            match means.last_mut().filter(|(last, ..)| *last == labels) {
                Some((_, sum, runs)) => (*sum, *runs) = (*sum + accuracy, *runs + 1),
                None => means.push((labels, accuracy, 1)),
            }
        }
        means
            .into_iter()
            .map(|(labels, sum, runs)| (labels, sum / runs as f64, runs))
            .collect()
    }
}

impl Origin {
    /// The origin of a table's rows.
    pub(super) fn of(table: &Table) -> Self {
        Self {
            name: table.file_name(),
            file: table.file_name(),
            sha256: table.sha256().to_owned(),
        }
    }
}

impl Prediction {
    /// What the curve foretells for an amount of labels; an error beyond its reach.
    pub(super) fn of(file: &CurveFile, labels: f64) -> Result<Self> {
        let accuracy = file.curve.accuracy(labels)?;
        Ok(Self {
            labels,
            accuracy,
            interval: file.band(labels),
            truth: Vec::new(),
            error_points: None,
        })
    }

    /// The same beside measured accuracies.
    pub(super) fn beside(mut self, truth: Vec<f64>) -> Self {
        let mean = truth.iter().sum::<f64>() / truth.len().max(1) as f64;
        self.error_points = (!truth.is_empty()).then_some((self.accuracy - mean) * 100.0);
        self.truth = truth;
        self
    }

    /// The accuracy with its interval and the truth, for people.
    pub(super) fn in_words(&self) -> String {
        let mut words = format!("{:.4}", self.accuracy);
        if let Some(Span { low, high }) = self.interval {
            words += &format!(" (95 %: {low:.4} to {high:.4})");
        }
        match (self.truth.as_slice(), self.error_points) {
            ([], _) | (_, None) => {}
            (truth, Some(error)) => {
                let mean = truth.iter().sum::<f64>() / truth.len() as f64;
                let runs = truth.len();
                words += &format!(", measured {mean:.4} in {runs} run(s): {error:+.2} points off");
            }
        }
        words
    }
}
