//! The gates of a running gateway: the live one, and perhaps one in its shadow. Both are named by pointers in a registry;
//! a change of a pointer is noticed and the new gate swapped in whole, without a request waiting.

mod history;
mod lineage;
mod pointer;
mod registry;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use gate_learn::join::{Newcomer, join_judged};
use parking_lot::Mutex;
use router::{Gate, Package};
use units::ExpertId;

pub use history::{Action, Entry};
pub use lineage::{Lineage, kept_out};
pub use pointer::Role;
pub use registry::{Registry, RegistryError, Version};

use crate::config::Config;

/// The gates that decide and watch.
#[derive(Debug)]
pub struct Gates {
    registry: Registry,
    shipped: PathBuf,
    live: ArcSwap<Gate>,
    shadow: ArcSwapOption<Gate>,
    /// Experts that the packages do not know, with the examples that place them.
    joined: Mutex<Vec<Joining>>,
    /// The pointers as they were when they were last looked at.
    seen: Mutex<Seen>,
}

/// An expert that joins the live gate, whichever that is: a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// Its id.
    pub id: ExpertId,
    /// The domain it is made for.
    pub domain: String,
    /// Texts, and whether its answer to each was accepted.
    pub examples: Vec<(String, bool)>,
}

/// What was made of the pointers.
#[derive(Debug, Default)]
struct Seen {
    live: Option<Version>,
    shadow: Option<Version>,
    /// What went wrong the last time, by role: told once.
    troubles: [Option<String>; 2],
}

/// What a look at the pointers changed.
#[derive(Debug)]
pub enum Change {
    /// Another gate decides now.
    Live(Arc<str>),
    /// Another gate is in the shadow, or none.
    Shadow(Option<Arc<str>>),
    /// A pointer names a gate that cannot be loaded; the one before stays.
    Failed(Role, RegistryError),
}

impl Gates {
    /// Loads the gate that the registry calls live, else the one of the configuration, and the one in the shadow.
    ///
    /// # Errors
    /// The registry or the live package cannot be read.
    pub fn open(config: &Config) -> Result<Self, RegistryError> {
        let registry = Registry::of(config);
        let shipped = config.gate.dir.clone();
        let live = registry.pointer(Role::Live)?;
        let gate = load(&registry, &shipped, live.as_ref())?;
        let gates = Self {
            registry,
            shipped,
            live: ArcSwap::from_pointee(gate),
            shadow: ArcSwapOption::empty(),
            joined: Mutex::default(),
            seen: Mutex::new(Seen {
                live,
                ..Seen::default()
            }),
        };
        for change in gates.refresh() {
            if let Change::Failed(role, why) = change {
                tracing::error!(%role, %why, "gate cannot be loaded");
            }
        }
        Ok(gates)
    }

    /// The gate that decides.
    pub fn live(&self) -> Guard<Arc<Gate>> {
        self.live.load()
    }

    /// The gate in its shadow.
    pub fn shadow(&self) -> Guard<Option<Arc<Gate>>> {
        self.shadow.load()
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Looks at the pointers and loads what they name, where that has changed. Reads files: not for a request's path.
    pub fn refresh(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut seen = self.seen.lock();
        match self.look(Role::Live, &seen.live) {
            Err(why) => trouble(&mut seen, Role::Live, why, &mut changes),
            Ok(None) => seen.troubles[0] = None,
            Ok(Some((pointer, gate))) => {
                if let Some(gate) = gate {
                    changes.push(Change::Live(Arc::clone(gate.version())));
                    let gate = self.with_joined(pointer.as_ref()).unwrap_or(gate);
                    self.live.store(Arc::new(gate));
                }
                (seen.live, seen.troubles[0]) = (pointer, None);
            }
        }
        match self.look(Role::Shadow, &seen.shadow) {
            Err(why) => trouble(&mut seen, Role::Shadow, why, &mut changes),
            Ok(None) => seen.troubles[1] = None,
            Ok(Some((pointer, gate))) => {
                let version = gate.as_ref().map(|gate| Arc::clone(gate.version()));
                changes.push(Change::Shadow(version));
                self.shadow.store(gate.map(Arc::new));
                (seen.shadow, seen.troubles[1]) = (pointer, None);
            }
        }
        changes
    }

    /// Places experts in the live gate by their examples, instead of those before. Reads files: not for a request's path.
    pub fn place(&self, experts: &[Joining]) {
        let seen = self.seen.lock();
        if std::mem::replace(&mut *self.joined.lock(), experts.to_vec()) == experts {
            return;
        }
        let gate = self.with_joined(seen.live.as_ref());
        match gate.map_or_else(
            || load(&self.registry, &self.shipped, seen.live.as_ref()),
            Ok,
        ) {
            Ok(gate) => self.live.store(Arc::new(gate)),
            Err(why) => tracing::error!(%why, "plugins are not placed in the gate"),
        }
    }

    /// The live gate with the experts that join it; `None` where there are none, or none of them can be placed.
    fn with_joined(&self, version: Option<&Version>) -> Option<Gate> {
        let joined = self.joined.lock();
        if joined.is_empty() {
            return None;
        }
        let folder = version.map_or_else(
            || self.shipped.clone(),
            |version| self.registry.folder(version),
        );
        let (mut package, digest) = Package::read(&folder).ok()?;
        let mut placed = 0_u32;
        for expert in joined.iter() {
            let newcomer = Newcomer {
                id: expert.id.clone(),
                domain: expert.domain.clone(),
            };
            let judged: Vec<(&str, bool)> = expert
                .examples
                .iter()
                .map(|(text, good)| (text.as_str(), *good))
                .collect();
            match join_judged(&package, &newcomer, &judged) {
                Ok(wider) => (package, placed) = (wider, placed.saturating_add(1)),
                Err(why) => {
                    tracing::warn!(expert = %expert.id, %why, "plugin is not placed in the gate")
                }
            }
        }
        let manifest = &package.manifest;
        let version = format!("{}@{}+{digest}", manifest.name, manifest.version);
        (placed > 0)
            .then(|| Gate::from_package_as(&package, &version).ok())
            .flatten()
    }

    /// The pointer of a role and the gate it names; `None` where it is as it was.
    fn look(&self, role: Role, before: &Option<Version>) -> Result<Option<Found>, RegistryError> {
        let now = self.registry.pointer(role)?;
        if now == *before {
            return Ok(None);
        }
        let gate = match (role, &now) {
            (Role::Shadow, None) => None,
            (_, version) => Some(load(&self.registry, &self.shipped, version.as_ref())?),
        };
        Ok(Some((now, gate)))
    }
}

/// A pointer with the gate it names.
type Found = (Option<Version>, Option<Gate>);

/// Tells a trouble once, until it changes.
fn trouble(seen: &mut Seen, role: Role, why: RegistryError, changes: &mut Vec<Change>) {
    let place = match role {
        Role::Live => &mut seen.troubles[0],
        Role::Shadow => &mut seen.troubles[1],
    };
    let said = Some(why.to_string());
    if *place != said {
        *place = said;
        changes.push(Change::Failed(role, why));
    }
}

fn load(
    registry: &Registry,
    shipped: &std::path::Path,
    version: Option<&Version>,
) -> Result<Gate, RegistryError> {
    match version {
        Some(version) => registry.load(version),
        None => Ok(Gate::load(shipped)?),
    }
}
