//! An object store: S3 and what speaks like it, or a file system.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use plugin_package::{Package, PluginName, RegistryError, digest};
use semver::Version;
use url::Url;

use crate::{MOST, Registry, place, sorted, taken, too_large, unknown};

const FILE: &str = "package.tar";

/// Packages in an object store: `<prefix>/<namespace>/<name>/<version>/package.tar`.
#[derive(Debug)]
pub struct BucketRegistry {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    address: String,
}

impl BucketRegistry {
    /// The registry of `s3://bucket/prefix` or `file:///folder`. Region, endpoint and credentials are those of the
    /// variables that other programs use for S3 (`AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` …).
    ///
    /// # Errors
    /// The address names no object store that is supported, or is incomplete.
    pub fn open(address: &str) -> Result<Self, RegistryError> {
        let wrong = |why: String| place(address, &why);
        let url = Url::parse(address).map_err(|why| wrong(why.to_string()))?;
        if !matches!(url.scheme(), "s3" | "file") {
            return Err(wrong(
                "a registry is a folder, s3://, file:// or oci://".to_owned(),
            ));
        }
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AWS_"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, prefix) =
            object_store::parse_url_opts(&url, variables).map_err(|why| wrong(why.to_string()))?;
        Ok(Self {
            store,
            prefix,
            address: address.to_owned(),
        })
    }

    fn of(&self, name: &PluginName) -> Path {
        self.prefix.clone().join(name.namespace()).join(name.name())
    }

    fn file(&self, name: &PluginName, version: &Version) -> Path {
        self.of(name).join(version.to_string()).join(FILE)
    }

    async fn put(&self, package: &Package) -> Result<(), RegistryError> {
        let manifest = package.manifest();
        let (bytes, path) = (
            package.pack()?,
            self.file(&manifest.name, &manifest.version),
        );
        let wanted = digest(&bytes);
        let only_new = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&path, bytes.into(), only_new).await {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let there = self.get(&manifest.name, &manifest.version).await?;
                (digest(&there) == wanted)
                    .then_some(())
                    .ok_or_else(|| taken(package))
            }
            Err(why) => Err(place(&self.address, &why)),
        }
    }

    async fn get(&self, name: &PluginName, version: &Version) -> Result<Vec<u8>, RegistryError> {
        let failed = |why: Error| match why {
            Error::NotFound { .. } => unknown(name, version),
            why => place(&self.address, &why),
        };
        let found = self
            .store
            .get(&self.file(name, version))
            .await
            .map_err(failed)?;
        if found.meta.size > MOST {
            return Err(too_large(&self.address, found.meta.size));
        }
        Ok(found.bytes().await.map_err(failed)?.to_vec())
    }

    async fn list(&self, name: &PluginName) -> Result<Vec<Version>, RegistryError> {
        let dir = self.of(name);
        let objects: Vec<_> = self
            .store
            .list(Some(&dir))
            .try_collect()
            .await
            .map_err(|why| place(&self.address, &why))?;
        let version = |object: object_store::ObjectMeta| {
            let mut parts = object.location.prefix_match(&dir)?;
            let version: Version = parts.next()?.as_ref().parse().ok()?;
            (parts.next()?.as_ref() == FILE).then_some(version)
        };
        Ok(sorted(objects.into_iter().filter_map(version)))
    }
}

impl Registry for BucketRegistry {
    fn publish<'a>(&'a self, package: &'a Package) -> BoxFuture<'a, Result<(), RegistryError>> {
        self.put(package).boxed()
    }

    fn fetch<'a>(
        &'a self,
        name: &'a PluginName,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<Vec<u8>, RegistryError>> {
        self.get(name, version).boxed()
    }

    fn versions<'a>(
        &'a self,
        name: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<Version>, RegistryError>> {
        self.list(name).boxed()
    }
}
