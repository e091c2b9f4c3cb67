//! A line chart as SVG, drawn on the server. Every chart stands beside a table with the same figures.

use maud::{Markup, html};

/// A point: label of its time, and value.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The value as people read it.
    pub(crate) shown: String,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// Bars over time with a scale on the left. Nothing where there are no points.
pub(crate) fn bars(title: &str, description: &str, points: &[Point]) -> Markup {
    let highest = points.iter().map(|p| p.value).fold(0.0, f64::max);
    let count = u32::try_from(points.len()).unwrap_or(u32::MAX).max(1);
    let slot = (WIDTH - LEFT - RIGHT) / f64::from(count);
    let y_of = |value: f64| {
        let share = if highest > 0.0 { value / highest } else { 0.0 };
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    };
    let top = points.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let n = |value: f64| format!("{value:.1}");
    html! {
        svg .chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby="chart-title chart-text" {
            title #chart-title { (title) }
            desc #chart-text { (description) }
            line .axis x1=(n(LEFT)) y1=(n(HEIGHT - BOTTOM)) x2=(n(WIDTH - RIGHT)) y2=(n(HEIGHT - BOTTOM)) {}
            @if let Some(top) = top {
                line .grid x1=(n(LEFT)) y1=(n(y_of(top.value))) x2=(n(WIDTH - RIGHT)) y2=(n(y_of(top.value))) {}
                text .scale x=(n(LEFT - 8.0)) y=(n(y_of(top.value) + 4.0)) { (top.shown) }
            }
            text .scale x=(n(LEFT - 8.0)) y=(n(HEIGHT - BOTTOM + 4.0)) { "0" }
            @for (at, point) in points.iter().enumerate() {
                @let x = LEFT + slot * f64::from(u32::try_from(at).unwrap_or(u32::MAX));
                rect .bar x=(n(x + slot * 0.12)) y=(n(y_of(point.value))) width=(n((slot * 0.76).max(1.0)))
                    height=(n((HEIGHT - BOTTOM - y_of(point.value)).max(0.5))) {
                    title { (point.label) ": " (point.shown) }
                }
            }
            @if let (Some(first), Some(last)) = (points.first(), points.last()) {
                text .time x=(n(LEFT)) y=(n(HEIGHT - 10.0)) { (first.label) }
                @if points.len() > 1 {
                    text .time.end x=(n(WIDTH - RIGHT)) y=(n(HEIGHT - 10.0)) { (last.label) }
                }
            }
        }
    }
}
