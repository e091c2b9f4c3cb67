//! The pictures of fitted laws: measured loss over work with the law's best possible, and foretold against measured.

use anyhow::Result;
use economics::scaling::{Run, flops};

use crate::chart::{Axis, Chart, Series};
use crate::scaling::hold_out::Check;
use crate::scaling::law_file::{GroupLaw, LawFile};
use crate::scaling::sets::Runs;

/// Places along a drawn law.
const STEPS: i32 = 60;
/// Sizes of models that get a line of their own; of more, these many spread over all.
const SIZES: usize = 5;

/// The pictures by file name.
pub(super) fn all(file: &LawFile, data: &Runs) -> Result<Vec<(String, String)>> {
    let mut pictures = Vec::new();
    for law in &file.laws {
        let end = if file.laws.len() == 1 {
            String::new()
        } else {
            format!("-{}", law.group.replace('/', "-"))
        };
        if let Some(runs) = data.groups.get(&law.group) {
            pictures.push((format!("loss{end}.svg"), loss(law, runs).svg()?));
        }
        let checks = [("held out", &law.check), ("test", &law.test)];
        let checks: Vec<(&str, &Check)> = checks
            .into_iter()
            .filter_map(|(name, check)| Some((name, check.as_ref()?)))
            .collect();
        if !checks.is_empty() {
            pictures.push((format!("foretold{end}.svg"), foretold(law, &checks).svg()?));
        }
    }
    Ok(pictures)
}

/// Loss over work: the runs, the law for some of their sizes, and the least loss of each amount of work, up to ten times
/// the most.
fn loss(law: &GroupLaw, runs: &[Run]) -> Chart {
    let fitted = &law.fit.law;
    let mut sizes: Vec<f64> = runs.iter().map(Run::params).collect();
    sizes.sort_by(f64::total_cmp);
    // Sizes of three runs and more: a line through one point shows nothing.
    let sizes: Vec<f64> = sizes
        .chunk_by(|a, b| a == b)
        .filter(|same| same.len() >= 3)
        .filter_map(|same| same.first().copied())
        .collect();
    let spread = (0..SIZES.min(sizes.len()))
        .filter_map(|i| sizes.get(i * (sizes.len() - 1) / (SIZES.min(sizes.len()) - 1).max(1)));
    let dot = |run: &Run| (flops(run.params(), run.tokens()), run.loss());
    let mut series = Vec::new();
    let work = law.fit.reach.flops;
    let best = |work: f64| {
        let at = fitted.best_for_work(work);
        (work, fitted.loss(at.params, at.tokens))
    };
    let band = |work: f64| {
        let loss = law.bootstrap.interval(0.95, |law| {
            let at = law.best_for_work(work);
            Some(law.loss(at.params, at.tokens))
        })?;
        Some((work, loss.low, loss.high))
    };
    let works: Vec<f64> = steps(work.low, work.high * economics::REACH).collect();
    series.push(
        Series::line(
            "best use of work, 95 %",
            works.iter().map(|w| best(*w)).collect(),
        )
        .with_band(works.iter().filter_map(|w| band(*w)).collect()),
    );
    series.push(Series::dots("runs", runs.iter().map(dot).collect()));
    for &size in spread {
        let of_size = || {
            runs.iter()
                .filter(|run| run.params() == size)
                .map(Run::tokens)
        };
        let (low, high) = (
            of_size().fold(f64::INFINITY, f64::min),
            of_size().fold(0.0, f64::max),
        );
        let line = steps(low, high).map(|tokens| (flops(size, tokens), fitted.loss(size, tokens)));
        series.push(Series::line(
            &format!("law at {size:.2e} params"),
            line.collect(),
        ));
    }
    Chart {
        title: format!("Loss over work: {}", law.group),
        x: Axis::log("work, 6 x params x tokens"),
        y: Axis::linear("loss, nats per token"),
        series,
    }
}

/// Foretold over measured loss, beside the line where both agree.
fn foretold(law: &GroupLaw, checks: &[(&str, &Check)]) -> Chart {
    let losses = || {
        checks
            .iter()
            .flat_map(|(_, check)| check.runs.iter().map(|run| run.loss))
    };
    let (low, high) = (
        losses().fold(f64::INFINITY, f64::min),
        losses().fold(0.0, f64::max),
    );
    let mut series = vec![Series::line("as measured", vec![(low, low), (high, high)])];
    for (name, check) in checks {
        let dots = check.runs.iter().map(|run| (run.loss, run.foretold));
        series.push(Series::dots(
            &format!("{name}, mean error {:.2} %", check.mean * 100.0),
            dots.collect(),
        ));
    }
    Chart {
        title: format!("Larger runs foretold: {}", law.group),
        x: Axis::linear("measured loss"),
        y: Axis::linear("foretold loss"),
        series,
    }
}

/// Numbers from `low` to `high` with equal factors.
fn steps(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let factor = (high / low).powf(f64::from(STEPS).recip());
    (0..=STEPS).map(move |step| low * factor.powi(step))
}
