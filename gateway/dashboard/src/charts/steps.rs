//! A waterfall: from one sum to another in steps.

use maud::{Markup, html};

use super::percent;
use super::scale::{Scale, slot};

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// What it is.
    pub label: String,
    /// What it adds; of a sum, what stands there.
    pub amount: f64,
    /// Is it a sum?
    pub sum: bool,
    /// The amount as text.
    pub figure: String,
}

const HEIGHT: f64 = 300.0;
const BOTTOM: f64 = 250.0;

pub(super) fn draw(flows: &[Flow]) -> Option<(f64, Markup)> {
    if flows.is_empty() {
        return None;
    }
    let mut level = 0.0;
    let spans: Vec<(f64, f64)> = flows
        .iter()
        .map(|flow| {
            let from = if flow.sum { 0.0 } else { level };
            level = from + flow.amount;
            (from, level)
        })
        .collect();
    let ends = spans.iter().flat_map(|(a, b)| [*a, *b]);
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    let scale = Scale::new(low, high, 24.0, BOTTOM);
    let shapes = html! {
        (scale.grid())
        @for (at, (flow, (from, to))) in flows.iter().zip(&spans).enumerate() {
            @let (left, width) = slot(at, flows.len());
            @let (top, bottom) = (scale.y(from.max(*to)), scale.y(from.min(*to)));
            @let kind = if flow.sum { "flow-sum" } else if flow.amount < 0.0 { "flow-down" } else { "flow-up" };
            rect class=(kind) x=(percent(left + width * 0.14)) width=(percent(width * 0.72)) y=(format!("{top:.1}"))
                height=(format!("{:.1}", (bottom - top).max(1.0))) rx="2" {}
            text .flow-figure x=(percent(left + width / 2.0)) y=(format!("{:.1}", top - 6.0)) text-anchor="middle" { (flow.figure) }
            // Every second label stands lower, so that neighbours do not meet.
            @let y = BOTTOM + if at % 2 == 0 { 20.0 } else { 38.0 };
            text .tick x=(percent(left + width / 2.0)) y=(format!("{y:.0}")) text-anchor="middle" { (flow.label) }
        }
    };
    Some((HEIGHT, shapes))
}
