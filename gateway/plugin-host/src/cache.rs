//! Compiled code by the digest of its component, sealed with this installation's secret, in a folder of its own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use plugin_engine::{Digest, ENGINE_TAG, LoadError, Metering, SealKey};
use wasmtime::component::Component;

use crate::PluginHost;

/// Why code cannot be kept or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder.
    #[error("plugin code in {path}: {why}", path = path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The secret is not 32 bytes.
    #[error("{path} holds no key", path = path.display())]
    Key {
        /// Where.
        path: PathBuf,
    },
    /// The code on disk is not what was written there.
    #[error("{path}: {why}", path = path.display())]
    Seal {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: LoadError,
    },
}

/// The folder of sealed code.
#[derive(Debug, Clone)]
pub struct CodeCache {
    dir: PathBuf,
    key: SealKey,
}

impl CodeCache {
    /// Opens the folder, for the owner only, and makes its secret where there is none.
    ///
    /// # Errors
    /// The folder or the key cannot be used.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let folder = |why| CacheError::Folder {
            path: dir.to_owned(),
            why,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(folder)?;
        let path = dir.join("seal.key");
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh).map_err(|_| folder(io::Error::other("no randomness")))?;
        // Written whole beside its place and linked there: of two that begin at once, one wins.
        let written = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .tempfile_in(dir)
            .and_then(|mut file| {
                file.write_all(&fresh)?;
                Ok(file)
            });
        match written.map_err(folder)?.persist_noclobber(&path) {
            Ok(_) => {}
            Err(why) if why.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(folder(why.error)),
        }
        let bytes = fs::read(&path).map_err(folder)?;
        let key = bytes.try_into().map_err(|_| CacheError::Key { path })?;
        Ok(Self {
            dir: dir.to_owned(),
            key: SealKey::new(key),
        })
    }

    /// The file of a component's code.
    pub fn path(&self, of: &Digest, metering: Metering) -> PathBuf {
        let tag = tag(metering).replace('/', "_");
        self.dir.join(format!("{}-{tag}.cwasm", hex::encode(of)))
    }

    /// The code of a component. `None` where there is none, or none that this runtime takes.
    ///
    /// # Errors
    /// The seal does not fit.
    pub fn get(&self, host: &PluginHost, of: &Digest) -> Result<Option<Component>, CacheError> {
        let metering = host.config.metering;
        let path = self.path(of, metering);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(CacheError::Folder { path, why }),
        };
        match plugin_engine::load(&host.engine, &self.key, of, &tag(metering), &sealed) {
            Ok(component) => Ok(Some(component)),
            Err(LoadError::Refused(why)) => {
                tracing::info!(why = %format!("{why:#}"), "compiled code is of another runtime");
                Ok(None)
            }
            Err(why) => Err(CacheError::Seal { path, why }),
        }
    }

    /// Keeps code.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, of: &Digest, metering: Metering, code: &[u8]) -> Result<PathBuf, CacheError> {
        let path = self.path(of, metering);
        let folder = |why| CacheError::Folder {
            path: path.clone(),
            why,
        };
        let sealed = plugin_engine::seal(&self.key, of, &tag(metering), code);
        let name = path.with_extension(format!("new{}", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&name)
            .map_err(folder)?;
        file.write_all(&sealed)
            .and_then(|()| file.sync_all())
            .map_err(folder)?;
        fs::rename(&name, &path).map_err(folder)?;
        Ok(path)
    }
}

fn tag(metering: Metering) -> String {
    format!("{ENGINE_TAG}-{}", metering.as_str())
}
