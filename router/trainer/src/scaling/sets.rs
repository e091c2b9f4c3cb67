//! How each kind of table of training runs is read: which columns, which rows, and which runs belong to one law.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use economics::scaling::{Form, Run};
use serde::{Deserialize, Serialize};

use super::hold_out::HoldOut;
use super::table::{Row, Table};

/// A published table of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Set {
    /// Hoffmann et al. 2022, read off their figure by Epoch AI: `params, tokens, loss`.
    Chinchilla,
    /// Gadre et al. 2024: `dataset, params, tokens, multiplier, loss_*`; a law for each data set.
    Gadre,
    /// Porian et al. 2024: isoFLOP grids, `hparams, warmup, decay, param_count, eval, …`; a law for each way to train.
    Porian,
    /// Biderman et al. 2023: checkpoints, `params, deduped, shots, step, tokens, task, metric, value`; the loss is the
    /// log of LAMBADA's perplexity.
    Pythia,
}

/// Where runs are and what their columns mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A published table; the loss column of [`Set::Gadre`] can be chosen.
    Published {
        /// Which.
        set: Set,
        /// The loss column, where it is not the usual one.
        loss: Option<String>,
    },
    /// One's own table: columns of parameters, tokens and loss.
    Own([String; 3]),
}

/// Runs by the law they belong to.
#[derive(Debug)]
pub struct Runs {
    /// Where they came from.
    pub origin: Origin,
    /// The runs of each law.
    pub groups: BTreeMap<String, Vec<Run>>,
}

/// Where runs came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The file's name.
    pub file: String,
    /// SHA-256 of it, lower-case hex.
    pub sha256: String,
    /// Its rows.
    pub rows: usize,
    /// Rows that no law is fitted to, by reason.
    pub left_out: BTreeMap<String, usize>,
}

/// What a row is.
enum Reading<'a> {
    /// A run of a law, with the name of the cluster it is resampled with, if that is not itself.
    Run {
        group: String,
        cluster: Option<String>,
        loss: f64,
    },
    /// Not for the law, and why.
    LeftOut(&'a str),
}

impl Layout {
    /// The name written into results.
    pub fn name(&self) -> &str {
        match self {
            Self::Published { set, .. } => set.name(),
            Self::Own(_) => "own",
        }
    }

    /// Which runs count as the larger ones that the law is checked on.
    pub fn hold_out(&self) -> HoldOut {
        match self {
            Self::Published {
                set: Set::Chinchilla,
                ..
            }
            | Self::Own(_) => HoldOut::None,
            Self::Published {
                set: Set::Porian, ..
            } => HoldOut::Work,
            Self::Published { .. } => HoldOut::Params,
        }
    }

    /// Whether size and data have an exponent each.
    pub fn form(&self) -> Form {
        match self {
            Self::Published {
                set: Set::Gadre | Set::Pythia,
                ..
            } => Form::Tied,
            _ => Form::Free,
        }
    }

    /// The columns by which the file is recognised.
    fn columns(&self) -> Vec<&str> {
        match self {
            Self::Own(columns) => columns.iter().map(String::as_str).collect(),
            Self::Published { set, loss } => {
                let mut columns = set.columns().to_vec();
                columns.extend(loss.as_deref().or(set.usual_loss()));
                columns
            }
        }
    }

    /// Reads the runs of a file, or of the file in a folder that has the columns.
    pub fn read(&self, place: &Path) -> Result<Runs> {
        let table = Table::find(place, &self.columns())?;
        let (params, tokens) = match self {
            Self::Own([params, tokens, _]) => (params.as_str(), tokens.as_str()),
            Self::Published { .. } => ("params", "tokens"),
        };
        let outliers = self.outliers(&table)?;
        let mut left_out = BTreeMap::new();
        let mut clusters = BTreeMap::new();
        let mut groups: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for (at, row) in table.rows().enumerate() {
            let reading = match outliers {
                Some(least) if row.number("loss")? >= least => Reading::LeftOut(OUTLIER),
                _ => self.reading(&row)?,
            };
            let (group, cluster, loss) = match reading {
                Reading::Run {
                    group,
                    cluster,
                    loss,
                } => (group, cluster, loss),
                Reading::LeftOut(why) => {
                    *left_out.entry(why.to_owned()).or_insert(0) += 1;
                    continue;
                }
            };
            let fresh = clusters.len();
            let cluster = *clusters
                .entry(cluster.unwrap_or_else(|| format!("row {at}")))
                .or_insert(fresh);
            let run = Run::new(row.number(params)?, row.number(tokens)?, loss, cluster);
            let run = run.map_err(|error| row.wrong(&error.to_string()))?;
            groups.entry(group).or_default().push(run);
        }
        ensure!(
            !groups.is_empty(),
            "{}: every row is left out: {left_out:?}",
            table.path().display()
        );
        let origin = Origin {
            file: table.file_name(),
            sha256: table.sha256().to_owned(),
            rows: table.rows().len(),
            left_out,
        };
        Ok(Runs { origin, groups })
    }

