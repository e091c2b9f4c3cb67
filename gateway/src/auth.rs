//! Finds out who calls: API keys of ours and tokens of configured issuers become a `Principal`. It must not know
//! what the request asks for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use moka::sync::Cache;
use serde::Deserialize;
use units::{KeyId, Nanos, TenantId, Timestamp};

mod credential;
mod error;
mod jwks;
mod jwt;
mod keys;
mod principal;
mod proof;
mod roles;

pub use error::{AuthError, Cause};
pub use jwks::JwksError;
pub use jwt::{Identity, JwtAlgorithm, JwtConfigError, JwtIssuer, JwtIssuerConfig};
pub use keys::{ApiKey, KeyError, KeyHash, KeyRecord, new_key_id};
pub use principal::{AllowedExperts, CredentialKind, Principal};
pub use proof::Proof;
pub use roles::{Role, Roles, UnknownRole};

/// How callers are recognised, as the configuration file writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// How long a verified credential is believed without being verified again.
    pub cache_seconds: u32,
    /// How many verified credentials are remembered.
    pub cache_entries: u32,
    /// Whose tokens are believed.
    pub jwt: Vec<JwtIssuerConfig>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            cache_seconds: 60,
            cache_entries: 20_000,
            jwt: Vec::new(),
        }
    }
}

/// Checks issuers as the gateway would use them: their rules, secrets and key sets.
pub fn check_issuers(issuers: &[JwtIssuerConfig]) -> Result<(), JwtConfigError> {
    open_issuers(issuers).map(drop)
}

fn open_issuers(entries: &[JwtIssuerConfig]) -> Result<HashMap<String, JwtIssuer>, JwtConfigError> {
    let mut issuers = HashMap::new();
    for entry in entries {
        let issuer = JwtIssuer::new(entry.clone())?;
        if let Some(twice) = issuers.insert(issuer.issuer().to_owned(), issuer) {
            return Err(JwtConfigError::Twice(twice.issuer().to_owned()));
        }
    }
    Ok(issuers)
}

/// What authentication knows of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantAccess {
    /// The experts the tenant may use; `None` is all, an empty set is none.
    pub allowed_experts: AllowedExperts,
}

/// The tenants that exist.
pub type Tenants = HashMap<TenantId, TenantAccess>;

/// Turns the headers of a request into a principal.
#[derive(Debug)]
pub struct Authenticator {
    tenants: ArcSwap<Tenants>,
    keys: keys::KeyTable,
    issuers: HashMap<String, JwtIssuer>,
    verified: Cache<KeyHash, Arc<Verified>>,
    believed_for: Nanos,
    /// Raised by every change of keys, tenants or key sets: what was verified before it counts no more.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Verified {
    principal: Principal,
    until: Timestamp,
    generation: u64,
}

impl Authenticator {
    /// Reads the issuers' secrets and key sets. There are no API keys yet: see `replace_keys`.
    pub fn new(config: &AuthConfig, tenants: Tenants) -> Result<Self, JwtConfigError> {
        let issuers = open_issuers(&config.jwt)?;
        let believed_for = Duration::from_secs(u64::from(config.cache_seconds));
        Ok(Self {
            tenants: ArcSwap::from_pointee(tenants),
            keys: keys::KeyTable::default(),
            issuers,
            // The time to live only bounds memory; what counts is `Verified::until`, on the clock passed in.
            verified: Cache::builder()
                .max_capacity(u64::from(config.cache_entries))
                .time_to_live(believed_for)
                .build(),
            believed_for: Nanos::from_duration(believed_for),
            generation: AtomicU64::new(0),
        })
    }

