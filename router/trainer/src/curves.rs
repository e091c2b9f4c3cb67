//! The curves of a run: loss and dev accuracy by pass, of teachers, of students, and of students without teachers.

use anyhow::Result;

use crate::chart::{Axis, Chart, Series};
use crate::distil::Made;
use crate::report::Comparison;
use crate::train::Epoch;

/// The curves as SVG files: names and contents.
pub fn drawn(comparison: &Comparison<'_>) -> Result<Vec<(&'static str, String)>> {
    let recipe = comparison.course.recipe;
    let chart = |title: String, label: &str, series| Chart {
        title,
        x: Axis::linear("pass over the data"),
        y: Axis::linear(label),
        series,
    };
    let accuracy = chart(
        format!("{}: dev accuracy of the best label", recipe.id),
        "share of dev rows",
        accuracies(comparison),
    );
    let loss = chart(
        format!("{}: loss (each kind of run has its own)", recipe.id),
        "mean loss of a step",
        losses(comparison),
    );
    Ok(vec![
        ("curves.svg", accuracy.svg()?),
        ("loss.svg", loss.svg()?),
    ])
}

fn accuracies(comparison: &Comparison<'_>) -> Vec<Series> {
    let mut series = Vec::new();
    for (at, task) in comparison.course.recipe.tasks.iter().enumerate() {
        let said = comparison.said.get(at).map_or(&[][..], Vec::as_slice);
        for facts in said
            .iter()
            .map(|said| &said.facts)
            .filter(|f| !f.epochs.is_empty())
        {
            let name = format!("{}: teacher", task.id);
            series.push(line(&name, &facts.epochs, |epoch| {
                epoch.dev_accuracy.first().copied()
            }));
        }
        let of_task = |epoch: &Epoch| epoch.dev_accuracy.get(at).copied();
        let student = format!("{}: student", task.id);
        series.push(line(&student, &comparison.best.epochs, of_task));
        if let Some(alone) = counterpart(comparison) {
            let name = format!("{}: without teacher", task.id);
            series.push(line(&name, &alone.epochs, of_task));
        }
    }
    series
}

fn losses(comparison: &Comparison<'_>) -> Vec<Series> {
    let mut series = Vec::new();
    for (task, said) in comparison.course.recipe.tasks.iter().zip(comparison.said) {
        for facts in said
            .iter()
            .map(|said| &said.facts)
            .filter(|f| !f.epochs.is_empty())
        {
            let name = format!("{}: teacher", task.id);
            series.push(line(&name, &facts.epochs, |epoch| Some(epoch.loss)));
        }
    }
    series.push(line("student", &comparison.best.epochs, |epoch| {
        Some(epoch.loss)
    }));
    if let Some(alone) = counterpart(comparison) {
        series.push(line("without teacher", &alone.epochs, |epoch| {
            Some(epoch.loss)
        }));
    }
    series
}

/// The student without teachers of the kept seed.
fn counterpart<'a>(comparison: &'a Comparison<'_>) -> Option<&'a Made> {
    let seed = comparison.best.seed;
    comparison.alone.iter().find(|made| made.seed == seed)
}

fn line(name: &str, epochs: &[Epoch], of: impl Fn(&Epoch) -> Option<f64>) -> Series {
    let point = |epoch: &Epoch| {
        let pass = f64::from(u32::try_from(epoch.epoch).ok()?);
        Some((pass, of(epoch)?))
    };
    Series::line(name, epochs.iter().filter_map(point).collect())
}
