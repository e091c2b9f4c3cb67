use serde_json::json;

use super::*;
use crate::auth::fixture::{
    Folder, ISSUER, SECRET, Signer, at, claims, claims_with, crafted, edwards, elliptic, issuer,
    rsa, shared, tenant,
};

fn hs256() -> JwtIssuer {
    let folder = Folder::new();
    JwtIssuer::new(folder.shared_issuer()).unwrap()
}

fn cause(result: Result<Identity, AuthError>) -> Cause {
    match result {
        Err(AuthError::Invalid(cause)) => cause,
        other => panic!("expected an invalid token, got {other:?}"),
    }
}

#[test]
fn every_pinned_algorithm_verifies_its_own() {
    let signers = [rsa(), elliptic("ec-1"), edwards("ed-1")];
    for signer in signers {
        let folder = Folder::new();
        let config = folder.public_issuer(&format!("{:?}", signer.algorithm), &[signer.jwk()]);
        let issuer = JwtIssuer::new(config).unwrap();
        let identity = issuer.verify(&signer.sign(&claims()), at(0)).unwrap();
        assert_eq!(identity.tenant, tenant("aurora-bank"));
        assert_eq!(identity.expires, at(630), "with 30 s of leeway");
    }
    let identity = hs256().verify(&shared().sign(&claims()), at(0)).unwrap();
    assert_eq!(identity.roles, Roles::USER);
}

#[test]
fn a_changed_token_is_refused() {
    let good = shared().sign(&claims());
    let other = shared().sign(&claims_with(&json!({"tenant": "lexwell"})));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (other_head, _) = other.rsplit_once('.').unwrap();
    let issuer = hs256();
    assert!(issuer.verify(&good, at(0)).is_ok());
    assert_eq!(
        cause(issuer.verify(&format!("{other_head}.{signature}"), at(0))),
        Cause::Signature
    );
    assert_eq!(
        cause(issuer.verify(&format!("{head}."), at(0))),
        Cause::Signature
    );
    let foreign = EncodingKeyOf(b"another secret of at least thirty-two bytes").sign();
    assert_eq!(cause(issuer.verify(&foreign, at(0))), Cause::Signature);
}

struct EncodingKeyOf<'a>(&'a [u8]);

impl EncodingKeyOf<'_> {
    fn sign(&self) -> String {
        let key = jsonwebtoken::EncodingKey::from_secret(self.0);
        Signer {
            algorithm: Algorithm::HS256,
            key,
            kid: None,
        }
        .sign(&claims())
    }
}

#[test]
fn alg_none_is_refused_in_every_spelling() {
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [&b""[..], b"x"] {
            let token = crafted(&json!({"alg": name, "typ": "JWT"}), &claims(), signature);
            assert!(hs256().verify(&token, at(0)).is_err(), "{name}");
        }
    }
    let token = crafted(&json!({"typ": "JWT"}), &claims(), b"");
    assert!(
        hs256().verify(&token, at(0)).is_err(),
        "no algorithm at all"
    );
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let signer = rsa();
    let folder = Folder::new();
    let issuer = JwtIssuer::new(folder.public_issuer("RS256", &[signer.jwk()])).unwrap();
    let file = std::fs::read(folder.path("jwks.json")).unwrap();
    let modulus = signer.jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    for secret in [file, modulus] {
        let key = jsonwebtoken::EncodingKey::from_secret(&secret);
        let confused = Signer {
            algorithm: Algorithm::HS256,
            key,
            kid: Some("rsa-1"),
        };
        let token = confused.sign(&claims());
        assert_eq!(cause(issuer.verify(&token, at(0))), Cause::Algorithm);
    }
    // The other way round, and between public algorithms.
    assert_eq!(
        cause(hs256().verify(&signer.sign(&claims()), at(0))),
        Cause::Algorithm
    );
    let other = elliptic("rsa-1").sign(&claims());
    assert_eq!(cause(issuer.verify(&other, at(0))), Cause::Algorithm);
}

