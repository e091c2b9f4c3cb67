//! Latencies of a cell in one row: `slot:count` pairs, so that a page reads hundreds of rows and not millions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ledger::LatencySlot;

use super::bulk::Bulk;
use super::link::{Link, query};
use super::rollup::day;
use crate::StoreError;

/// Bucket, tenant, scenario, expert.
type Cell = [i64; 4];

/// Counts by slot.
type Counts = BTreeMap<LatencySlot, u64>;

/// Latencies to be added.
#[derive(Debug, Default)]
pub(super) struct Latencies(BTreeMap<Cell, Counts>);

/// A row: its cell and its counts as text.
type Row = (i64, i64, i64, i64, String);

/// By the bucket and by the day: the table, what is there of a bucket, and how rows are replaced.
static TABLES: LazyLock<[(String, Bulk); 2]> = LazyLock::new(|| {
    ["latency_rollups", "latency_days"].map(|table| {
        let keys = ["bucket", "tenant", "scenario", "expert"];
        let there = format!(
            "SELECT bucket, tenant, scenario, expert, counts FROM {table} WHERE bucket = $1"
        );
        (there, Bulk::replacing(table, &keys, &["counts"]))
    })
});

impl Latencies {
    /// Counts one request.
    pub(super) fn add(&mut self, cell: Cell, slot: LatencySlot) {
        let counts = self.0.entry(cell).or_default();
        count(counts, slot, 1);
    }

    /// Adds everything to what is there.
    pub(super) async fn write(self, link: &mut Link<'_>) -> Result<(), StoreError> {
        let mut by_day: BTreeMap<Cell, Counts> = BTreeMap::new();
        for ([bucket, tenant, scenario, expert], counts) in &self.0 {
            let cell = [day(*bucket), *tenant, *scenario, *expert];
            let sums = by_day.entry(cell).or_default();
            for (slot, n) in counts {
                count(sums, *slot, *n);
            }
        }
        let [buckets, days] = &*TABLES;
        for ((there, table), cells) in [(buckets, self.0), (days, by_day)] {
            merge(link, there, table, cells).await?;
        }
        Ok(())
    }
}

async fn merge(
    link: &mut Link<'_>,
    there: &str,
    table: &'static Bulk,
    mut cells: BTreeMap<Cell, Counts>,
) -> Result<(), StoreError> {
    let mut buckets: Vec<i64> = cells.keys().map(|[bucket, ..]| *bucket).collect();
    buckets.dedup();
    for bucket in buckets {
        let rows: Vec<Row> = query(there).bind(bucket).fetch_all(link).await?;
        for (bucket, tenant, scenario, expert, text) in rows {
            if let Some(counts) = cells.get_mut(&[bucket, tenant, scenario, expert]) {
                each(&text, |slot, n| count(counts, slot, n))?;
            }
        }
    }
    let rows: Vec<(Cell, String)> = cells
        .into_iter()
        .map(|(cell, counts)| (cell, text(&counts)))
        .collect();
    table
        .upsert(link, &rows, |query, (cell, text)| {
            cell.iter()
                .fold(query, |query, number| query.bind(*number))
                .bind(text.as_str())
        })
        .await
}

fn count(counts: &mut Counts, slot: LatencySlot, n: u64) {
    let sum = counts.entry(slot).or_default();
    *sum = sum.saturating_add(n);
}

fn text(counts: &Counts) -> String {
    let pairs: Vec<String> = counts
        .iter()
        .map(|(slot, n)| format!("{}:{n}", slot.index()))
        .collect();
    pairs.join(",")
}

/// Every count of a text, or of several joined by commas.
pub(super) fn each(text: &str, mut take: impl FnMut(LatencySlot, u64)) -> Result<(), StoreError> {
    for pair in text.split(',') {
        let found = pair.split_once(':').and_then(|(slot, count)| {
            Some((
                LatencySlot::from_index(slot.parse().ok()?),
                count.parse().ok()?,
            ))
        });
        let (slot, count) = found.ok_or(StoreError::Damaged("latency"))?;
        take(slot, count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_as_they_were_and_texts_may_be_joined() {
        let pairs = [(3, 1), (40, 7), (900, 2)];
        let counts: Counts = pairs
            .iter()
            .map(|(slot, n)| (LatencySlot::from_index(*slot), *n))
            .collect();
        let text = text(&counts);
        assert_eq!(text, "3:1,40:7,900:2");
        let mut twice = Counts::new();
        each(&format!("{text},{text}"), |slot, n| {
            count(&mut twice, slot, n);
        })
        .unwrap();
        assert!(counts.iter().all(|(slot, n)| twice[slot] == 2 * n));
        for damaged in ["", "3", "3:", "x:1", "3:1,"] {
            assert!(each(damaged, |_, _| {}).is_err(), "{damaged}");
        }
    }
}
