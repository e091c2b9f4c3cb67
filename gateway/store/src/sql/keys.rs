//! API keys in SQLite.

use units::{KeyId, TenantId, Timestamp};

use super::link::query;
use super::{SqlStore, names};
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

impl KeyStore for SqlStore {
    fn create_key(&self, key: ApiKey) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let made = query(
                "INSERT INTO api_keys (key, tenant, hash, settings, created, expires, revoked)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(key.id.as_str())
            .bind(key.tenant.as_str())
            .bind(key.hash.as_slice())
            .bind(key.settings.as_str())
            .bind(key.created.unix_nanos())
            .bind(key.expires.map(Timestamp::unix_nanos))
            .bind(key.revoked.map(Timestamp::unix_nanos))
            .execute(&mut open.link())
            .await;
            match made {
                Ok(_) => open.commit().await,
                Err(sqlx::Error::Database(why)) if why.is_unique_violation() => {
                    Err(StoreError::Exists("key"))
                }
                Err(why) => Err(why.into()),
            }
        })
    }

    fn list_keys(&self, tenant: TenantId) -> StoreFuture<'_, Vec<ApiKey>> {
        Box::pin(async move {
            let rows: Vec<Row> = query(
                "SELECT key, tenant, hash, settings, created, expires, revoked FROM api_keys
                 WHERE tenant = $1 ORDER BY created, key",
            )
            .bind(tenant.as_str())
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            rows.into_iter().map(key).collect()
        })
    }

    fn load_keys(&self) -> StoreFuture<'_, Vec<ApiKey>> {
        Box::pin(async move {
            let rows: Vec<Row> = query(
                "SELECT key, tenant, hash, settings, created, expires, revoked FROM api_keys
                 ORDER BY tenant, created, key",
            )
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            rows.into_iter().map(key).collect()
        })
    }

    fn revoke_key(&self, tenant: TenantId, id: KeyId, at: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut open = writer.pen.begin().await?;
            let found = query(
                "UPDATE api_keys SET revoked = COALESCE(revoked, $1) WHERE tenant = $2 AND key = $3",
            )
            .bind(at.unix_nanos())
            .bind(tenant.as_str())
            .bind(id.as_str())
            .execute(&mut open.link())
            .await?;
            match found {
                0 => Err(StoreError::NotFound("key")),
                _ => open.commit().await,
            }
        })
    }
}
