//! Sizing: what the pilots of a case say about labels and models, before anybody pays for them.

use dashboard::{Address, Cell, Column, Row, Table, Tone};
use economics::Span;
use economics::sizing::{Hosted, LabelsNeeded, ModelSized};

use super::super::super::visit::Visit;
use super::super::portfolio::{about, estimate, share};
use crate::business::Standing;

fn first(standing: &Standing) -> Cell {
    let link = Address::new(format!("/dashboard/scenario/{}", standing.scenario));
    Cell::words(standing.scenario.to_string()).to(link)
}

/// The ends of a band in words.
fn band(band: Option<Span>, end: impl Fn(f64) -> String) -> String {
    band.map_or(String::new(), |band| {
        let high = if band.high.is_finite() {
            end(band.high)
        } else {
            "never".to_owned()
        };
        format!("{} to {high}, 80\u{202f}% of resamplings", end(band.low))
    })
}

/// Labels for the accuracy that is wanted.
pub(super) fn labels(visit: &Visit, all: &[Standing]) -> Table {
    let rows = all.iter().filter_map(|standing| {
        let sizing = standing.case.as_ref()?.1.sizing.as_ref()?;
        let sized = standing.sized.as_ref()?;
        let [needed, missing, cost, words] = match &sized.labels {
            LabelsNeeded::Known {
                needed,
                band: spread,
                missing,
                cost,
            } => [
                estimate(needed.ceil()).beside(band(*spread, |end| about(end.ceil()))),
                estimate(*missing),
                estimate(*cost),
                Cell::words("within reach").meant(Tone::Good),
            ],
            LabelsNeeded::Ceiling(at) => [
                Cell::unknown(),
                Cell::unknown(),
                Cell::unknown(),
                Cell::words(format!(
                    "no number of such labels: they end at {:.1}\u{202f}%",
                    at * 100.0
                ))
                .meant(Tone::Bad),
            ],
            LabelsNeeded::Beyond(why) => [
                Cell::unknown(),
                Cell::unknown(),
                Cell::unknown(),
                Cell::words(why.to_string()).meant(Tone::Warn),
            ],
        };
        Some(Row::of([
            first(standing),
            share(sizing.accuracy),
            Cell::figure(sizing.pilots.len().to_string(), sizing.pilots.len()),
            needed,
            missing,
            cost,
            words,
        ]))
    });
    Table {
        id: "labels",
        caption: "Labels for the accuracy that is wanted, by the pilots".to_owned(),
        columns: vec![
            Column::words("Scenario"),
            Column::figures("Accuracy"),
            Column::figures("Pilots"),
            Column::figures("Labels"),
            Column::figures("Still missing"),
            Column::figures(format!("Their cost, {}", visit.currency())),
            Column::words("What the pilots say"),
        ],
        rows: rows.collect(),
        empty: "No case names pilots: put [sizing] into its file.".to_owned(),
    }
}

/// Models for the loss that is wanted.
pub(super) fn models(visit: &Visit, all: &[Standing]) -> Table {
    let rows = all.iter().filter_map(|standing| {
        let asked = standing.case.as_ref()?.1.sizing.as_ref()?.model.as_ref()?;
        let sized = standing.sized.as_ref()?.model.as_ref()?;
        let none = || [Cell::unknown(), Cell::unknown(), Cell::unknown()];
        let (size, hosted, words) = match sized {
            ModelSized::Params {
                params,
                band: spread,
                hosted,
            } => (
                millions(*params).beside(band(*spread, |end| about(end / 1e6))),
                hosted.as_ref().map_or_else(none, on_device),
                fits(hosted.as_ref()),
            ),
            ModelSized::NeedsTokens(tokens) => (
                Cell::unknown(),
                none(),
                Cell::words(format!(
                    "get more data, not a larger device: at least {} million tokens",
                    about(tokens / 1e6)
                ))
                .meant(Tone::Bad),
            ),
            ModelSized::Floor(floor) => (
                Cell::unknown(),
                none(),
                Cell::words(format!("no size on any data: a loss of {floor:.3} remains"))
                    .meant(Tone::Bad),
            ),
            ModelSized::Beyond(why) => (
                Cell::unknown(),
                none(),
                Cell::words(why.to_string()).meant(Tone::Warn),
            ),
        };
        let [weights, rate, cost] = hosted;
        Some(Row::of([
            first(standing),
            Cell::figure(format!("{:.3}", asked.loss), asked.loss),
            millions(asked.tokens),
            size,
            weights,
            rate,
            cost,
            words,
        ]))
    });
    Table {
        id: "models",
        caption: "A model for the loss that is wanted, by finished runs".to_owned(),
        columns: vec![
            Column::words("Scenario"),
            Column::figures("Loss"),
            Column::figures("Tokens there are, million"),
            Column::figures("Parameters, million"),
            Column::figures("Weights, GB"),
            Column::figures("Tokens a second, at most"),
            Column::figures(format!("Cost of a task, at least, {}", visit.currency())),
            Column::words("What the runs say"),
        ],
        rows: rows.collect(),
        empty: "No case asks for the size of a model.".to_owned(),
    }
}

fn millions(value: f64) -> Cell {
    Cell::figure(about(value / 1e6), value)
}

fn on_device(hosted: &Hosted) -> [Cell; 3] {
    [
        estimate(hosted.weights_gb),
        estimate(hosted.tokens_per_second),
        Cell::figure(format!("{:.6}", hosted.cost_per_task), hosted.cost_per_task),
    ]
}

fn fits(hosted: Option<&Hosted>) -> Cell {
    match hosted {
        None => Cell::words("within reach; no device is named").meant(Tone::Good),
        Some(hosted) if hosted.fits => Cell::words("within reach, and fits").meant(Tone::Good),
        Some(_) => Cell::words("within reach, and does not fit the device").meant(Tone::Bad),
    }
}
