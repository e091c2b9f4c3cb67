//! Amounts as people read them: three significant digits, so that a small cost is never shown as 0.00.

use units::Pico;

/// Digits after the point at most: pico has twelve.
const PLACES: u32 = 12;
/// Significant digits of amounts below one.
const DIGITS: u32 = 3;

/// An amount with two decimals from one unit on, and three significant digits below, rounded half away
/// from zero. Nothing is `0`.
pub fn amount(pico: Pico) -> String {
    let sign = if pico.is_negative() { "-" } else { "" };
    let magnitude = pico.get().unsigned_abs();
    if magnitude == 0 {
        return "0".to_owned();
    }
    let digits = magnitude.checked_ilog10().unwrap_or(0).saturating_add(1);
    // A unit is 10^12 pico: 13 digits.
    let places = if digits > PLACES {
        2
    } else {
        PLACES.saturating_sub(digits).saturating_add(DIGITS).min(PLACES)
    };
    let step = 10_u128.saturating_pow(PLACES.saturating_sub(places));
    let rounded = magnitude.saturating_add(step.div_euclid(2)).div_euclid(step);
    let unit = 10_u128.saturating_pow(places);
    let (whole, rest) = (rounded.div_euclid(unit), rounded.rem_euclid(unit));
    let width = usize::try_from(places).unwrap_or(12);
    format!("{sign}{whole}.{rest:0width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_keep_three_digits() {
        for (pico, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (1_234, "0.00000000123"),
            (1_235_000, "0.00000124"),
            (27_000_000, "0.0000270"),
            (999_900_000_000, "1.000"),
            (1_000_000_000_000, "1.00"),
            (12_345_678_901_234, "12.35"),
            (-3_490_000_000_000, "-3.49"),
        ] {
            assert_eq!(amount(Pico::new(pico)), text, "{pico}");
        }
    }
}
