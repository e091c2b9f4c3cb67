//! The time a page is about, in the tenant's zone: days and months begin at its midnight, and a day of 23 or 25 hours is one.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};
use ledger_store::Span;
use units::{Bucket, Timestamp};

/// What may be asked for; the name is the value of `period` in the address.
const PERIODS: [(&str, &str); 6] = [
    ("today", "Today"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("month", "This month"),
    ("last-month", "Last month"),
    ("90d", "Last 90 days"),
];

/// A span of whole days, and the one before it that it is compared with.
#[derive(Debug, Clone)]
pub(super) struct Period {
    /// Its name in the address.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) label: &'static str,
    /// Its days.
    days: Vec<Date>,
    /// The days before it.
    before: Vec<Date>,
    zone: TimeZone,
}

/// Days that are equally long, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) span: Span,
    /// Buckets of each of its days.
    pub(super) step: u32,
}

/// A moment in a zone.
pub(super) fn zoned(at: Timestamp, zone: &TimeZone) -> ZonedDateTime {
    let at = jiff::Timestamp::from_second(at.unix_seconds()).unwrap_or_default();
    at.to_zoned_datetime(zone.clone())
}

/// A moment as `2026-11-27 09:15`.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%Y-%m-%d %H:%M").to_string()
}

impl Period {
    /// The period of an address; what makes no sense is the last 30 days.
    pub(super) fn of(name: Option<&str>, now: Timestamp, zone: &TimeZone) -> Self {
        let found = PERIODS.iter().find(|(known, _)| Some(*known) == name);
        let (name, label) = *found.unwrap_or(&("30d", "Last 30 days"));
        let today = zoned(now, zone).date();
        let first = today.first_of_month();
        let back = |days: i64| today.saturating_sub(days.days());
        let (from, to, before) = match name {
            "today" => (today, today, back(1)),
            "7d" => (back(6), today, back(13)),
            "90d" => (back(89), today, back(179)),
            "month" => (first, today, first.saturating_sub(1.month())),
            "last-month" => {
                let from = first.saturating_sub(1.month());
                (from, from.last_of_month(), from.saturating_sub(1.month()))
            }
            _ => (back(29), today, back(59)),
        };
        let days: Vec<Date> = each(from, to).collect();
        // As many days as there are, so that a month that runs is compared with as much of the last.
        let until = match name {
            "last-month" => before.last_of_month(),
            _ => {
                let more = i64::try_from(days.len()).unwrap_or(1).saturating_sub(1);
                before
                    .saturating_add(more.days())
                    .min(from.saturating_sub(1.day()))
            }
        };
        Self {
            name,
            label,
            days,
            before: each(before, until).collect(),
            zone: zone.clone(),
        }
    }

    /// What may be chosen.
    pub(super) fn options() -> Vec<(String, String)> {
        let text = |(name, label): &(&str, &str)| ((*name).to_owned(), (*label).to_owned());
        PERIODS.iter().map(text).collect()
    }

    /// From its first bucket to that after its last.
    pub(super) fn span(&self) -> Span {
        whole(&self.days, &self.zone)
    }

    /// The same of what it is compared with.
    pub(super) fn prior(&self) -> Span {
        whole(&self.before, &self.zone)
    }

    /// Its days in runs of equal length.
    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for day in &self.days {
            let span = whole(std::slice::from_ref(day), &self.zone);
            let step = span.to.index().saturating_sub(span.from.index());
            let step = u32::try_from(step).unwrap_or(96);
            match runs.last_mut() {
                Some(last) if last.step == step => last.span.to = span.to,
                _ => runs.push(Run { span, step }),
            }
        }
        runs
    }

    /// Every day with its first bucket.
    pub(super) fn days(&self) -> impl Iterator<Item = (Date, Bucket)> {
        self.days
            .iter()
            .map(|day| (*day, midnight(*day, &self.zone)))
    }
}

fn each(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |day| *day <= to)
}

fn midnight(day: Date, zone: &TimeZone) -> Bucket {
    let start = day.to_zoned_datetime(zone.clone());
    let seconds = start.map_or(0, |start| start.timestamp().as_second());
    Bucket::of(Timestamp::from_unix_seconds(seconds))
}

fn whole(days: &[Date], zone: &TimeZone) -> Span {
    let at = |day: Option<Date>| midnight(day.unwrap_or_default(), zone);
    let after = days.last().map(|day| day.saturating_add(1.day()));
    Span {
        from: at(days.first().copied()),
        to: at(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_unix_seconds(at.as_second())
    }

    fn length(span: Span) -> i64 {
        span.to.index() - span.from.index()
    }

    #[test]
    fn days_begin_at_the_tenants_midnight_and_some_are_longer() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // Clocks went back on 2026-10-25.
        let now = at("2026-10-27T12:00:00Z");
        let week = Period::of(Some("7d"), now, &berlin);
        assert_eq!(length(week.span()), 7 * 96 + 4);
        assert_eq!(week.span().from, Bucket::of(at("2026-10-20T22:00:00Z")));
        assert_eq!(week.prior().to, week.span().from);
        let runs: Vec<_> = week
            .runs()
            .iter()
            .map(|r| (length(r.span), r.step))
            .collect();
        assert_eq!(runs, [(4 * 96, 96), (100, 100), (2 * 96, 96)]);
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let today = Period::of(Some("today"), now, &kolkata);
        assert_eq!(today.span().from, Bucket::of(at("2026-10-26T18:30:00Z")));
        assert_eq!(length(today.span()), 96);
    }

    #[test]
    fn months_are_compared_with_as_much_of_the_last() {
        let utc = TimeZone::UTC;
        let now = at("2026-03-31T12:00:00Z");
        let month = Period::of(Some("month"), now, &utc);
        assert_eq!(length(month.span()), 31 * 96);
        // February ends before.
        assert_eq!(length(month.prior()), 28 * 96);
        let last = Period::of(Some("last-month"), now, &utc);
        assert_eq!(
            (length(last.span()), length(last.prior())),
            (28 * 96, 31 * 96)
        );
        assert_eq!(Period::of(Some("?"), now, &utc).name, "30d");
        assert_eq!(last.days().count(), 28);
    }
}
