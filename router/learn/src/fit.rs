//! Fits a gate to a table of outcomes: parts on the train fold, mixing and calibration on rows that the parts behind a
//! prediction have not seen.

use router::{Gate, Package, RequestView, Role, Scratch, Turn};

use crate::encode::{self, BUCKET_BITS};
use crate::pack::{self, Mix};
use crate::parts::{PartOptions, Parts, Said};
use crate::table::{Fold, OutcomeTable, Row, group};
use crate::train::{NetworkOptions, Point, Stop};
use crate::tune;
use crate::wide::WideOptions;
use crate::{LearnError, Watch};

/// How a gate is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Name of the package.
    pub name: String,
    /// Version of the package.
    pub version: String,
    /// Where the quality labels come from, in words.
    pub labels: String,
    /// The parts.
    pub parts: PartOptions,
    /// Folds of the train rows for mixing and calibration: parts are fitted once more for each. 0: only the tune fold.
    pub folds: u64,
    /// Whether mixing and calibration may look at the tune fold. Not where figures are reported on it.
    pub tune_fold: bool,
}

impl FitOptions {
    /// What does well on recorded outcomes, for so many train rows.
    pub fn for_table(table: &OutcomeTable, seed: u64) -> Self {
        let rows = table.fold(Fold::Train).count();
        Self {
            name: table.name.clone(),
            version: "0.1.0".to_owned(),
            labels: format!("recorded outcomes; money: {}", table.money),
            parts: PartOptions {
                network: NetworkOptions {
                    bits: BUCKET_BITS,
                    epochs: 6,
                    seed,
                    stop: Stop::Quality,
                },
                wide: Some(WideOptions::for_rows(rows)),
            },
            folds: 5,
            tune_fold: true,
        }
    }
}

/// A fitted gate.
#[derive(Debug)]
pub struct Fitted {
    /// The gate.
    pub package: Package,
    /// How its parts are mixed.
    pub mix: Mix,
    /// Losses of the network by pass.
    pub curve: Vec<Point>,
    /// Predictions for rows that the parts behind them have not seen: to choose thresholds and cost weights on.
    pub held: Vec<Held>,
}

/// What the gate predicts for one row that the parts behind the prediction have not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Position of the row in the table.
    pub row: usize,
    /// Calibrated quality of each expert.
    pub quality: Vec<f32>,
    /// `ln(1 + output tokens)` of each expert.
    pub output: Vec<f32>,
    /// `ln(latency in ns)` of each expert.
    pub latency: Vec<f32>,
}

/// One row on its way to a [`Held`].
#[derive(Debug)]
pub(crate) struct Unseen {
    /// Position of the row in the table.
    pub(crate) row: usize,
    /// What the parts say.
    pub(crate) said: Said,
    /// Quality of each expert by the lookup; filled once the domains are mixed.
    pub(crate) lookup: Vec<f32>,
    /// The likeliest domain; likewise.
    pub(crate) domain: usize,
}

/// Fits a gate.
pub fn fit(
    table: &OutcomeTable,
    options: &FitOptions,
    watch: &dyn Watch,
) -> Result<Fitted, LearnError> {
    let parts = Parts::fit(table, &options.parts, watch)?;
    let mut rounds = Vec::new();
    for fold in 0..options.folds {
        watch.say(&format!("fold {} of {}", fold + 1, options.folds));
        let out = |row: &Row| fold_of(row, options.folds) == fold;
        let kept = table.fold(Fold::Train).filter(|row| !out(row));
        let round = table.with_rows(kept.cloned().collect());
        let unseen = unseen(table, |row| row.fold == Fold::Train && out(row));
        rounds.push(Round::new(
            Parts::fit(&round, &options.parts, watch)?,
            round,
            unseen,
            table,
        ));
    }
    if options.tune_fold {
        let unseen = unseen(table, |row| row.fold == Fold::Tune);
        rounds.push(Round::new(parts, table.clone(), unseen, table));
        return finish(None, rounds, table, options, watch);
    }
    finish(Some(parts), rounds, table, options, watch)
}

