use http::HeaderValue;
use http::header::AUTHORIZATION;
use openai_api::{ApiError, ErrorKind};
use serde_json::json;
use units::ExpertId;

use super::fixture::{
    Folder, NOON, at, bearer, claims, claims_with, config, crafted, edwards, shared, tenant,
    tenants,
};
use super::*;

fn with_key(name: &str) -> (Authenticator, ApiKey, KeyRecord) {
    let authenticator = Authenticator::new(&AuthConfig::default(), tenants()).unwrap();
    let key = ApiKey::generate(&tenant(name)).unwrap();
    let record = KeyRecord::new(new_key_id().unwrap(), tenant(name), at(0));
    authenticator.replace_keys(vec![(key.hash(), record.clone())]);
    (authenticator, key, record)
}

fn with_issuer() -> Authenticator {
    let folder = Folder::new();
    Authenticator::new(&config(vec![folder.shared_issuer()]), tenants()).unwrap()
}

fn invalid(cause: Cause) -> AuthError {
    AuthError::Invalid(cause)
}

#[test]
fn a_key_becomes_a_principal_by_either_header() {
    let (authenticator, key, record) = with_key("lexwell");
    let principal = authenticator
        .authenticate(&bearer(key.expose()), at(0))
        .unwrap();
    assert_eq!(principal.tenant, tenant("lexwell"));
    assert_eq!(principal.subject, record.id);
    assert_eq!(principal.kind, CredentialKind::ApiKey);
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::try_from(key.expose()).unwrap());
    assert_eq!(
        authenticator.authenticate(&headers, at(0)),
        Ok(principal.clone())
    );
    for spelling in ["bearer", "BEARER", "Bearer  "] {
        let value = HeaderValue::try_from(format!("{spelling} {}", key.expose())).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        assert_eq!(
            authenticator.authenticate(&headers, at(0)),
            Ok(principal.clone())
        );
    }
}

/// A header as it is sent.
type Sent = (&'static str, Vec<u8>);

#[test]
fn every_bad_header_is_refused_for_its_reason() {
    let (authenticator, key, _) = with_key("lexwell");
    let good = key.expose();
    let long = "a".repeat(8 * 1024 + 1);
    let cases: Vec<(Vec<Sent>, AuthError)> = vec![
        (vec![], AuthError::Missing),
        (vec![("authorization", b"".to_vec())], AuthError::Missing),
        (
            vec![("authorization", b"Bearer".to_vec())],
            AuthError::Missing,
        ),
        (
            vec![("authorization", b"Bearer   ".to_vec())],
            AuthError::Missing,
        ),
        (vec![("x-api-key", b"  ".to_vec())], AuthError::Missing),
        (
            vec![("authorization", b"Basic dTpw".to_vec())],
            invalid(Cause::Scheme),
        ),
        (vec![("authorization", good.into())], invalid(Cause::Scheme)),
        (
            vec![("authorization", b"Bearer \xff\xfe".to_vec())],
            invalid(Cause::Characters),
        ),
        (
            vec![("authorization", b"Bearer a b".to_vec())],
            invalid(Cause::Characters),
        ),
        (
            vec![("authorization", b"Bearer {\"a\":1}".to_vec())],
            invalid(Cause::Characters),
        ),
        (
            vec![("x-api-key", long.clone().into())],
            invalid(Cause::TooLong),
        ),
        (
            vec![("authorization", format!("Bearer {long}").into())],
            invalid(Cause::TooLong),
        ),
        (
            vec![("authorization", b"Bearer garbage".to_vec())],
            invalid(Cause::Shape),
        ),
        (
            vec![("authorization", b"Bearer a.b.c".to_vec())],
            invalid(Cause::Shape),
        ),
        (
            vec![("authorization", b"Bearer a.b.c.d".to_vec())],
            invalid(Cause::Shape),
        ),
        (
            vec![("authorization", b"Bearer ..".to_vec())],
            invalid(Cause::Shape),
        ),
        (
            vec![
                ("authorization", format!("Bearer {good}").into()),
                ("x-api-key", good.into()),
            ],
            invalid(Cause::Ambiguous),
        ),
        (
            vec![("x-api-key", good.into()), ("x-api-key", good.into())],
            invalid(Cause::Ambiguous),
        ),
    ];
    for (pairs, expected) in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in &pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(
            authenticator.authenticate(&headers, at(0)),
            Err(expected),
            "{pairs:?}"
        );
    }
}

