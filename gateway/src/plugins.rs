//! Plugins in the running gateway: what each tenant has installed, loaded from checked packages and swapped in whole.
//! The lock file says what runs; it is looked at once a second, and what was begun ends with the version it began with.

mod answer;
mod circuit;
mod context;
mod expert;
mod failure;
mod infer;
mod keeping;
mod load;
mod output;
mod paths;
mod retrieve;
mod scope;
pub(crate) mod secrets;
mod shadow;
mod tooling;
mod web;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use documents::Documents;
use egress::Egress;
use ledger_store::PluginStore;
use plugin_host::{CodeCache, Compiler, HostConfig, Limits, Plugin, PluginHost};
use plugin_package::{AskedLimits, Calibration, Kind, LockFile, Locked, Manifest, PluginName};
use tenant_tools::ToolSet;
use units::{ExpertId, TenantId, Timestamp};

pub use expert::PluginExpert;
pub use load::LoadError;
pub(crate) use load::limits;
pub use paths::{Paths, compiler};
pub use scope::{Nested, NestedFacts, Scope};

use crate::config::Config;
use circuit::Circuit;

/// Who charges for plugins' CPU time, in price lists and reports.
pub const PROVIDER: &str = "plugins";

/// One loaded version of a plugin of one tenant.
#[derive(Clone)]
pub struct Installed {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Digest of its package, hex.
    pub digest: String,
    /// The examples that place it in the gate.
    pub calibration: Vec<Calibration>,
    /// What the tenant grants.
    pub grants: BTreeSet<String>,
    /// The tenant's settings, JSON.
    pub config: String,
    /// The bounds in effect.
    pub limits: Limits,
    /// What the tenant's files beside the packages hold.
    own: Arc<Belongings>,
    plugin: Arc<Plugin>,
    circuit: Arc<Circuit>,
}

/// A tenant's secrets and tools.
struct Belongings {
    secrets: secrets::Secrets,
    tools: Option<Arc<ToolSet>>,
}

/// When a tenant's files were changed, and how long they are: what differs is read again.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installed")
            .field("name", &self.manifest.name)
            .field("version", &self.manifest.version)
            .finish_non_exhaustive()
    }
}

/// The versions of a plugin that a tenant runs.
#[derive(Debug, Clone)]
pub struct Versions {
    locked: Locked,
    /// Serves.
    pub live: Arc<Installed>,
    /// Serves a share of conversations; with none of them it runs in the shadow.
    pub canary: Option<(Arc<Installed>, u8)>,
    /// Serves where the live one's circuit is open.
    pub previous: Option<Arc<Installed>>,
}

impl Versions {
    /// The version for a conversation: the same one for all its requests.
    fn of(&self, conversation: impl FnOnce() -> u64, now: Timestamp) -> Option<Arc<Installed>> {
        if let Some((canary, percent)) = &self.canary
            && *percent > 0
            && conversation() % 100 < u64::from(*percent)
            && canary.circuit.lets_through(now)
        {
            return Some(Arc::clone(canary));
        }
        [Some(&self.live), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|version| version.circuit.lets_through(now))
            .map(Arc::clone)
    }

    /// The version that is asked beside the live one and heard by nobody.
    fn shadow(&self, now: Timestamp) -> Option<Arc<Installed>> {
        let (shadow, _) = self.canary.as_ref().filter(|(_, percent)| *percent == 0)?;
        shadow.circuit.lets_through(now).then(|| Arc::clone(shadow))
    }

    /// The same versions, with what the tenant's files hold now.
    fn with(&self, own: &Arc<Belongings>) -> Self {
        let renewed = |version: &Arc<Installed>| {
            Arc::new(Installed {
                own: Arc::clone(own),
                ..Installed::clone(version)
            })
        };
        let canary = self.canary.as_ref();
        Self {
            locked: self.locked.clone(),
            live: renewed(&self.live),
            canary: canary.map(|(canary, percent)| (renewed(canary), *percent)),
            previous: self.previous.as_ref().map(renewed),
        }
    }
}

