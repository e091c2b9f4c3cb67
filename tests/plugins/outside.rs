//! Servers, secrets and documents: what a plugin can reach, and what it cannot.

use super::*;
use tests::publisher::path;

#[test]
fn no_plugin_reaches_where_it_should_not() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = Publisher::new(&system, "acme-1");
    // Even a manifest that names them opens no private address.
    let inward = "[capabilities]\nhttp = { hosts = [\"https://api.acme.com\", \"https://127.0.0.1\", \"https://localhost\", \"https://169.254.169.254\", \"https://[::1]\", \"https://10.0.0.1\"] }\n\
        secrets = { crm = { hosts = [\"https://api.acme.com\"] } }\n[limits]\ncpu-ms = 200\n";
    let more = inward.replace("[capabilities]\n", "[capabilities]\ninfer = { experts = [\"*\"], max-depth = 2 }\noutput = true\nkv = { keys = 10, bytes = 10000 }\nretrieve = { collections = [\"handbook\"] }\ntools = [\"crm.*\"]\n");
    publisher.publish(
        &system,
        &Made {
            more: &more,
            ..driver("1.0.0")
        },
    );
    publisher.trusted_by(&system, "a", "acme");
    let said = system.told_with(
        &["plugin", "secret", "set", "crm", "--tenant", "a"],
        "a-secret-of-the-tenant\n",
    );
    assert!(!said.contains("a-secret"), "{said}");
    install(&system, "acme/driver", "1.0.0", "a");
    wait_model(&system, &a, "acme.driver", true);
    for url in [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "http://api.acme.com/",
        "https://evil.example/",
        "https://api.acme.com@evil.example/",
        "https://api.acme.com:8443/",
        "file:///etc/passwd",
        "https://0x7f000001/",
    ] {
        let reply = act(&system, &a, &json!({"do": "http", "url": url}));
        let code = code(&reply).1;
        assert!(
            ["denied", "invalid"].contains(&code.as_str()),
            "{url}: {}",
            reply.text()
        );
    }
    let injected = act(
        &system,
        &a,
        &json!({"do": "http", "url": "https://api.acme.com/", "headers": [["x", "a\r\nhost: evil"]]}),
    );
    assert_eq!(code(&injected).1, "invalid", "{}", injected.text());
    // A placeholder is all a guest ever sees, and it opens nothing anywhere else.
    for by in ["answer", "error"] {
        let reply = act(
            &system,
            &a,
            &json!({"do": "secret", "name": "crm", "by": by}),
        );
        assert!(reply.text().contains("{{secret:crm:"), "{}", reply.text());
        assert!(!reply.text().contains("a-secret-of"), "{}", reply.text());
    }
    let unknown = act(
        &system,
        &a,
        &json!({"do": "secret", "name": "other", "by": "answer"}),
    );
    assert_eq!(code(&unknown).1, "denied", "{}", unknown.text());
    for place in [
        json!({"url": "https://api.acme.com/{crm}"}),
        json!({"url": "https://api.acme.com/", "method": "POST", "body": "{crm}"}),
    ] {
        let mut what = json!({"do": "http", "secrets": ["crm"]});
        for (name, value) in place.as_object().unwrap() {
            what[name] = value.clone();
        }
        assert_eq!(code(&act(&system, &a, &what)).1, "denied", "{what}");
    }
    assert!(!system.log().contains("a-secret-of"));
}