    /// Says who sent the request. Takes one credential, `Authorization: Bearer …` or `x-api-key: …`, not both.
    ///
    /// A credential that was verified lately costs one hash and one look-up. Refusals are not remembered.
    pub fn authenticate(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Principal, AuthError> {
        let text = credential::of(headers)?;
        let hash = KeyHash::of(text);
        if let Some(hit) = self.verified.get(&hash)
            && hit.generation == self.generation.load(Ordering::Acquire)
            && now < hit.until
        {
            return Ok(hit.principal.clone());
        }
        self.verify(text, hash, now)
    }

    fn verify(&self, text: &str, hash: KeyHash, now: Timestamp) -> Result<Principal, AuthError> {
        let (principal, ends, generation) = if keys::is_key(text) {
            let generation = self.generation.load(Ordering::Acquire);
            let (principal, ends) = self.by_key(text, &hash, now)?;
            (principal, ends, generation)
        } else {
            let issuer = self.issuer_of(text)?;
            self.look_for_new_keys(issuer, now);
            let generation = self.generation.load(Ordering::Acquire);
            let (principal, ends) = self.by_token(issuer, text, now)?;
            (principal, Some(ends), generation)
        };
        let believed = now.saturating_add(self.believed_for);
        let until = ends.map_or(believed, |ends| ends.min(believed));
        let verified = Verified {
            principal: principal.clone(),
            until,
            generation,
        };
        self.verified.insert(hash, Arc::new(verified));
        Ok(principal)
    }

    fn by_key(
        &self,
        text: &str,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<(Principal, Option<Timestamp>), AuthError> {
        let record = self.keys.find(text, hash, now)?;
        let ends = [record.expires, record.revoked].into_iter().flatten().min();
        Ok((self.holder(&record)?, ends))
    }

    /// The holder of a key that is good.
    fn holder(&self, record: &KeyRecord) -> Result<Principal, AuthError> {
        let tenants = self.tenants.load();
        let tenant = tenants
            .get(&record.tenant)
            .ok_or(AuthError::Invalid(Cause::Tenant))?;
        Ok(Principal {
            tenant: record.tenant.clone(),
            subject: record.id.clone(),
            kind: CredentialKind::ApiKey,
            roles: record.roles,
            allowed_experts: principal::both(&tenant.allowed_experts, &record.allowed_experts),
            key_experts: record.allowed_experts.clone(),
            limits: record.limits,
            tags: record.tags.clone(),
        })
    }

    fn issuer_of(&self, token: &str) -> Result<&JwtIssuer, AuthError> {
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(AuthError::Invalid(Cause::Shape));
        }
        let claimed = jwt::claimed_issuer(token)?;
        self.issuers
            .get(&claimed)
            .ok_or(AuthError::Invalid(Cause::Issuer))
    }

    fn by_token(
        &self,
        issuer: &JwtIssuer,
        token: &str,
        now: Timestamp,
    ) -> Result<(Principal, Timestamp), AuthError> {
        let identity = issuer.verify(token, now)?;
        let tenants = self.tenants.load();
        let tenant = tenants
            .get(&identity.tenant)
            .ok_or(AuthError::Invalid(Cause::Tenant))?;
        let principal = Principal {
            tenant: identity.tenant,
            subject: identity.subject,
            kind: CredentialKind::Jwt,
            roles: identity.roles,
            allowed_experts: tenant.allowed_experts.clone(),
            key_experts: None,
            limits: identity.limits,
            tags: identity.tags,
        };
        Ok((principal, identity.expires))
    }

    /// A failed reading keeps the last good keys; `refresh_key_sets` reports it.
    fn look_for_new_keys(&self, issuer: &JwtIssuer, now: Timestamp) {
        if let Ok(true) = issuer.refresh_if_due(now) {
            self.forget_verified();
        }
    }

    fn forget_verified(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// What the owner of the gateway's life calls: at start, on a timer, on an operator's word.
impl Authenticator {
    /// Takes the keys of the store in place of those in memory. A revocation already known here is never undone.
    pub fn replace_keys(&self, keys: Vec<(KeyHash, KeyRecord)>) {
        if self.keys.replace(keys) {
            self.forget_verified();
        }
    }

    /// Adds one key at once, before the store is read again.
    pub fn add_key(&self, hash: KeyHash, record: &KeyRecord) {
        self.keys.insert(hash, record);
        self.forget_verified();
    }

    /// Withdraws a key at once, cached or not. False when the tenant has no such key.
    pub fn revoke_key(&self, tenant: &TenantId, id: &KeyId, at: Timestamp) -> bool {
        let found = self.keys.revoke(tenant, id, at);
        self.forget_verified();
        found
    }

    /// Takes the tenants of a new configuration.
    pub fn replace_tenants(&self, tenants: Tenants) {
        self.tenants.store(Arc::new(tenants));
        self.forget_verified();
    }

    /// Reads every JWKS file that changed. Gives the issuers whose file could not be used; their last good keys stay.
    pub fn refresh_key_sets(&self) -> Vec<(String, JwksError)> {
        let mut failed = Vec::new();
        let mut changed = false;
        for issuer in self.issuers.values() {
            match issuer.refresh() {
                Ok(other_keys) => changed |= other_keys,
                Err(error) => failed.push((issuer.issuer().to_owned(), error)),
            }
        }
        if changed {
            self.forget_verified();
        }
        failed
    }

    /// How many API keys are known.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
