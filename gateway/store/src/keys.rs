//! API keys at rest: a hash, never the key.

use std::fmt::Debug;

use units::{KeyId, TenantId, Timestamp};

use crate::StoreFuture;

/// What is kept of an API key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public name.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// Roles, allowed experts and limits as the gateway writes them: JSON, at most 16 KiB.
    pub settings: String,
    /// When it was made.
    pub created: Timestamp,
    /// The first instant it is no longer good.
    pub expires: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

/// The hash stays out: logs need no target for guessing.
impl Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// Keeps API keys.
pub trait KeyStore: Send + Sync + Debug {
    /// Adds a key. `Exists` when its id or hash is there.
    fn create_key(&self, key: ApiKey) -> StoreFuture<'_, ()>;

    /// The keys of one tenant, oldest first, withdrawn ones too.
    fn list_keys(&self, tenant: TenantId) -> StoreFuture<'_, Vec<ApiKey>>;

    /// Every key, for the table in memory.
    fn load_keys(&self) -> StoreFuture<'_, Vec<ApiKey>>;

    /// Withdraws a key of a tenant; a key withdrawn before keeps its first date. `NotFound` when the tenant
    /// has no such key.
    fn revoke_key(&self, tenant: TenantId, id: KeyId, at: Timestamp) -> StoreFuture<'_, ()>;
}
