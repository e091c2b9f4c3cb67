//! Budgets and forecast: what may be spent this month, what is spent and reserved, and where it is going.

mod told;

use dashboard::{Block, Cell, Chart, Column, Drawing, Figure, Point, Row, Sheet, Table, Tone};
use ledger::Month;
use ledger_store::Span;
use units::{Bucket, Pico, Timestamp};

use super::super::visit::{Visit, drawn, money};
use super::PageError;
use crate::admission::reaches;
use crate::alerts::THRESHOLDS;

/// Days behind a run-rate.
const RATE_DAYS: usize = 14;
/// Nine in ten draws of a normal distribution lie within so many deviations below.
const Z90: f64 = 1.2816;

/// The month, its days, and what was spent on each that has passed.
struct Course {
    month: Month,
    /// Sums by the day so far.
    spent: Vec<Pico>,
    /// Days of the month.
    days: usize,
    /// Marginal cost of each of the last days, this month's and before.
    recent: Vec<f64>,
    /// Requests of each of the last days.
    requests: Vec<f64>,
}

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let course = course(visit).await?;
    let month = course.month;
    let limits = visit
        .app
        .config
        .tenants
        .iter()
        .find(|t| t.id == *visit.tenant());
    let cap = limits.and_then(|tenant| tenant.limits.monthly_budget);
    let view = visit.app.admission.budget(visit.tenant(), None, visit.now);
    let reserved = view.map_or(Pico::ZERO, |view| view.reserved);
    let spent = course.spent.last().copied().unwrap_or(Pico::ZERO);
    let keys = visit.app.recorder.store().spend(month).await?;
    let currency = visit.currency();
    let (run_rate, driver) = (course.run_rate(), course.driver_based());
    let mut figures = vec![
        match cap {
            None => Figure::new("Budget", "none").beside("every request is admitted"),
            Some(cap) => Figure::new("Budget", format!("{} {currency}", dashboard::money(cap)))
                .beside(month.to_string()),
        },
        Figure::new("Spent", format!("{} {currency}", dashboard::money(spent)))
            .beside(of(spent, cap))
            .meant(tone(spent, cap)),
        Figure::new(
            "Reserved",
            format!("{} {currency}", dashboard::money(reserved)),
        )
        .beside("by requests under way"),
    ];
    for (name, value, how) in [
        (
            "Forecast, run-rate",
            run_rate,
            "mean of the last 14 days, for each day left",
        ),
        (
            "Forecast, driver-based",
            driver,
            "requests a day times cost per request",
        ),
    ] {
        let text = value.map_or("unknown".to_owned(), |value| {
            format!("{} {currency}", super::portfolio::about(value))
        });
        let over = cap
            .zip(value)
            .is_some_and(|(cap, value)| value > drawn(cap));
        let figure = Figure::new(name, text).beside(how);
        figures.push(if over {
            figure.meant(Tone::Bad)
        } else {
            figure
        });
    }
    Ok(Sheet {
        frame: visit.frame(),
        title: "Budgets and forecast".to_owned(),
        lead: format!(
            "{month} in UTC, as budgets count: work only, in {currency}. Requests are admitted against spent, reserved and their own estimate."
        ),
        address: visit.address(&[]),
        choices: Vec::new(),
        blocks: vec![
            Block::Figures(figures),
            Block::Chart(Box::new(chart(visit, &course, cap))),
            Block::Table(thresholds(&course, cap)),
            Block::Table(told::table(visit).await?),
            Block::Table(by_key(visit, &keys, spent)),
        ],
    })
}

/// A share of the cap in words.
fn of(spent: Pico, cap: Option<Pico>) -> String {
    match cap {
        Some(cap) if cap > Pico::ZERO => format!(
            "{:.1}\u{202f}% of the budget",
            drawn(spent) / drawn(cap) * 100.0
        ),
        _ => String::new(),
    }
}

fn tone(spent: Pico, cap: Option<Pico>) -> Tone {
    match cap {
        Some(cap) if reaches(spent, cap, 100) => Tone::Bad,
        Some(cap) if reaches(spent, cap, 80) => Tone::Warn,
        _ => Tone::Plain,
    }
}

