//! A publisher of the attack suite's guest: packages, keys and installations, all by the command line.

use std::path::{Path, PathBuf};

use crate::system::System;

/// A publisher with a key.
#[derive(Debug)]
pub struct Publisher {
    dir: tempfile::TempDir,
    id: String,
    public: String,
}

/// One package to make.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// `namespace/name`.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// TOML after `[plugin]`'s first keys.
    pub more: &'a str,
    /// The component's file in plugins/prebuilt.
    pub component: &'a str,
}

/// What the driver asks for.
pub const ALL: &str = "[capabilities]\ninfer = { experts = [\"*\"], max-depth = 2 }\noutput = true\nkv = { keys = 10, bytes = 10000 }\n\
    retrieve = { collections = [\"handbook\"] }\nhttp = { hosts = [\"https://api.acme.com\"] }\n\
    secrets = { crm = { hosts = [\"https://api.acme.com\"] } }\ntools = [\"crm.*\"]\n[limits]\ncpu-ms = 200\n";
/// Everything granted.
pub const GRANTS: &[&str] = &[
    "infer", "output", "kv", "retrieve", "http", "secrets", "tools", "steps",
];

impl Publisher {
    /// Makes a key.
    ///
    /// # Panics
    /// The command fails.
    pub fn new(system: &System, id: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let key = dir.path().join("key.toml");
        let said = system.told(&["plugin", "key", "--id", id, "--out", path(&key)]);
        let public = said
            .split_whitespace()
            .last()
            .expect("the public half")
            .to_owned();
        Self {
            dir,
            id: id.to_owned(),
            public,
        }
    }

    /// Has a tenant trust it.
    pub fn trusted_by(&self, system: &System, tenant: &str, namespace: &str) {
        system.told(&[
            "plugin",
            "trust",
            "--tenant",
            tenant,
            "--id",
            &self.id,
            "--public",
            &self.public,
            "--namespace",
            namespace,
        ]);
    }

    /// Makes, signs and publishes a package; its folder.
    ///
    /// # Panics
    /// A command fails.
    pub fn publish(&self, system: &System, made: &Made<'_>) -> PathBuf {
        let folder = self.folder(made);
        self.sign(system, &folder);
        system.told(&["plugin", "publish", path(&folder)]);
        folder
    }

    /// Signs a folder.
    pub fn sign(&self, system: &System, folder: &Path) {
        let key = self.dir.path().join("key.toml");
        system.told(&["plugin", "sign", "--key", path(&key), path(folder)]);
    }

    /// Writes a package's folder, unsigned.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn folder(&self, made: &Made<'_>) -> PathBuf {
        let folder =
            self.dir
                .path()
                .join(format!("{}-{}", made.name.replace('/', "-"), made.version));
        std::fs::create_dir_all(&folder).expect("a folder");
        let kind = if made.more.contains("[input.schema]") {
            "workflow"
        } else {
            "expert"
        };
        let manifest = format!(
            "[plugin]\nname = {:?}\nversion = {:?}\npublisher = {:?}\nkind = {kind:?}\nwit = \"0.1\"\nlicense = \"MIT\"\n\
             description = \"A guest of the tests.\"\n{}",
            made.name, made.version, self.id, made.more,
        );
        std::fs::write(folder.join("plugin.toml"), manifest).expect("the manifest");
        let component = crate::root().join("plugins/prebuilt").join(made.component);
        std::fs::copy(component, folder.join("component.wasm")).expect("the component");
        folder
    }
}

/// Installs a published package for a tenant, with every grant.
pub fn install(system: &System, name: &str, version: &str, tenant: &str) {
    let mut words = vec![
        "plugin",
        "install",
        name,
        "--version",
        version,
        "--tenant",
        tenant,
    ];
    for grant in GRANTS {
        words.extend(["--grant", grant]);
    }
    system.told(&words);
}

/// A path as a word of a command.
///
/// # Panics
/// It is no UTF-8.
pub fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
