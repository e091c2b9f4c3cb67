//! Tokens of outside issuers: one issuer, one pinned algorithm, keys from our own files, every claim checked against
//! the clock that is passed in. It must not know what a tenant may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind as JwtErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use ledger::Tags;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use units::{KeyId, TenantId, Timestamp};

use super::error::{AuthError, Cause};
use super::jwks::{Jwks, JwksError};
use super::roles::{Role, Roles};
use crate::admission::Limits;

mod claims;
mod config;

pub use config::{JwtAlgorithm, JwtConfigError, JwtIssuerConfig};

/// Somebody whose tokens are believed, within what the configuration says.
#[derive(Debug)]
pub struct JwtIssuer {
    issuer: String,
    audience: String,
    algorithm: Algorithm,
    keys: KeySource,
    validation: Validation,
    leeway_seconds: i64,
    tenant_claim: String,
    subject_claim: String,
    roles_claim: String,
    role_names: std::collections::BTreeMap<String, Role>,
    tenants: Option<BTreeSet<TenantId>>,
    limits: Option<Limits>,
    tag_claims: std::collections::BTreeMap<String, String>,
}

/// Where the verifying key comes from. Never from the token.
#[derive(Debug)]
enum KeySource {
    Shared(Arc<DecodingKey>),
    Public(Jwks),
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose money is spent. The caller checks that the tenant exists.
    pub tenant: TenantId,
    /// `jwt-` and 32 hex digits of SHA-256 over issuer and subject.
    pub subject: KeyId,
    /// What the subject may be; everybody is at least a user.
    pub roles: Roles,
    /// The first instant the token is no longer good, leeway included.
    pub expires: Timestamp,
    /// Limits of each subject of this issuer.
    pub limits: Option<Limits>,
    /// Tags that its claims name.
    pub tags: Option<Tags>,
}

/// The issuer a token claims to be from. Believed by nobody: it only picks whose rules to check the token by.
pub(super) fn claimed_issuer(token: &str) -> Result<String, AuthError> {
    #[derive(Deserialize)]
    struct Peek {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Peek>(token)
        .map(|peek| peek.iss)
        .map_err(|_| AuthError::Invalid(Cause::Shape))
}

impl JwtIssuer {
    /// The exact text of the `iss` claim.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Looks whether the key set changed, at most once a second; true when other keys are in force now.
    pub(super) fn refresh_if_due(&self, now: Timestamp) -> Result<bool, JwksError> {
        match &self.keys {
            KeySource::Public(jwks) => jwks.refresh_if_due(now),
            KeySource::Shared(_) => Ok(false),
        }
    }

    /// Looks whether the key set changed, now.
    pub(super) fn refresh(&self) -> Result<bool, JwksError> {
        match &self.keys {
            KeySource::Public(jwks) => jwks.refresh(),
            KeySource::Shared(_) => Ok(false),
        }
    }

    /// Checks signature and claims.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|e| rejected(e.kind()))?;
        if header.alg != self.algorithm {
            return Err(AuthError::Invalid(Cause::Algorithm));
        }
        if header.crit.is_some() {
            return Err(AuthError::Invalid(Cause::Critical));
        }
        let key = self.key(&header)?;
        let token = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &self.validation)
            .map_err(|e| rejected(e.kind()))?;
        self.identify(&token.claims, now)
    }

    /// Only `kid` is taken from the header; `jku`, `jwk`, `x5u` and `x5c` are never read.
    fn key(&self, header: &Header) -> Result<Arc<DecodingKey>, AuthError> {
        let found = match &self.keys {
            KeySource::Shared(key) => Some(Arc::clone(key)),
            KeySource::Public(jwks) => header.kid.as_deref().and_then(|kid| jwks.key(kid)),
        };
        found.ok_or(AuthError::Invalid(Cause::SigningKey))
    }

    fn identify(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Identity, AuthError> {
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(AuthError::Invalid(Cause::Issuer));
        }
        if !claims::names(claims.get("aud"), &self.audience) {
            return Err(AuthError::Invalid(Cause::Audience));
        }
        let expires = self.check_times(claims, now)?;
        let tenant = claims::text(claims, &self.tenant_claim)?;
        let tenant = TenantId::new(tenant).map_err(|_| AuthError::Invalid(Cause::Tenant))?;
        if self
            .tenants
            .as_ref()
            .is_some_and(|may| !may.contains(&tenant))
        {
            return Err(AuthError::Invalid(Cause::Tenant));
        }
        Ok(Identity {
            tenant,
            subject: self.subject(claims::text(claims, &self.subject_claim)?)?,
            roles: self.roles(claims::find(claims, &self.roles_claim)),
            expires,
            limits: self.limits,
            tags: self.tags(claims),
        })
    }

    /// A claim that is not there, or is no tag's value, gives no tag: nobody is kept out for it.
    fn tags(&self, claims: &Map<String, Value>) -> Option<Tags> {
        let named = self.tag_claims.iter().filter_map(|(key, claim)| {
            let value = claims::text(claims, claim).ok()?;
            Tags::new([(key.as_str(), value)]).ok()?;
            Some((key.as_str(), value))
        });
        Tags::new(named).ok().flatten()
    }

    /// `exp` must be there and ahead, `nbf` behind where it is there. Gives the instant the token ends.
    fn check_times(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Timestamp, AuthError> {
        let seconds = |name| claims.get(name).map(claims::seconds).transpose();
        let exp = seconds("exp")?.ok_or(AuthError::Invalid(Cause::Claim))?;
        let ends = Timestamp::from_unix_seconds(exp.saturating_add(self.leeway_seconds));
        if ends <= now {
            return Err(AuthError::Expired);
        }
        let begins = seconds("nbf")?.map(|nbf| nbf.saturating_sub(self.leeway_seconds));
        if begins.is_some_and(|at| Timestamp::from_unix_seconds(at) > now) {
            return Err(AuthError::NotYetValid);
        }
        Ok(ends)
    }

    fn subject(&self, subject: &str) -> Result<KeyId, AuthError> {
        let mut hash = Sha256::new();
        hash.update(self.issuer.as_bytes());
        hash.update([0]);
        hash.update(subject.as_bytes());
        let digits = hash.finalize();
        let hex: String = digits
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        KeyId::new(&format!("jwt-{hex}")).map_err(|_| AuthError::Invalid(Cause::Claim))
    }

    /// Names that stand for no role of ours are passed over: an issuer has roles for other systems too.
    fn roles(&self, claim: Option<&Value>) -> Roles {
        let named = claims::words(claim).filter_map(|name| {
            let mapped = self.role_names.get(name).copied();
            mapped.or_else(|| name.parse().ok().filter(|_| self.role_names.is_empty()))
        });
        named.fold(Roles::USER, Roles::with)
    }
}

/// What the library's refusal means here. Its own texts may hold parts of the token and are dropped.
fn rejected(kind: &JwtErrorKind) -> AuthError {
    AuthError::Invalid(match kind {
        JwtErrorKind::InvalidSignature => Cause::Signature,
        JwtErrorKind::InvalidAlgorithm
        | JwtErrorKind::InvalidAlgorithmName
        | JwtErrorKind::UnsupportedAlgorithm => Cause::Algorithm,
        JwtErrorKind::InvalidIssuer => Cause::Issuer,
        JwtErrorKind::InvalidAudience => Cause::Audience,
        JwtErrorKind::MissingRequiredClaim(_) | JwtErrorKind::InvalidClaimFormat(_) => Cause::Claim,
        _ => Cause::Shape,
    })
}

#[cfg(test)]
mod tests;
