//! The folder of plugins: registry, lock file, trust, compiled code and documents.

use std::path::{Path, PathBuf};

use plugin_host::{CompileLimits, Compiler};
use units::TenantId;

use crate::config::Config;

/// Places inside the folder of plugins.
#[derive(Debug, Clone)]
pub struct Paths {
    dir: PathBuf,
}

impl Paths {
    /// The places of that folder.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Packages by name and version.
    pub fn registry(&self) -> PathBuf {
        self.dir.join("registry")
    }

    /// What each tenant runs.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("moegate-plugins.lock")
    }

    /// Whom a tenant trusts.
    pub fn trust(&self, tenant: &TenantId) -> PathBuf {
        self.dir.join("trust").join(format!("{tenant}.toml"))
    }

    /// Documents of all tenants.
    pub fn documents(&self) -> PathBuf {
        self.dir.join("documents")
    }

    /// Secrets of a tenant.
    pub fn secrets(&self, tenant: &TenantId) -> PathBuf {
        self.dir.join("secrets").join(format!("{tenant}.toml"))
    }

    /// Tools of a tenant.
    pub fn tools(&self, tenant: &TenantId) -> PathBuf {
        self.dir.join("tools").join(format!("{tenant}.toml"))
    }

    /// Compiled code.
    pub fn code(&self) -> PathBuf {
        self.dir.join("code")
    }
}

/// The program that compiles components.
pub fn compiler(config: &Config) -> Compiler {
    let beside = || {
        let own = std::env::current_exe().unwrap_or_default();
        own.with_file_name("moegate-plugin-compiler")
    };
    let program = config.plugins.compiler.clone().unwrap_or_else(beside);
    Compiler::new(&program, CompileLimits::default())
}