#[test]
fn keys_in_the_header_are_never_used() {
    let (ours, theirs) = (edwards("ed-1"), edwards("ed-1"));
    let folder = Folder::new();
    let issuer = JwtIssuer::new(folder.public_issuer("EdDSA", &[ours.jwk()])).unwrap();
    let header = Header {
        kid: Some("ed-1".to_owned()),
        jku: Some("https://evil.example/jwks.json".to_owned()),
        x5u: Some("https://evil.example/cert".to_owned()),
        jwk: Some(serde_json::from_value(theirs.jwk()).unwrap()),
        ..Header::new(Algorithm::EdDSA)
    };
    let token = jsonwebtoken::encode(&header, &claims(), &theirs.key).unwrap();
    assert_eq!(cause(issuer.verify(&token, at(0))), Cause::Signature);
    let header = Header {
        kid: Some("ed-2".to_owned()),
        ..header
    };
    let token = jsonwebtoken::encode(&header, &claims(), &theirs.key).unwrap();
    assert_eq!(cause(issuer.verify(&token, at(0))), Cause::SigningKey);
}

#[test]
fn the_key_id_must_be_there_and_known() {
    let signer = edwards("ed-1");
    let folder = Folder::new();
    let issuer = JwtIssuer::new(folder.public_issuer("EdDSA", &[signer.jwk()])).unwrap();
    for kid in [None, Some("ed-2"), Some("")] {
        let token = Signer {
            kid,
            key: signer.key.clone(),
            ..edwards("x")
        }
        .sign(&claims());
        assert_eq!(
            cause(issuer.verify(&token, at(0))),
            Cause::SigningKey,
            "{kid:?}"
        );
    }
}

#[test]
fn an_unknown_critical_extension_is_refused() {
    let header = Header {
        crit: Some(vec!["b64".to_owned()]),
        ..Header::new(Algorithm::HS256)
    };
    let token = jsonwebtoken::encode(&header, &claims(), &shared().key).unwrap();
    assert_eq!(cause(hs256().verify(&token, at(0))), Cause::Critical);
}

#[test]
fn times_are_checked_against_the_clock_passed_in() {
    let issuer = hs256();
    let token = shared().sign(&claims());
    for (seconds, expected) in [
        (-631, Err(AuthError::NotYetValid)),
        (-630, Ok(())),
        (0, Ok(())),
        (629, Ok(())),
        (630, Err(AuthError::Expired)),
        (1_000_000, Err(AuthError::Expired)),
    ] {
        assert_eq!(
            issuer.verify(&token, at(seconds)).map(drop),
            expected,
            "{seconds} s after noon"
        );
    }
    let timeless = shared().sign(&claims_with(&json!({"nbf": null})));
    assert!(issuer.verify(&timeless, at(-1_000_000)).is_ok());
}

#[test]
fn each_missing_or_wrong_claim_is_refused() {
    let cases = [
        (json!({"iss": null}), Cause::Claim),
        (json!({"iss": "https://login.example/other"}), Cause::Issuer),
        (json!({"iss": [ISSUER]}), Cause::Issuer),
        (json!({"aud": null}), Cause::Claim),
        (json!({"aud": "other"}), Cause::Audience),
        (json!({"aud": ["other", "another"]}), Cause::Audience),
        (json!({"aud": []}), Cause::Audience),
        (json!({"aud": 7}), Cause::Claim),
        (json!({"exp": null}), Cause::Claim),
        (json!({"exp": "soon"}), Cause::Claim),
        (json!({"exp": -1}), Cause::Claim),
        (json!({"nbf": "now"}), Cause::Claim),
        (json!({"sub": null}), Cause::Claim),
        (json!({"sub": ""}), Cause::Claim),
        (json!({"sub": 17}), Cause::Claim),
        (json!({"tenant": null}), Cause::Claim),
        (json!({"tenant": ["aurora-bank"]}), Cause::Claim),
        (json!({"tenant": "Aurora Bank"}), Cause::Tenant),
        (json!({"tenant": "a_b"}), Cause::Tenant),
    ];
    let issuer = hs256();
    for (change, expected) in cases {
        let token = shared().sign(&claims_with(&change));
        assert_eq!(cause(issuer.verify(&token, at(0))), expected, "{change}");
    }
    let listed = shared().sign(&claims_with(&json!({"aud": ["other", "moegate"]})));
    assert!(issuer.verify(&listed, at(0)).is_ok());
}

