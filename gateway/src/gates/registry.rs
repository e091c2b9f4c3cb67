//! A folder of gate versions, with pointers to the live one and to the one in the shadow, and a history.
//!
//! ```text
//! versions/0003-3f2a91c04b77/   gate.json, gate.safetensors, lineage.json; never changed once there
//! live, shadow                  the name of a version each; absent: the configured gate, and none
//! history.jsonl                 what was done, by line
//! ```

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use router::{Gate, GateError, Package};

use super::history::Entry;
use super::lineage::Lineage;
use super::pointer::{Role, replace, sync_folder_of};
use crate::config::Config;

const VERSIONS: &str = "versions";
const HISTORY: &str = "history.jsonl";
const LINEAGE: &str = "lineage.json";

/// The name of a version: a number and the first digits of its hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(String);

impl Version {
    /// Checks a name: four digits or more, a dash, twelve hex digits.
    pub fn new(text: &str) -> Option<Self> {
        let (number, hash) = text.split_once('-')?;
        let digits = number.len() >= 4 && number.bytes().all(|b| b.is_ascii_digit());
        let hex = hash.len() == 12 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digits && hex).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn number(&self) -> u64 {
        let number = self.0.split_once('-').map_or("", |(number, _)| number);
        number.parse().unwrap_or(0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the registry does not do it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file or folder cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{}: {message}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A package cannot be used.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// There is no such version.
    #[error("there is no version {0}")]
    Unknown(String),
    /// A version's package is not the one it was when it was made.
    #[error("version {version}: its package has the hash {found}")]
    Altered {
        /// The version.
        version: Version,
        /// The hash of what is there.
        found: String,
    },
}

/// A folder of versions.
#[derive(Debug, Clone)]
pub struct Registry {
    dir: PathBuf,
}

impl Registry {
    /// The registry in a folder, which need not be there yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// That of a configuration: `gate.registry`, else `gates` in the store's folder.
    pub fn of(config: &Config) -> Self {
        let beside = || config.store.dir.join("gates");
        Self::new(config.gate.registry.clone().unwrap_or_else(beside))
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a version.
    pub fn folder(&self, version: &Version) -> PathBuf {
        self.dir.join(VERSIONS).join(version.as_str())
    }

    /// Every version, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self) -> Result<Vec<Version>, RegistryError> {
        let path = self.dir.join(VERSIONS);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(failed(&path)(why)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed(&path))?.file_name();
            versions.extend(name.to_str().and_then(Version::new));
        }
        versions.sort_by_key(|version| (version.number(), version.clone()));
        Ok(versions)
    }

    /// The version of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &str) -> Result<Version, RegistryError> {
        let known = Version::new(name).filter(|version| self.folder(version).is_dir());
        known.ok_or_else(|| RegistryError::Unknown(name.to_owned()))
    }

    /// Loads and checks a version: its files whole, its hash the one in its name.
    ///
    /// # Errors
    /// The package is missing, cut short, wrong, or another one; the file is named.
    pub fn load(&self, version: &Version) -> Result<Gate, RegistryError> {
        let gate = Gate::load(&self.folder(version))?;
        let found = gate
            .version()
            .rsplit_once('+')
            .map_or("", |(_, hash)| hash)
            .to_owned();
        if version.as_str().ends_with(&found) && !found.is_empty() {
            Ok(gate)
        } else {
            Err(RegistryError::Altered {
                version: version.clone(),
                found,
            })
        }
    }

    /// Where a version comes from.
    ///
    /// # Errors
    /// The file is missing or wrong.
    pub fn lineage(&self, version: &Version) -> Result<Lineage, RegistryError> {
        let path = self.folder(version).join(LINEAGE);
        let bytes = fs::read(&path).map_err(failed(&path))?;
        serde_json::from_slice(&bytes).map_err(|why| RegistryError::Form {
            path,
            message: why.to_string(),
        })
    }

