//! Which packages each tenant runs: by digest, so that what runs tomorrow is what was checked today.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};
use units::TenantId;

use crate::PluginName;

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}", path = path.display())]
pub struct LockError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

/// One package in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Its version.
    pub version: Version,
    /// SHA-256 of the packed package, hex.
    pub digest: String,
    /// What the tenant grants of what it asks for.
    pub grants: Vec<String>,
    /// The tenant's settings, JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// A version that is tried out beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The version before, for `rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

/// A version that is tried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Its version.
    pub version: Version,
    /// Digest of its package.
    pub digest: String,
    /// Share of conversations, percent; 0 runs it in the shadow.
    pub percent: u8,
}

/// The version before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its version.
    pub version: Version,
    /// Digest of its package.
    pub digest: String,
}

/// The packages of all tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LockFile {
    /// By tenant and name.
    pub tenants: BTreeMap<TenantId, BTreeMap<PluginName, Locked>>,
}

impl LockFile {
    /// Reads a lock file; one that is not there is empty.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn load(path: &Path) -> Result<Self, LockError> {
        let wrong = |why: String| LockError {
            path: path.to_owned(),
            why,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|why| wrong(why.message().to_owned())),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(why) => Err(wrong(why.to_string())),
        }
    }

    /// Puts a version in use for a tenant. The one before stays at hand, for `rollback`.
    pub fn install(&mut self, tenant: &TenantId, name: &PluginName, locked: Locked) {
        let plugins = self.tenants.entry(tenant.clone()).or_default();
        let before = plugins
            .get(name)
            .filter(|before| before.digest != locked.digest);
        let previous = before.map(|before| Previous {
            version: before.version.clone(),
            digest: before.digest.clone(),
        });
        plugins.insert(name.clone(), Locked { previous, ..locked });
    }

    /// Writes it in one step.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        let wrong = |why: String| LockError {
            path: path.to_owned(),
            why,
        };
        let text = toml::to_string_pretty(self).map_err(|why| wrong(why.to_string()))?;
        replace(path, text.as_bytes()).map_err(|why| wrong(why.to_string()))
    }
}

/// Puts a file in the place of another, whole or not at all, for its owner only.
///
/// # Errors
/// The folder cannot be made, or the file not written.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
