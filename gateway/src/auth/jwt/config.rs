//! The configuration of an issuer, and the checks that turn it into one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use units::TenantId;

use super::{JwtIssuer, KeySource};
use crate::admission::Limits;
use crate::auth::jwks::{Jwks, JwksError};
use crate::auth::roles::Role;
use crate::secret::{SecretError, SecretSource};

/// RFC 7518 §3.2: a key of at least the hash's size.
const MIN_SECRET_BYTES: usize = 32;
const MAX_LEEWAY_SECONDS: u32 = 300;

/// The signature algorithms that may be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256 over a shared secret.
    HS256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl From<JwtAlgorithm> for Algorithm {
    fn from(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::HS256 => Self::HS256,
            JwtAlgorithm::RS256 => Self::RS256,
            JwtAlgorithm::ES256 => Self::ES256,
            JwtAlgorithm::EdDSA => Self::EdDSA,
        }
    }
}

/// One issuer, as the configuration file writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtIssuerConfig {
    /// The exact `iss` claim.
    pub issuer: String,
    /// The text that the `aud` claim must be or hold.
    pub audience: String,
    /// The one algorithm its tokens are signed with.
    pub algorithm: JwtAlgorithm,
    /// The shared secret of HS256, at least 32 bytes: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretSource>,
    /// The JWKS file of RS256, ES256 and EdDSA; read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// By how much clocks may differ, at most 300 s.
    #[serde(default = "default_leeway")]
    pub leeway_seconds: u32,
    /// The claim, or dotted path, that names the tenant.
    #[serde(default = "default_tenant_claim")]
    pub tenant_claim: String,
    /// The claim that names the subject.
    #[serde(default = "default_subject_claim")]
    pub subject_claim: String,
    /// The claim that lists the roles.
    #[serde(default = "default_roles_claim")]
    pub roles_claim: String,
    /// The claims that name tags of each request, by the tag's key, such as `{ team = "department" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tag_claims: BTreeMap<String, String>,
    /// What the issuer's role names stand for. When empty, our own names count.
    #[serde(default)]
    pub role_names: BTreeMap<String, Role>,
    /// The tenants this issuer may speak for; unset is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<BTreeSet<TenantId>>,
    /// Limits of each subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

fn default_leeway() -> u32 {
    30
}

fn default_tenant_claim() -> String {
    "tenant".to_owned()
}

fn default_subject_claim() -> String {
    "sub".to_owned()
}

fn default_roles_claim() -> String {
    "roles".to_owned()
}

/// Why an issuer's configuration cannot be used. Every text names the issuer and the key of the file.
#[derive(Debug, thiserror::Error)]
pub enum JwtConfigError {
    /// A value is wrong.
    #[error("jwt issuer {issuer:?}: {key}: {what}")]
    Value {
        /// The issuer.
        issuer: String,
        /// The key of the configuration.
        key: &'static str,
        /// What was expected.
        what: &'static str,
    },
    /// The shared secret could not be had.
    #[error("jwt issuer {issuer:?}: secret: {source}")]
    Secret {
        /// The issuer.
        issuer: String,
        /// Why.
        source: SecretError,
    },
    /// The key set could not be had.
    #[error("jwt issuer {issuer:?}: jwks_file: {source}")]
    Jwks {
        /// The issuer.
        issuer: String,
        /// Why.
        source: JwksError,
    },
    /// Two entries are for the same issuer.
    #[error("jwt issuer {0:?} is configured twice")]
    Twice(String),
}

impl JwtIssuer {
    /// Checks the configuration and reads its keys.
    pub fn new(config: JwtIssuerConfig) -> Result<Self, JwtConfigError> {
        config.check()?;
        let algorithm = Algorithm::from(config.algorithm);
        let keys = config.keys(algorithm)?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // The library reads the system's clock; ours is passed in, so the times are checked here.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            issuer: config.issuer,
            audience: config.audience,
            algorithm,
            keys,
            validation,
            leeway_seconds: i64::from(config.leeway_seconds),
            tenant_claim: config.tenant_claim,
            subject_claim: config.subject_claim,
            roles_claim: config.roles_claim,
            role_names: config.role_names,
            tenants: config.tenants,
            limits: config.limits,
            tag_claims: config.tag_claims,
        })
    }
}

impl JwtIssuerConfig {
    fn wrong(&self, key: &'static str, what: &'static str) -> JwtConfigError {
        JwtConfigError::Value {
            issuer: self.issuer.clone(),
            key,
            what,
        }
    }

    fn check(&self) -> Result<(), JwtConfigError> {
        let texts = [
            ("issuer", &self.issuer),
            ("audience", &self.audience),
            ("tenant_claim", &self.tenant_claim),
            ("subject_claim", &self.subject_claim),
            ("roles_claim", &self.roles_claim),
        ];
        if let Some((key, _)) = texts.into_iter().find(|(_, text)| text.is_empty()) {
            return Err(self.wrong(key, "expected a text that is not empty"));
        }
        if !self.tag_claims.keys().all(|key| ledger::is_tag_key(key)) {
            return Err(self.wrong("tag_claims", "expected keys of a-z, 0-9, _ and -"));
        }
        if self.leeway_seconds > MAX_LEEWAY_SECONDS {
            return Err(self.wrong("leeway_seconds", "expected at most 300"));
        }
        Ok(())
    }

    fn keys(&self, algorithm: Algorithm) -> Result<KeySource, JwtConfigError> {
        match (self.algorithm, &self.secret, &self.jwks_file) {
            (JwtAlgorithm::HS256, Some(source), None) => self.shared(source),
            (JwtAlgorithm::HS256, _, Some(_)) => {
                Err(self.wrong("jwks_file", "HS256 takes a `secret`, not a key set"))
            }
            (JwtAlgorithm::HS256, None, None) => {
                Err(self.wrong("secret", "HS256 needs `{ env = … }` or `{ file = … }`"))
            }
            (_, None, Some(path)) => {
                Jwks::open(path, algorithm)
                    .map(KeySource::Public)
                    .map_err(|source| JwtConfigError::Jwks {
                        issuer: self.issuer.clone(),
                        source,
                    })
            }
            (_, Some(_), _) => Err(self.wrong("secret", "only HS256 takes a shared secret")),
            (_, None, None) => Err(self.wrong("jwks_file", "expected the path of a JWKS file")),
        }
    }

    fn shared(&self, source: &SecretSource) -> Result<KeySource, JwtConfigError> {
        let secret = source.load().map_err(|source| JwtConfigError::Secret {
            issuer: self.issuer.clone(),
            source,
        })?;
        let bytes = secret.expose().as_bytes();
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(self.wrong("secret", "HS256 needs at least 32 bytes"));
        }
        Ok(KeySource::Shared(Arc::new(DecodingKey::from_secret(bytes))))
    }
}
