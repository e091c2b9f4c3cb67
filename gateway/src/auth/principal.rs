//! Who calls, as the rest of the gateway sees them. It must not know how they proved it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::Tags;
use openai_api::{ApiError, ErrorKind};
use units::{ExpertId, KeyId, TenantId};

use super::roles::{Role, Roles};
use crate::admission::Limits;

/// How a principal proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// An API key of ours.
    ApiKey,
    /// A token that a configured issuer signed.
    Jwt,
}

impl CredentialKind {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
        }
    }
}

/// Who calls: a key or a JWT subject of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose money is spent.
    pub tenant: TenantId,
    /// The key's id, or `jwt-` and 32 hex digits of SHA-256 over issuer and subject: no personal name leaves here.
    pub subject: KeyId,
    /// How they proved it.
    pub kind: CredentialKind,
    /// What they may be.
    pub roles: Roles,
    /// The experts that both the tenant and the key allow; `None` is every expert, an empty set is none.
    pub allowed_experts: Option<Arc<BTreeSet<ExpertId>>>,
    /// The experts that the key alone allows; `None` is every expert.
    pub key_experts: Option<Arc<BTreeSet<ExpertId>>>,
    /// Limits of this key or subject alone, beside those of the tenant.
    pub limits: Option<Limits>,
    /// Tags of every request of this key or subject; the request cannot say otherwise.
    pub tags: Option<Tags>,
}

impl Principal {
    /// May this principal use the expert?
    pub fn may_use(&self, expert: &ExpertId) -> bool {
        self.allowed_experts
            .as_ref()
            .is_none_or(|allowed| allowed.contains(expert))
    }

    /// May this principal use a plugin that its tenant has installed?
    pub fn may_use_plugin(&self, expert: &ExpertId) -> bool {
        let own = self.key_experts.as_ref();
        own.is_none_or(|allowed| allowed.contains(expert))
    }

    /// Refuses who lacks a role.
    ///
    /// # Errors
    /// 403 that names the role.
    pub fn must_be(&self, role: Role) -> Result<(), ApiError> {
        if self.roles.contains(role) {
            return Ok(());
        }
        let message = format!("this needs the role `{role}`");
        let kind = ErrorKind::PermissionError;
        Err(ApiError::new(403, kind, "role_missing", message).without_retry())
    }
}

/// A set of allowed experts; `None` is every expert.
pub type AllowedExperts = Option<Arc<BTreeSet<ExpertId>>>;

/// What both sides allow. Unset allows all, empty allows nothing.
pub(super) fn both(tenant: &AllowedExperts, key: &AllowedExperts) -> AllowedExperts {
    match (tenant, key) {
        (None, other) | (other, None) => other.clone(),
        (Some(tenant), Some(key)) => Some(Arc::new(tenant.intersection(key).cloned().collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> AllowedExperts {
        Some(Arc::new(
            names.iter().map(|n| ExpertId::new(n).unwrap()).collect(),
        ))
    }

    #[test]
    fn empty_is_not_unset() {
        assert_eq!(both(&None, &None), None);
        assert_eq!(both(&None, &set(&[])), set(&[]));
        assert_eq!(both(&set(&["a"]), &None), set(&["a"]));
        assert_eq!(both(&set(&["a", "b"]), &set(&["b", "c"])), set(&["b"]));
        assert_eq!(both(&set(&["a"]), &set(&["c"])), set(&[]));
    }
}