#[test]
fn the_answer_is_a_401_that_echoes_nothing() {
    let (authenticator, _, _) = with_key("lexwell");
    let text = format!("mg_lexwell_{}", "Z".repeat(43));
    let error = authenticator
        .authenticate(&bearer(&text), at(0))
        .unwrap_err();
    let answer = ApiError::from(error);
    assert_eq!(
        (answer.status, answer.kind),
        (401, ErrorKind::AuthenticationError)
    );
    assert_eq!(answer.code.as_deref(), Some("invalid_credentials"));
    assert_eq!(answer.should_retry, Some(false));
    assert!(!String::from_utf8(answer.to_json()).unwrap().contains("ZZZ"));
    assert_eq!(
        ApiError::from(AuthError::Missing).code.as_deref(),
        Some("missing_credentials")
    );
}

#[test]
fn a_key_revoked_while_cached_is_refused_at_once() {
    let (authenticator, key, record) = with_key("lexwell");
    let headers = bearer(key.expose());
    assert!(authenticator.authenticate(&headers, at(0)).is_ok());
    assert!(authenticator.authenticate(&headers, at(1)).is_ok());
    assert!(authenticator.revoke_key(&record.tenant, &record.id, at(2)));
    assert_eq!(
        authenticator.authenticate(&headers, at(2)),
        Err(AuthError::Revoked)
    );
    // The store's older copy comes by and changes nothing.
    authenticator.replace_keys(vec![(key.hash(), record)]);
    assert_eq!(
        authenticator.authenticate(&headers, at(3)),
        Err(AuthError::Revoked)
    );
}

#[test]
fn a_key_that_the_store_dropped_is_refused_at_once() {
    let (authenticator, key, _) = with_key("lexwell");
    let headers = bearer(key.expose());
    assert!(authenticator.authenticate(&headers, at(0)).is_ok());
    authenticator.replace_keys(Vec::new());
    assert_eq!(
        authenticator.authenticate(&headers, at(0)),
        Err(invalid(Cause::UnknownKey))
    );
}

#[test]
fn a_cached_key_still_expires_on_time() {
    let (authenticator, key, mut record) = with_key("lexwell");
    record.expires = Some(at(30));
    authenticator.replace_keys(vec![(key.hash(), record.clone())]);
    let headers = bearer(key.expose());
    assert!(authenticator.authenticate(&headers, at(29)).is_ok());
    assert_eq!(
        authenticator.authenticate(&headers, at(30)),
        Err(AuthError::Expired)
    );

    record.expires = None;
    record.revoked = Some(at(40));
    authenticator.replace_keys(vec![(key.hash(), record)]);
    assert!(authenticator.authenticate(&headers, at(39)).is_ok());
    assert_eq!(
        authenticator.authenticate(&headers, at(40)),
        Err(AuthError::Revoked)
    );
}

#[test]
fn a_cached_token_still_expires_on_time() {
    let authenticator = with_issuer();
    let headers = bearer(&shared().sign(&claims_with(&json!({"exp": NOON + 5}))));
    assert!(authenticator.authenticate(&headers, at(34)).is_ok());
    assert_eq!(
        authenticator.authenticate(&headers, at(35)),
        Err(AuthError::Expired)
    );
}

#[test]
fn a_token_becomes_a_principal_of_its_tenant() {
    let authenticator = with_issuer();
    let principal = authenticator
        .authenticate(&bearer(&shared().sign(&claims())), at(0))
        .unwrap();
    assert_eq!(principal.tenant, tenant("aurora-bank"));
    assert_eq!(principal.kind, CredentialKind::Jwt);
    assert!(principal.subject.as_str().starts_with("jwt-"));
}

#[test]
fn a_token_for_a_tenant_or_issuer_that_does_not_exist_is_refused() {
    let authenticator = with_issuer();
    let refused = |changes| {
        let token = shared().sign(&claims_with(&changes));
        authenticator
            .authenticate(&bearer(&token), at(0))
            .unwrap_err()
    };
    assert_eq!(refused(json!({"tenant": "nobody"})), invalid(Cause::Tenant));
    assert_eq!(
        refused(json!({"iss": "https://evil.example"})),
        invalid(Cause::Issuer)
    );
    assert_eq!(refused(json!({"iss": null})), invalid(Cause::Shape));
    let unsigned = crafted(&json!({"alg": "none"}), &claims(), b"");
    assert!(
        authenticator
            .authenticate(&bearer(&unsigned), at(0))
            .is_err()
    );
}

