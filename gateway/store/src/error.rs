//! What can go wrong with the journal and with the store, and what the caller can do about it.

use std::io;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is locked, full or gone. Nothing was changed: try again later.
    #[error("store is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database was written by a newer Moegate, or is none.
    #[error("store cannot be brought up to date")]
    Schema(#[source] sqlx::migrate::MigrateError),
    /// The thing asked for is not there, or belongs to somebody else.
    #[error("{0} is not found")]
    NotFound(&'static str),
    /// The thing is there already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// The books do not allow it; nothing was changed.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// A row holds what no writer of this version writes.
    #[error("stored {0} is damaged")]
    Damaged(&'static str),
    /// The arithmetic refuses the figures.
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerError),
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        match source {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged("column"),
            other => Self::Unavailable(other),
        }
    }
}

/// Why the journal did not take or move events.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file cannot be written: nothing of the group was kept.
    #[error("journal cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has the folder: two would take each other's segments away. Stop it, or use another folder.
    #[error("journal is in use by another process")]
    InUse,
    /// The store has been away for so long that the journal is at its bound.
    #[error("journal is full: {bytes} bytes wait for the store")]
    Full {
        /// How much waits.
        bytes: u64,
    },
    /// A group of events longer than the journal takes.
    #[error("a group of events takes {bytes} bytes, more than a journal takes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The journal was shut down.
    #[error("journal is closed")]
    Closed,
    /// The store does not answer; everything is kept in the journal.
    #[error("store does not take the journal: {0}")]
    Store(String),
}

impl JournalError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
