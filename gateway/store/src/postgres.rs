//! The books on a PostgreSQL server, which several gateways may share.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::StoreError;
use crate::sql::database::{Pen, Readers};

/// Connects to the books. Writers of several processes wait for each other up to 30 s.
///
/// # Errors
/// `Unavailable` when the server does not take us, `Schema` when the tables are newer than this program.
pub(crate) async fn open(url: &str) -> Result<(Pen, Readers), StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("moegate")
        // Names of tables, months and hours are ours, whatever the server's defaults are.
        .options([
            ("timezone", "UTC"),
            ("synchronous_commit", "on"),
            ("lock_timeout", "30s"),
        ])
        .disable_statement_logging();
    let pen = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options.clone())
        .await?;
    let migrator = sqlx::migrate!("./migrations-postgres");
    migrator.run(&pen).await.map_err(StoreError::Schema)?;
    let readers = PgPoolOptions::new()
        .max_connections(4)
        .min_connections(0)
        .idle_timeout(Duration::from_secs(30))
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.options([("default_transaction_read_only", "on")]));
    Ok((Pen::Postgres(pen), Readers::Postgres(readers)))
}
