//! A folder, as a registry among others.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use plugin_package::{DirRegistry, Package, PluginName, RegistryError};
use semver::Version;

use crate::Registry;

impl Registry for DirRegistry {
    fn publish<'a>(&'a self, package: &'a Package) -> BoxFuture<'a, Result<(), RegistryError>> {
        ready(Self::publish(self, package)).boxed()
    }

    fn fetch<'a>(
        &'a self,
        name: &'a PluginName,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<Vec<u8>, RegistryError>> {
        ready(Self::fetch(self, name, version)).boxed()
    }

    fn versions<'a>(
        &'a self,
        name: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<Version>, RegistryError>> {
        ready(Self::versions(self, name)).boxed()
    }
}
