//! A vertical axis: round numbers from below the least to above the most value.

use maud::{Markup, html};

use super::{percent, short};

/// Room at the left for the axis' numbers, as a share of the width.
pub(super) const LEFT: f64 = 0.1;
/// Room at the right.
const RIGHT: f64 = 0.01;

/// From value to place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    top: f64,
    bottom: f64,
}

impl Scale {
    /// For values of this range and a drawing between these heights in pixels.
    pub(super) fn new(low: f64, high: f64, top: f64, bottom: f64) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let range = if high > low { high - low } else { 1.0 };
        let rough = range / 4.0;
        let size = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * size)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        Self {
            low: (low / step).floor() * step,
            high: ((high.max(low + step)) / step).ceil() * step,
            step,
            top,
            bottom,
        }
    }

    /// The height of a value, in pixels from the top.
    pub(super) fn y(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.bottom - share * (self.bottom - self.top)
    }

    /// Lines across with their numbers; that of zero is stronger.
    pub(super) fn grid(self) -> Markup {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let marks = (0..=count.min(12)).map(|at| self.low + at as f64 * self.step);
        html! {
            @for mark in marks {
                @let y = format!("{:.1}", self.y(mark));
                @let zero = mark.abs() < self.step / 1e6;
                line class=(if zero { "axis" } else { "grid" }) x1=(percent(LEFT)) x2="100%" y1=(y) y2=(y) {}
                text .tick x="0" y=(format!("{:.1}", self.y(mark) + 4.0)) {
                    (short(if zero { 0.0 } else { mark }))
                }
            }
        }
    }
}

/// Where the `at`th of `count` things begins and how wide it is, as shares of the width.
pub(super) fn slot(at: usize, count: usize) -> (f64, f64) {
    let width = (1.0 - LEFT - RIGHT) / count.max(1) as f64;
    (LEFT + at as f64 * width, width)
}

/// Labels below, as many as there is room for.
pub(super) fn labels<'a>(names: impl ExactSizeIterator<Item = &'a str>, y: f64) -> Markup {
    let count = names.len();
    let every = count.div_ceil(6).max(1);
    html! {
        @for (at, name) in names.enumerate() {
            @if at % every == 0 {
                @let (from, width) = slot(at, count);
                @let middle = percent(from + width / 2.0);
                text .tick x=(middle) y=(format!("{y:.0}")) text-anchor="middle" { (name) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_holds_every_value_and_zero() {
        for (low, high) in [
            (0.0, 0.0),
            (3.0, 7.0),
            (-12.0, -3.0),
            (-1e-9, 4e-9),
            (0.0, 123_456.0),
        ] {
            let scale = Scale::new(low, high, 10.0, 210.0);
            for value in [low, high, 0.0] {
                let y = scale.y(value);
                assert!((9.9..=210.1).contains(&y), "{low} {high} {value}: {y}");
            }
            assert!(scale.y(0.0) >= scale.y(high.max(0.0)));
        }
        let html = Scale::new(-5.0, 20.0, 0.0, 100.0).grid().into_string();
        assert_eq!(html.matches("class=\"axis\"").count(), 1, "{html}");
    }
}
