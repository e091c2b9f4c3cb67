//! The middle part of a sample.

use crate::Span;

/// Fewer values than this say nothing about their tails.
const LEAST: usize = 20;

/// The middle `share` of some values, such as 0.95; not-a-numbers are left out, fewer than 20 values have no middle.
pub(crate) fn middle(values: impl Iterator<Item = f64>, share: f64) -> Option<Span> {
    let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    if values.len() < LEAST {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |quantile: f64| {
        let place = quantile * (values.len() - 1) as f64;
        values.get(place.round() as usize).copied()
    };
    let tail = (1.0 - share) / 2.0;
    Some(Span {
        low: at(tail)?,
        high: at(1.0 - tail)?,
    })
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn the_tails_are_cut() {
        let values = (0..=100).rev().map(f64::from).chain([f64::NAN]);
        let span = middle(values, 0.9).unwrap();
        assert_eq!((span.low, span.high), (5.0, 95.0));
        assert_eq!(middle((0..19).map(f64::from), 0.9), None);
    }
}