#[test]
fn an_issuer_speaks_for_its_tenants_only() {
    let folder = Folder::new();
    let mut config = folder.shared_issuer();
    config.tenants = Some([tenant("lexwell")].into());
    let issuer = JwtIssuer::new(config).unwrap();
    assert_eq!(
        cause(issuer.verify(&shared().sign(&claims()), at(0))),
        Cause::Tenant
    );
    let token = shared().sign(&claims_with(&json!({"tenant": "lexwell"})));
    assert!(issuer.verify(&token, at(0)).is_ok());
}

#[test]
fn roles_come_from_claims_under_our_names_or_mapped_ones() {
    let roles = |issuer: &JwtIssuer, claim| {
        let token = shared().sign(&claims_with(&json!({"roles": claim})));
        issuer.verify(&token, at(0)).unwrap().roles
    };
    let plain = hs256();
    assert_eq!(
        roles(&plain, json!(["finance", "chess-club"])),
        Roles::USER.with(Role::Finance)
    );
    assert_eq!(
        roles(&plain, json!("admin partner")).to_string(),
        "user,partner,admin"
    );
    assert_eq!(roles(&plain, json!({"admin": true})), Roles::USER);
    let folder = Folder::new();
    let mut config = folder.shared_issuer();
    config.role_names = [("grp-7".to_owned(), Role::Finance)].into();
    let mapped = JwtIssuer::new(config).unwrap();
    assert_eq!(
        roles(&mapped, json!(["grp-7", "admin"])),
        Roles::USER.with(Role::Finance)
    );
}

#[test]
fn a_subject_is_a_stable_name_that_hides_the_person() {
    let of = |sub: &str| {
        let token = shared().sign(&claims_with(&json!({"sub": sub})));
        hs256().verify(&token, at(0)).unwrap().subject
    };
    assert_eq!(
        of("Ada Lovelace <ada@example>"),
        of("Ada Lovelace <ada@example>")
    );
    assert_ne!(of("a"), of("b"));
    assert!(of("a").as_str().starts_with("jwt-"));
    assert_eq!(of("a").as_str().len(), 36);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused() {
    let folder = Folder::new();
    let refused = |config| JwtIssuer::new(config).unwrap_err().to_string();
    let short = folder.path("short");
    std::fs::write(&short, &SECRET[..31]).unwrap();
    for (rest, expected) in [
        ("algorithm = \"HS256\"".to_owned(), "secret"),
        (
            format!("algorithm = \"HS256\"\nsecret = {{ file = {short:?} }}"),
            "32 bytes",
        ),
        (
            "algorithm = \"HS256\"\njwks_file = \"x\"".to_owned(),
            "jwks_file",
        ),
        ("algorithm = \"RS256\"".to_owned(), "jwks_file"),
        (
            "algorithm = \"RS256\"\njwks_file = \"/nowhere/x\"".to_owned(),
            "/nowhere/x",
        ),
        (
            "algorithm = \"EdDSA\"\nsecret = { env = \"X\" }".to_owned(),
            "shared secret",
        ),
        (
            "algorithm = \"RS256\"\nleeway_seconds = 301".to_owned(),
            "leeway_seconds",
        ),
        (
            "algorithm = \"RS256\"\ntenant_claim = \"\"".to_owned(),
            "tenant_claim",
        ),
    ] {
        let error = refused(issuer(&rest));
        assert!(
            error.contains(expected) && error.contains(ISSUER),
            "{rest}: {error}"
        );
    }
    for text in [
        "algorithm = \"none\"",
        "algorithm = \"HS512\"",
        "algorithm = \"HS256\"\nx = 1",
    ] {
        let whole = format!("issuer = \"i\"\naudience = \"a\"\n{text}");
        assert!(toml::from_str::<JwtIssuerConfig>(&whole).is_err(), "{text}");
    }
}
