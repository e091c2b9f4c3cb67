//! Reconciliation: what was provisioned and what it cost against what was carried and billed, and which months are closed.

use std::collections::BTreeMap;

use dashboard::{Block, Cell, Column, Row, Sheet, Table, Tone, percent};
use ledger::Month;
use ledger_store::{Invoice, PeriodRecord, PoolTime, Span};
use units::{Bucket, Nanos, Pico};

use super::super::time::moment;
use super::super::visit::{Visit, money};
use super::PageError;

pub(in super::super) async fn sheet(visit: &Visit) -> Result<Sheet, PageError> {
    let store = visit.app.recorder.store();
    let periods = store.periods().await?;
    let mut blocks = Vec::new();
    let period = visit.period();
    if visit.is_operator() {
        let span = period.span();
        let length = u32::try_from(span.to.index().saturating_sub(span.from.index())).unwrap_or(1);
        let pools = store.pool_time(span, length.max(1)).await?;
        blocks.push(Block::Table(time(visit, &pools)));
        blocks.push(Block::Table(bills(visit, &store.invoices().await?).await?));
    }
    blocks.push(Block::Table(carried(visit).await?));
    blocks.push(Block::Table(closes(visit, &periods)));
    Ok(Sheet {
        frame: visit.frame(),
        title: "Reconciliation".to_owned(),
        lead: "What a pool's time cost is carried to the last unit: work and loading by those who caused them, idle time by the pool's policy. moegate ledger verify proves it row by row."
            .to_owned(),
        address: visit.address(&["period"]),
        choices: vec![visit.choose_period()],
        blocks,
    })
}

/// Hours with three digits after the point.
fn hours(time: Nanos) -> Cell {
    let thousandths = time.get().div_euclid(3_600_000_000);
    let text = format!(
        "{}.{:03}",
        thousandths.div_euclid(1_000),
        thousandths.rem_euclid(1_000)
    );
    Cell::figure(text.clone(), text)
}

fn time(visit: &Visit, pools: &[PoolTime]) -> Table {
    let rows = pools.iter().map(|pool| {
        let parts = [pool.busy, pool.load, pool.idle].into_iter().sum::<Nanos>();
        let whole = parts == pool.provisioned;
        let unpriced = Cell::figure(pool.unpriced.to_string(), pool.unpriced);
        Row::of([
            Cell::words(pool.pool.to_string()),
            hours(pool.provisioned),
            hours(pool.busy)
                .beside(percent(pool.busy.get(), pool.provisioned.get()).unwrap_or_default()),
            hours(pool.load),
            hours(pool.idle)
                .beside(percent(pool.idle.get(), pool.provisioned.get()).unwrap_or_default()),
            Cell::words(if whole { "none" } else { "some" }).meant(if whole {
                Tone::Good
            } else {
                Tone::Bad
            }),
            money(pool.cost),
            if pool.unpriced > 0 {
                unpriced.meant(Tone::Warn)
            } else {
                unpriced
            },
        ])
    });
    Table {
        id: "pools",
        caption: format!(
            "Device hours of each pool and their cost, {}",
            visit.currency()
        ),
        columns: vec![
            Column::words("Pool"),
            Column::figures("Provisioned, h"),
            Column::figures("Busy, h"),
            Column::figures("Loading, h"),
            Column::figures("Idle, h"),
            Column::words("Unaccounted"),
            Column::figures("Cost"),
            Column::figures("Windows without a price"),
        ],
        rows: rows.collect(),
        empty: "No window was closed in this time.".to_owned(),
    }
}

