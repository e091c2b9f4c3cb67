//! Figures as people read them: money that never hides as 0.00, times with their unit, shares in percent.

use units::{Nanos, Pico};

#[cfg(test)]
mod tests;

/// Digits after the point that a pico has.
const PLACES: usize = 12;

/// An amount with two places, or with three significant digits where that is finer: `12.30`, `0.0412`,
/// `0.00000123`. What is not nothing never shows as zero.
pub fn money(amount: Pico) -> String {
    decimal(amount.get())
}

/// An amount for each of `count` things, rounded half to even on the last pico; `None` of nothing.
pub fn money_each(amount: Pico, count: u64) -> Option<String> {
    let count = i128::from(count);
    let whole = amount.get().checked_div_euclid(count)?;
    let rest = amount.get().checked_rem_euclid(count)?;
    let up = match rest.saturating_mul(2).cmp(&count) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => whole.rem_euclid(2),
        std::cmp::Ordering::Greater => 1,
    };
    let each = whole.saturating_add(up);
    if each == 0 && amount != Pico::ZERO {
        return Some("< 0.000000000001".to_owned());
    }
    Some(decimal(each))
}

fn decimal(pico: i128) -> String {
    let unit = Pico::UNIT.get();
    let sign = if pico < 0 { "\u{2212}" } else { "" };
    let magnitude = i128::try_from(pico.unsigned_abs()).unwrap_or(i128::MAX);
    // The first digit that is not zero stands at this place after the point.
    let first = (1..=PLACES).find(|place| magnitude.saturating_mul(ten(*place)) >= unit);
    let places = match first {
        _ if magnitude == 0 || magnitude >= unit => 2,
        Some(first) => first.saturating_add(2).clamp(2, PLACES),
        None => PLACES,
    };
    let step = ten(PLACES.saturating_sub(places));
    let shown = round_half_even(magnitude, step);
    let scale = ten(places);
    let (whole, fraction) = (shown.div_euclid(scale), shown.rem_euclid(scale));
    format!("{sign}{}.{fraction:0places$}", grouped(whole))
}

fn ten(power: usize) -> i128 {
    (0..power).fold(1, |value: i128, _| value.saturating_mul(10))
}

fn round_half_even(value: i128, step: i128) -> i128 {
    let (floor, rest) = (value.div_euclid(step), value.rem_euclid(step));
    match rest.saturating_mul(2).cmp(&step) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => floor.saturating_add(floor.rem_euclid(2)),
        std::cmp::Ordering::Greater => floor.saturating_add(1),
    }
}

/// A whole number with thin spaces between thousands.
pub(crate) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    if number < 0 {
        out.push('\u{2212}');
    }
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time with three digits and its unit: `840 µs`, `12.3 ms`, `1.24 s`.
pub fn duration(time: Nanos) -> String {
    let ns = i128::from(time.get());
    let (unit, scale) = match ns {
        0..1_000 => return format!("{ns}\u{202f}ns"),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let places = match ns.div_euclid(scale) {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let factor = ten(places);
    let shown = round_half_even(ns.saturating_mul(factor), scale);
    let whole = grouped(shown.div_euclid(factor));
    if places == 0 {
        return format!("{whole}\u{202f}{unit}");
    }
    format!(
        "{whole}.{:0places$}\u{202f}{unit}",
        shown.rem_euclid(factor)
    )
}

/// A share of a whole in percent, rounded down so that only everything is `100 %`, and up from nothing so
/// that something is never `0 %`; `None` of nothing.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let per_mille = u128::from(part)
        .saturating_mul(1_000)
        .div_euclid(u128::from(whole));
    let text = match (part, per_mille) {
        (0, _) => "0".to_owned(),
        (_, 0) => "< 0.1".to_owned(),
        (_, 1_000..) => "100".to_owned(),
        (_, per_mille) => format!("{}.{}", per_mille.div_euclid(10), per_mille.rem_euclid(10)),
    };
    Some(format!("{text}\u{202f}%"))
}

/// A score in parts per million, as 0.000 to 1.000.
pub fn score(ppm: u32) -> String {
    let thousandths = round_half_even(ppm.into(), 1_000);
    format!(
        "{}.{:03}",
        thousandths.div_euclid(1_000),
        thousandths.rem_euclid(1_000)
    )
}
