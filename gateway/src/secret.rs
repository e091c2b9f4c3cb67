//! A secret in memory: hidden from every log, zeroed when dropped, never serialised. It must not know what the
//! secret opens.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text that nobody may print, log or serialise.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where a secret of the configuration comes from: `{ env = "NAME" }` or `{ file = "PATH" }`, never the text itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file; one newline at its end is cut.
    File(PathBuf),
}

/// Why a secret could not be had. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set or no UTF-8.
    #[error("environment variable {0} is not set to a text")]
    Env(String),
    /// The file could not be read.
    #[error("secret file {path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the secret of {0} is empty")]
    Empty(String),
}

impl SecretSource {
    /// Reads the secret. Fails when it is missing or empty.
    pub fn load(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?;
                filled(Secret::new(text), || name.clone())
            }
            Self::File(path) => filled(read(path)?, || path.display().to_string()),
        }
    }
}

fn read(path: &Path) -> Result<Secret, SecretError> {
    let wrong = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(wrong)?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Secret::new(line.to_owned()))
}

fn filled(secret: Secret, whose: impl FnOnce() -> String) -> Result<Secret, SecretError> {
    if secret.expose().is_empty() {
        Err(SecretError::Empty(whose()))
    } else {
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_it() {
        let secret = Secret::new("hunter2".to_owned());
        let shown = format!("{secret:?} {secret}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_file_loses_its_last_newline_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "a secret \n\n").unwrap();
        let secret = SecretSource::File(path.clone()).load().unwrap();
        assert_eq!(secret.expose(), "a secret \n");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(
            SecretSource::File(path).load(),
            Err(SecretError::Empty(_))
        ));
    }

    #[test]
    fn a_missing_source_names_itself() {
        let env = SecretSource::Env("MOEGATE_TEST_THIS_IS_NOT_SET".to_owned()).load();
        assert!(
            env.unwrap_err()
                .to_string()
                .contains("MOEGATE_TEST_THIS_IS_NOT_SET")
        );
        let file = SecretSource::File(PathBuf::from("/nowhere/at/all")).load();
        assert!(file.unwrap_err().to_string().contains("/nowhere/at/all"));
    }

    #[test]
    fn the_source_is_written_as_env_or_file_only() {
        #[derive(Deserialize)]
        struct Holder {
            secret: SecretSource,
        }
        let holder: Holder = toml::from_str(r#"secret = { env = "A" }"#).unwrap();
        assert_eq!(holder.secret, SecretSource::Env("A".to_owned()));
        assert!(toml::from_str::<Holder>(r#"secret = { text = "A" }"#).is_err());
        assert!(toml::from_str::<Holder>(r#"secret = "A""#).is_err());
    }
}
