use proptest::prelude::*;

use super::*;

#[test]
fn money_shows_what_there_is() {
    let check = |text: &str, expected: &str| {
        assert_eq!(money(text.parse().unwrap()), expected, "{text}");
    };
    check("0", "0.00");
    check("12.3", "12.30");
    check("1234567.891", "1\u{202f}234\u{202f}567.89");
    check("0.5", "0.500");
    check("0.0412345", "0.0412");
    check("0.00000123456", "0.00000123");
    check("0.000000000001", "0.000000000001");
    check("-0.00125", "\u{2212}0.00125");
    check("0.99999", "1.000");
    check("9.999", "10.00");
}

#[test]
fn money_for_each_is_rounded_once() {
    let pico = |text: &str| text.parse::<Pico>().unwrap();
    assert_eq!(money_each(pico("1"), 0), None);
    assert_eq!(money_each(pico("1"), 3).unwrap(), "0.333");
    assert_eq!(money_each(pico("0.000002"), 240).unwrap(), "0.00000000833");
    assert_eq!(money_each(Pico::new(1), 10).unwrap(), "< 0.000000000001");
    assert_eq!(money_each(Pico::ZERO, 10).unwrap(), "0.00");
}

#[test]
fn times_carry_their_unit() {
    let check = |ns: u64, expected: &str| assert_eq!(duration(Nanos::new(ns)), expected);
    check(900, "900\u{202f}ns");
    check(84_000, "84.0\u{202f}µs");
    check(12_345_678, "12.3\u{202f}ms");
    check(1_239_999_999, "1.24\u{202f}s");
    check(250_000_000_000, "250\u{202f}s");
}

#[test]
fn only_everything_is_everything() {
    assert_eq!(percent(0, 0), None);
    assert_eq!(percent(9_999, 10_000).unwrap(), "99.9\u{202f}%");
    assert_eq!(percent(10_000, 10_000).unwrap(), "100\u{202f}%");
    assert_eq!(percent(1, 100_000).unwrap(), "< 0.1\u{202f}%");
    assert_eq!(percent(0, 5).unwrap(), "0\u{202f}%");
    assert_eq!(score(876_543), "0.877");
    assert_eq!(score(1_000_000), "1.000");
}

proptest! {
    #[test]
    fn something_never_shows_as_nothing(pico in 1_i128..10_i128.pow(20)) {
        let text = money(Pico::new(pico));
        prop_assert!(text.chars().any(|c| ('1'..='9').contains(&c)), "{text}");
        // Three digits are enough to be within half a percent, or half a cent.
        let plain: String = text.chars().filter(|c| *c != '\u{202f}').collect();
        let back = plain.parse::<Pico>().unwrap().get();
        prop_assert!(back.abs_diff(pico) <= (pico.unsigned_abs() / 199).min(5_000_000_000) + 1, "{text} for {pico}");
    }
}
