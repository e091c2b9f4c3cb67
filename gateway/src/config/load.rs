//! Reads the layers, in order, and names file and key in every error.

use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};

use super::{Config, ConfigError};

/// What flags set; they win over every other layer.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Key path and value, such as `("server.listen", "127.0.0.1:0")`.
    pub values: Vec<(String, String)>,
}

impl Overrides {
    /// Adds one override where the flag was given.
    #[must_use]
    pub fn with(mut self, key: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.values.push((key.to_owned(), value));
        }
        self
    }
}

/// Loads and checks a configuration. Relative paths inside it are relative to the working folder.
///
/// # Errors
/// A file that cannot be read or parsed, an unknown key, a value of the wrong type, or values that
/// contradict each other; the message names the file and the key.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|why| ConfigError::Read {
        file: file.to_owned(),
        why: why.to_string(),
    })?;
    let layers = ::config::Config::builder()
        .add_source(File::from_str(&text, FileFormat::Toml))
        .add_source(environment());
    let mut layers = layers;
    for (key, value) in &overrides.values {
        layers = layers
            .set_override(key, value.as_str())
            .map_err(|why| ConfigError::Flag {
                key: key.clone(),
                why: why.to_string(),
            })?;
    }
    let merged = layers.build().map_err(|why| from_library(file, "", &why))?;
    let parsed: Config = serde_path_to_error::deserialize(merged).map_err(|error| {
        let path = error.path().to_string();
        from_library(file, &path, error.inner())
    })?;
    super::check::check(&parsed).map_err(|(key, why)| ConfigError::Value {
        origin: origin(file, &key),
        key,
        why,
    })?;
    Ok(parsed)
}

fn environment() -> Environment {
    Environment::with_prefix("MOEGATE")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
}

fn from_library(file: &Path, path: &str, error: &::config::ConfigError) -> ConfigError {
    let why = error.to_string();
    let key = match path {
        "" | "." => unknown_key(&why).unwrap_or_else(|| "the whole file".to_owned()),
        _ => path.to_owned(),
    };
    ConfigError::Value {
        origin: origin(file, &key),
        key,
        why,
    }
}

fn unknown_key(why: &str) -> Option<String> {
    let (_, rest) = why.split_once("unknown field `")?;
    rest.split_once('`').map(|(key, _)| key.to_owned())
}

/// Where a key's value comes from: the environment wins over the file.
fn origin(file: &Path, key: &str) -> PathBuf {
    let name = format!("MOEGATE__{}", key.replace('.', "__").to_uppercase());
    if std::env::var_os(&name).is_some() {
        PathBuf::from(format!("environment {name}"))
    } else {
        file.to_owned()
    }
}

#[cfg(test)]
mod tests;