/// Whose plugin it is. The tenant is part of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct OwnPlugin {
    tenant: TenantId,
    expert: ExpertId,
}

/// Everything that is installed, at one moment.
#[derive(Debug, Default)]
pub struct Live {
    by_owner: HashMap<OwnPlugin, Versions>,
}

impl Live {
    /// What a tenant has of that name.
    pub fn get(&self, tenant: &TenantId, expert: &ExpertId) -> Option<&Versions> {
        let own = OwnPlugin {
            tenant: tenant.clone(),
            expert: expert.clone(),
        };
        self.by_owner.get(&own)
    }

    /// Every plugin by its id as an expert, with the tenants that have it and one of their versions.
    pub fn experts(&self) -> BTreeMap<ExpertId, (BTreeSet<TenantId>, Arc<Installed>)> {
        let mut all: BTreeMap<ExpertId, (BTreeSet<TenantId>, Arc<Installed>)> = BTreeMap::new();
        let mut owners: Vec<_> = self.by_owner.iter().collect();
        owners.sort_by(|a, b| a.0.cmp(b.0));
        for (own, versions) in owners {
            let entry = all.entry(own.expert.clone());
            let (tenants, _) =
                entry.or_insert_with(|| (BTreeSet::new(), Arc::clone(&versions.live)));
            tenants.insert(own.tenant.clone());
        }
        all
    }

    /// The workflow of a tenant by the last part of its name.
    pub fn workflow(&self, tenant: &TenantId, name: &str) -> Option<ExpertId> {
        let mut own = self.by_owner.iter().filter(|(own, versions)| {
            let manifest = &versions.live.manifest;
            own.tenant == *tenant && manifest.kind == Kind::Workflow && manifest.name.name() == name
        });
        let found = own.next().map(|(own, _)| own.expert.clone());
        // Two publishers' workflows of one name: the whole name must be said.
        found.filter(|_| own.next().is_none())
    }
}

/// What a look at the lock file changed.
#[derive(Debug)]
pub enum PluginChange {
    /// A version serves now.
    Loaded(TenantId, PluginName, String),
    /// A plugin is gone.
    Removed(TenantId, ExpertId),
    /// A version cannot be loaded; the one before stays.
    Failed(TenantId, PluginName, LoadError),
}

/// The plugins of all tenants.
pub struct Plugins {
    paths: Paths,
    compiler: Compiler,
    settings: HostConfig,
    /// What each tenant allows its plugins.
    policies: BTreeMap<TenantId, AskedLimits>,
    store: Arc<dyn PluginStore>,
    documents: Documents,
    egress: Option<Arc<Egress>>,
    live: ArcSwap<Live>,
    shadows: shadow::Shadows,
    loading: tokio::sync::Mutex<Loading>,
}

/// What is needed to load; made with the first plugin.
#[derive(Default)]
struct Loading {
    seen: LockFile,
    stamps: BTreeMap<TenantId, Stamps>,
    /// Troubles that were told.
    told: HashMap<(TenantId, PluginName), String>,
    host: Option<(Arc<PluginHost>, CodeCache)>,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl Plugins {
    /// The plugins of a configuration; nothing is loaded yet.
    pub fn new(config: &Config, store: Arc<dyn PluginStore>) -> Self {
        let mut settings = HostConfig::default();
        if let Some(threads) = config.plugins.threads {
            settings.threads = threads;
        }
        let paths = Paths::new(&config.plugins_dir());
        Self {
            documents: Documents::new(paths.documents(), documents::Limits::default()),
            egress: web::way_out(),
            paths,
            compiler: compiler(config),
            settings,
            policies: config
                .tenants
                .iter()
                .map(|tenant| (tenant.id.clone(), tenant.plugin_limits.clone()))
                .collect(),
            store,
            live: ArcSwap::default(),
            shadows: shadow::Shadows::default(),
            loading: tokio::sync::Mutex::default(),
        }
    }

    /// What is installed now.
    pub fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.live.load()
    }