async fn course(visit: &Visit) -> Result<Course, PageError> {
    let month = Month::of(visit.now);
    let day = |at: Timestamp| Bucket::of(at).index().div_euclid(96);
    let (first, today, after) = (day(month.start()), day(visit.now), day(month.end()));
    let from = first.min(today.saturating_sub(29));
    let bucket = |day: i64| Bucket::from_index(day.saturating_mul(96));
    let span = Span {
        from: bucket(from),
        to: bucket(today.saturating_add(1)),
    };
    let store = visit.app.recorder.store();
    let length = |from: i64, to: i64| usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    let mut costs = vec![Pico::ZERO; length(from, today.saturating_add(1))];
    for cell in store.costs(Some(visit.tenant().clone()), span, 96).await? {
        let at = length(from, cell.start.index().div_euclid(96));
        if let Some(sum) = costs.get_mut(at).filter(|_| cell.meter.is_work()) {
            *sum = [*sum, cell.amount].into_iter().sum();
        }
    }
    let mut requests = vec![0.0; costs.len()];
    for cell in store.traffic(visit.tenant().clone(), span, 96).await? {
        let at = length(from, cell.start.index().div_euclid(96));
        if let Some(sum) = requests.get_mut(at) {
            #[expect(clippy::cast_precision_loss, reason = "a forecast is statistics")]
            let count = cell.requests as f64;
            *sum += count;
        }
    }
    let own = costs.get(length(from, first)..).unwrap_or_default();
    let spent = own.iter().scan(Pico::ZERO, |sum, cost| {
        *sum = [*sum, *cost].into_iter().sum();
        Some(*sum)
    });
    Ok(Course {
        month,
        spent: spent.collect(),
        days: length(first, after),
        recent: costs.iter().map(|cost| drawn(*cost)).collect(),
        requests,
    })
}

impl Course {
    fn left(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 31")]
        let left = self.days.saturating_sub(self.spent.len()) as f64;
        left
    }

    fn so_far(&self) -> f64 {
        self.spent.last().map_or(0.0, |spent| drawn(*spent))
    }

    /// Mean and deviation of a day's cost, over the last whole days since the first that cost anything.
    fn a_day(&self) -> Option<(f64, f64)> {
        let whole = self.recent.split_last().map(|(_, whole)| whole)?;
        let first = whole.iter().position(|cost| *cost > 0.0)?;
        let used = whole.get(first.max(whole.len().saturating_sub(RATE_DAYS))..)?;
        #[expect(clippy::cast_precision_loss, reason = "at most 14")]
        let count = used.len() as f64;
        let mean = used.iter().sum::<f64>() / count;
        let spread = used.iter().map(|cost| (cost - mean).powi(2)).sum::<f64>() / count;
        Some((mean, spread.sqrt()))
    }

    fn run_rate(&self) -> Option<f64> {
        let (mean, _) = self.a_day()?;
        Some(self.so_far() + mean * self.left())
    }

    /// Requests a day, over the last week, times the cost of one, over all the days.
    fn driver_based(&self) -> Option<f64> {
        let (cost, count) = (
            self.recent.iter().sum::<f64>(),
            self.requests.iter().sum::<f64>(),
        );
        let whole = self.requests.split_last().map(|(_, whole)| whole)?;
        let week = whole.get(whole.len().saturating_sub(7)..)?;
        let volume = week.iter().sum::<f64>() / 7.0;
        (count > 0.0 && volume > 0.0).then(|| self.so_far() + volume * (cost / count) * self.left())
    }
}

