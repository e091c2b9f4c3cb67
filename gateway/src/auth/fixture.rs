//! What the tests of authentication share: keys made anew in each run, tokens, key sets and a fixed instant.

use std::path::PathBuf;
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tempfile::TempDir;
use units::{TenantId, Timestamp};

use super::{AuthConfig, JwtIssuerConfig, TenantAccess, Tenants};

pub(super) const ISSUER: &str = "https://login.example/realm";
pub(super) const AUDIENCE: &str = "moegate";
pub(super) const SECRET: &str = "a shared secret of no less than thirty-two bytes";

/// 2026-11-23T12:00:00Z.
pub(super) const NOON: i64 = 1_795_435_200;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOON + seconds)
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub(super) fn tenants() -> Tenants {
    let known = ["aurora-bank", "lexwell"];
    known
        .into_iter()
        .map(|name| (tenant(name), TenantAccess::default()))
        .collect()
}

/// Claims that pass every check at noon.
pub(super) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOON + 600,
        "nbf": NOON - 600,
        "sub": "user-17",
        "tenant": "aurora-bank",
    })
}

/// The claims with some replaced; `null` takes one away.
pub(super) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(map.remove(name)),
            value => drop(map.insert(name.clone(), value.clone())),
        }
    }
    claims
}

pub(super) struct Signer {
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
    pub(super) kid: Option<&'static str>,
}

impl Signer {
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: self.kid.map(str::to_owned),
            ..Header::new(self.algorithm)
        };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = self.kid.map(str::to_owned);
        serde_json::to_value(jwk).unwrap()
    }
}

pub(super) fn shared() -> Signer {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    Signer {
        algorithm: Algorithm::HS256,
        key,
        kid: None,
    }
}

/// An RSA key, made once per run: that is slow.
pub(super) fn rsa() -> Signer {
    static KEY: OnceLock<String> = OnceLock::new();
    let pem = KEY.get_or_init(|| {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        format!("{begin}\n{}\n{end}\n", lines.join("\n"))
    });
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    Signer {
        algorithm: Algorithm::RS256,
        key,
        kid: Some("rsa-1"),
    }
}

/// A new P-256 key at each call.
pub(super) fn elliptic(kid: &'static str) -> Signer {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EncodingKey::from_ec_der(pair.as_ref());
    Signer {
        algorithm: Algorithm::ES256,
        key,
        kid: Some(kid),
    }
}

/// A new Ed25519 key at each call.
pub(super) fn edwards(kid: &'static str) -> Signer {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pair = Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
    let key = EncodingKey::from_ed_der(pair.as_ref());
    Signer {
        algorithm: Algorithm::EdDSA,
        key,
        kid: Some(kid),
    }
}

/// A folder with what issuers need on disk; it goes with the value.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn key_set(&self, keys: &[Value]) -> PathBuf {
        let path = self.path("jwks.json");
        std::fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
        path
    }

    /// An HS256 issuer.
    pub(super) fn shared_issuer(&self) -> JwtIssuerConfig {
        let path = self.path("secret");
        std::fs::write(&path, SECRET).unwrap();
        issuer(&format!(
            "algorithm = \"HS256\"\nsecret = {{ file = {path:?} }}"
        ))
    }

    /// An issuer with a key set.
    pub(super) fn public_issuer(&self, algorithm: &str, keys: &[Value]) -> JwtIssuerConfig {
        let path = self.key_set(keys);
        issuer(&format!("algorithm = {algorithm:?}\njwks_file = {path:?}"))
    }
}

pub(super) fn issuer(rest: &str) -> JwtIssuerConfig {
    toml::from_str(&format!(
        "issuer = {ISSUER:?}\naudience = {AUDIENCE:?}\n{rest}"
    ))
    .unwrap()
}

pub(super) fn config(issuers: Vec<JwtIssuerConfig>) -> AuthConfig {
    AuthConfig {
        jwt: issuers,
        ..AuthConfig::default()
    }
}

pub(super) fn bearer(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::try_from(format!("Bearer {text}")).unwrap();
    headers.insert(http::header::AUTHORIZATION, value);
    headers
}

/// A token of any three parts, the first two as JSON.
pub(super) fn crafted(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(claims),
        URL_SAFE_NO_PAD.encode(signature)
    )
}
