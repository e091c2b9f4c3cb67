//! Secrets of a tenant: a file that only its owner can read, written by `moegate plugin secret`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Values by name. Never printed.
pub(crate) type Secrets = BTreeMap<String, Zeroizing<String>>;

/// Why a file of secrets is not used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}", path = path.display())]
pub(crate) struct SecretsError {
    path: PathBuf,
    why: String,
}

/// Reads the secrets of a tenant; a file that is not there is none.
///
/// # Errors
/// Others than its owner can read it, or it does not hold lines of the form `name = "value"`.
pub(crate) fn read(path: &Path) -> Result<Secrets, SecretsError> {
    let wrong = |why: String| SecretsError {
        path: path.to_owned(),
        why,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Secrets::new()),
        Err(why) => return Err(wrong(why.to_string())),
    };
    let mode = std::fs::metadata(path).map_err(|why| wrong(why.to_string()))?;
    if mode.permissions().mode() & 0o077 != 0 {
        return Err(wrong("others can read it: chmod 600".to_owned()));
    }
    // What the parser says may quote the file.
    let form = "a file of secrets holds lines of the form name = \"value\"";
    let all: BTreeMap<String, String> =
        toml::from_str(&text).map_err(|_| wrong(form.to_owned()))?;
    let secret = |(name, value)| (name, Zeroizing::new(value));
    Ok(all.into_iter().map(secret).collect())
}

/// Puts them in the place of those before, readable for their owner only.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, secrets: &Secrets) -> Result<(), SecretsError> {
    let wrong = |why: String| SecretsError {
        path: path.to_owned(),
        why,
    };
    let plain: BTreeMap<&str, &str> = secrets
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let text = toml::to_string(&plain).map_err(|why| wrong(why.to_string()))?;
    let text = Zeroizing::new(text);
    plugin_package::replace(path, text.as_bytes()).map_err(|why| wrong(why.to_string()))
}

/// Those that can be used; what is wrong with them is told.
pub(super) fn usable(path: &Path) -> Secrets {
    read(path)
        .inspect_err(|why| tracing::error!(%why, "secrets cannot be used"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/a.toml");
        assert!(read(&path).unwrap().is_empty());
        let value = Zeroizing::new("quoted \" and \\ back".to_owned());
        let secrets = Secrets::from([("crm.key".to_owned(), value)]);
        write(&path, &secrets).unwrap();
        assert_eq!(read(&path).unwrap(), secrets);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let why = read(&path).unwrap_err().to_string();
        assert!(why.contains("others can read it"), "{why}");
        assert!(usable(&path).is_empty());
        std::fs::write(&path, "crm = no-quotes-here").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let why = read(&path).unwrap_err().to_string();
        assert!(!why.contains("no-quotes-here"), "{why}");
    }
}
