//! From the lock file to something that runs: fetch, digest, signature, component, code, link.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plugin_host::{CodeCache, HostError, Limits, Plugin, PluginHost, PluginKind};
use plugin_package::{
    AskedLimits, DirRegistry, Kind, Locked, Package, PackageError, PluginName, RegistryError,
    SchemaError, TrustError, TrustStore, digest,
};
use semver::Version;
use units::{TenantId, Timestamp};

use super::circuit::Circuit;
use super::{Installed, Loading, Plugins, Versions};

/// Why a plugin is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The tenant's trust store.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// It asks for more than the tenant has granted.
    #[error("the plugin asks for `{0}`, which the tenant has not granted")]
    NotGranted(&'static str),
    /// The tenant's settings do not fit the plugin's schema.
    #[error("the tenant's settings: {0}")]
    Config(SchemaError),
    /// Runtime, cache or compiler.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Plugins {
    /// Loads the versions that a lock file names; those that are loaded already are kept.
    pub(super) async fn load(
        &self,
        loading: &mut Loading,
        tenant: &TenantId,
        name: &PluginName,
        locked: &Locked,
        known: Option<&Versions>,
        now: Timestamp,
    ) -> Result<Versions, LoadError> {
        if loading.host.is_none() {
            let host = Arc::new(PluginHost::start(self.settings)?);
            let cache = CodeCache::open(&self.paths.code()).map_err(HostError::from)?;
            loading.host = Some((host, cache));
        }
        let Some((host, cache)) = loading.host.clone() else {
            return Err(HostError::Engine("no host".to_owned()).into());
        };
        let source = Source {
            plugins: self,
            host,
            cache,
            tenant,
            name,
            locked,
            now,
        };
        let live = source
            .version(&locked.version, &locked.digest, known)
            .await?;
        let canary = match &locked.canary {
            Some(canary) => Some((
                source
                    .version(&canary.version, &canary.digest, known)
                    .await?,
                canary.percent,
            )),
            None => None,
        };
        let previous = match &locked.previous {
            // Kept warm where it is still good; a version that was revoked since is no reason to stop the live one.
            Some(previous) => source
                .version(&previous.version, &previous.digest, known)
                .await
                .ok(),
            None => None,
        };
        Ok(Versions {
            locked: locked.clone(),
            live,
            canary,
            previous,
        })
    }
}

/// What a version is loaded with.
struct Source<'a> {
    plugins: &'a Plugins,
    host: Arc<PluginHost>,
    cache: CodeCache,
    tenant: &'a TenantId,
    name: &'a PluginName,
    locked: &'a Locked,
    now: Timestamp,
}

impl Source<'_> {
    async fn version(
        &self,
        version: &Version,
        wanted: &str,
        known: Option<&Versions>,
    ) -> Result<Arc<Installed>, LoadError> {
        let same_terms = |known: &&Versions| {
            known.locked.grants == self.locked.grants && known.locked.config == self.locked.config
        };
        let loaded = known.filter(same_terms).into_iter().flat_map(|known| {
            let canary = known.canary.as_ref().map(|(canary, _)| canary);
            [Some(&known.live), canary, known.previous.as_ref()]
                .into_iter()
                .flatten()
        });
        if let Some(same) = loaded.into_iter().find(|one| one.digest == wanted) {
            return Ok(Arc::clone(same));
        }
        let archive = DirRegistry::new(&self.plugins.paths.registry()).fetch(self.name, version)?;
        let found = hex::encode(digest(&archive));
        if found != wanted {
            return Err(PackageError::Digest {
                found,
                wanted: wanted.to_owned(),
            }
            .into());
        }
        let package = Package::open(&archive)?;
        let trust = TrustStore::load(&self.plugins.paths.trust(self.tenant))?;
        package.verify(&trust, self.now)?;
        let grants: BTreeSet<String> = self.locked.grants.iter().cloned().collect();
        let asked = package.manifest().capabilities.names();
        if let Some(more) = asked.into_iter().find(|name| !grants.contains(*name)) {
            return Err(LoadError::NotGranted(more));
        }
        let config = self
            .locked
            .config
            .clone()
            .unwrap_or_else(|| "{}".to_owned());
        if let Some(schema) = &package.manifest().config {
            let value = serde_json::from_str(&config).unwrap_or_default();
            schema.check(&value).map_err(LoadError::Config)?;
        }
        let component = self.component(&package).await?;
        let kind = match package.manifest().kind {
            Kind::Expert => PluginKind::Expert,
            Kind::Workflow => PluginKind::Workflow,
        };
        let plugin = Plugin::link(&self.host, &component, kind)?;
        Ok(Arc::new(Installed {
            manifest: package.manifest().clone(),
            digest: wanted.to_owned(),
            calibration: package.calibration().to_vec(),
            grants,
            config,
            limits: limits(
                &package.manifest().limits,
                self.plugins.policies.get(self.tenant),
                kind,
            ),
            own: self.plugins.belongings(self.tenant),
            plugin: Arc::new(plugin),
            circuit: Arc::new(Circuit::default()),
        }))
    }

    async fn component(&self, package: &Package) -> Result<plugin_host::Component, HostError> {
        let of = digest(package.component());
        if let Some(component) = self.cache.get(&self.host, &of)? {
            return Ok(component);
        }
        let metering = self.plugins.settings.metering;
        let code = self
            .plugins
            .compiler
            .compile(package.component(), metering)
            .await?;
        self.cache.put(&of, metering, &code)?;
        let again = self.cache.get(&self.host, &of)?;
        again.ok_or_else(|| {
            HostError::Link("the compiler is of another version than this program".to_owned())
        })
    }
}

