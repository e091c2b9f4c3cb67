//! The calendar month, UTC: the period of a budget.

use std::fmt;
use std::str::FromStr;

use units::Timestamp;

use crate::LedgerError;

/// A month of the civil calendar, counted from year 0 in twelfths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i64);

impl Month {
    /// The month that holds an instant, UTC.
    ///
    /// Days to civil date after Howard Hinnant, "chrono-compatible low-level date algorithms".
    pub const fn of(at: Timestamp) -> Self {
        let days = at.unix_seconds().div_euclid(86_400).saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let leap = day_of_era
            .saturating_sub(day_of_era.div_euclid(1_460))
            .saturating_add(day_of_era.div_euclid(36_524))
            .saturating_sub(day_of_era.div_euclid(146_096));
        let year_of_era = leap.div_euclid(365);
        let before = year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era.div_euclid(4))
            .saturating_sub(year_of_era.div_euclid(100));
        let day_of_year = day_of_era.saturating_sub(before);
        // 0 is March, so that the leap day ends the year.
        let from_march = day_of_year
            .saturating_mul(5)
            .saturating_add(2)
            .div_euclid(153);
        let year = era.saturating_mul(400).saturating_add(year_of_era);
        Self(
            year.saturating_mul(12)
                .saturating_add(from_march)
                .saturating_add(2),
        )
    }

    /// The year.
    pub const fn year(self) -> i64 {
        self.0.div_euclid(12)
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> i64 {
        self.0.rem_euclid(12).saturating_add(1)
    }

    /// The month after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// First instant of the month, UTC.
    pub const fn start(self) -> Timestamp {
        let shifted = self.0.saturating_sub(2);
        let year = shifted.div_euclid(12);
        let from_march = shifted.rem_euclid(12);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = from_march
            .saturating_mul(153)
            .saturating_add(2)
            .div_euclid(5);
        let day_of_era = year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era.div_euclid(4))
            .saturating_sub(year_of_era.div_euclid(100))
            .saturating_add(day_of_year);
        let days = era
            .saturating_mul(146_097)
            .saturating_add(day_of_era)
            .saturating_sub(719_468);
        Timestamp::from_unix_seconds(days.saturating_mul(86_400))
    }

    /// First instant after the month, UTC.
    pub const fn end(self) -> Timestamp {
        self.next().start()
    }
}

/// Such as `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

impl FromStr for Month {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let wrong = || LedgerError::Month(text.chars().take(40).collect());
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits = |text: &str, count| {
            let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (year, month) = (digits(year, 4)?, digits(month, 2)?);
        if !(1..=12).contains(&month) {
            return Err(wrong());
        }
        let months = year.saturating_mul(12).saturating_add(month);
        Ok(Self(months.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_as_it_is_written() {
        for text in ["1970-01", "2026-12", "0001-06"] {
            assert_eq!(text.parse::<Month>().unwrap().to_string(), text);
        }
        for text in [
            "2026",
            "2026-13",
            "2026-00",
            "26-01",
            "2026-1",
            "+026-01",
            "2026-01-01",
        ] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    fn check(unix_seconds: i64, expected: &str) {
        let month = Month::of(Timestamp::from_unix_seconds(unix_seconds));
        assert_eq!(month.to_string(), expected);
        assert!(month.start().unix_seconds() <= unix_seconds);
        assert!(unix_seconds < month.end().unix_seconds());
    }

    // Seconds from `date -u -d 2026-11-23 +%s` and the like.
    #[test]
    fn months_of_known_instants() {
        check(0, "1970-01");
        check(-1, "1969-12");
        check(1_795_392_000, "2026-11");
        check(951_782_399, "2000-02");
        check(951_868_799, "2000-02");
        check(951_868_800, "2000-03");
        check(4_107_542_399, "2100-02");
        check(4_107_542_400, "2100-03");
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let mut month = Month::of(Timestamp::from_unix_seconds(-3_000_000_000));
        for _ in 0..4_000 {
            assert_eq!(Month::of(month.start()), month);
            assert_eq!(month.end(), month.next().start());
            month = month.next();
        }
    }
}
