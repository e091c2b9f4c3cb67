//! The public keys of an issuer, from a JWKS file that is read again when it changes. It must not know of tokens.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::Mutex;
use serde::Deserialize;
use units::{Nanos, Timestamp};

/// A changed file is noticed this soon.
const CHECK_EVERY: Nanos = Nanos::new(1_000_000_000);
/// No honest key set is larger.
const MAX_BYTES: u64 = 1 << 20;

/// Why a JWKS file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file could not be read.
    #[error("key set {path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no key set.
    #[error("key set {path}: {what}", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

type Keys = HashMap<String, Arc<DecodingKey>>;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// What tells one state of the file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// One JWKS file. Keeps the last good set when the file goes bad.
pub(super) struct Jwks {
    path: PathBuf,
    algorithm: Algorithm,
    keys: ArcSwap<Keys>,
    stamp: Mutex<Stamp>,
    checked: AtomicI64,
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwks")
            .field("path", &self.path)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Jwks {
    /// Reads the file. Fails unless it holds at least one key for the algorithm.
    pub(super) fn open(path: &Path, algorithm: Algorithm) -> Result<Self, JwksError> {
        let (stamp, keys) = read(path, algorithm)?;
        Ok(Self {
            path: path.to_owned(),
            algorithm,
            keys: ArcSwap::from_pointee(keys),
            stamp: Mutex::new(stamp),
            checked: AtomicI64::new(i64::MIN),
        })
    }

    /// The key of that id.
    pub(super) fn key(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.keys.load().get(kid).map(Arc::clone)
    }

    /// Looks whether the file changed, at most once a second; true when other keys are in force now.
    pub(super) fn refresh_if_due(&self, now: Timestamp) -> Result<bool, JwksError> {
        let last = self.checked.load(Ordering::Relaxed);
        let due = last == i64::MIN || now.since(Timestamp::from_unix_nanos(last)) >= CHECK_EVERY;
        let mine = || {
            let (now, order) = (now.unix_nanos(), Ordering::Relaxed);
            self.checked
                .compare_exchange(last, now, order, order)
                .is_ok()
        };
        if due && mine() {
            self.refresh()
        } else {
            Ok(false)
        }
    }

    /// Looks whether the file changed, now.
    pub(super) fn refresh(&self) -> Result<bool, JwksError> {
        let mut stamp = self.stamp.lock();
        if look(&self.path)? == *stamp {
            return Ok(false);
        }
        let (new_stamp, keys) = read(&self.path, self.algorithm)?;
        self.keys.store(Arc::new(keys));
        *stamp = new_stamp;
        Ok(true)
    }
}

fn look(path: &Path) -> Result<Stamp, JwksError> {
    let wrong = |source| JwksError::File {
        path: path.to_owned(),
        source,
    };
    let meta = std::fs::metadata(path).map_err(wrong)?;
    Ok(Stamp {
        modified: meta.modified().ok(),
        bytes: meta.len(),
    })
}

fn read(path: &Path, algorithm: Algorithm) -> Result<(Stamp, Keys), JwksError> {
    let wrong = |what: String| JwksError::Content {
        path: path.to_owned(),
        what,
    };
    // Looked at before reading: a write in between is seen as a change next time.
    let stamp = look(path)?;
    if stamp.bytes > MAX_BYTES {
        return Err(wrong(format!(
            "{} bytes, at most {MAX_BYTES} are read",
            stamp.bytes
        )));
    }
    let bytes = std::fs::read(path).map_err(|source| JwksError::File {
        path: path.to_owned(),
        source,
    })?;
    let set: KeySet = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    // A key of a kind nobody here knows is no reason to refuse the others.
    let known = set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let mut keys = Keys::new();
    for jwk in known.filter(|jwk| signs_with(jwk, algorithm)) {
        let Some(kid) = jwk.common.key_id.clone() else {
            continue;
        };
        let key = DecodingKey::from_jwk(&jwk).map_err(|e| wrong(format!("key {kid:?}: {e}")))?;
        if keys.insert(kid.clone(), Arc::new(key)).is_some() {
            return Err(wrong(format!("key {kid:?} is there twice")));
        }
    }
    if keys.is_empty() {
        return Err(wrong(format!("no {algorithm:?} signing key with a `kid`")));
    }
    Ok((stamp, keys))
}

/// Is this a public key that may verify signatures of the algorithm? Shared secrets never are.
fn signs_with(jwk: &Jwk, algorithm: Algorithm) -> bool {
    let fits = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
            key.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let named = jwk.common.key_algorithm;
    let same = named.is_none_or(|name| Algorithm::try_from(name).is_ok_and(|a| a == algorithm));
    let usage = jwk.common.public_key_use.as_ref();
    fits && same && usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
}

#[cfg(test)]
mod tests;
