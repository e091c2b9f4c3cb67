//! The demo's plugins: published by a publisher whose key is made here, trusted and installed by two tenants, and
//! asked like any other expert.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use documents::{Collection, Document, DocumentId};
use plugin_package::{DirRegistry, KeyPair, LockFile, Locked, Package, TrustStore};
use units::{ExpertId, TenantId};

use crate::app::App;

/// The id of the publisher's key.
const PUBLISHER: &str = "moegate";

/// One plugin of the demo.
struct Own {
    /// Its folder in plugins/.
    folder: &'static str,
    /// Its file in plugins/prebuilt.
    component: &'static str,
    tenant: &'static str,
    grants: &'static [&'static str],
}

const OWN: [Own; 2] = [
    Own {
        folder: "finance-invoice",
        component: "finance-invoice.wasm",
        tenant: "aurora-bank",
        grants: &[],
    },
    Own {
        folder: "legal-clause-review",
        component: "legal-clause-review.wasm",
        tenant: "lexwell",
        grants: &["infer", "output", "retrieve", "steps"],
    },
];

/// What the second tenant's lawyers hold against contracts.
const PLAYBOOK: [(&str, &str); 2] = [
    (
        "liability",
        "Liability without a cap is never accepted. A cap lies between one and two years' fees.",
    ),
    (
        "assignment",
        "An assignment needs our consent in writing, but not to a successor of the whole business.",
    ),
];

/// Publishes, trusts and installs, and waits for nothing: the gateway loads them at once. How many there are.
pub(super) async fn install(app: &App, folder: &Path) -> anyhow::Result<usize> {
    let paths = app.plugins.paths();
    let key = publisher(&paths.registry().with_file_name("demo.key"))?;
    let registry = DirRegistry::new(&paths.registry());
    let mut lock = LockFile::load(&paths.lock())?;
    let mut installed = 0_usize;
    for own in &OWN {
        let tenant = TenantId::new(own.tenant)?;
        if app.tenants.get(&tenant).is_none() {
            continue;
        }
        let mut package = assembled(folder, own)?;
        let manifest = package.manifest().clone();
        installed = installed.saturating_add(1);
        let plugins = lock.tenants.get(&tenant);
        if plugins.is_some_and(|own| own.contains_key(&manifest.name)) {
            continue;
        }
        package.sign(&key)?;
        registry.publish(&package)?;
        let trust = paths.trust(&tenant);
        let mut store = TrustStore::load(&trust)?;
        let namespaces = [manifest.name.namespace().to_owned()];
        store.trust(key.id(), &key.public(), &namespaces)?;
        store.save(&trust)?;
        let locked = Locked {
            version: manifest.version.clone(),
            digest: hex::encode(package.digest()?),
            grants: own.grants.iter().map(|grant| (*grant).to_owned()).collect(),
            config: None,
            canary: None,
            previous: None,
        };
        lock.install(&tenant, &manifest.name, locked);
        if own.grants.contains(&"retrieve") {
            fill_playbook(app, &tenant)?;
        }
    }
    lock.save(&paths.lock())?;
    app.refresh_plugins().await;
    let loaded = app.plugins.live().experts();
    anyhow::ensure!(
        loaded.len() >= installed,
        "{} of {installed} plugins are loaded; the log says why",
        loaded.len()
    );
    Ok(installed)
}

/// The publisher's key, the same each time the demo is started on a folder.
fn publisher(file: &Path) -> anyhow::Result<KeyPair> {
    if file.is_file() {
        return Ok(KeyPair::load(file)?);
    }
    let key = KeyPair::generate(PUBLISHER)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    key.save(file)?;
    Ok(key)
}

/// The names that plugins answer under.
pub(super) fn names(app: &App) -> Vec<ExpertId> {
    app.plugins.live().experts().into_keys().collect()
}

/// A package of the sources' manifest and cases and the component that is committed beside them.
fn assembled(folder: &Path, own: &Own) -> anyhow::Result<Package> {
    let there = tempfile::tempdir()?;
    let sources = folder.join(own.folder);
    let mut files = BTreeMap::from([
        (
            folder.join("prebuilt").join(own.component),
            "component.wasm".to_owned(),
        ),
        (sources.join("plugin.toml"), "plugin.toml".to_owned()),
    ]);
    if sources.join("calibration.jsonl").is_file() {
        files.insert(
            sources.join("calibration.jsonl"),
            "calibration.jsonl".to_owned(),
        );
    }
    for (from, to) in files {
        std::fs::copy(&from, there.path().join(to)).with_context(|| from.display().to_string())?;
    }
    Ok(Package::read(there.path())?)
}

fn fill_playbook(app: &App, tenant: &TenantId) -> anyhow::Result<()> {
    let documents = app.plugins.documents().tenant(tenant);
    let collection = Collection::new("playbook")?;
    let added = u64::try_from(app.clock.now().unix_seconds()).unwrap_or(0);
    for (id, text) in PLAYBOOK {
        documents.add(
            &collection,
            &Document {
                id: DocumentId::new(id)?,
                title: id.to_owned(),
                text: text.to_owned(),
                metadata: serde_json::Map::new(),
                added,
            },
        )?;
    }
    Ok(())
}
