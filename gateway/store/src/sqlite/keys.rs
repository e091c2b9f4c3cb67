//! API keys in SQLite.

use units::{KeyId, TenantId, Timestamp};

use super::{SqliteStore, names};
use crate::{ApiKey, KeyStore, StoreError, StoreFuture};

type Row = (
    String,
    String,
    Vec<u8>,
    String,
    i64,
    Option<i64>,
    Option<i64>,
);

fn key(row: Row) -> Result<ApiKey, StoreError> {
    let (id, tenant, hash, settings, created, expires, revoked) = row;
    Ok(ApiKey {
        id: names::parse(&id, KeyId::new)?,
        tenant: names::parse(&tenant, TenantId::new)?,
        hash: hash
            .try_into()
            .map_err(|_| StoreError::Damaged("key hash"))?,
        settings,
        created: Timestamp::from_unix_nanos(created),
        expires: expires.map(Timestamp::from_unix_nanos),
        revoked: revoked.map(Timestamp::from_unix_nanos),
    })
}

impl KeyStore for SqliteStore {
    fn create_key(&self, key: ApiKey) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let made = sqlx::query(
                "INSERT INTO api_keys (key, tenant, hash, settings, created, expires, revoked)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(key.id.as_str())
            .bind(key.tenant.as_str())
            .bind(key.hash.as_slice())
            .bind(key.settings.as_str())
            .bind(key.created.unix_nanos())
            .bind(key.expires.map(Timestamp::unix_nanos))
            .bind(key.revoked.map(Timestamp::unix_nanos))
            .execute(&mut writer.connection)
            .await;
            match made {
                Ok(_) => Ok(()),
                Err(sqlx::Error::Database(why)) if why.is_unique_violation() => {
                    Err(StoreError::Exists("key"))
                }
                Err(why) => Err(why.into()),
            }
        })
    }

    fn list_keys(&self, tenant: TenantId) -> StoreFuture<'_, Vec<ApiKey>> {
        Box::pin(async move {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT key, tenant, hash, settings, created, expires, revoked FROM api_keys
                 WHERE tenant = ? ORDER BY created, key",
            )
            .bind(tenant.as_str())
            .fetch_all(&self.readers)
            .await?;
            rows.into_iter().map(key).collect()
        })
    }

    fn load_keys(&self) -> StoreFuture<'_, Vec<ApiKey>> {
        Box::pin(async move {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT key, tenant, hash, settings, created, expires, revoked FROM api_keys
                 ORDER BY tenant, created, key",
            )
            .fetch_all(&self.readers)
            .await?;
            rows.into_iter().map(key).collect()
        })
    }

    fn revoke_key(&self, tenant: TenantId, id: KeyId, at: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let found = sqlx::query(
                "UPDATE api_keys SET revoked = COALESCE(revoked, ?) WHERE tenant = ? AND key = ?",
            )
            .bind(at.unix_nanos())
            .bind(tenant.as_str())
            .bind(id.as_str())
            .execute(&mut writer.connection)
            .await?;
            match found.rows_affected() {
                0 => Err(StoreError::NotFound("key")),
                _ => Ok(()),
            }
        })
    }
}
