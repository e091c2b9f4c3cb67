//! Publishing and installing through every kind of registry, as an author and a tenant do it.

use tests::container_registry::ContainerRegistry;
use tests::object_store::S3;
use tests::publisher::{GRANTS, path};

use super::*;

/// `user`, whose password is `a password of the test`.
const USERS: &str = "user:$2b$05$Tg/JjTNPGBTKSziF6z8e9O8hlEjFUOCQnNbGPLSyIY3aKht5G/acG\n";

fn publish<'a>(folder: &'a str, address: &'a str) -> [&'a str; 5] {
    ["plugin", "publish", folder, "--registry", address]
}

fn install_from<'a>(address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["plugin", "install", "acme/driver", "--tenant", "a"];
    words.extend(["--registry", address]);
    words.extend(more);
    for grant in GRANTS {
        words.extend(["--grant", grant]);
    }
    words
}

/// What every registry does: keeps versions, refuses to change one, gives the newest, and says what it has not.
fn holds(address: &str, environment: Vec<(String, String)>) {
    let mock = Mock::start(&[]);
    let system = System::start(&Setup {
        config: format!("{RATES}{}{TENANTS}", mock.remote("mock")),
        environment,
        ..Setup::default()
    });
    let key = system.key("a", &[]);
    let publisher = Publisher::new(&system, "acme-1");
    publisher.trusted_by(&system, "a", "acme");
    let nothing = system.refused(&install_from(address, &[]));
    assert!(
        nothing.contains("nobody has published acme/driver"),
        "{nothing}"
    );
    let mut last = std::path::PathBuf::new();
    for version in ["1.0.0", "1.10.0", "1.9.0", "1.9.1+build.5"] {
        last = publisher.folder(&driver(version));
        publisher.sign(&system, &last);
        let said = system.told(&publish(path(&last), address));
        assert!(said.contains("sha256"), "{said}");
    }
    system.told(&publish(path(&last), address));
    std::fs::write(last.join("README.md"), "other bytes").unwrap();
    let taken = system.refused(&publish(path(&last), address));
    assert!(taken.contains("is published already"), "{taken}");
    let gone = system.refused(&install_from(address, &["--version", "2.0.0"]));
    assert!(
        gone.contains("nobody has published acme/driver 2.0.0"),
        "{gone}"
    );
    let said = system.told(&install_from(address, &[]));
    assert!(
        said.contains("acme/driver 1.10.0 is installed"),
        "the newest, not the last by letters: {said}"
    );
    wait_model(&system, &key, "acme.driver", true);
    let reply = act(&system, &key, &json!({"do": "context"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = system.told(&install_from(address, &["--version", "1.9.1+build.5"]));
    assert!(said.contains("1.9.1+build.5 is installed"), "{said}");
}

#[test]
fn a_folder_is_a_registry() {
    let dir = tempfile::tempdir().unwrap();
    holds(path(&dir.path().join("registry")), Vec::new());
}

#[test]
fn an_object_store_is_a_registry() {
    let dir = tempfile::tempdir().unwrap();
    holds(&format!("file://{}", path(dir.path())), Vec::new());
}

#[test]
fn s3_is_a_registry() {
    let Some(store) = S3::start("plugins") else {
        return;
    };
    holds("s3://plugins/of/partners", store.environment());
}

#[test]
fn a_container_registry_is_a_registry() {
    let Some(registry) = ContainerRegistry::start("") else {
        return;
    };
    let address = format!("oci://{}/partners/plugins", registry.address());
    holds(&address, Vec::new());
}

#[test]
fn a_container_registry_asks_who_it_is() {
    let Some(registry) = ContainerRegistry::start(USERS) else {
        return;
    };
    let mock = Mock::start(&[]);
    let setup = |password: &str| Setup {
        config: format!("{RATES}{}{TENANTS}", mock.remote("mock")),
        environment: vec![
            ("MOEGATE_REGISTRY_USER".to_owned(), "user".to_owned()),
            ("MOEGATE_REGISTRY_PASSWORD".to_owned(), password.to_owned()),
        ],
        ..Setup::default()
    };
    let address = format!("oci://{}", registry.address());
    for (password, is_right) in [
        ("another password", false),
        ("a password of the test", true),
    ] {
        let system = System::start(&setup(password));
        let publisher = Publisher::new(&system, "acme-1");
        let folder = publisher.folder(&driver("1.0.0"));
        publisher.sign(&system, &folder);
        let said = system.command(&publish(path(&folder), &address));
        let (out, err) = (
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr),
        );
        assert_eq!(said.status.success(), is_right, "{out}{err}");
        assert!(!format!("{out}{err}").contains(password), "{out}{err}");
    }
}

#[test]
fn what_is_no_registry_is_refused() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let publisher = Publisher::new(&system, "acme-1");
    let folder = publisher.folder(&driver("1.0.0"));
    publisher.sign(&system, &folder);
    for (address, why) in [
        ("https://example.com/plugins", "s3://"),
        ("oci://", "oci://host"),
        ("oci://UPPER_case host/x", "oci"),
        ("oci://127.0.0.1:9/x", "127.0.0.1:9"),
    ] {
        let said = system.refused(&publish(path(&folder), address));
        assert!(said.contains(why), "{address}: {said}");
    }
}
