//! API keys: `mg_<tenant>_<secret>`, made once, kept only as SHA-256, found by hash. It must not know who stores them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ledger::Tags;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use units::{KeyId, TenantId, Timestamp};

use super::error::{AuthError, Cause};
use super::principal::AllowedExperts;
use super::roles::Roles;
use crate::admission::Limits;
use crate::secret::Secret;

const PREFIX: &str = "mg_";
/// 43 characters of 62 hold 256 bits.
const SECRET_CHARS: usize = 43;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text of an API key. It exists only between its making and its showing.
#[derive(Debug, Clone)]
pub struct ApiKey {
    tenant: TenantId,
    text: Secret,
}

/// The system gave no random bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes for a new key: {0}")]
pub struct KeyError(getrandom::Error);

impl ApiKey {
    /// Makes a new key of a tenant from the system's random source.
    pub fn generate(tenant: &TenantId) -> Result<Self, KeyError> {
        let mut text = format!("{PREFIX}{tenant}_");
        let whole = text.len().saturating_add(SECRET_CHARS);
        text.reserve_exact(SECRET_CHARS);
        let mut bytes = [0_u8; 64];
        while text.len() < whole {
            getrandom::fill(&mut bytes).map_err(KeyError)?;
            // 248 is the largest multiple of 62 in a byte: what is above would favour some characters.
            let fair = bytes.iter().filter(|byte| **byte < 248);
            let chars = fair.filter_map(|byte| ALPHABET.get(usize::from(byte % 62)));
            let room = whole.saturating_sub(text.len());
            text.extend(chars.take(room).map(|byte| char::from(*byte)));
        }
        Ok(Self {
            tenant: tenant.clone(),
            text: Secret::new(text),
        })
    }

    /// The tenant it was made for.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The whole text, to be shown once.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is stored of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.expose())
    }
}

/// Does the text look like one of our keys?
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The tenant part of a well-formed key.
fn tenant_part(text: &str) -> Option<&str> {
    let (tenant, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let plain = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (secret.len() == SECRET_CHARS && plain).then_some(tenant)
}

/// A new public name for a key: `key-` and 12 random letters and digits. It opens nothing.
pub fn new_key_id() -> Result<KeyId, KeyError> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(KeyError)?;
    let letters = bytes.iter().map(|byte| {
        let index = usize::from(byte % 32);
        char::from(
            *b"abcdefghijkmnpqrstuvwxyz23456789"
                .get(index)
                .unwrap_or(&b'a'),
        )
    });
    let text: String = "key-".chars().chain(letters).collect();
    // The text is a name by construction; the entropy error is the only one a caller can meet.
    KeyId::new(&text).map_err(|_| KeyError(getrandom::Error::UNEXPECTED))
}

/// SHA-256 over the whole text of a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a credential's text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Wraps the 32 bytes a store gives back.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Shows the first four bytes only.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// What is known of a key, beside its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What its holder may be.
    pub roles: Roles,
    /// The experts it may use; `None` is all of the tenant's, an empty set is none.
    pub allowed_experts: AllowedExperts,
    /// Limits of this key alone.
    pub limits: Option<Limits>,
    /// Tags of every request made with it.
    pub tags: Option<Tags>,
    /// When it was made.
    pub created: Timestamp,
    /// The first instant it is no longer good.
    pub expires: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

impl KeyRecord {
    /// A key that never expires, for all experts of the tenant, without limits of its own.
    pub fn new(id: KeyId, tenant: TenantId, created: Timestamp) -> Self {
        Self {
            id,
            tenant,
            roles: Roles::USER,
            allowed_experts: None,
            limits: None,
            tags: None,
            created,
            expires: None,
            revoked: None,
        }
    }
}

type Records = HashMap<KeyHash, Arc<KeyRecord>>;

/// The keys in memory. Readers never wait; a writer replaces the whole table.
#[derive(Debug, Default)]
pub(super) struct KeyTable(ArcSwap<Records>);

impl KeyTable {
    /// Takes the keys of a store in place of all that were here. A key once revoked here stays revoked, whatever an
    /// older copy says. True when anything changed.
    pub(super) fn replace(&self, keys: Vec<(KeyHash, KeyRecord)>) -> bool {
        let mut changed = false;
        let fresh: HashMap<KeyHash, KeyRecord> = keys.into_iter().collect();
        self.0.rcu(|old| {
            let next: Records = fresh
                .iter()
                .map(|(hash, record)| (*hash, newer(old.get(hash), record)))
                .collect();
            changed = next != **old;
            next
        });
        changed
    }

    /// Adds one key.
    pub(super) fn insert(&self, hash: KeyHash, record: &KeyRecord) {
        self.0.rcu(|old| {
            let mut next = Records::clone(old);
            next.insert(hash, newer(old.get(&hash), record));
            next
        });
    }

    /// Withdraws every key of that name. False when there is none.
    pub(super) fn revoke(&self, tenant: &TenantId, id: &KeyId, at: Timestamp) -> bool {
        let mut found = false;
        self.0.rcu(|old| {
            let mut next = Records::clone(old);
            found = false;
            for record in next.values_mut() {
                if record.id == *id && record.tenant == *tenant {
                    found = true;
                    let revoked = Some(record.revoked.map_or(at, |earlier| earlier.min(at)));
                    *record = Arc::new(KeyRecord {
                        revoked,
                        ..KeyRecord::clone(record)
                    });
                }
            }
            next
        });
        found
    }

    /// Finds a key that is good now. An unknown key and a key with another tenant's name are the same error.
    pub(super) fn find(
        &self,
        text: &str,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<Arc<KeyRecord>, AuthError> {
        let tenant = tenant_part(text).ok_or(AuthError::Invalid(Cause::Shape))?;
        let table = self.0.load();
        let unknown = AuthError::Invalid(Cause::UnknownKey);
        let (stored, record) = table.get_key_value(hash).ok_or(unknown)?;
        let same = stored.0.ct_eq(&hash.0);
        if !bool::from(same) || record.tenant.as_str() != tenant {
            return Err(unknown);
        }
        good(record, now)
    }

    /// The key of a hash that was found before, if it is still good.
    pub(super) fn again(
        &self,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<Arc<KeyRecord>, AuthError> {
        let table = self.0.load();
        let unknown = AuthError::Invalid(Cause::UnknownKey);
        good(table.get(hash).ok_or(unknown)?, now)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.0.load().len()
    }
}

fn good(record: &Arc<KeyRecord>, now: Timestamp) -> Result<Arc<KeyRecord>, AuthError> {
    if record.revoked.is_some_and(|at| at <= now) {
        return Err(AuthError::Revoked);
    }
    if record.expires.is_some_and(|at| at <= now) {
        return Err(AuthError::Expired);
    }
    Ok(Arc::clone(record))
}

fn newer(old: Option<&Arc<KeyRecord>>, fresh: &KeyRecord) -> Arc<KeyRecord> {
    let known = old.and_then(|record| record.revoked);
    let revoked = match (known, fresh.revoked) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    Arc::new(KeyRecord {
        revoked,
        ..fresh.clone()
    })
}

#[cfg(test)]
mod tests;