/// The fold of a train row: the same for texts that begin alike, so that none is predicted by its twin.
pub(crate) fn fold_of(row: &Row, folds: u64) -> u64 {
    group(&row.text) / 7 % folds.max(1)
}

/// Parts with the rows they were fitted to, and the rows they have not seen.
pub(crate) struct Round {
    parts: Parts,
    table: OutcomeTable,
    pub(crate) unseen: Vec<Unseen>,
}

impl Round {
    fn new(parts: Parts, fitted: OutcomeTable, rows: Vec<usize>, table: &OutcomeTable) -> Self {
        let unseen = rows.into_iter().filter_map(|row| {
            Some(Unseen {
                row,
                said: parts.say(&table.rows.get(row)?.text),
                lookup: Vec::new(),
                domain: 0,
            })
        });
        Self {
            unseen: unseen.collect(),
            parts,
            table: fitted,
        }
    }

    /// Asks the gate made of these parts what the lookup says, as the router would.
    fn look_up(
        &mut self,
        table: &OutcomeTable,
        mix: &Mix,
        options: &FitOptions,
    ) -> Result<(), LearnError> {
        let gate = Gate::from_package(&pack::package(&self.parts, &self.table, mix, options))?;
        let (tenant, mut scratch) = (encode::tenant(), Scratch::new());
        for unseen in &mut self.unseen {
            let Some(row) = table.rows.get(unseen.row) else {
                continue;
            };
            let turns = [Turn {
                role: Role::User,
                text: &row.text,
            }];
            let view = RequestView {
                scenario: table.declared(row),
                ..RequestView::of_turns(&tenant, &turns)
            };
            let reading = gate.read(&view, &mut scratch);
            let name = reading.domain().name;
            unseen.domain = table.domains.iter().position(|d| **d == *name).unwrap_or(0);
            unseen.lookup = (0..table.experts.len())
                .map(|at| reading.lookup_quality(at))
                .collect();
        }
        Ok(())
    }
}

fn unseen(table: &OutcomeTable, holds: impl Fn(&Row) -> bool) -> Vec<usize> {
    let rows = table.rows.iter().enumerate();
    rows.filter(|(_, row)| holds(row))
        .map(|(at, _)| at)
        .collect()
}

/// Mixes, packs and calibrates. The parts of the gate are `parts`, or those of the last round.
fn finish(
    parts: Option<Parts>,
    mut rounds: Vec<Round>,
    table: &OutcomeTable,
    options: &FitOptions,
    watch: &dyn Watch,
) -> Result<Fitted, LearnError> {
    let mut mix = Mix::network(table.experts.len());
    if options.parts.wide.is_some() {
        tune::domains(&mut mix, &rounds, table);
    }
    for round in &mut rounds {
        round.look_up(table, &mix, options)?;
    }
    let calibration = tune::quality(&mut mix, &rounds, table, options.parts.wide.is_some());
    tune::usage(&mut mix, &rounds, table, options.parts.wide.is_some());
    watch.say(&format!(
        "mix: wide share of domains {:.2} (sharpness {:.2}), of quality {:.2}, of usage {:.2}; learned {:.2} against lookup",
        mix.domain, mix.sharpness, mix.quality, mix.usage, mix.learned
    ));
    let held = tune::held(&mix, &calibration, &rounds, table);
    let parts = match parts {
        Some(parts) => parts,
        None => match rounds.pop() {
            Some(round) => round.parts,
            None => {
                return Err(LearnError::unfit(
                    &table.name,
                    "no rows to mix and calibrate on",
                ));
            }
        },
    };
    let mut package = pack::package(&parts, table, &mix, options);
    package.manifest.calibration = calibration;
    Ok(Fitted {
        package,
        mix,
        curve: parts.curve,
        held,
    })
}
