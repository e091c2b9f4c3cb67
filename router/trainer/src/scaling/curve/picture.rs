//! The picture of a curve: measured rows, the curve with its band up to ten times the labels, and measured truths.

use economics::REACH;

use super::curve_file::CurveFile;
use crate::chart::{Axis, Chart, Series};

const STEPS: i32 = 60;

pub(super) fn chart(file: &CurveFile) -> Chart {
    let span = file.curve.fit.labels;
    let factor = (span.high * REACH / span.low).powf(f64::from(STEPS).recip());
    let places: Vec<f64> = (0..=STEPS)
        .map(|step| span.low * factor.powi(step))
        .collect();
    let line = places
        .iter()
        .filter_map(|&labels| Some((labels, file.curve.accuracy(labels).ok()?)))
        .collect();
    let band = places.iter().filter_map(|&labels| {
        let span = file.band(labels)?;
        Some((labels, span.low, span.high))
    });
    let mut series = vec![
        Series::line("foretold, 95 %", line).with_band(band.collect()),
        Series::dots(
            "fitted to",
            file.points.iter().map(|p| (p.labels, p.accuracy)).collect(),
        ),
    ];
    let truths = file
        .predictions
        .iter()
        .flat_map(|p| p.truth.iter().map(|truth| (p.labels, *truth)));
    let truths: Vec<(f64, f64)> = truths.collect();
    if !truths.is_empty() {
        series.push(Series::dots("measured afterwards", truths));
    }
    Chart {
        title: format!("Accuracy over labels: {}", file.origin.name),
        x: Axis::log("labels"),
        y: Axis::linear("accuracy"),
        series,
    }
}
