//! `law.json`: fitted laws with their intervals, checks and origin.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use economics::Span;
use economics::scaling::{Bootstrap, Fit, Law};
use serde::{Deserialize, Serialize};

use super::hold_out::Check;
use super::sets::Origin;

/// The file's name inside the folder that `fit` writes.
pub const LAW_FILE: &str = "law.json";
/// The version of the file's form.
pub const SCHEMA: u32 = 1;
/// Intervals hold this share of the resampled laws.
pub const SHARE: f64 = 0.95;

/// The laws fitted to one table of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LawFile {
    /// The version of the form: [`SCHEMA`].
    pub schema: u32,
    /// How the table was read.
    pub set: String,
    /// Where the runs came from.
    pub origin: Origin,
    /// Where the runs of the test came from.
    pub test_origin: Option<Origin>,
    /// Seed of the resampling.
    pub seed: u64,
    /// A law for each group of runs.
    pub laws: Vec<GroupLaw>,
}

/// The law of one group of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupLaw {
    /// The group.
    pub group: String,
    /// Runs it was fitted on.
    pub runs: usize,
    /// The law, its objective and its reach.
    pub fit: Fit,
    /// Its 95 % intervals.
    pub intervals: Intervals,
    /// The law of this group's smaller runs, and how it foretold the larger ones.
    pub check: Option<Check>,
    /// How the law foretold the runs of the test.
    pub test: Option<Check>,
    /// The laws of resampled runs that the intervals come from.
    pub bootstrap: Bootstrap,
}

/// Intervals of a law's numbers; absent where too few resamplings could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervals {
    /// Of the floor.
    pub e: Option<Span>,
    /// Of the weight of size.
    pub a: Option<Span>,
    /// Of the weight of data.
    pub b: Option<Span>,
    /// Of the exponent of size.
    pub alpha: Option<Span>,
    /// Of the exponent of data.
    pub beta: Option<Span>,
    /// Of the exponent of the best size over work.
    pub size_exponent: Option<Span>,
}

impl Intervals {
    /// The intervals of resampled laws.
    pub fn of(bootstrap: &Bootstrap) -> Self {
        let of = |number: fn(&Law) -> f64| bootstrap.interval(SHARE, |law| Some(number(law)));
        Self {
            e: of(|law| law.e),
            a: of(|law| law.a),
            b: of(|law| law.b),
            alpha: of(|law| law.alpha),
            beta: of(|law| law.beta),
            size_exponent: of(Law::size_exponent),
        }
    }
}

impl LawFile {
    /// Reads and checks a law file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
        let file: Self = serde_json::from_str(&text).with_context(|| format!("{name}"))?;
        ensure!(
            file.schema == SCHEMA,
            "{name}: schema: expected {SCHEMA}, found {}",
            file.schema
        );
        for law in &file.laws {
            let checked = law.fit.law.checked();
            checked.with_context(|| format!("{name}: laws.{}", law.group))?;
        }
        Ok(file)
    }

    /// The law of a group; without a name, the only one.
    pub fn law(&self, group: Option<&str>) -> Result<&GroupLaw> {
        let names = || {
            self.laws
                .iter()
                .map(|law| law.group.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        match (group, self.laws.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(anyhow!(
                "the file has several laws: choose one with --group: {}",
                names()
            )),
            (Some(group), laws) => {
                let found = laws.iter().find(|law| law.group == group);
                found.ok_or_else(|| anyhow!("the file has no law {group:?}; it has: {}", names()))
            }
        }
    }
}
