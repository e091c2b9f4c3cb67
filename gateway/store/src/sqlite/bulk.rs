//! Many rows in one statement. Each statement exists in three fixed sizes, so that all stay prepared.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use crate::StoreError;

/// A statement waiting for values.
pub(super) type Bound<'q> = Query<'q, Sqlite, SqliteArguments<'q>>;

/// An insert in three sizes.
#[derive(Debug)]
pub(super) struct Bulk {
    sizes: [(usize, String); 3],
    /// One row, left out when it is there already.
    ignoring: String,
}

impl Bulk {
    /// `INSERT INTO <into> VALUES …<tail>` with this many columns; `into` names the table and its columns.
    pub(super) fn new(into: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let size = |rows: usize| {
            let values = vec![row.as_str(); rows].join(", ");
            (rows, format!("INSERT INTO {into} VALUES {values} {tail}"))
        };
        Self {
            sizes: [size(64), size(8), size(1)],
            ignoring: format!("INSERT OR IGNORE INTO {into} VALUES {row}"),
        }
    }

    /// Inserts rows that may be there already; says for each whether it was new.
    pub(super) async fn insert_new<T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: for<'q> fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<Vec<bool>, StoreError> {
        let mut new = Vec::with_capacity(rows.len());
        for (part, sql) in self.parts(rows) {
            let all = part
                .iter()
                .fold(sqlx::query(sql), bind)
                .execute(&mut *connection)
                .await;
            match all {
                Ok(_) => new.extend(part.iter().map(|_| true)),
                // A statement that meets one row twice does nothing at all; the transaction goes on.
                Err(sqlx::Error::Database(why)) if why.is_unique_violation() => {
                    for row in part {
                        let one = bind(sqlx::query(&self.ignoring), row);
                        new.push(one.execute(&mut *connection).await?.rows_affected() == 1);
                    }
                }
                Err(why) => return Err(why.into()),
            }
        }
        Ok(new)
    }

    /// Inserts rows, or adds to them as the statement's tail says.
    pub(super) async fn upsert<T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: for<'q> fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<(), StoreError> {
        for (part, sql) in self.parts(rows) {
            part.iter()
                .fold(sqlx::query(sql), bind)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// The rows in parts of the sizes, largest first.
    fn parts<'a, T>(&'static self, rows: &'a [T]) -> Vec<(&'a [T], &'static str)> {
        let mut parts = Vec::new();
        let mut rest = rows;
        for (size, sql) in &self.sizes {
            while let Some((part, after)) = rest.split_at_checked(*size) {
                parts.push((part, sql.as_str()));
                rest = after;
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static PAIRS: LazyLock<Bulk> = LazyLock::new(|| Bulk::new("pairs (a, b)", 2, ""));

    #[test]
    fn every_row_is_in_one_part() {
        for count in [0_usize, 1, 7, 8, 63, 64, 200] {
            let rows: Vec<usize> = (0..count).collect();
            let parts = PAIRS.parts(&rows);
            let joined: Vec<usize> = parts
                .iter()
                .flat_map(|(part, _)| part.iter().copied())
                .collect();
            assert_eq!(joined, rows);
            for (part, sql) in parts {
                assert_eq!(sql.matches('?').count(), part.len() * 2);
            }
        }
    }
}