/// What is on the books of a month for each subject that was billed.
async fn bills(visit: &Visit, invoices: &[Invoice]) -> Result<Table, PageError> {
    let store = visit.app.recorder.store();
    let mut booked: BTreeMap<(String, Month), Pico> = BTreeMap::new();
    let months: std::collections::BTreeSet<Month> = invoices.iter().map(|one| one.month).collect();
    for month in months {
        let span = Span {
            from: Bucket::of(month.start()),
            to: Bucket::of(month.end()),
        };
        let length = u32::try_from(span.to.index().saturating_sub(span.from.index())).unwrap_or(1);
        for pool in store.pool_time(span, length.max(1)).await? {
            booked.insert((format!("pool {}", pool.pool), month), pool.cost);
        }
    }
    let rows = invoices.iter().map(|one| {
        let own = booked.get(&(one.subject.clone(), one.month)).copied();
        let difference = own.and_then(|own| one.amount.checked_sub(own).ok());
        // One part in a hundred is looked at.
        let far = difference.is_none_or(|d| {
            d.get().unsigned_abs().saturating_mul(100) > one.amount.get().unsigned_abs()
        });
        let explained = !one.note.is_empty();
        Row::of([
            Cell::words(&one.subject),
            Cell::words(one.month.to_string()),
            own.map_or_else(Cell::unknown, money),
            money(one.amount).beside(&one.number),
            difference
                .map_or_else(Cell::unknown, money)
                .meant(if far && !explained {
                    Tone::Bad
                } else {
                    Tone::Plain
                }),
            Cell::words(if explained {
                one.note.as_str()
            } else if far {
                "to be explained"
            } else {
                ""
            }),
        ])
    });
    Ok(Table {
        id: "invoices",
        caption: format!("The ledger against what was billed, {}", visit.currency()),
        columns: vec![
            Column::words("Subject"),
            Column::words("Month"),
            Column::figures("Ledger"),
            Column::figures("Billed"),
            Column::figures("Difference"),
            Column::words("Explanation"),
        ],
        rows: rows.collect(),
        empty: "No bill was noted: moegate ledger invoice adds one.".to_owned(),
    })
}

/// What the tenant carries, by what it is for.
async fn carried(visit: &Visit) -> Result<Table, PageError> {
    let mut sums: BTreeMap<&'static str, (Pico, u64, u64)> = BTreeMap::new();
    for run in visit.period().runs() {
        let cells = visit
            .app
            .recorder
            .store()
            .costs(Some(visit.tenant().clone()), run.span, run.step)
            .await?;
        for cell in cells {
            let sum = sums.entry(cell.meter.as_str()).or_default();
            sum.0 = [sum.0, cell.amount].into_iter().sum();
            sum.1 = sum.1.saturating_add(cell.lines);
            sum.2 = sum.2.saturating_add(cell.unknown);
        }
    }
    let all: Pico = sums.values().map(|sum| sum.0).sum();
    let row = |name: &str, (amount, lines, unknown): &(Pico, u64, u64)| {
        let gaps = Cell::figure(unknown.to_string(), unknown);
        Row::of([
            Cell::words(name),
            money(*amount),
            Cell::figure(lines.to_string(), lines),
            if *unknown > 0 {
                gaps.meant(Tone::Warn)
            } else {
                gaps
            },
        ])
    };
    let mut rows: Vec<Row> = sums.iter().map(|(name, sum)| row(name, sum)).collect();
    if rows.len() > 1 {
        rows.push(Row::total([
            Cell::words("All"),
            money(all),
            Cell::words(""),
            Cell::words(""),
        ]));
    }
    Ok(Table {
        id: "carried",
        caption: format!("What this tenant carries, by meter, {}", visit.currency()),
        columns: vec![
            Column::words("Meter"),
            Column::figures("Amount"),
            Column::figures("Lines"),
            Column::figures("Of unknown cost"),
        ],
        rows,
        empty: "Nothing was posted in this time.".to_owned(),
    })
}

/// Months that were closed; what was in them of everybody is the operator's.
fn closes(visit: &Visit, periods: &[PeriodRecord]) -> Table {
    let operator = visit.is_operator();
    let rows = periods.iter().rev().map(|one| {
        let hash = one.hash.map(hex::encode).unwrap_or_default();
        let mut cells = vec![
            Cell::words(one.month.to_string()),
            Cell::words(one.state.as_str()),
            Cell::words(moment(one.at, &visit.zone)),
            Cell::words(hash.get(..16).unwrap_or_default()),
        ];
        if operator {
            cells.extend([
                money(one.amount),
                Cell::figure(one.lines.to_string(), one.lines),
                Cell::figure(one.unknown.to_string(), one.unknown),
                Cell::figure(one.pending.to_string(), one.pending),
            ]);
        }
        Row::of(cells)
    });
    let mut columns: Vec<Column> = ["Month", "State", "Since", "Hash of the close"]
        .map(Column::words)
        .to_vec();
    if operator {
        columns
            .extend(["Sum", "Lines", "Of unknown cost", "Attempts waiting"].map(Column::figures));
    }
    Table {
        id: "periods",
        caption: "Months (UTC) that were closed".to_owned(),
        columns,
        rows: rows.collect(),
        empty: "Every month is open.".to_owned(),
    }
}
