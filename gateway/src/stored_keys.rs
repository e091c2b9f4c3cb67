//! API keys between the store, which keeps text, and authentication, which wants checked types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::Tags;
use ledger_store::ApiKey as StoredKey;
use serde::{Deserialize, Serialize};
use units::ExpertId;

use crate::admission::Limits;
use crate::auth::{KeyHash, KeyRecord, Roles};

/// What a key may do, as the store keeps it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its holder may be.
    #[serde(default)]
    pub roles: Roles,
    /// The experts it may use; absent is all of the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_experts: Option<BTreeSet<ExpertId>>,
    /// Limits of this key alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Tags of every request made with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl KeySettings {
    /// The settings as the store keeps them.
    ///
    /// # Errors
    /// They cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The settings of a stored key.
    ///
    /// # Errors
    /// The text is none of this version's.
    pub fn of(key: &StoredKey) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&key.settings)
    }
}

/// The table of authentication. A key whose settings cannot be read opens nothing.
pub fn table(stored: &[StoredKey]) -> Vec<(KeyHash, KeyRecord)> {
    stored
        .iter()
        .filter_map(|key| match KeySettings::of(key) {
            Ok(settings) => Some((KeyHash::from_bytes(key.hash), record(key, settings))),
            Err(why) => {
                tracing::error!(key = %key.id, %why, "key settings cannot be read");
                None
            }
        })
        .collect()
}

/// Tags were checked when the key was made; what is none all the same is left out.
fn tags(pairs: &BTreeMap<String, String>) -> Option<Tags> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    Tags::new(pairs).ok().flatten()
}

fn record(key: &StoredKey, settings: KeySettings) -> KeyRecord {
    KeyRecord {
        id: key.id.clone(),
        tenant: key.tenant.clone(),
        roles: settings.roles,
        allowed_experts: settings.allowed_experts.map(Arc::new),
        limits: settings.limits,
        tags: tags(&settings.tags),
        created: key.created,
        expires: key.expires,
        revoked: key.revoked,
    }
}