    /// Adds a version: written into a folder of another name, made safe, renamed. Half a version is never there.
    ///
    /// # Errors
    /// The package breaks a rule, or the folder cannot be written.
    pub fn add(&self, package: &Package, lineage: &Lineage) -> Result<Version, RegistryError> {
        let versions = self.dir.join(VERSIONS);
        fs::create_dir_all(&versions).map_err(failed(&versions))?;
        let fresh = versions.join(format!(".new-{}", std::process::id()));
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(failed(&fresh))?;
        }
        fs::create_dir(&fresh).map_err(failed(&fresh))?;
        let written = self.fill(&fresh, package, lineage);
        if written.is_err() {
            // What is left of a failed try is no version: its name is none.
            let _gone = fs::remove_dir_all(&fresh);
        }
        written
    }

    fn fill(
        &self,
        fresh: &Path,
        package: &Package,
        lineage: &Lineage,
    ) -> Result<Version, RegistryError> {
        package.write(fresh)?;
        let path = fresh.join(LINEAGE);
        let mut text = serde_json::to_vec_pretty(lineage).map_err(|why| RegistryError::Form {
            path: path.clone(),
            message: why.to_string(),
        })?;
        text.push(b'\n');
        fs::write(&path, text).map_err(failed(&path))?;
        for entry in fs::read_dir(fresh).map_err(failed(fresh))? {
            let path = entry.map_err(failed(fresh))?.path();
            let file = File::open(&path).map_err(failed(&path))?;
            file.sync_all().map_err(failed(&path))?;
        }
        let (_, hash) = Package::read(fresh)?;
        let last = self.versions()?.last().map_or(0, Version::number);
        let name = format!("{:04}-{hash}", last.saturating_add(1));
        let version = Version::new(&name).ok_or(RegistryError::Unknown(name))?;
        let folder = self.folder(&version);
        fs::rename(fresh, &folder).map_err(failed(&folder))?;
        sync_folder_of(&folder).map_err(failed(&folder))?;
        Ok(version)
    }

    /// The version that has a role; `None` where none has.
    ///
    /// # Errors
    /// The pointer cannot be read, or names no version.
    pub fn pointer(&self, role: Role) -> Result<Option<Version>, RegistryError> {
        let path = self.dir.join(role.as_str());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(&path)(why)),
        };
        let version = Version::new(text.trim_end());
        version.map(Some).ok_or_else(|| RegistryError::Form {
            path,
            message: "names no version".to_owned(),
        })
    }

    /// Gives a role to a version, or to none, in one step. The version must load.
    ///
    /// # Errors
    /// The version cannot be loaded, or the pointer cannot be written; the old one stands then.
    pub fn point(&self, role: Role, version: Option<&Version>) -> Result<(), RegistryError> {
        let path = self.dir.join(role.as_str());
        match version {
            Some(version) => {
                self.load(version)?;
                replace(&path, format!("{version}\n").as_bytes()).map_err(failed(&path))
            }
            None => match fs::remove_file(&path) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(failed(&path)(why)),
                _ if self.dir.is_dir() => sync_folder_of(&path).map_err(failed(&path)),
                _ => Ok(()),
            },
        }
    }

    /// Adds a line to the history.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, entry: &Entry) -> Result<(), RegistryError> {
        let path = self.dir.join(HISTORY);
        let mut line = serde_json::to_vec(entry).map_err(|why| RegistryError::Form {
            path: path.clone(),
            message: why.to_string(),
        })?;
        line.push(b'\n');
        fs::create_dir_all(&self.dir).map_err(failed(&self.dir))?;
        append(&path, &line).map_err(failed(&path))
    }

    /// The history, oldest first. A last line that was cut short is left out.
    ///
    /// # Errors
    /// The file cannot be read, or another line is damaged.
    pub fn history(&self) -> Result<Vec<Entry>, RegistryError> {
        let path = self.dir.join(HISTORY);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(failed(&path)(why)),
        };
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let parsed = whole.enumerate().map(|(at, line)| {
            serde_json::from_str(line).map_err(|why| RegistryError::Form {
                path: path.clone(),
                message: format!("line {}: {why}", at.saturating_add(1)),
            })
        });
        parsed.collect()
    }
}

/// Adds a line after the last whole one: what a crash has cut short goes.
fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    let mut before = Vec::new();
    file.read_to_end(&mut before)?;
    let whole = before.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |at| at.saturating_add(1));
    if whole < before.len() {
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
    }
    file.write_all(line)?;
    file.sync_all()
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> RegistryError {
    let path = path.to_owned();
    move |why| RegistryError::File { path, why }
}
