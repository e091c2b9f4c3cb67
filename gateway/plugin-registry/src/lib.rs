//! Where partners publish and tenants fetch plugins: a folder, an object store, or an OCI registry, by one address. It
//! must not know of tenants: a package counts for nobody until a tenant's trust store says so.
//!
//! | address | kept in |
//! |---|---|
//! | `path/to/folder` | a folder, `<namespace>/<name>/<version>/package.tar` |
//! | `s3://bucket/prefix`, `file:///folder` | an object store, the same layout; credentials from `AWS_*` variables |
//! | `oci://host/prefix` | an OCI registry, `prefix/namespace/name:version`; user and password from [`Login`] |
//!
//! A version that was published never changes: a folder and an object store refuse to write it twice, an OCI registry
//! is asked first, since its tags can be moved by whoever may push. A tenant's lock file holds the digest either way.

mod bucket;
mod folder;
mod oci;

use std::path::Path;

use futures_util::future::BoxFuture;
use plugin_package::{DirRegistry, Package, PluginName, RegistryError};
use semver::Version;

pub use bucket::BucketRegistry;
pub use oci::{Login, OciRegistry};

/// Bytes of a packed package that are fetched, at most: an archive's own bound, and its headers.
const MOST: u64 = 50 << 20;

/// A place for packages.
pub trait Registry: Send + Sync {
    /// Publishes a package; the same bytes again change nothing.
    ///
    /// # Errors
    /// The version is taken, or the place cannot be used.
    fn publish<'a>(&'a self, package: &'a Package) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// The packed package of a version.
    ///
    /// # Errors
    /// There is none, it is larger than a package can be, or the place cannot be used.
    fn fetch<'a>(
        &'a self,
        name: &'a PluginName,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<Vec<u8>, RegistryError>>;

    /// Versions of a name, oldest first; none where nobody has published it.
    ///
    /// # Errors
    /// The place cannot be used.
    fn versions<'a>(
        &'a self,
        name: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<Version>, RegistryError>>;
}

/// The registry of an address; nothing is asked yet.
///
/// # Errors
/// The address is none of the forms above.
pub fn open(address: &str, login: Login) -> Result<Box<dyn Registry>, RegistryError> {
    match address.split_once("://") {
        None => Ok(Box::new(DirRegistry::new(Path::new(address)))),
        Some(("oci", rest)) => Ok(Box::new(OciRegistry::new(rest, login)?)),
        Some(_) => Ok(Box::new(BucketRegistry::open(address)?)),
    }
}

fn place(place: &str, why: &impl ToString) -> RegistryError {
    RegistryError::Place {
        place: place.to_owned(),
        why: why.to_string(),
    }
}

fn unknown(name: &PluginName, version: &Version) -> RegistryError {
    RegistryError::Unknown {
        name: name.clone(),
        version: version.to_string(),
    }
}

fn taken(package: &Package) -> RegistryError {
    let manifest = package.manifest();
    RegistryError::Taken {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
    }
}

fn too_large(at: &str, bytes: u64) -> RegistryError {
    place(
        at,
        &format!("the package has {bytes} bytes; {MOST} are the most"),
    )
}

fn sorted(versions: impl Iterator<Item = Version>) -> Vec<Version> {
    let mut versions: Vec<Version> = versions.collect();
    versions.sort();
    versions.dedup();
    versions
}
