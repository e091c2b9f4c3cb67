//! The charts of a scenario: from the baseline to the net benefit, cash over the horizon, and what moves the value.

use dashboard::{Cell, Chart, Column, Drawing, Flow, Point, Row, Swung, Table};

use super::words;
use crate::api::dashboard::pages::portfolio::{about, estimate};
use crate::business::Judged;

pub(super) fn waterfall(judged: &Judged, currency: &str) -> Chart {
    let one = &judged.input.money.scenario;
    let v = one.volume;
    let baseline = v * (one.realisation * one.human_cost + one.human_error * one.loss_per_error);
    let steps = [
        ("Baseline", baseline, true),
        ("Gateway", -v * one.gateway_cost, false),
        ("Review", -v * one.review_rate * one.review_cost, false),
        (
            "Error losses",
            -v * one.gateway_error * one.loss_per_error,
            false,
        ),
        ("Fixed", -one.fixed, false),
        ("Net benefit", one.monthly_benefit(), true),
    ];
    let title = format!("From the baseline to the net benefit of a month, {currency}");
    let rows = steps.map(|(name, amount, sum)| Row {
        total: sum,
        ..Row::of([Cell::words(name), estimate(amount)])
    });
    Chart {
        id: "waterfall",
        described: format!(
            "The baseline of {} becomes a net benefit of {}; labour counts at a realisation of {:.0} %.",
            about(baseline),
            about(one.monthly_benefit()),
            one.realisation * 100.0
        ),
        drawing: Drawing::Steps(
            steps
                .map(|(name, amount, sum)| Flow {
                    label: name.to_owned(),
                    amount,
                    sum,
                    figure: about(amount),
                })
                .to_vec(),
        ),
        figures: Table {
            id: "waterfall-figures",
            caption: title.clone(),
            columns: vec![Column::words("Step"), Column::figures(currency)],
            rows: rows.to_vec(),
            empty: String::new(),
        },
        title,
    }
}

pub(super) fn cash(judged: &Judged, currency: &str) -> Chart {
    let likely: Vec<f64> = judged.input.money.scenario.cash().cumulative().collect();
    let point = |(month, value): (usize, &f64)| Point {
        label: format!("month {month}"),
        value: *value,
        band: judged.cash.get(month).map(|band| (band.low, band.high)),
    };
    let points: Vec<Point> = likely.iter().enumerate().map(point).collect();
    let title = format!("Cumulative cash at its present value, {currency}");
    let first = likely.iter().position(|value| *value >= 0.0);
    let rows = points.iter().map(|point| {
        let (low, high) = point.band.unwrap_or_default();
        Row::of([
            Cell::words(&point.label),
            estimate(point.value),
            estimate(low),
            estimate(high),
        ])
    });
    Chart {
        id: "cash",
        described: match first {
            Some(month) => format!("At the likeliest numbers it breaks even in month {month}."),
            None => {
                "At the likeliest numbers it does not break even within the horizon.".to_owned()
            }
        },
        drawing: Drawing::Line(points.clone()),
        figures: Table {
            id: "cash-figures",
            caption: title.clone(),
            columns: vec![
                Column::words("Month"),
                Column::figures("Likeliest"),
                Column::figures("Low, P10"),
                Column::figures("High, P90"),
            ],
            rows: rows.collect(),
            empty: String::new(),
        },
        title,
    }
}

pub(super) fn tornado(judged: &Judged, currency: &str) -> Chart {
    let swings = &judged.assessment.tornado;
    let title = format!("What moves the net present value, {currency}");
    let rows = swings.iter().map(|swing| {
        Row::of([
            Cell::words(words(swing.factor.name())),
            estimate(swing.values.low),
            estimate(swing.values.high),
            estimate(swing.at_low),
            estimate(swing.at_high),
        ])
    });
    let drawn = swings.iter().map(|swing| Swung {
        label: words(swing.factor.name()),
        low: (swing.at_low, about(swing.values.low)),
        high: (swing.at_high, about(swing.values.high)),
    });
    Chart {
        id: "tornado",
        described: swings.first().map_or(String::new(), |most| {
            format!("{} moves it most.", words(most.factor.name()))
        }),
        drawing: Drawing::Tornado {
            base: judged.assessment.npv,
            swings: drawn.collect(),
        },
        figures: Table {
            id: "tornado-figures",
            caption: title.clone(),
            columns: vec![
                Column::words("Factor"),
                Column::figures("P10"),
                Column::figures("P90"),
                Column::figures("NPV at P10"),
                Column::figures("NPV at P90"),
            ],
            rows: rows.collect(),
            empty: "No number of the case is uncertain: add estimates to it.".to_owned(),
        },
        title,
    }
}
