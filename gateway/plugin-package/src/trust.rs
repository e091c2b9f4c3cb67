//! Whose signatures a tenant believes. An empty store believes nobody.

use std::path::Path;

use serde::{Deserialize, Serialize};
use units::Timestamp;

use crate::{Manifest, Signature, SignatureError, Statement};

/// Why a package is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The store cannot be read; the message names the file and the key.
    #[error("{0}")]
    Store(String),
    /// Nobody vouches for the key.
    #[error("the tenant does not trust the key {0:?}")]
    UnknownKey(String),
    /// The id stands for another key.
    #[error("the id {0:?} belongs to another key already")]
    TakenId(String),
    /// The key was revoked.
    #[error("the key {0:?} is revoked")]
    RevokedKey(String),
    /// The package was revoked.
    #[error("the package with digest {0} is revoked")]
    RevokedPackage(String),
    /// The key is not yet or no longer valid.
    #[error("the key {0:?} is not valid today")]
    Expired(String),
    /// The key may not publish in this namespace.
    #[error("the key {key:?} may not publish in the namespace {namespace:?}")]
    Namespace {
        /// The key.
        key: String,
        /// The namespace.
        namespace: String,
    },
    /// Manifest and signature name different keys.
    #[error("the manifest names the publisher {manifest:?}, the signature the key {signature:?}")]
    Publisher {
        /// Of the manifest.
        manifest: String,
        /// Of the signature.
        signature: String,
    },
    /// The signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A key that a tenant trusts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Its id.
    pub id: String,
    /// The public half, hex.
    pub public: String,
    /// Where it may publish.
    pub namespaces: Vec<String>,
    /// First instant, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// First instant after it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// A tenant's keys and what it has revoked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustStore {
    /// Ids of keys that count no more.
    pub revoked_keys: Vec<String>,
    /// Digests of packages that count no more, hex.
    pub revoked_packages: Vec<String>,
    /// Keys.
    pub keys: Vec<TrustedKey>,
}

impl TrustStore {
    /// Reads a store; a file that is not there is an empty one.
    ///
    /// # Errors
    /// The file is there and no store.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|why| TrustError::Store(format!("{}: {}", path.display(), why.message()))),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(why) => Err(TrustError::Store(format!("{}: {why}", path.display()))),
        }
    }

    /// Writes the store.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TrustError> {
        let failed = |why: String| TrustError::Store(format!("{}: {why}", path.display()));
        let text = toml::to_string_pretty(self).map_err(|why| failed(why.to_string()))?;
        crate::lock::replace(path, text.as_bytes()).map_err(|why| failed(why.to_string()))
    }

    /// Believes a key in these namespaces, instead of those before.
    ///
    /// # Errors
    /// The id stands for another key.
    pub fn trust(
        &mut self,
        id: &str,
        public: &str,
        namespaces: &[String],
    ) -> Result<(), TrustError> {
        let there = self.keys.iter().find(|key| key.id == id);
        if there.is_some_and(|key| key.public != public) {
            return Err(TrustError::TakenId(id.to_owned()));
        }
        self.keys.retain(|key| key.id != id);
        self.keys.push(TrustedKey {
            id: id.to_owned(),
            public: public.to_owned(),
            namespaces: namespaces.to_vec(),
            not_before: None,
            not_after: None,
        });
        Ok(())
    }

    /// Does this package count, now?
    ///
    /// # Errors
    /// The first reason why it does not.
    pub fn verify(
        &self,
        manifest: &Manifest,
        statement: &Statement,
        signature: Option<&Signature>,
        package: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let signature = signature.ok_or(SignatureError::Missing)?;
        if signature.key != manifest.publisher {
            return Err(TrustError::Publisher {
                manifest: manifest.publisher.clone(),
                signature: signature.key.clone(),
            });
        }
        let id = || signature.key.clone();
        if self.revoked_keys.contains(&signature.key) {
            return Err(TrustError::RevokedKey(id()));
        }
        let package = hex::encode(package);
        if self.revoked_packages.contains(&package) {
            return Err(TrustError::RevokedPackage(package));
        }
        let key = self
            .keys
            .iter()
            .find(|key| key.id == signature.key)
            .ok_or_else(|| TrustError::UnknownKey(id()))?;
        let at = |text: &Option<String>| -> Result<Option<i64>, TrustError> {
            let parse = |text: &String| {
                let instant: Result<jiff::Timestamp, _> = text.parse();
                instant
                    .map(|instant| instant.as_second())
                    .map_err(|why| TrustError::Store(format!("key {}: {why}", key.id)))
            };
            text.as_ref().map(parse).transpose()
        };
        let now = now.unix_seconds();
        if at(&key.not_before)?.is_some_and(|first| now < first)
            || at(&key.not_after)?.is_some_and(|end| now >= end)
        {
            return Err(TrustError::Expired(id()));
        }
        let namespace = manifest.name.namespace();
        if !key.namespaces.iter().any(|own| own == namespace) {
            return Err(TrustError::Namespace {
                key: id(),
                namespace: namespace.to_owned(),
            });
        }
        Ok(signature.verify(statement, &key.public)?)
    }
}