    /// Where packages, trust and documents lie.
    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }

    /// A tenant's documents.
    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Where values and steps are kept.
    pub(crate) fn store(&self) -> &Arc<dyn PluginStore> {
        &self.store
    }

    /// Ends the shadows that run.
    pub async fn stop(&self) {
        self.shadows.end().await;
    }

    /// What a tenant's files hold now; what cannot be used is told.
    fn belongings(&self, tenant: &TenantId) -> Arc<Belongings> {
        let egress = self.egress.as_ref();
        Arc::new(Belongings {
            secrets: secrets::usable(&self.paths.secrets(tenant)),
            tools: egress.and_then(|egress| tooling::tools_of(&self.paths.tools(tenant), egress)),
        })
    }

    fn stamps(&self, tenant: &TenantId) -> Stamps {
        [self.paths.secrets(tenant), self.paths.tools(tenant)].map(|path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }

    /// Looks at the lock file, and at what tenants keep beside it, and loads what has changed. Reads files and may
    /// compile: not for a request's path.
    pub async fn refresh(&self, now: Timestamp) -> Vec<PluginChange> {
        let mut loading = self.loading.lock().await;
        let wanted = match LockFile::load(&self.paths.lock()) {
            Ok(wanted) => wanted,
            Err(why) => {
                tracing::error!(%why, "what is installed stays");
                return Vec::new();
            }
        };
        let tenants = wanted.tenants.keys();
        let stamps: BTreeMap<TenantId, Stamps> = tenants
            .map(|tenant| (tenant.clone(), self.stamps(tenant)))
            .collect();
        if wanted == loading.seen && stamps == loading.stamps && loading.told.is_empty() {
            return Vec::new();
        }
        let (before, mut changes) = (self.live.load_full(), Vec::new());
        let mut live = Live::default();
        for (tenant, plugins) in &wanted.tenants {
            let is_renewed = stamps.get(tenant) != loading.stamps.get(tenant);
            let own = is_renewed.then(|| self.belongings(tenant));
            for (name, locked) in plugins {
                let Ok(expert) = ExpertId::new(&name.as_expert()) else {
                    continue;
                };
                let key = OwnPlugin {
                    tenant: tenant.clone(),
                    expert,
                };
                let known = before.by_owner.get(&key);
                let renewed = known.zip(own.as_ref()).map(|(known, own)| known.with(own));
                let known = renewed.as_ref().or(known);
                if let Some(same) = known.filter(|known| known.locked == *locked) {
                    live.by_owner.insert(key, same.clone());
                    continue;
                }
                let who = (tenant.clone(), name.clone());
                match self
                    .load(&mut loading, tenant, name, locked, known, now)
                    .await
                {
                    Ok(versions) => {
                        loading.told.remove(&who);
                        let version = versions.live.manifest.version.to_string();
                        changes.push(PluginChange::Loaded(who.0, who.1, version));
                        live.by_owner.insert(key, versions);
                    }
                    Err(why) => {
                        if let Some(known) = known {
                            live.by_owner.insert(key, known.clone());
                        }
                        let said = why.to_string();
                        if loading.told.insert(who.clone(), said.clone()) != Some(said) {
                            changes.push(PluginChange::Failed(who.0, who.1, why));
                        }
                    }
                }
            }
        }
        for own in before
            .by_owner
            .keys()
            .filter(|own| !live.by_owner.contains_key(own))
        {
            changes.push(PluginChange::Removed(
                own.tenant.clone(),
                own.expert.clone(),
            ));
        }
        let named = |who: &(TenantId, PluginName)| {
            wanted
                .tenants
                .get(&who.0)
                .is_some_and(|own| own.contains_key(&who.1))
        };
        loading.told.retain(|who, _| named(who));
        loading.seen = wanted;
        loading.stamps = stamps;
        self.live.store(Arc::new(live));
        changes
    }
}