fn chart(visit: &Visit, course: &Course, cap: Option<Pico>) -> Chart {
    let known = course.spent.iter().map(|spent| (drawn(*spent), None));
    let start = course.so_far();
    let ahead = (1..=course.days.saturating_sub(course.spent.len())).filter_map(|day| {
        let (mean, spread) = course.a_day()?;
        #[expect(clippy::cast_precision_loss, reason = "at most 31")]
        let day = day as f64;
        let (value, wide) = (start + mean * day, Z90 * spread * day.sqrt());
        Some((value, Some(((value - wide).max(start), value + wide))))
    });
    let points: Vec<Point> = known
        .chain(ahead)
        .enumerate()
        .map(|(day, (value, band))| Point {
            label: format!("{:02}-{:02}", course.month.month(), day.saturating_add(1)),
            value,
            band: Some(band.unwrap_or((value, value))),
        })
        .collect();
    let title = format!(
        "Spent so far and forecast at the run-rate, {}",
        visit.currency()
    );
    let figure = |value: f64| Cell::figure(super::portfolio::about(value), value);
    let rows = points.iter().map(|point| {
        let (low, high) = point.band.unwrap_or_default();
        Row::of([
            Cell::words(&point.label),
            figure(point.value),
            figure(low),
            figure(high),
        ])
    });
    Chart {
        id: "course",
        described: match (cap, course.run_rate()) {
            (Some(cap), Some(end)) if end > drawn(cap) => {
                "At the run-rate the month ends above its budget.".to_owned()
            }
            (Some(_), Some(_)) => "At the run-rate the month ends within its budget.".to_owned(),
            _ => "What the month has cost by the day.".to_owned(),
        },
        figures: Table {
            id: "course-figures",
            caption: title.clone(),
            columns: vec![
                Column::words("Day"),
                Column::figures("Cumulative"),
                Column::figures("Low, P10"),
                Column::figures("High, P90"),
            ],
            rows: rows.collect(),
            empty: "Nothing was spent this month.".to_owned(),
        },
        drawing: Drawing::Line(points),
        title,
    }
}

fn thresholds(course: &Course, cap: Option<Pico>) -> Table {
    let rows = cap.into_iter().flat_map(|cap| {
        THRESHOLDS.map(|percent| {
            let day = course
                .spent
                .iter()
                .position(|spent| reaches(*spent, cap, percent));
            let part = i128::from(percent);
            let amount = Pico::new(cap.get().saturating_mul(part).div_euclid(100));
            Row::of([
                Cell::figure(format!("{percent}\u{202f}%"), percent),
                money(amount),
                match day {
                    None => Cell::words("not reached"),
                    Some(day) => {
                        let meant = if percent == 100 {
                            Tone::Bad
                        } else {
                            Tone::Warn
                        };
                        Cell::words(format!("{}-{:02}", course.month, day.saturating_add(1)))
                            .meant(meant)
                    }
                },
            ])
        })
    });
    Table {
        id: "thresholds",
        caption: "Thresholds and when they were reached".to_owned(),
        columns: vec![
            Column::figures("Of the budget"),
            Column::figures("Amount"),
            Column::words("Reached"),
        ],
        rows: rows.collect(),
        empty: "There is no budget, so there is nothing to reach.".to_owned(),
    }
}

fn by_key(visit: &Visit, keys: &[ledger_store::Spend], spent: Pico) -> Table {
    let mut own: Vec<_> = keys
        .iter()
        .filter(|spend| spend.tenant == *visit.tenant())
        .collect();
    own.sort_by_key(|one| std::cmp::Reverse(one.amount));
    let rows = own.into_iter().map(|spend| {
        Row::of([
            Cell::words(spend.principal.as_deref().unwrap_or("unassigned")),
            money(spend.amount),
            Cell::words(of(spend.amount, Some(spent)).replace("the budget", "what was spent")),
        ])
    });
    Table {
        id: "keys",
        caption: "Who spent it".to_owned(),
        columns: vec![
            Column::words("Key or subject"),
            Column::figures("Spent"),
            Column::words("Share"),
        ],
        rows: rows.collect(),
        empty: "Nobody has spent anything this month.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(recent: &[f64], requests: &[f64], spent: &[i64]) -> Course {
        Course {
            month: Month::of(Timestamp::default()),
            spent: spent.iter().map(|units| Pico::from_units(*units)).collect(),
            days: 31,
            recent: recent.to_vec(),
            requests: requests.to_vec(),
        }
    }

    #[test]
    fn a_month_goes_on_as_the_last_days_did() {
        // The day that runs is no whole day.
        let even = course(
            &[0.0, 2.0, 2.0, 2.0, 1.0],
            &[0.0, 7.0, 7.0, 7.0, 3.5],
            &[2, 4, 6, 7],
        );
        assert_eq!(even.a_day(), Some((2.0, 0.0)));
        assert_eq!(even.run_rate(), Some(7.0 + 2.0 * 27.0));
        // 21 requests in the last week, 7 for 2 each.
        let by_volume = even.driver_based().unwrap();
        assert!(
            (by_volume - (7.0 + 3.0 * (7.0 / 24.5) * 27.0)).abs() < 1e-9,
            "{by_volume}"
        );
        assert_eq!(course(&[0.0, 0.0], &[0.0, 0.0], &[0, 0]).run_rate(), None);
    }
}
