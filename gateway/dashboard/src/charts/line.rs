//! A line over time, within a band.

use maud::{Markup, html};

use super::percent;
use super::scale::{LEFT, Scale, labels, slot};

/// A point of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When.
    pub label: String,
    /// How much.
    pub value: f64,
    /// Between what it lies where it is not sure.
    pub band: Option<(f64, f64)>,
}

const HEIGHT: f64 = 260.0;
const BOTTOM: f64 = 228.0;
/// The shapes' own width, which is stretched.
const WIDE: f64 = 1_000.0;

pub(super) fn draw(points: &[Point]) -> Option<(f64, Markup)> {
    if points.is_empty() {
        return None;
    }
    let ends = points.iter().map(|p| p.band.unwrap_or((p.value, p.value)));
    let (low, high) = ends.fold((f64::MAX, f64::MIN), |(low, high), (a, b)| {
        (low.min(a), high.max(b))
    });
    let scale = Scale::new(low, high, 12.0, BOTTOM);
    let place = |at: usize, value: f64| {
        let (from, width) = slot(at, points.len());
        format!("{:.1},{:.1}", (from + width / 2.0) * WIDE, scale.y(value))
    };
    let each = || points.iter().enumerate();
    let middle: Vec<String> = each().map(|(at, p)| place(at, p.value)).collect();
    let above = each().filter_map(|(at, p)| Some(place(at, p.band?.1)));
    let below = each()
        .rev()
        .filter_map(|(at, p)| Some(place(at, p.band?.0)));
    let band: Vec<String> = above.chain(below).collect();
    let shapes = html! {
        (scale.grid())
        svg x="0" y="0" width="100%" height=(HEIGHT) viewBox={ "0 0 " (WIDE) " " (HEIGHT) } preserveAspectRatio="none" {
            @if band.len() > 3 { polygon .band points=(band.join(" ")) {} }
            @if points.len() > 1 {
                polyline .line points=(middle.join(" ")) vector-effect="non-scaling-stroke" {}
            }
        }
        @if points.len() == 1 {
            circle .dot cx=(percent(LEFT + 0.45)) cy=(format!("{:.1}", scale.y(points.first().map_or(0.0, |p| p.value)))) r="4" {}
        }
        (labels(points.iter().map(|point| point.label.as_str()), BOTTOM + 20.0))
    };
    Some((HEIGHT, shapes))
}