/// What a manifest asks for, within what its tenant allows and within what any plugin may have.
pub(crate) fn limits(
    asked: &AskedLimits,
    policy: Option<&AskedLimits>,
    kind: PluginKind,
) -> Limits {
    let ms = Duration::from_millis;
    let default = match kind {
        PluginKind::Expert => Limits::PARTNER,
        PluginKind::Workflow => Limits {
            wall: ms(900_000),
            ..Limits::PARTNER
        },
    };
    let bounds = |asked: &AskedLimits, default: Limits| Limits {
        memory_bytes: asked.memory_bytes.unwrap_or(default.memory_bytes),
        cpu: asked.cpu_ms.map_or(default.cpu, ms),
        wall: asked.wall_ms.map_or(default.wall, ms),
        host_calls: asked.host_calls.unwrap_or(default.host_calls),
        infer_calls: asked.infer_calls.unwrap_or(default.infer_calls),
        call_bytes: asked.call_bytes.unwrap_or(default.call_bytes),
        input_bytes: asked.input_bytes.unwrap_or(default.input_bytes),
        output_bytes: asked.output_bytes.unwrap_or(default.output_bytes),
        ..default
    };
    let allowed = policy.map_or(Limits::CEILING, |policy| bounds(policy, Limits::CEILING));
    bounds(asked, default).min(&allowed).min(&Limits::CEILING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_manifest_tenant_and_host_is_in_effect() {
        let asked = AskedLimits {
            cpu_ms: Some(500),
            memory_bytes: Some(1 << 40),
            ..AskedLimits::default()
        };
        let policy = AskedLimits {
            cpu_ms: Some(20),
            host_calls: Some(7),
            memory_bytes: Some(1 << 41),
            ..AskedLimits::default()
        };
        let alone = limits(&asked, None, PluginKind::Expert);
        assert_eq!(alone.cpu, Duration::from_millis(500));
        assert_eq!(alone.host_calls, Limits::PARTNER.host_calls);
        assert_eq!(alone.memory_bytes, Limits::CEILING.memory_bytes);
        let bound = limits(&asked, Some(&policy), PluginKind::Expert);
        assert_eq!(bound.cpu, Duration::from_millis(20));
        assert_eq!(bound.host_calls, 7);
        assert_eq!(bound.memory_bytes, Limits::CEILING.memory_bytes);
        // A tenant cannot raise what the host bounds, nor what the manifest leaves at its default.
        let generous = AskedLimits {
            cpu_ms: Some(60_000),
            ..AskedLimits::default()
        };
        let still = limits(&AskedLimits::default(), Some(&generous), PluginKind::Expert);
        assert_eq!(still.cpu, Limits::PARTNER.cpu);
    }
}
