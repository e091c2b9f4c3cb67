//! Bars over time, piled up of parts.

use maud::{Markup, html};

use super::percent;
use super::scale::{Scale, labels, slot};

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Pile {
    /// When.
    pub label: String,
    /// Its parts, in the order of their names. None is below 0.
    pub parts: Vec<f64>,
}

const HEIGHT: f64 = 280.0;
const BOTTOM: f64 = 246.0;
/// Colours there are; further parts share the last.
const COLOURS: usize = 8;

fn colour(at: usize) -> String {
    format!("part part-{}", at.min(COLOURS.saturating_sub(1)))
}

pub(super) fn draw(names: &[String], piles: &[Pile]) -> Option<(f64, Markup)> {
    if piles.is_empty() || names.is_empty() {
        return None;
    }
    let most = piles.iter().map(|pile| pile.parts.iter().sum::<f64>());
    let scale = Scale::new(0.0, most.fold(0.0, f64::max), 12.0, BOTTOM);
    let shapes = html! {
        (scale.grid())
        @for (at, pile) in piles.iter().enumerate() {
            @let (from, width) = slot(at, piles.len());
            @for (part, (low, value)) in below(&pile.parts).enumerate() {
                @let (top, bottom) = (scale.y(low + value), scale.y(low));
                @if value > 0.0 {
                    rect class=(colour(part)) x=(percent(from + width * 0.12)) width=(percent(width * 0.76))
                        y=(format!("{top:.1}")) height=(format!("{:.1}", (bottom - top).max(0.5))) {}
                }
            }
        }
        (labels(piles.iter().map(|pile| pile.label.as_str()), BOTTOM + 22.0))
    };
    Some((HEIGHT, shapes))
}

/// Each part with the sum of those below.
fn below(parts: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    let mut sum = 0.0;
    parts.iter().map(move |part| {
        let low = sum;
        sum += part.max(0.0);
        (low, part.max(0.0))
    })
}

/// Which colour is which part.
pub(super) fn legend(names: &[String]) -> Markup {
    html! {
        ul .legend {
            @for (at, name) in names.iter().enumerate() {
                li {
                    svg width="12" height="12" aria-hidden="true" { rect class=(colour(at)) width="12" height="12" rx="2" {} }
                    (name)
                }
            }
        }
    }
}