#[test]
fn a_proof_counts_as_long_as_its_key() {
    let (authenticator, key, mut record) = with_key("lexwell");
    record.roles = Roles::USER.with(Role::Finance);
    record.expires = Some(at(100));
    authenticator.replace_keys(vec![(key.hash(), record.clone())]);
    let (principal, proof) = authenticator.sign_in(&bearer(key.expose()), at(0)).unwrap();
    assert!(principal.roles.contains(Role::Finance));
    assert!(!format!("{proof:?}").contains(key.expose()));
    assert_eq!(authenticator.again(&proof, at(99)), Ok(principal));
    assert_eq!(
        authenticator.again(&proof, at(100)),
        Err(AuthError::Expired)
    );
    record.roles = Roles::USER;
    authenticator.replace_keys(vec![(key.hash(), record.clone())]);
    let now = authenticator.again(&proof, at(1)).unwrap();
    assert!(!now.roles.contains(Role::Finance), "roles are those of now");
    authenticator.revoke_key(&record.tenant, &record.id, at(2));
    assert_eq!(authenticator.again(&proof, at(2)), Err(AuthError::Revoked));
    authenticator.replace_keys(Vec::new());
    assert_eq!(
        authenticator.again(&proof, at(1)),
        Err(invalid(Cause::UnknownKey))
    );
}

#[test]
fn a_proof_counts_as_long_as_its_token_and_its_tenant() {
    let authenticator = with_issuer();
    let token = shared().sign(&claims_with(
        &json!({"exp": NOON + 5, "roles": ["finance"]}),
    ));
    let (principal, proof) = authenticator.sign_in(&bearer(&token), at(0)).unwrap();
    assert_eq!(authenticator.again(&proof, at(34)), Ok(principal));
    assert_eq!(authenticator.again(&proof, at(35)), Err(AuthError::Expired));
    authenticator.replace_tenants(Tenants::new());
    assert_eq!(
        authenticator.again(&proof, at(0)),
        Err(invalid(Cause::Tenant))
    );
    let forged = format!("{}x", token);
    assert!(authenticator.sign_in(&bearer(&forged), at(0)).is_err());
}

#[test]
fn a_tenant_that_goes_takes_its_credentials_along() {
    let (authenticator, key, _) = with_key("lexwell");
    let headers = bearer(key.expose());
    assert!(authenticator.authenticate(&headers, at(0)).is_ok());
    authenticator.replace_tenants(Tenants::from([(
        tenant("aurora-bank"),
        TenantAccess::default(),
    )]));
    assert_eq!(
        authenticator.authenticate(&headers, at(0)),
        Err(invalid(Cause::Tenant))
    );
}

#[test]
fn a_withdrawn_signing_key_takes_cached_tokens_along() {
    let (old, new) = (edwards("ed-1"), edwards("ed-22"));
    let folder = Folder::new();
    let issuer = folder.public_issuer("EdDSA", &[old.jwk()]);
    let authenticator = Authenticator::new(&config(vec![issuer]), tenants()).unwrap();
    let headers = bearer(&old.sign(&claims()));
    assert!(authenticator.authenticate(&headers, at(0)).is_ok());
    // The new file differs in length, so it is seen even within one tick of the file system's clock.
    folder.key_set(&[new.jwk()]);
    assert!(authenticator.refresh_key_sets().is_empty());
    assert_eq!(
        authenticator.authenticate(&headers, at(0)),
        Err(invalid(Cause::SigningKey))
    );
    assert!(
        authenticator
            .authenticate(&bearer(&new.sign(&claims())), at(0))
            .is_ok()
    );
    std::fs::write(folder.path("jwks.json"), "broken").unwrap();
    assert_eq!(authenticator.refresh_key_sets().len(), 1);
}

#[test]
fn allowed_experts_are_what_tenant_and_key_both_allow() {
    let experts = |names: &[&str]| {
        Some(Arc::new(
            names
                .iter()
                .map(|name| ExpertId::new(name).unwrap())
                .collect(),
        ))
    };
    let (authenticator, key, mut record) = with_key("lexwell");
    let access = TenantAccess {
        allowed_experts: experts(&["legal", "general"]),
    };
    authenticator.replace_tenants(Tenants::from([(tenant("lexwell"), access)]));
    record.allowed_experts = experts(&["general", "finance"]);
    authenticator.replace_keys(vec![(key.hash(), record)]);
    let principal = authenticator
        .authenticate(&bearer(key.expose()), at(0))
        .unwrap();
    let may = |name| principal.may_use(&ExpertId::new(name).unwrap());
    assert_eq!(
        (may("general"), may("legal"), may("finance")),
        (true, false, false)
    );
}

#[test]
fn an_issuer_configured_twice_is_refused() {
    let folder = Folder::new();
    let twice = vec![folder.shared_issuer(), folder.shared_issuer()];
    assert!(matches!(
        check_issuers(&twice),
        Err(JwtConfigError::Twice(_))
    ));
    assert!(check_issuers(&twice[..1]).is_ok());
}
