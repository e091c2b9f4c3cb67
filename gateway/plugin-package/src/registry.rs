//! Where packages are kept, by name and version. A version that was published never changes.

use std::path::{Path, PathBuf};

use semver::Version;

use crate::{Package, PackageError, PluginName, digest};

/// Why a registry does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody published that.
    #[error("nobody has published {name} {version}")]
    Unknown {
        /// The name.
        name: PluginName,
        /// The version, or `at all`.
        version: String,
    },
    /// The version is there with other bytes.
    #[error("{name} {version} is published already, with other bytes: publish a new version")]
    Taken {
        /// The name.
        name: PluginName,
        /// The version.
        version: Version,
    },
    /// The place cannot be used.
    #[error("{place}: {why}")]
    Place {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// What is kept there is no package, or another one.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// A folder: `<root>/<namespace>/<name>/<version>/package.tar`.
#[derive(Debug, Clone)]
pub struct DirRegistry {
    root: PathBuf,
}

impl DirRegistry {
    /// The registry in that folder; it is made at the first publication.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn of(&self, name: &PluginName) -> PathBuf {
        self.root.join(name.namespace()).join(name.name())
    }

    fn file(&self, name: &PluginName, version: &Version) -> PathBuf {
        self.of(name).join(version.to_string()).join("package.tar")
    }

    fn place(&self, why: &std::io::Error) -> RegistryError {
        RegistryError::Place {
            place: self.root.display().to_string(),
            why: why.to_string(),
        }
    }

    fn entries(&self, dir: &Path) -> Result<Vec<String>, RegistryError> {
        match std::fs::read_dir(dir) {
            Ok(entries) => Ok(entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(why) => Err(self.place(&why)),
        }
    }
}

impl DirRegistry {
    /// Publishes a package; the same bytes again change nothing.
    ///
    /// # Errors
    /// The version is taken, or the folder cannot be used.
    pub fn publish(&self, package: &Package) -> Result<(), RegistryError> {
        let manifest = package.manifest();
        let (bytes, path) = (
            package.pack()?,
            self.file(&manifest.name, &manifest.version),
        );
        match std::fs::read(&path) {
            Ok(there) if digest(&there) == digest(&bytes) => return Ok(()),
            Ok(_) => {
                return Err(RegistryError::Taken {
                    name: manifest.name.clone(),
                    version: manifest.version.clone(),
                });
            }
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            Err(why) => return Err(self.place(&why)),
        }
        crate::lock::replace(&path, &bytes).map_err(|why| self.place(&why))
    }

    /// The packed package of a version.
    ///
    /// # Errors
    /// There is none, or the folder cannot be used.
    pub fn fetch(&self, name: &PluginName, version: &Version) -> Result<Vec<u8>, RegistryError> {
        match std::fs::read(self.file(name, version)) {
            Ok(bytes) => Ok(bytes),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Err(RegistryError::Unknown {
                name: name.clone(),
                version: version.to_string(),
            }),
            Err(why) => Err(self.place(&why)),
        }
    }

    /// Versions of a name, oldest first.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn versions(&self, name: &PluginName) -> Result<Vec<Version>, RegistryError> {
        let entries = self.entries(&self.of(name))?;
        let mut versions: Vec<Version> = entries
            .iter()
            .filter_map(|entry| entry.parse().ok())
            .collect();
        versions.sort();
        Ok(versions)
    }
}