#[test]
fn a_secret_is_in_use_once_it_is_set_and_until_it_is_removed() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = with_driver(&system, &["a"]);
    let _kept = publisher;
    wait_model(&system, &a, "acme.driver", true);
    let known = || {
        let what = json!({"do": "secret", "name": "crm", "by": "answer"});
        act(&system, &a, &what).text().contains("{{secret:crm:")
    };
    assert!(!known(), "nobody has set it");
    let command = |what: &'static str| ["plugin", "secret", what, "crm", "--tenant", "a"];
    for short in ["", "short", "two\nlines of it"] {
        let why = system.refused_with(&command("set"), short);
        assert!(why.contains("value"), "{why}");
    }
    system.told_with(&command("set"), "a-secret-of-the-tenant\n");
    system.wait("it is in use", known);
    let listed = system.told(&["plugin", "secret", "list", "--tenant", "a"]);
    assert_eq!(listed, "crm");
    let file = system.dir().join("var/plugins/secrets/a.toml");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    system.told(&command("remove"));
    system.wait("it is gone", || !known());
    let again = system.refused(&command("remove"));
    assert!(again.contains("no secret crm"), "{again}");
    let strange = system.refused(&["plugin", "secret", "list", "--tenant", "nobody"]);
    assert!(strange.contains("no tenant nobody"), "{strange}");
}

#[test]
fn a_document_never_leaves_its_tenant() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    let publisher = with_driver(&system, &["a", "b"]);
    let _kept = publisher;
    let file = system.dir().join("travel.txt");
    std::fs::write(
        &file,
        "Flights above six hundred euros need an approval.\n\nTrains never do.",
    )
    .unwrap();
    let add = |tenant: &str, collection: &str| {
        system.told(&[
            "docs",
            "add",
            "--tenant",
            tenant,
            "--collection",
            collection,
            path(&file),
        ]);
    };
    add("a", "handbook");
    add("b", "other");
    for key in [&a, &b] {
        wait_model(&system, key, "acme.driver", true);
    }
    let search = |key: &str| {
        content(&act(
            &system,
            key,
            &json!({"do": "retrieve", "query": "approval of flights", "filter": ""}),
        ))
    };
    assert!(search(&a).contains("six hundred euros"), "{}", search(&a));
    assert_eq!(
        search(&b),
        "",
        "B's manifest names `handbook`, where B has nothing"
    );
    assert!(
        system
            .told(&["docs", "list", "--tenant", "a", "--collection", "handbook"])
            .contains("travel.txt")
    );
    system.told(&[
        "docs",
        "remove",
        "--tenant",
        "a",
        "--collection",
        "handbook",
        "travel.txt",
    ]);
    assert_eq!(search(&a), "");
    let wrong = system.refused(&[
        "docs",
        "add",
        "--tenant",
        "a",
        "--collection",
        "../b",
        path(&file),
    ]);
    assert!(wrong.contains("a collection's name"), "{wrong}");
}

#[test]
fn tools_are_the_tenants_own_and_granted_by_name() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    let tools = system.dir().join("var/plugins/tools");
    std::fs::create_dir_all(&tools).unwrap();
    let function = |name: &str| {
        format!(
            "[[functions]]\nname = \"{name}\"\ndescription = \"Finds a customer\"\nmethod = \"GET\"\n\
             url = \"https://127.0.0.1/c/{{id}}\"\n[functions.schema]\ntype = \"object\"\nrequired = [\"id\"]\n"
        )
    };
    std::fs::write(
        tools.join("a.toml"),
        format!("{}{}", function("crm.get"), function("erp.get")),
    )
    .unwrap();
    let _publisher = with_driver(&system, &["a", "b"]);
    for key in [&a, &b] {
        wait_model(&system, key, "acme.driver", true);
    }
    // The manifest asks for `crm.*`, and B has no tools at all.
    assert_eq!(
        content(&act(&system, &a, &json!({"do": "tools"}))),
        "crm.get"
    );
    assert_eq!(content(&act(&system, &b, &json!({"do": "tools"}))), "");
    let call = |key: &str, name: &str, arguments: &str| {
        code(&act(
            &system,
            key,
            &json!({"do": "tool", "name": name, "arguments": arguments}),
        ))
        .1
    };
    assert_eq!(call(&a, "erp.get", "{\"id\": 1}"), "denied");
    assert_eq!(call(&b, "crm.get", "{\"id\": 1}"), "denied");
    assert_eq!(call(&a, "crm.get", "{}"), "invalid");
    // A tool reaches no private address either.
    assert_eq!(call(&a, "crm.get", "{\"id\": 1}"), "denied");
}
