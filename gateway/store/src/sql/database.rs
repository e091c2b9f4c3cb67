//! What differs between the databases: how to begin, how to write for good, and some words of SQL.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Postgres, Sqlite, Transaction};

use super::link::{Link, query};
use crate::StoreError;

/// An open transaction; dropped, it comes to nothing.
#[derive(Debug)]
pub(crate) enum Open<'c> {
    /// On a file.
    Sqlite(Transaction<'c, Sqlite>),
    /// On a server.
    Postgres(Transaction<'c, Postgres>),
}

impl Open<'_> {
    /// What to run statements on.
    pub(crate) fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(open) => Link::Sqlite(open),
            Self::Postgres(open) => Link::Postgres(open),
        }
    }

    /// Makes it count.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(open) => open.commit().await?,
            Self::Postgres(open) => open.commit().await?,
        }
        Ok(())
    }
}

/// Where writing happens: one transaction at a time, in this process and beside others.
#[derive(Debug)]
pub(crate) enum Pen {
    /// The only connection of this process that writes to the file.
    Sqlite(SqliteConnection),
    /// A pool of one connection, which is made anew when the server was away.
    Postgres(PgPool),
}

/// The lock every writer of a database holds: "moegate" in ASCII.
const WRITERS: i64 = 0x6d_6f65_6761_7465;

impl Pen {
    /// Waits for the other writers, then opens a transaction.
    pub(crate) async fn begin(&mut self) -> Result<Open<'_>, StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(Open::Sqlite(
                connection.begin_with("BEGIN IMMEDIATE").await?,
            )),
            Self::Postgres(pool) => {
                let mut open = Open::Postgres(pool.begin().await?);
                // It goes with the transaction. Each statement after it sees what the writer before has committed.
                query("SELECT pg_advisory_xact_lock($1)")
                    .bind(WRITERS)
                    .execute(&mut open.link())
                    .await?;
                Ok(open)
            }
        }
    }

    /// Makes what is committed safe against loss of power.
    pub(crate) async fn secure(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                // In WAL mode a commit is safe only once the log is synced, which a checkpoint does first.
                let (busy, log, copied): (i64, i64, i64) =
                    sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
                        .fetch_one(connection)
                        .await?;
                // Busy means that a reader still needs the log; it was synced before anything was copied.
                tracing::debug!(busy, log, copied, "write-ahead log was copied");
                Ok(())
            }
            // A commit is safe once it is answered: `open` asks for it, whatever the server's default.
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Closes what can be closed; a file's connection ends with the process.
    pub(crate) async fn close(&mut self) -> Result<(), StoreError> {
        self.secure().await?;
        if let Self::Postgres(pool) = self {
            pool.close().await;
        }
        Ok(())
    }
}

/// Connections that only read.
#[derive(Debug, Clone)]
pub(crate) enum Readers {
    /// Of a file.
    Sqlite(SqlitePool),
    /// Of a server.
    Postgres(PgPool),
}

impl Readers {
    /// One consistent view of everything.
    pub(crate) async fn view(&self) -> Result<Open<'static>, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Open::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Open::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        })
    }

    /// A connection for a single statement.
    pub(crate) async fn one(&self) -> Result<Reader, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Reader::Sqlite(pool.acquire().await?),
            Self::Postgres(pool) => Reader::Postgres(pool.acquire().await?),
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection that only reads, for a while.
#[derive(Debug)]
pub(crate) enum Reader {
    /// Of a file.
    Sqlite(PoolConnection<Sqlite>),
    /// Of a server.
    Postgres(PoolConnection<Postgres>),
}

impl Reader {
    /// What to run the statement on.
    pub(crate) fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(reader) => Link::Sqlite(reader),
            Self::Postgres(reader) => Link::Postgres(reader),
        }
    }
}

impl Link<'_> {
    /// SQL for the first instant, in ns, of the month of an instant in ns.
    pub(crate) fn month_of(&self, instant: &str) -> String {
        match self {
            Self::Sqlite(_) => format!(
                "CAST(strftime('%s', {instant} / 1000000000, 'unixepoch', 'start of month') AS INTEGER)
                     * 1000000000"
            ),
            Self::Postgres(_) => format!(
                "CAST(EXTRACT(EPOCH FROM DATE_TRUNC('month',
                     TO_TIMESTAMP({instant} / 1000000000) AT TIME ZONE 'UTC')) AS BIGINT) * 1000000000"
            ),
        }
    }
}
