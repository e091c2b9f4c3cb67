//! The budget period: a calendar month in UTC, a pure function of an instant.

use std::fmt;
use std::str::FromStr;

use units::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

/// A calendar month (UTC), ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    month: u8,
}

impl Month {
    /// The month that holds the instant.
    ///
    /// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: the year starts in March, so
    /// that the leap day is its last.
    pub fn of(at: Timestamp) -> Self {
        let days = at
            .unix_seconds()
            .div_euclid(SECONDS_PER_DAY)
            .saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leaps) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // Nanoseconds in 64 bits reach the years 1677 to 2262 only: both always fit.
        Self {
            year: i32::try_from(year).unwrap_or(i32::MAX),
            month: u8::try_from(month).unwrap_or(12),
        }
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.year
    }

    /// The month of the year, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// First instant of the month.
    pub fn start(self) -> Timestamp {
        // `days_from_civil` of the same source, for day 1.
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * from_march + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Timestamp::from_unix_seconds(days.saturating_mul(SECONDS_PER_DAY))
    }

    /// The month after this one; its start is this one's end.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.month < 12 {
            Self {
                year: self.year,
                month: self.month + 1,
            }
        } else {
            Self {
                year: self.year.saturating_add(1),
                month: 1,
            }
        }
    }
}

/// As `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a month such as 2026-11")]
pub struct MonthError(String);

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let parts = text
            .split_once('-')
            .filter(|(y, m)| y.len() == 4 && m.len() == 2);
        let number = parts.and_then(|(y, m)| Some((y.parse().ok()?, m.parse().ok()?)));
        match number {
            Some((year, month)) if (1..=12).contains(&month) && year >= 0 => {
                Ok(Self { year, month })
            }
            _ => Err(MonthError(text.chars().take(20).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn month(seconds: i64) -> String {
        Month::of(Timestamp::from_unix_seconds(seconds)).to_string()
    }

    #[test]
    fn known_instants() {
        assert_eq!(month(0), "1970-01");
        assert_eq!(month(-1), "1969-12");
        // 2024-02-29T23:59:59Z and one second later.
        assert_eq!(month(1_709_251_199), "2024-02");
        assert_eq!(month(1_709_251_200), "2024-03");
        // 2026-11-30T23:59:59Z and one second later; the same for the year's end.
        assert_eq!(month(1_796_083_199), "2026-11");
        assert_eq!(month(1_796_083_200), "2026-12");
        assert_eq!(month(1_798_761_599), "2026-12");
        assert_eq!(month(1_798_761_600), "2027-01");
    }

    #[test]
    fn text_round_trips() {
        let november: Month = "2026-11".parse().unwrap();
        assert_eq!(november.to_string(), "2026-11");
        for wrong in [
            "2026-13", "2026-00", "2026-1", "26-11", "", "2026", "-026-11", "+026-11x",
        ] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_month(ns in any::<i64>()) {
            let at = Timestamp::from_unix_nanos(ns);
            let month = Month::of(at);
            let near_the_end = ns < i64::MIN + 3_000_000_000_000_000;
            prop_assert!(month.start() <= at || near_the_end);
            prop_assert!(at < month.next().start() || month.next().start().unix_nanos() == i64::MAX);
            prop_assert_eq!(Month::of(month.next().start()), month.next());
        }
    }
}
