//! Many rows in one statement. Each statement exists in a few fixed sizes, so that all stay prepared.

use std::collections::HashSet;

use super::link::{Link, Query, query};
use crate::StoreError;

/// Rows in one statement, largest first: a file is near, a server takes a round trip.
const SQLITE: [usize; 3] = [64, 8, 1];
const POSTGRES: [usize; 3] = [512, 32, 1];

/// An insert in every size, for both databases.
#[derive(Debug)]
pub(super) struct Bulk {
    sqlite: [(usize, String); 3],
    postgres: [(usize, String); 3],
    /// One row on SQLite, left out when it is there already.
    ignoring: String,
    /// Rows on PostgreSQL, those left out that are there already; gives the first columns of the new ones.
    returning: [(usize, String); 3],
}

impl Bulk {
    /// Inserts into the columns `keys` and then `sums`. A row that is there already, by its keys, is added to; without
    /// sums, rows are new.
    pub(super) fn new(table: &str, keys: &[&str], sums: &[&str]) -> Self {
        Self::made(table, keys, sums, |column| {
            format!("{column} = {table}.{column} + excluded.{column}")
        })
    }

    /// Inserts into the columns `keys` and then `values`, which take the place of those of a row that is there already.
    pub(super) fn replacing(table: &str, keys: &[&str], values: &[&str]) -> Self {
        Self::made(table, keys, values, |column| {
            format!("{column} = excluded.{column}")
        })
    }

    fn made(table: &str, keys: &[&str], sums: &[&str], set: impl Fn(&str) -> String) -> Self {
        let columns = [keys, sums].concat();
        let into = format!("INSERT INTO {table} ({})", columns.join(", "));
        let adds: Vec<String> = sums.iter().map(|column| set(column)).collect();
        let tail = match adds.is_empty() {
            true => String::new(),
            false => format!(
                "ON CONFLICT ({}) DO UPDATE SET {}",
                keys.join(", "),
                adds.join(", ")
            ),
        };
        // SQLite looks a numbered value up by its name: without names it is quicker.
        let plain = |rows: usize| {
            let row = format!("({})", vec!["?"; columns.len()].join(", "));
            vec![row; rows].join(", ")
        };
        let first = columns.first().copied().unwrap_or_default();
        Self {
            sqlite: SQLITE.map(|rows| (rows, format!("{into} VALUES {} {tail}", plain(rows)))),
            postgres: POSTGRES.map(|rows| {
                let values = numbered(rows, columns.len());
                (rows, format!("{into} VALUES {values} {tail}"))
            }),
            ignoring: format!("{into} VALUES {} ON CONFLICT DO NOTHING", plain(1)),
            returning: POSTGRES.map(|rows| {
                let values = numbered(rows, columns.len());
                let sql =
                    format!("{into} VALUES {values} ON CONFLICT DO NOTHING RETURNING {first}");
                (rows, sql)
            }),
        }
    }

    /// Inserts rows that may be there already, their first column being `key`; says for each whether it was new.
    pub(super) async fn insert_new<T>(
        &'static self,
        link: &mut Link<'_>,
        rows: &[T],
        key: fn(&T) -> [u8; 16],
        bind: for<'q> fn(Query<'q>, &'q T) -> Query<'q>,
    ) -> Result<Vec<bool>, StoreError> {
        let mut new = Vec::with_capacity(rows.len());
        if let Link::Postgres(_) = link {
            for (part, sql) in parts(&self.returning, rows) {
                let all = part.iter().fold(query(sql), bind);
                let added: Vec<(Vec<u8>,)> = all.fetch_all(link).await?;
                let mut added: HashSet<Vec<u8>> = added.into_iter().map(|(key,)| key).collect();
                // Of a row that comes twice, the first one is new.
                new.extend(part.iter().map(|row| added.remove(key(row).as_slice())));
            }
            return Ok(new);
        }
        for (part, sql) in parts(&self.sqlite, rows) {
            let all = part.iter().fold(query(sql), bind).execute(link).await;
            match all {
                Ok(_) => new.extend(part.iter().map(|_| true)),
                // A statement that meets one row twice does nothing at all; the transaction goes on.
                Err(sqlx::Error::Database(why)) if why.is_unique_violation() => {
                    for row in part {
                        let one = bind(query(&self.ignoring), row);
                        new.push(one.execute(link).await? == 1);
                    }
                }
                Err(why) => return Err(why.into()),
            }
        }
        Ok(new)
    }

    /// Inserts rows, or adds to those that are there.
    pub(super) async fn upsert<T>(
        &'static self,
        link: &mut Link<'_>,
        rows: &[T],
        bind: for<'q> fn(Query<'q>, &'q T) -> Query<'q>,
    ) -> Result<(), StoreError> {
        let sizes = match link {
            Link::Sqlite(_) => &self.sqlite,
            Link::Postgres(_) => &self.postgres,
        };
        for (part, sql) in parts(sizes, rows) {
            part.iter().fold(query(sql), bind).execute(link).await?;
        }
        Ok(())
    }
}

/// `($1, $2), ($3, $4)`: so many rows of so many columns.
fn numbered(rows: usize, columns: usize) -> String {
    let mut numbers = 1_usize..;
    let mut row = || {
        let row = numbers.by_ref().take(columns).map(|n| format!("${n}"));
        format!("({})", row.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(|_| row()).collect::<Vec<_>>().join(", ")
}

/// The rows in parts of the sizes, largest first.
fn parts<'a, T>(sizes: &'static [(usize, String)], rows: &'a [T]) -> Vec<(&'a [T], &'static str)> {
    let mut parts = Vec::new();
    let mut rest = rows;
    for (size, sql) in sizes {
        while let Some((part, after)) = rest.split_at_checked(*size) {
            parts.push((part, sql.as_str()));
            rest = after;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static PAIRS: LazyLock<Bulk> = LazyLock::new(|| Bulk::new("pairs", &["a"], &["b"]));

    #[test]
    fn every_row_is_in_one_part() {
        for count in [0_usize, 1, 7, 8, 63, 64, 200, 600] {
            let rows: Vec<usize> = (0..count).collect();
            for (sizes, mark) in [(&PAIRS.sqlite, '?'), (&PAIRS.postgres, '$')] {
                let parts = parts(sizes, &rows);
                let joined: Vec<usize> = parts
                    .iter()
                    .flat_map(|(part, _)| part.iter().copied())
                    .collect();
                assert_eq!(joined, rows);
                for (part, sql) in parts {
                    assert_eq!(sql.matches(mark).count(), part.len() * 2);
                }
            }
        }
    }

    #[test]
    fn what_is_no_sum_is_the_key() {
        let (_, sql) = PAIRS.postgres.last().unwrap();
        assert_eq!(
            sql,
            "INSERT INTO pairs (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = pairs.b + excluded.b"
        );
    }
}
