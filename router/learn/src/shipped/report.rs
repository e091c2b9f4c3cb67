//! `report.json` beside the package, and the figures as a table for a person.

use router::{Package, Training};
use serde::Serialize;

use crate::evaluate::Quantiles;
use crate::shipped::corpus::Corpus;
use crate::shipped::measure::Figures;
use crate::table::Fold;
use crate::train::Point;

/// How a gate was trained and how good it is.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
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
    /// The report of a fitted package.
    pub fn new(
        package: &'a Package,
        corpus: &Corpus,
        losses: &'a [Point],
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
            losses,
            figures,
            decision_ns,
            note: "figures are on the report fold: dev rows that neither training nor tuning saw; \
                   quality labels that are not observed follow from the task a row belongs to",
        }
    }
}

/// The figures as lines of a table.
pub fn table(figures: &Figures, decision_ns: Quantiles) -> Vec<String> {
    let optional =
        |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.4}"));
    let choice = &figures.choice;
    let rows = [
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
    ];
    rows.into_iter()
        .map(|(name, value)| format!("{name:<34} {value}"))
        .collect()
}
