//! Amounts in whole cents, read from the ways people write them.

use std::fmt;

use serde::{Serialize, Serializer};

/// Cents of any currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

impl Cents {
    /// The sum; `None` where it is too large.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// This many thousandths of it, rounded half away from zero.
    pub fn times_thousandths(self, thousandths: i64) -> Option<Self> {
        divided(i128::from(self.0) * i128::from(thousandths), 1_000)
    }

    /// This many hundredths of a percent of it, rounded half away from zero.
    pub fn share(self, basis_points: i64) -> Option<Self> {
        divided(i128::from(self.0) * i128::from(basis_points), 10_000)
    }
}

fn divided(product: i128, by: i128) -> Option<Cents> {
    let half = if product < 0 { -by / 2 } else { by / 2 };
    i64::try_from((product + half) / by).ok().map(Cents)
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", all / 100, all % 100)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Digits with at most `places` of them after the point: `1,234.56`, `1.234,56`, `1 234,56`, `1234.5`, `1'234.50`.
/// The value in units of `10^-places`.
pub fn decimal(text: &str, places: usize) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let separators = [',', '.', ' ', '\'', '\u{a0}', '\u{202f}'];
    if text.is_empty()
        || !text
            .chars()
            .all(|c| c.is_ascii_digit() || separators.contains(&c))
        || !text.ends_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    // The last comma or point is the decimal one, unless what follows are three digits and it is the only kind, as in
    // `1,234`: then it groups.
    let point = text.rfind([',', '.']).filter(|at| {
        let after = text.len() - at - 1;
        let sign = &text[*at..=*at];
        let others = text
            .chars()
            .any(|c| matches!(c, ',' | '.') && !sign.contains(c));
        let several = text.matches(sign).count() > 1;
        !several && (after != 3 || others || places >= 3)
    });
    let (whole, part) = point.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    if part.len() > places {
        return None;
    }
    let groups: Vec<&str> = whole.split(separators).collect();
    let grouped = groups.len() == 1
        || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
    if !grouped || groups.iter().any(|group| group.is_empty()) {
        return None;
    }
    let digits = format!("{}{part:0<places$}", groups.concat());
    let value: i64 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

/// An amount of money.
pub fn cents(text: &str) -> Option<Cents> {
    let bare = text
        .trim()
        .trim_start_matches(['€', '$', '£'])
        .trim_end_matches(['€', '$', '£'])
        .trim();
    let bare = ["EUR", "USD", "GBP", "CHF"]
        .iter()
        .fold(bare, |text, name| {
            text.trim_start_matches(name).trim_end_matches(name).trim()
        });
    decimal(bare, 2).map(Cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("1,234.56", 123_456),
            ("1.234,56", 123_456),
            ("1 234,56", 123_456),
            ("1'234.56", 123_456),
            ("1234.5", 123_450),
            ("1,234", 123_400),
            ("1.234.567,89", 123_456_789),
            ("€ 12", 1_200),
            ("12,50 EUR", 1_250),
            ("-3.10", -310),
            ("0.05", 5),
        ] {
            assert_eq!(cents(text), Some(Cents(wanted)), "{text}");
        }
        for text in [
            "",
            "abc",
            "1,23,4",
            "1.2.3",
            "12.345,678",
            "1,,2",
            ",5",
            "5,",
            "9999999999999999999",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
        assert_eq!(decimal("2,5", 3), Some(2_500));
    }

    #[test]
    fn shares_round_half_away_from_zero() {
        assert_eq!(Cents(156_470).share(1_900), Some(Cents(29_729)));
        assert_eq!(Cents(50).share(100), Some(Cents(1)));
        assert_eq!(Cents(-50).share(100), Some(Cents(-1)));
        assert_eq!(Cents(333).times_thousandths(1_500), Some(Cents(500)));
        assert_eq!(Cents(i64::MAX).times_thousandths(2_000), None);
    }
}
