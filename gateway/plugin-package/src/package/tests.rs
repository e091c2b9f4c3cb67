use super::*;

const MANIFEST_TEXT: &str = "[plugin]\nname = \"acme/echo\"\nversion = \"1.0.0\"\npublisher = \"acme-1\"\nkind = \"expert\"\n\
    wit = \"0.1\"\nlicense = \"MIT\"\ndescription = \"Echoes.\"\n";

fn component(salt: &str) -> Vec<u8> {
    let text = format!(
        "(component (instance $i) (export \"moegate:plugin/expert-api@0.1.0\" (instance $i)) (core module (@custom \"salt\" \"{salt}\")))"
    );
    wat::parse_str(text).unwrap()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(MANIFEST), MANIFEST_TEXT).unwrap();
    std::fs::write(dir.path().join(COMPONENT), component("a")).unwrap();
    dir
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

fn trust(key: &KeyPair) -> TrustStore {
    TrustStore {
        keys: vec![crate::TrustedKey {
            id: key.id().to_owned(),
            public: key.public(),
            namespaces: vec!["acme".to_owned()],
            not_before: None,
            not_after: None,
        }],
        ..TrustStore::default()
    }
}

fn signed() -> (Package, KeyPair, TrustStore) {
    let key = KeyPair::generate("acme-1").unwrap();
    let mut package = Package::read(folder().path()).unwrap();
    package.sign(&key).unwrap();
    let trust = trust(&key);
    (package, key, trust)
}

/// The package with one of its files changed.
fn changed(package: &Package, name: &str, bytes: Vec<u8>) -> Result<Package, PackageError> {
    let mut files = package.files.clone();
    files.insert(name.to_owned(), bytes);
    Package::of(files)
}

#[test]
fn what_is_signed_by_a_trusted_key_counts() {
    let (package, _, trust) = signed();
    package.verify(&trust, now()).unwrap();
    let again = Package::open(&package.pack().unwrap()).unwrap();
    again.verify(&trust, now()).unwrap();
    assert_eq!(again.digest().unwrap(), package.digest().unwrap());
}

#[test]
fn everything_else_is_refused_by_name() {
    let (package, key, trust) = signed();
    let why = |package: &Package, trust: &TrustStore| {
        package.verify(trust, now()).unwrap_err().to_string()
    };
    // An empty store trusts nobody.
    assert!(why(&package, &TrustStore::default()).contains("does not trust"));
    // A component that was swapped, a manifest that was forged.
    let swapped = changed(&package, COMPONENT, component("b")).unwrap();
    assert!(why(&swapped, &trust).contains("does not fit"));
    let forged = format!("{MANIFEST_TEXT}[capabilities]\noutput = true\n");
    let forged = changed(&package, MANIFEST, forged.into_bytes()).unwrap();
    assert!(why(&forged, &trust).contains("does not fit"));
    let examples: String = (0..50)
        .map(|n| format!("{{\"prompt\": \"{n}\", \"accepted\": true}}\n"))
        .collect();
    let placed = changed(&package, CALIBRATION, examples.into_bytes()).unwrap();
    assert!(why(&placed, &trust).contains("does not fit"));
    // No signature, one of another algorithm, one of another key under the same name.
    let mut files = package.files.clone();
    files.remove(SIGNATURE);
    assert!(why(&Package::of(files).unwrap(), &trust).contains("not signed"));
    let weaker = key
        .sign(&package.statement())
        .text()
        .replace("ed25519", "none");
    let weaker = changed(&package, SIGNATURE, weaker.into_bytes())
        .unwrap_err()
        .to_string();
    assert!(weaker.contains("ed25519"), "{weaker}");
    let mut other = package.clone();
    other.sign(&KeyPair::generate("acme-1").unwrap()).unwrap();
    assert!(why(&other, &trust).contains("does not fit"));
    // Revoked, expired, out of its namespace.
    let with = |change: &dyn Fn(&mut TrustStore)| {
        let mut store = trust.clone();
        change(&mut store);
        store
    };
    let revoked = with(&|store| store.revoked_keys.push("acme-1".to_owned()));
    assert!(why(&package, &revoked).contains("revoked"));
    let digest = hex::encode(package.digest().unwrap());
    let revoked = with(&|store| store.revoked_packages.push(digest.clone()));
    assert!(why(&package, &revoked).contains("revoked"));
    let expired = with(&|store| store.keys[0].not_after = Some("2026-01-01T00:00:00Z".to_owned()));
    assert!(why(&package, &expired).contains("not valid today"));
    let early = with(&|store| store.keys[0].not_before = Some("2030-01-01T00:00:00Z".to_owned()));
    assert!(why(&package, &early).contains("not valid today"));
    let elsewhere = with(&|store| store.keys[0].namespaces = vec!["other".to_owned()]);
    assert!(why(&package, &elsewhere).contains("namespace"));
    let weak = with(&|store| store.keys[0].public = "00".repeat(32));
    package.verify(&weak, now()).unwrap_err();
    // A publisher signs with the key that the manifest names.
    let mut package = package;
    let stranger = package
        .sign(&KeyPair::generate("mallory").unwrap())
        .unwrap_err()
        .to_string();
    assert!(stranger.contains("mallory"), "{stranger}");
}

#[test]
fn files_that_do_not_belong_are_refused() {
    let (package, ..) = signed();
    let strange = changed(&package, "run.sh", Vec::new())
        .unwrap_err()
        .to_string();
    assert!(strange.contains("run.sh"), "{strange}");
    let few = changed(
        &package,
        CALIBRATION,
        b"{\"prompt\": \"a\", \"accepted\": true}\n".to_vec(),
    )
    .unwrap_err()
    .to_string();
    assert!(few.contains("expected 50"), "{few}");
    let broken = changed(&package, CALIBRATION, b"{\"prompt\": 5}\n".to_vec())
        .unwrap_err()
        .to_string();
    assert!(broken.contains("line 1"), "{broken}");
}

#[test]
fn keys_are_for_their_owner_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.toml");
    let key = KeyPair::generate("acme-1").unwrap();
    key.save(&path).unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(KeyPair::load(&path).unwrap().public(), key.public());
    assert!(key.save(&path).is_err(), "a key is never overwritten");
}
