use serde_json::json;

use crate::auth::fixture::{Folder, NOON, Signer, at, claims, edwards, elliptic};
use crate::auth::{AuthError, Cause, JwtConfigError, JwtIssuer};

#[test]
fn a_changed_key_set_is_read_again_and_a_broken_one_is_not() {
    let (old, new) = (edwards("ed-1"), edwards("ed-2"));
    let folder = Folder::new();
    let issuer = JwtIssuer::new(folder.public_issuer("EdDSA", &[old.jwk()])).unwrap();
    let (by_old, by_new) = (old.sign(&claims()), new.sign(&claims()));
    assert!(!issuer.refresh_if_due(at(0)).unwrap());
    assert!(issuer.verify(&by_old, at(0)).is_ok());

    folder.key_set(&[
        new.jwk(),
        elliptic("ec").jwk(),
        json!({"kty": "oct", "k": "AA", "kid": "o"}),
    ]);
    touch(&folder, 1);
    assert!(
        !issuer.refresh_if_due(at(0)).unwrap(),
        "looked at this second already"
    );
    assert_eq!(
        issuer.verify(&by_new, at(0)),
        Err(AuthError::Invalid(Cause::SigningKey))
    );
    assert!(issuer.refresh_if_due(at(1)).unwrap());
    assert!(issuer.verify(&by_new, at(1)).is_ok());
    assert_eq!(
        issuer.verify(&by_old, at(1)),
        Err(AuthError::Invalid(Cause::SigningKey))
    );

    std::fs::write(folder.path("jwks.json"), "{\"keys\": [").unwrap();
    touch(&folder, 2);
    assert!(issuer.refresh().is_err());
    assert!(
        issuer.refresh().is_err(),
        "it is said again until it is mended"
    );
    assert!(
        issuer.verify(&by_new, at(2)).is_ok(),
        "the last good keys stay"
    );
    std::fs::remove_file(folder.path("jwks.json")).unwrap();
    assert!(issuer.refresh().is_err());
    assert!(issuer.verify(&by_new, at(3)).is_ok());
}

fn touch(folder: &Folder, seconds: u64) {
    let file = std::fs::File::options()
        .append(true)
        .open(folder.path("jwks.json"))
        .unwrap();
    let base = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOON.unsigned_abs());
    file.set_modified(base + std::time::Duration::from_secs(seconds))
        .unwrap();
}

#[test]
fn a_key_set_without_a_usable_key_is_refused() {
    let folder = Folder::new();
    let signer = edwards("ed-1");
    let mut encryption = signer.jwk();
    encryption["use"] = json!("enc");
    // Without its `alg`, only the kind of the key says what it may verify.
    let mut other_kind = elliptic("ec").jwk();
    other_kind.as_object_mut().unwrap().remove("alg");
    let shared = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "o"});
    let nameless = Signer {
        kid: None,
        ..edwards("x")
    }
    .jwk();
    for keys in [
        vec![],
        vec![encryption],
        vec![nameless],
        vec![elliptic("ec").jwk()],
        vec![other_kind],
        vec![shared],
        vec![signer.jwk(), signer.jwk()],
    ] {
        let refused = JwtIssuer::new(folder.public_issuer("EdDSA", &keys));
        assert!(
            matches!(refused, Err(JwtConfigError::Jwks { .. })),
            "{keys:?}"
        );
    }
}
