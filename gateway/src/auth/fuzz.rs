//! Whatever bytes the headers hold: an answer, never a panic, never a principal that nobody vouched for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue};
use openai_api::ApiError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::{Folder, at, bearer, claims, config, edwards, shared, tenant, tenants};
use super::*;

struct Door {
    authenticator: Authenticator,
    key: String,
    token: String,
    signed: String,
    _folder: Folder,
}

/// A gateway with one good key, one good shared-secret token and one good public-key token.
fn door() -> Door {
    let folder = Folder::new();
    let signer = edwards("ed-1");
    let mut public = folder.public_issuer("EdDSA", &[signer.jwk()]);
    public.issuer = "https://other.example".to_owned();
    let issuers = config(vec![folder.shared_issuer(), public]);
    let authenticator = Authenticator::new(&issuers, tenants()).unwrap();
    let key = ApiKey::generate(&tenant("lexwell")).unwrap();
    let record = KeyRecord::new(new_key_id().unwrap(), tenant("lexwell"), at(0));
    authenticator.replace_keys(vec![(key.hash(), record)]);
    let mut other = claims();
    other["iss"] = json!("https://other.example");
    Door {
        authenticator,
        key: key.expose().to_owned(),
        token: shared().sign(&claims()),
        signed: signer.sign(&other),
        _folder: folder,
    }
}

impl Door {
    fn good(&self) -> [&str; 3] {
        [&self.key, &self.token, &self.signed]
    }

    /// Refused, with an answer that a client can be given and that holds nothing of what was sent.
    fn refuses(&self, headers: &HeaderMap, sent: &str) -> Result<(), TestCaseError> {
        let answer = self.authenticator.authenticate(headers, at(0));
        prop_assert!(answer.is_err(), "let in: {answer:?}");
        if let Err(error) = answer {
            let answer = ApiError::from(error);
            prop_assert_eq!(answer.status, 401);
            let body = String::from_utf8(answer.to_json()).unwrap();
            prop_assert!(sent.len() < 20 || !body.contains(sent));
        }
        Ok(())
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("moegate")),
        Just(json!("aurora-bank")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

#[test]
fn the_door_opens_to_what_it_should() {
    let door = door();
    for credential in door.good() {
        assert!(
            door.authenticator
                .authenticate(&bearer(credential), at(0))
                .is_ok()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_of_the_headers(
        pairs in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..4),
    ) {
        let door = door();
        let mut headers = HeaderMap::new();
        for (bearer, bytes) in &pairs {
            let name = if *bearer { "authorization" } else { "x-api-key" };
            let value = HeaderValue::from_bytes(bytes);
            if let Ok(value) = value {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        door.refuses(&headers, "")?;
    }

    #[test]
    fn any_text_after_a_true_beginning(
        beginning in prop_oneof![
            Just("mg_"), Just("mg_lexwell_"), Just("mg_lexwell"), Just("eyJhbGciOiJub25lIn0."), Just("e30."), Just(""),
        ],
        rest in "[A-Za-z0-9._~+/=-]{0,120}",
    ) {
        let text = format!("{beginning}{rest}");
        door().refuses(&bearer(&text), &text)?;
    }

    #[test]
    fn a_good_credential_with_one_byte_changed(
        which in 0_usize..3,
        place in any::<prop::sample::Index>(),
        byte in "[A-Za-z0-9._~+/=-]",
    ) {
        let door = door();
        let good = door.good()[which];
        let place = place.index(good.len());
        let mut changed = good.to_owned();
        changed.replace_range(place..=place, &byte);
        prop_assume!(changed != good);
        door.refuses(&bearer(&changed), &changed)?;
    }

    #[test]
    fn a_good_credential_cut_or_grown(
        which in 0_usize..3,
        place in any::<prop::sample::Index>(),
        more in "[A-Za-z0-9._=-]{1,9}",
    ) {
        let door = door();
        let good = door.good()[which];
        door.refuses(&bearer(&good[..place.index(good.len())]), "")?;
        door.refuses(&bearer(&format!("{good}{more}")), "")?;
    }

    /// Signed by the right secret, but saying anything: only the claims decide, and wrong ones never panic.
    #[test]
    fn any_claims_under_a_good_signature(
        name in prop_oneof![
            Just("iss"), Just("aud"), Just("exp"), Just("nbf"), Just("sub"), Just("tenant"), Just("roles"),
        ],
        value in any_json(),
    ) {
        let door = door();
        let mut claims = claims();
        claims[name] = value.clone();
        let token = shared().sign(&claims);
        let answer = door.authenticator.authenticate(&bearer(&token), at(0));
        if let Ok(principal) = answer {
            prop_assert!(tenants().contains_key(&principal.tenant));
            prop_assert!(["aud", "exp", "nbf", "sub", "tenant", "roles"].contains(&name));
            let aud = ["moegate"].map(Value::from);
            prop_assert!(name != "aud" || value == "moegate" || value.as_array().is_some_and(|many| many.contains(&aud[0])));
        }
    }

    /// Any header and any claims, unsigned or signed with noise.
    #[test]
    fn any_json_in_the_parts_of_a_token(
        header in any_json(),
        body in any_json(),
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let door = door();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let noise = URL_SAFE_NO_PAD.encode(&signature);
        let token = format!("{}.{}.{noise}", part(&header), part(&body));
        door.refuses(&bearer(&token), &token)?;
        let mut header = json!({"alg": "HS256", "extra": header});
        let token = format!("{}.{}.{noise}", part(&header), part(&claims()));
        door.refuses(&bearer(&token), &token)?;
        header["kid"] = body;
        header["alg"] = json!("EdDSA");
        let token = format!("{}.{}.{noise}", part(&header), part(&claims()));
        door.refuses(&bearer(&token), &token)?;
    }
}
