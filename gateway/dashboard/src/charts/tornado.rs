//! What moves a result: a bar for each cause, from the result at its low end to that at its high end.

use maud::{Markup, html};

use super::{percent, short};

/// What one cause does.
#[derive(Debug, Clone, PartialEq)]
pub struct Swung {
    /// The cause.
    pub label: String,
    /// The result at its low end, and that end as text.
    pub low: (f64, String),
    /// The result at its high end, and that end as text.
    pub high: (f64, String),
}

const ROW: f64 = 46.0;
const TOP: f64 = 22.0;

pub(super) fn draw(base: f64, swings: &[Swung]) -> Option<(f64, Markup)> {
    if swings.is_empty() {
        return None;
    }
    let ends = swings.iter().flat_map(|swing| [swing.low.0, swing.high.0]);
    let (low, high) = ends
        .chain([base])
        .fold((f64::MAX, f64::MIN), |(low, high), end| {
            (low.min(end), high.max(end))
        });
    let range = if high > low { high - low } else { 1.0 };
    // Room on both sides for the ends' figures.
    let x = |value: f64| 0.14 + 0.72 * (value - low) / range;
    let height = TOP + ROW * swings.len() as f64 + 8.0;
    let shapes = html! {
        text .tick x=(percent(x(base))) y="12" text-anchor="middle" { (short(base)) }
        @for (at, swing) in swings.iter().enumerate() {
            @let top = TOP + ROW * at as f64;
            text .bar-label x="0" y=(format!("{:.0}", top + 12.0)) { (swing.label) }
            @for (end, kind) in [(&swing.low, "swing-low"), (&swing.high, "swing-high")] {
                @let (from, to) = (x(base.min(end.0)), x(base.max(end.0)));
                rect class=(kind) x=(percent(from)) width=(percent((to - from).max(0.001))) y=(format!("{:.0}", top + 18.0)) height="16" rx="2" {}
            }
            @let (left, right) = if swing.low.0 <= swing.high.0 { (&swing.low, &swing.high) } else { (&swing.high, &swing.low) };
            text .tick x=(percent(x(left.0.min(base)) - 0.01)) y=(format!("{:.0}", top + 31.0)) text-anchor="end" { (left.1) }
            text .tick x=(percent(x(right.0.max(base)) + 0.01)) y=(format!("{:.0}", top + 31.0)) { (right.1) }
        }
        line .axis x1=(percent(x(base))) x2=(percent(x(base))) y1="16" y2=(format!("{height:.0}")) {}
    };
    Some((height, shapes))
}
