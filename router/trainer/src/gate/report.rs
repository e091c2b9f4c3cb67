//! `report.json` beside the package, and the figures as one JSON line and a table.

use std::io::Write;

use anyhow::Result;
use router::{Package, Training};
use serde::Serialize;

use super::corpus::{Corpus, Fold};
use super::measure::{Figures, Quantiles};
use super::train::{Point, Trained};

/// How a gate was trained and how good it is.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    name: &'a str,
    version: &'a str,
    training: &'a Training,
    rows: Folds,
    /// Weight of the learned head against the lookup, chosen on the tune fold.
    head_weight: f32,
    /// Threshold of the out-of-distribution head, chosen on the tune fold.
    ood_threshold: f32,
    losses: &'a [Point],
    figures: &'a Figures,
    /// Time of a whole decision on a prompt of 2 kB, by the training's own build on its machine.
    decision_ns: Quantiles,
    note: &'static str,
}

#[derive(Debug, Serialize)]
struct Folds {
    train: usize,
    tune: usize,
    report: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        package: &'a Package,
        corpus: &Corpus,
        trained: &'a Trained,
        figures: &'a Figures,
        decision_ns: Quantiles,
    ) -> Self {
        let manifest = &package.manifest;
        let rows = |fold| corpus.fold(fold).count();
        Self {
            name: &manifest.name,
            version: &manifest.version,
            training: &manifest.training,
            rows: Folds {
                train: rows(Fold::Train),
                tune: rows(Fold::Tune),
                report: rows(Fold::Report),
            },
            head_weight: manifest.prior.head_weight,
            ood_threshold: manifest.ood_threshold,
            losses: &trained.curve,
            figures,
            decision_ns,
            note: "figures are on the report fold: dev rows that neither training nor tuning saw; \
                   quality labels that are not observed follow from the task a row belongs to",
        }
    }
}

/// One JSON line on stdout, a table on stderr.
pub(super) fn print(figures: &Figures, decision_ns: Quantiles) -> Result<()> {
    let optional =
        |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.4}"));
    let choice = &figures.choice;
    for (name, value) in [
        ("domain accuracy", format!("{:.4}", figures.domain_accuracy)),
        (
            "domain accuracy, other languages",
            format!(
                "{:.4} of {}",
                figures.domain_foreign.share, figures.domain_foreign.n
            ),
        ),
        (
            "scenario accuracy",
            format!("{:.4}", figures.scenario_accuracy),
        ),
        (
            "out of distribution AUROC",
            format!("{:.4}", figures.ood_auroc),
        ),
        ("  clinc150 only", format!("{:.4}", figures.ood_auroc_clinc)),
        (
            "  recall / false alarms",
            format!(
                "{:.3} / {:.3}",
                figures.ood_recall, figures.ood_false_alarms
            ),
        ),
        ("quality ECE", format!("{:.4}", figures.quality_ece)),
        (
            "quality ECE of the choice",
            format!("{:.4}", figures.choice_ece),
        ),
        (
            "quality AUROC, observed",
            optional(figures.quality_auroc_observed),
        ),
        ("choice: gate", format!("{:.4}", choice.gate)),
        (
            "choice: lookup told the domain",
            format!("{:.4}", choice.lookup),
        ),
        (
            "choice: best single / random",
            format!("{:.4} / {:.4}", choice.best_single, choice.random),
        ),
        ("choice: oracle", format!("{:.4}", choice.oracle)),
        (
            "domain stable under typos",
            format!("{:.4}", figures.stable_under_typos),
        ),
        (
            "decision p50 / p99, us",
            format!("{} / {}", decision_ns.p50 / 1_000, decision_ns.p99 / 1_000),
        ),
    ] {
        crate::say(&format!("{name:<34} {value}"));
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(figures)?)?;
    Ok(())
}
