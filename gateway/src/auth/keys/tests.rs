use std::collections::HashSet;

use super::*;
use crate::auth::fixture::{at, tenant};

fn stored(name: &str) -> (ApiKey, KeyRecord) {
    let key = ApiKey::generate(&tenant(name)).unwrap();
    let record = KeyRecord::new(new_key_id().unwrap(), tenant(name), at(0));
    (key, record)
}

fn table(key: &ApiKey, record: &KeyRecord) -> KeyTable {
    let table = KeyTable::default();
    assert!(table.replace(vec![(key.hash(), record.clone())]));
    table
}

fn find(table: &KeyTable, text: &str, now: Timestamp) -> Result<Arc<KeyRecord>, AuthError> {
    table.find(text, &KeyHash::of(text), now)
}

#[test]
fn a_key_is_prefix_tenant_and_43_characters() {
    let mut seen = HashSet::new();
    let mut letters = HashSet::new();
    for _ in 0..500 {
        let key = ApiKey::generate(&tenant("aurora-bank")).unwrap();
        let secret = key.expose().strip_prefix("mg_aurora-bank_").unwrap();
        assert_eq!(secret.len(), 43);
        assert_eq!(tenant_part(key.expose()), Some("aurora-bank"));
        letters.extend(secret.bytes());
        assert!(seen.insert(secret.to_owned()), "the same secret twice");
    }
    // 21 500 characters: that any of the 62 is missing has a chance below 1e-148.
    assert_eq!(letters, ALPHABET.iter().copied().collect());
}

#[test]
fn nothing_prints_the_secret() {
    let (key, record) = stored("lexwell");
    let secret = key.expose().rsplit('_').next().unwrap();
    let shown = format!(
        "{key:?} {record:?} {:?} {:?}",
        key.hash(),
        table(&key, &record)
    );
    assert!(!shown.contains(secret), "{shown}");
    assert!(!shown.contains(&hex(key.hash())), "{shown}");
}

fn hex(hash: KeyHash) -> String {
    hash.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_hash_is_sha256_of_the_whole_text() {
    // printf 'abc' | sha256sum
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(KeyHash::of("abc")), expected);
    assert_eq!(
        KeyHash::from_bytes(*KeyHash::of("abc").as_bytes()),
        KeyHash::of("abc")
    );
}

#[test]
fn a_good_key_is_found() {
    let (key, record) = stored("lexwell");
    let found = find(&table(&key, &record), key.expose(), at(0)).unwrap();
    assert_eq!(*found, record);
}

#[test]
fn an_unknown_key_and_a_foreign_tenant_are_the_same_error() {
    let (key, record) = stored("lexwell");
    let table = table(&key, &record);
    let unknown = ApiKey::generate(&tenant("lexwell")).unwrap();
    let foreign = key.expose().replace("lexwell", "aurora-bank");
    let error = find(&table, unknown.expose(), at(0)).unwrap_err();
    assert_eq!(error, AuthError::Invalid(Cause::UnknownKey));
    assert_eq!(find(&table, &foreign, at(0)), Err(error));
}

#[test]
fn a_record_of_another_tenant_under_the_right_hash_is_refused() {
    let (key, mut record) = stored("lexwell");
    record.tenant = tenant("aurora-bank");
    let error = find(&table(&key, &record), key.expose(), at(0)).unwrap_err();
    assert_eq!(error, AuthError::Invalid(Cause::UnknownKey));
}

#[test]
fn a_malformed_key_is_refused_by_its_shape() {
    let (key, record) = stored("lexwell");
    let table = table(&key, &record);
    let long = format!("{}x", key.expose());
    let short = &key.expose()[..key.expose().len() - 1];
    for text in [
        "mg_",
        "mg__",
        "mg_lexwell",
        "mg_lexwell_",
        "mg_lexwell_abc",
        &long,
        short,
    ] {
        let error = find(&table, text, at(0)).unwrap_err();
        assert_eq!(error, AuthError::Invalid(Cause::Shape), "{text}");
    }
}

#[test]
fn expiry_and_revocation_begin_at_their_instant() {
    let (key, mut record) = stored("lexwell");
    record.expires = Some(at(10));
    let expiring = table(&key, &record);
    assert!(find(&expiring, key.expose(), at(9)).is_ok());
    assert_eq!(
        find(&expiring, key.expose(), at(10)),
        Err(AuthError::Expired)
    );

    record.expires = None;
    let revocable = table(&key, &record);
    assert!(
        !revocable.revoke(&tenant("aurora-bank"), &record.id, at(5)),
        "another tenant's word"
    );
    assert!(revocable.revoke(&record.tenant, &record.id, at(5)));
    assert!(find(&revocable, key.expose(), at(4)).is_ok());
    assert_eq!(
        find(&revocable, key.expose(), at(5)),
        Err(AuthError::Revoked)
    );
}

#[test]
fn an_older_copy_of_the_store_does_not_undo_a_revocation() {
    let (key, record) = stored("lexwell");
    let table = table(&key, &record);
    table.revoke(&record.tenant, &record.id, at(5));
    assert!(
        !table.replace(vec![(key.hash(), record.clone())]),
        "nothing changed"
    );
    assert_eq!(find(&table, key.expose(), at(6)), Err(AuthError::Revoked));
    table.insert(key.hash(), &record);
    assert_eq!(find(&table, key.expose(), at(6)), Err(AuthError::Revoked));
}

#[test]
fn replacing_says_whether_anything_changed() {
    let (key, record) = stored("lexwell");
    let table = table(&key, &record);
    assert!(!table.replace(vec![(key.hash(), record)]));
    assert!(table.replace(Vec::new()));
    assert_eq!(table.len(), 0);
    assert!(find(&table, key.expose(), at(0)).is_err());
}

#[test]
fn new_key_ids_are_names_and_differ() {
    let ids: HashSet<KeyId> = (0..200).map(|_| new_key_id().unwrap()).collect();
    assert_eq!(ids.len(), 200);
}
