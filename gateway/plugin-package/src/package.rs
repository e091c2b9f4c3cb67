//! A whole plugin: manifest, component, calibration, cases and signature, as a folder or as one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use units::Timestamp;

use crate::{
    ArchiveError, Facts, FactsError, KeyPair, Kind, Manifest, ManifestError, Signature,
    SignatureError, Statement, TrustError, TrustStore, digest, pack, unpack,
};

const MANIFEST: &str = "plugin.toml";
const COMPONENT: &str = "component.wasm";
const CALIBRATION: &str = "calibration.jsonl";
const SIGNATURE: &str = "plugin.sig";
const README: &str = "README.md";
/// Examples that place an expert in the gate.
const EXAMPLES: std::ops::RangeInclusive<usize> = 50..=1_000;

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file is missing or cannot be read.
    #[error("{path}: {why}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file that must be there is not.
    #[error("the package has no {0}")]
    Missing(&'static str),
    /// A file that is none of a package's.
    #[error("{0:?} does not belong into a package")]
    Strange(String),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The component.
    #[error(transparent)]
    Component(#[from] FactsError),
    /// The signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Nobody who counts vouches for it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The calibration examples.
    #[error("{CALIBRATION}: {0}")]
    Calibration(String),
    /// The digest is another than the lock file says.
    #[error("the package has the digest {found}; {wanted} is wanted")]
    Digest {
        /// Of the package.
        found: String,
        /// Of the lock file.
        wanted: String,
    },
}

/// A question, and whether the plugin's answer to it is one to accept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The question.
    pub prompt: String,
    /// Was the answer accepted?
    pub accepted: bool,
}

/// A checked package.
#[derive(Debug, Clone)]
pub struct Package {
    files: BTreeMap<String, Vec<u8>>,
    manifest: Manifest,
    facts: Facts,
    calibration: Vec<Calibration>,
    signature: Option<Signature>,
}

impl Package {
    /// Reads a package's folder. Files that are none of a package's (sources, say) are left out.
    ///
    /// # Errors
    /// Names what is missing or wrong.
    pub fn read(dir: &Path) -> Result<Self, PackageError> {
        let mut files = BTreeMap::new();
        let mut take = |name: &str, needed: bool| match std::fs::read(dir.join(name)) {
            Ok(bytes) => {
                files.insert(name.to_owned(), bytes);
                Ok(())
            }
            Err(why) if why.kind() == std::io::ErrorKind::NotFound && !needed => Ok(()),
            Err(why) => Err(PackageError::File {
                path: dir.join(name),
                why,
            }),
        };
        take(MANIFEST, true)?;
        take(COMPONENT, true)?;
        for name in [CALIBRATION, SIGNATURE, README] {
            take(name, false)?;
        }
        let cases = dir.join("cases");
        if let Ok(entries) = std::fs::read_dir(&cases) {
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".json") {
                    take(&format!("cases/{name}"), true)?;
                }
            }
        }
        Self::of(files)
    }

    /// Takes a packed package apart and checks it.
    ///
    /// # Errors
    /// Names what is missing or wrong.
    pub fn open(archive: &[u8]) -> Result<Self, PackageError> {
        Self::of(unpack(archive)?)
    }

    fn of(files: BTreeMap<String, Vec<u8>>) -> Result<Self, PackageError> {
        for name in files.keys() {
            let known =
                [MANIFEST, COMPONENT, CALIBRATION, SIGNATURE, README].contains(&name.as_str());
            let case = name
                .strip_prefix("cases/")
                .is_some_and(|rest| !rest.contains('/') && rest.ends_with(".json"));
            if !known && !case {
                return Err(PackageError::Strange(name.clone()));
            }
        }
        let needed = |name: &'static str| files.get(name).ok_or(PackageError::Missing(name));
        let manifest = Manifest::parse(&text(needed(MANIFEST)?))?;
        let facts = Facts::of(needed(COMPONENT)?)?;
        facts.check(&manifest)?;
        let calibration = files
            .get(CALIBRATION)
            .map(|bytes| examples(bytes))
            .transpose()?
            .unwrap_or_default();
        if manifest.kind == Kind::Expert
            && !calibration.is_empty()
            && !EXAMPLES.contains(&calibration.len())
        {
            let (found, least, most) = (calibration.len(), EXAMPLES.start(), EXAMPLES.end());
            return Err(PackageError::Calibration(format!(
                "{found} examples; expected {least} to {most}"
            )));
        }
        let signature = files
            .get(SIGNATURE)
            .map(|bytes| Signature::parse(&text(bytes)))
            .transpose()?;
        Ok(Self {
            files,
            manifest,
            facts,
            calibration,
            signature,
        })
    }

    /// What it says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What its component is.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The examples that place it in the gate.
    pub fn calibration(&self) -> &[Calibration] {
        &self.calibration
    }

    /// The component.
    pub fn component(&self) -> &[u8] {
        self.files.get(COMPONENT).map_or(&[], Vec::as_slice)
    }

    /// The cases of the author's test, by name.
    pub fn cases(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let case = |(name, bytes)| -> Option<(&str, &[u8])> {
            let name: &String = name;
            let bytes: &Vec<u8> = bytes;
            Some((
                name.strip_prefix("cases/")?.strip_suffix(".json")?,
                bytes.as_slice(),
            ))
        };
        self.files.iter().filter_map(case)
    }

    /// Is it signed, by whomever?
    pub const fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// What its publisher signs.
    pub fn statement(&self) -> Statement {
        let manifest = self.files.get(MANIFEST).map_or(&[][..], Vec::as_slice);
        let calibration = self.files.get(CALIBRATION).map(Vec::as_slice);
        Statement::of(
            &self.manifest,
            &text(manifest),
            self.component(),
            calibration,
        )
    }

    /// Signs it.
    ///
    /// # Errors
    /// The manifest names another key.
    pub fn sign(&mut self, key: &KeyPair) -> Result<Signature, PackageError> {
        if key.id() != self.manifest.publisher {
            return Err(TrustError::Publisher {
                manifest: self.manifest.publisher.clone(),
                signature: key.id().to_owned(),
            }
            .into());
        }
        let signature = key.sign(&self.statement());
        self.files
            .insert(SIGNATURE.to_owned(), signature.text().into_bytes());
        self.signature = Some(signature.clone());
        Ok(signature)
    }

    /// As one file.
    ///
    /// # Errors
    /// It is too large.
    pub fn pack(&self) -> Result<Vec<u8>, PackageError> {
        Ok(pack(&self.files)?)
    }

    /// The digest of its packed form.
    ///
    /// # Errors
    /// It is too large.
    pub fn digest(&self) -> Result<[u8; 32], PackageError> {
        Ok(digest(&self.pack()?))
    }

    /// Does it count for a tenant, now?
    ///
    /// # Errors
    /// The first reason why it does not.
    pub fn verify(&self, trust: &TrustStore, now: Timestamp) -> Result<(), PackageError> {
        let digest = self.digest()?;
        Ok(trust.verify(
            &self.manifest,
            &self.statement(),
            self.signature.as_ref(),
            &digest,
            now,
        )?)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn examples(bytes: &[u8]) -> Result<Vec<Calibration>, PackageError> {
    let text = text(bytes);
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let wrong = |why: serde_json::Error| {
                PackageError::Calibration(format!("line {}: {why}", at.saturating_add(1)))
            };
            serde_json::from_str(line).map_err(wrong)
        })
        .collect()
}

#[cfg(test)]
mod tests;
