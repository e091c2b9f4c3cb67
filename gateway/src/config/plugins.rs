//! Where plugins are kept and what their work costs.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Config, RateRow};

/// Plugins: packages, trust, compiled code and documents in one folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// The folder; absent: `plugins` in the store's folder.
    pub dir: Option<PathBuf>,
    /// The program that compiles components; absent: `moegate-plugin-compiler` beside this one.
    pub compiler: Option<PathBuf>,
    /// Threads of the guests; absent: one per core.
    pub threads: Option<usize>,
    /// What an hour of a plugin's CPU time costs, by date; none means that the cost is unknown.
    pub rates: Vec<RateRow>,
}

impl Config {
    /// The folder of plugins.
    pub fn plugins_dir(&self) -> PathBuf {
        let inside = || self.store.dir.join("plugins");
        self.plugins.dir.clone().unwrap_or_else(inside)
    }
}
