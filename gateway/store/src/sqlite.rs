//! Embedded databases: the books in one SQLite file with one writer and a few readers, and files beside them.

mod beside;
mod captures;
mod plugins;

pub use captures::SqliteCaptures;
pub use plugins::SqlitePlugins;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::sql::database::{Pen, Readers};
use crate::sql::{names, number};
use crate::{StoreError, backstage};

/// Opens the books in a file. Writers of several processes wait for each other up to 5 s.
///
/// # Errors
/// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
pub(crate) async fn open(path: &Path) -> Result<(Pen, Readers), StoreError> {
    own(path).map_err(|why| StoreError::Unavailable(sqlx::Error::Io(why)))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "MEMORY")
        // Pages that change in every batch go to the file once in a while, not each time: 16 MiB of log.
        .pragma("wal_autocheckpoint", "4000")
        .disable_statement_logging();
    let mut connection = backstage::connect(options.clone()).await?;
    let migrator = sqlx::migrate!("./migrations");
    migrator
        .run(&mut connection)
        .await
        .map_err(StoreError::Schema)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .min_connections(0)
        .idle_timeout(Duration::from_secs(30))
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(
            options
                .pragma("query_only", "ON")
                .pragma("cache_size", "-1000"),
        );
    Ok((Pen::Sqlite(connection), Readers::Sqlite(readers)))
}

/// Makes the file where it is missing, for its owner only: SQLite gives its log the same permissions.
fn own(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(path).map(drop)
}