    fn reading(&self, row: &Row<'_>) -> Result<Reading<'static>> {
        match self {
            Self::Own([_, _, loss]) => plain(row.number(loss)?),
            Self::Published {
                set: Set::Chinchilla,
                ..
            } => plain(row.number("loss")?),
            Self::Published {
                set: Set::Gadre,
                loss,
            } => gadre(row, loss.as_deref().unwrap_or(GADRE_LOSS)),
            Self::Published {
                set: Set::Porian, ..
            } => porian(row),
            Self::Published {
                set: Set::Pythia, ..
            } => pythia(row),
        }
    }

    /// The least of the losses that are left out as outliers, where the set has such.
    fn outliers(&self, table: &Table) -> Result<Option<f64>> {
        if !matches!(
            self,
            Self::Published {
                set: Set::Chinchilla,
                ..
            }
        ) {
            return Ok(None);
        }
        let losses: Result<Vec<f64>> = table.rows().map(|row| row.number("loss")).collect();
        let mut losses = losses?;
        losses.sort_by(|a, b| b.total_cmp(a));
        Ok(losses.get(CHINCHILLA_OUTLIERS - 1).copied())
    }
}

impl Set {
    fn name(self) -> &'static str {
        match self {
            Self::Chinchilla => "chinchilla",
            Self::Gadre => "gadre",
            Self::Porian => "porian",
            Self::Pythia => "pythia",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Chinchilla => &["params", "tokens", "loss"],
            Self::Gadre => &["dataset", "params", "tokens", "multiplier"],
            Self::Porian => &[
                "dataset",
                "hparams",
                "warmup",
                "decay",
                "param_count",
                "eval",
                "flop",
                "params",
                "tokens",
                "loss",
            ],
            Self::Pythia => &[
                "params", "deduped", "shots", "step", "tokens", "task", "metric", "value",
            ],
        }
    }

    fn usual_loss(self) -> Option<&'static str> {
        (self == Self::Gadre).then_some(GADRE_LOSS)
    }
}

/// The loss on C4, which Gadre et al. predict.
const GADRE_LOSS: &str = "loss_c4_val";
/// Besiroglu et al. 2024 leave out the five highest losses: runs that saw far too few tokens for their size.
const CHINCHILLA_OUTLIERS: usize = 5;
const OUTLIER: &str = "among the 5 highest losses";

fn plain(loss: f64) -> Result<Reading<'static>> {
    Ok(Reading::Run {
        group: "all".to_owned(),
        cluster: None,
        loss,
    })
}

/// Runs of fewer tokens than 20 times their parameters lie above the law; Gadre et al. fit to none of them.
const GADRE_LEAST_MULTIPLIER: f64 = 1.0;

fn gadre(row: &Row<'_>, loss: &str) -> Result<Reading<'static>> {
    if row.number("multiplier")? < GADRE_LEAST_MULTIPLIER {
        return Ok(Reading::LeftOut("fewer than 20 tokens a parameter"));
    }
    Ok(Reading::Run {
        group: row.text("dataset")?.to_owned(),
        cluster: None,
        loss: row.number(loss)?,
    })
}

/// Runs of fewer tokens a parameter have hardly begun to learn; at small budgets the largest models of a grid are such.
const PORIAN_LEAST_TOKENS_PER_PARAMETER: f64 = 5.0;

fn porian(row: &Row<'_>) -> Result<Reading<'static>> {
    if row.number("tokens")? < PORIAN_LEAST_TOKENS_PER_PARAMETER * row.number("params")? {
        return Ok(Reading::LeftOut("fewer than 5 tokens a parameter"));
    }
    let parts = [
        "dataset",
        "hparams",
        "warmup",
        "decay",
        "param_count",
        "eval",
    ];
    let parts: Result<Vec<&str>> = parts.into_iter().map(|column| row.text(column)).collect();
    Ok(Reading::Run {
        group: parts?.join("/"),
        cluster: None,
        loss: row.number("loss")?,
    })
}

/// Before this step perplexities are still in the dozens or thousands and fall by another law.
const PYTHIA_FIRST_STEP: f64 = 13_000.0;
/// Smaller models get worse again while they train on, which the law cannot say.
const PYTHIA_LEAST_PARAMS: f64 = 2e8;

fn pythia(row: &Row<'_>) -> Result<Reading<'static>> {
    if row.text("task")? != "lambada_openai"
        || row.text("metric")? != "ppl"
        || row.text("shots")? != "0"
    {
        return Ok(Reading::LeftOut("not the zero-shot perplexity of LAMBADA"));
    }
    if row.number("step")? < PYTHIA_FIRST_STEP {
        return Ok(Reading::LeftOut("a step below 13000"));
    }
    if row.number("params")? < PYTHIA_LEAST_PARAMS {
        return Ok(Reading::LeftOut("fewer than 2e8 parameters"));
    }
    let deduped = match row.text("deduped")? {
        "0" => "pile",
        "1" => "pile-deduped",
        other => return Err(row.wrong(&format!("deduped: expected 0 or 1, found {other:?}"))),
    };
    Ok(Reading::Run {
        group: deduped.to_owned(),
        // Checkpoints of one training are not independent runs.
        cluster: Some(format!("{deduped} {}", row.text("params")?)),
        loss: row.number("value")?.ln(),
    })
}

#[cfg(test)]
mod tests;
