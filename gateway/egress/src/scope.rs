//! Whose request it is, where it may go and which secrets it carries: one scope per call of a plugin.

use std::fmt::Write as _;

use units::TenantId;
use zeroize::Zeroizing;

use crate::{BoundSecret, EgressError, Origin};

/// How a placeholder begins.
pub(crate) const OPEN: &str = "{{secret:";
const CLOSE: &str = "}}";

/// What one call of a plugin may do outside. Its placeholders are worthless in any other call.
#[derive(Debug)]
pub struct Scope {
    tenant: TenantId,
    origins: Vec<Origin>,
    secrets: Vec<BoundSecret>,
    nonce: Zeroizing<String>,
}

impl Scope {
    /// A scope with a nonce of its own.
    pub fn new(
        tenant: TenantId,
        origins: Vec<Origin>,
        secrets: Vec<BoundSecret>,
    ) -> Result<Self, EgressError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| EgressError::Setup("no randomness"))?;
        let mut nonce = Zeroizing::new(String::with_capacity(32));
        for byte in bytes {
            write!(nonce, "{byte:02x}").map_err(|_| EgressError::Setup("no nonce"))?;
        }
        Ok(Self {
            tenant,
            origins,
            secrets,
            nonce,
        })
    }

    /// The placeholder of a secret, for header values of this call only.
    pub fn handle(&self, name: &str) -> Result<String, EgressError> {
        let known = self.secrets.iter().any(|secret| secret.name() == name);
        if !known {
            return Err(EgressError::UnknownSecret);
        }
        Ok(format!("{OPEN}{name}:{}{CLOSE}", *self.nonce))
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Is this origin on the list?
    pub fn allows(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Puts the secrets into a header's value. `None` where there is no placeholder.
    pub(crate) fn fill(
        &self,
        value: &str,
        origin: &Origin,
    ) -> Result<Option<Zeroizing<String>>, EgressError> {
        if !value.contains(OPEN) {
            return Ok(None);
        }
        // Room for every secret once more than needed: the text must not be moved while it grows.
        let room: usize = self
            .secrets
            .iter()
            .map(|s| s.value().expose().len())
            .max()
            .unwrap_or(0);
        let places = value.matches(OPEN).count();
        let mut out = Zeroizing::new(String::with_capacity(value.len() + places * room));
        let mut rest = value;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let (inner, tail) = after.split_once(CLOSE).ok_or(EgressError::Placeholder)?;
            let (name, nonce) = inner.split_once(':').ok_or(EgressError::Placeholder)?;
            if nonce != self.nonce.as_str() {
                return Err(EgressError::Placeholder);
            }
            let secret = self.secrets.iter().find(|secret| secret.name() == name);
            let secret = secret.ok_or(EgressError::Placeholder)?;
            if !secret.is_for(origin) {
                return Err(EgressError::SecretOrigin);
            }
            out.push_str(before);
            out.push_str(secret.value().expose());
            rest = tail;
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    /// Is a secret in a header's name? Names come in small letters.
    pub(crate) fn shows_in(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| {
            let small = Zeroizing::new(secret.value().expose().to_ascii_lowercase());
            name.contains(small.as_str())
        })
    }

    /// Takes the values of all secrets out of what a guest will see; longest first, so that none hides in another.
    pub(crate) fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut secrets: Vec<_> = self.secrets.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value().expose().len()));
        secrets
            .into_iter()
            .fold(bytes, |bytes, secret| secret.value().redact(bytes))
    }
}
