//! The demo's plugins: published by a publisher whose key is made here, trusted and installed by two tenants, and
//! asked like any other expert.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use documents::{Collection, Document, DocumentId};
use plugin_package::{DirRegistry, KeyPair, LockFile, Locked, Package, TrustStore};
use sha2::{Digest, Sha256};
use units::{ExpertId, TenantId};

use crate::app::App;
use crate::cli::{WIT, build_component, cache, has_tools, say};

/// The id of the publisher's key.
const PUBLISHER: &str = "moegate";

/// One plugin of the demo.
struct Own {
    /// Its folder in plugins/, and what is committed of it in plugins/prebuilt.
    name: &'static str,
    tenant: &'static str,
    /// What its traffic is booked to.
    scenario: &'static str,
    grants: &'static [&'static str],
    /// Its tenant's settings, JSON.
    settings: Option<&'static str>,
}

const OWN: [Own; 4] = [
    Own {
        name: "finance-invoice",
        tenant: "aurora-bank",
        scenario: "invoice-check",
        grants: &[],
        settings: None,
    },
    Own {
        name: "legal-clause-review",
        tenant: "lexwell",
        scenario: "contract-review",
        grants: &["infer", "output", "retrieve", "steps"],
        settings: None,
    },
    Own {
        name: "medical-triage",
        tenant: "northside-clinic",
        scenario: "triage",
        grants: &["infer", "output", "retrieve", "steps"],
        settings: Some(r#"{"asks": "condition"}"#),
    },
    Own {
        name: "currency",
        tenant: "aurora-bank",
        scenario: "conversion",
        grants: &[],
        settings: Some(
            r#"{"base": "EUR", "as-of": "2026-11-25", "rates": {"USD": "1.0850", "GBP": "0.8350", "CHF": "0.9400"}}"#,
        ),
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

/// How a nurse's queue is sorted at the third.
const GUIDELINE: [(&str, &str); 3] = [
    (
        "digestion",
        "Heartburn, stomach ache or changed bowels for weeks without blood or loss of weight: soon, within days.",
    ),
    (
        "nerves",
        "Numbness, tremor or a new kind of headache without sudden onset: urgent, on the same day.",
    ),
    (
        "heart",
        "A racing or irregular heart without pain in the chest: urgent. With pain in the chest: emergency.",
    ),
];

/// Publishes, trusts and installs, and waits for nothing: the gateway loads them at once. Their scenarios.
///
/// What is not committed is built, where the tools of its language are there.
pub(super) async fn install(app: &App, folder: &Path) -> anyhow::Result<BTreeSet<&'static str>> {
    let paths = app.plugins.paths();
    let key = publisher(&paths.registry().with_file_name("demo.key"))?;
    let registry = DirRegistry::new(&paths.registry());
    let mut lock = LockFile::load(&paths.lock())?;
    let mut installed = BTreeSet::new();
    for own in &OWN {
        let tenant = TenantId::new(own.tenant)?;
        if app.tenants.get(&tenant).is_none() {
            continue;
        }
        let Some(component) = component(folder, own.name)? else {
            say(format_args!(
                "skipped: {} is not built; `deploy/setup.sh guests` fetches what that needs",
                own.name
            ));
            continue;
        };
        let mut package = assembled(&folder.join(own.name), &component)?;
        let manifest = package.manifest().clone();
        installed.insert(own.scenario);
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
            config: own.settings.map(str::to_owned),
            canary: None,
            previous: None,
        };
        lock.install(&tenant, &manifest.name, locked);
        match own.scenario {
            "contract-review" => fill(app, &tenant, "playbook", &PLAYBOOK)?,
            "triage" => fill(app, &tenant, "guideline", &GUIDELINE)?,
            _ => {}
        }
    }
    lock.save(&paths.lock())?;
    app.refresh_plugins().await;
    let loaded = app.plugins.live().experts();
    anyhow::ensure!(
        loaded.len() >= installed.len(),
        "{} of {} plugins are loaded; the log says why",
        loaded.len(),
        installed.len()
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

/// The component of a plugin: what is committed, else what is built of the sources, once for each state of them. None
/// without the tools for it.
fn component(folder: &Path, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let committed = folder.join("prebuilt").join(format!("{name}.wasm"));
    if committed.is_file() {
        return Ok(Some(committed));
    }
    let sources = folder.join(name);
    let Some(cache) = cache().filter(|_| has_tools(&sources)) else {
        return Ok(None);
    };
    let mut sha = Sha256::new();
    sha.update(WIT);
    let mut files = files_of(&sources)?;
    files.sort();
    for file in &files {
        sha.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        sha.update(std::fs::read(file).with_context(|| file.display().to_string())?);
    }
    let kept = cache.join("guests/built");
    let built = kept.join(format!("{name}-{}.wasm", hex::encode(sha.finalize())));
    if built.is_file() {
        return Ok(Some(built));
    }
    say(format_args!("building {name}: some seconds, once …"));
    let there = tempfile::tempdir()?;
    for file in &files {
        std::fs::copy(
            file,
            there.path().join(file.file_name().unwrap_or_default()),
        )?;
    }
    build_component(there.path())?;
    std::fs::create_dir_all(&kept)?;
    // Beside its place first: another demo may be reading.
    let whole = tempfile::NamedTempFile::new_in(&kept)?;
    std::fs::copy(there.path().join("component.wasm"), whole.path())?;
    whole.persist(&built)?;
    Ok(Some(built))
}

/// The files directly in a folder that a component is made of: not what an earlier build has left.
fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_none_or(|end| end != "wasm") {
            files.push(path);
        }
    }
    Ok(files)
}

/// A package of the sources' manifest and examples and a component.
fn assembled(sources: &Path, component: &Path) -> anyhow::Result<Package> {
    let there = tempfile::tempdir()?;
    let copy = |from: &Path, to: &str| {
        std::fs::copy(from, there.path().join(to)).with_context(|| from.display().to_string())
    };
    copy(component, "component.wasm")?;
    copy(&sources.join("plugin.toml"), "plugin.toml")?;
    let examples = sources.join("calibration.jsonl");
    if examples.is_file() {
        copy(&examples, "calibration.jsonl")?;
    }
    Ok(Package::read(there.path())?)
}

fn fill(
    app: &App,
    tenant: &TenantId,
    collection: &str,
    texts: &[(&str, &str)],
) -> anyhow::Result<()> {
    let documents = app.plugins.documents().tenant(tenant);
    let collection = Collection::new(collection)?;
    let added = u64::try_from(app.clock.now().unix_seconds()).unwrap_or(0);
    for (id, text) in texts {
        documents.add(
            &collection,
            &Document {
                id: DocumentId::new(id)?,
                title: (*id).to_owned(),
                text: (*text).to_owned(),
                metadata: serde_json::Map::new(),
                added,
            },
        )?;
    }
    Ok(())
}
