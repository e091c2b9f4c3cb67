//! SQLite files beside the books: one connection that writes, a few that read and cannot write.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::Mutex;

use crate::StoreError;

/// What becomes of the bytes of deleted rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    /// They are overwritten.
    Overwritten,
    /// They stay until their page is used again.
    Left,
}

/// The writing connection and the reading ones.
pub(super) type Opened = (Arc<Mutex<SqliteConnection>>, SqlitePool);

/// Opens or makes a file, for its owner only, and brings its tables up to date.
///
/// # Errors
/// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
pub(super) async fn open(
    path: &Path,
    tables: &Migrator,
    deleted: Deleted,
) -> Result<Opened, StoreError> {
    super::own(path).map_err(|why| StoreError::Unavailable(sqlx::Error::Io(why)))?;
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-2000")
        .disable_statement_logging();
    if deleted == Deleted::Overwritten {
        options = options.pragma("secure_delete", "ON");
    }
    let mut connection = options.connect().await?;
    tables
        .run(&mut connection)
        .await
        .map_err(StoreError::Schema)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(2)
        .min_connections(0)
        .idle_timeout(Duration::from_secs(30))
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((Arc::new(Mutex::new(connection)), readers))
}
