//! A registry by its address, with the credentials of this process.

use plugin_package::RegistryError;
use plugin_registry::{Login, Registry};

/// User and password, or a token, of an OCI registry.
const USER: &str = "MOEGATE_REGISTRY_USER";
const PASSWORD: &str = "MOEGATE_REGISTRY_PASSWORD";
const TOKEN: &str = "MOEGATE_REGISTRY_TOKEN";

pub(super) fn open(address: &str) -> Result<Box<dyn Registry>, RegistryError> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let login = match (of(TOKEN), of(USER), of(PASSWORD)) {
        (Some(token), _, _) => Login::Bearer(token),
        (None, Some(user), Some(password)) => Login::Basic(user, password),
        _ => Login::Anonymous,
    };
    plugin_registry::open(address, login)
}
