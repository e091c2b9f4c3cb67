//! Each attack ends in its named error, and nobody else notices.

use super::*;
use tests::books::Books;
use tests::publisher::path;

#[test]
fn limits_and_traps_have_names_and_others_go_on() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    for (what, wanted) in [
        (json!({"do": "loop"}), (502, "plugin_cpu_limit")),
        (json!({"do": "memory"}), (502, "plugin_memory_limit")),
        (
            json!({"do": "calls", "count": 600, "of": "clock"}),
            (502, "plugin_host_call_limit"),
        ),
        (
            json!({"do": "answer", "bytes": 2_000_000}),
            (502, "plugin_size_limit"),
        ),
    ] {
        let reply = act(&system, &a, &what);
        assert_eq!(
            code(&reply),
            (wanted.0, wanted.1.to_owned()),
            "{what}: {}",
            reply.text()
        );
        let message = reply.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains("acme/driver 1.0.0"), "{message}");
    }
    // The fifth in a minute: the version is left alone.
    let reply = act(
        &system,
        &a,
        &json!({"do": "panic", "words": "secret words"}),
    );
    assert_eq!(
        code(&reply),
        (502, "plugin_trapped".to_owned()),
        "{}",
        reply.text()
    );
    assert!(!reply.text().contains("secret words"), "{}", reply.text());
    let reply = act(&system, &a, &json!({"do": "context"}));
    assert!(reply.status >= 500, "{}", reply.text());
    // Others never notice.
    assert_eq!(ask(&system, &a, "mock", "hello").status, 200);
    assert_eq!(ask(&system, &b, "auto", "hello").status, 200);
    let metrics = http::get(system.address(), "/metrics", None).text();
    assert!(
        metrics.contains(
            "moegate_plugin_failures_total{code=\"plugin_cpu_limit\",plugin=\"acme.driver\"} 1"
        ),
        "{metrics}"
    );
    assert!(system.terminate().success());
    let report = Books::open(&system).verify();
    assert!(report.holds() && report.orphans == 0, "{report:?}");
}

#[test]
fn nobody_reaches_what_belongs_to_another_tenant() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let (a, b) = (system.key("a", &[]), system.key("b", &[]));
    with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    // B has not installed it: it does not exist there.
    wait_model(&system, &b, "acme.driver", false);
    assert_eq!(
        code(&act(&system, &b, &json!({"do": "context"}))),
        (404, "model_not_found".to_owned())
    );
    assert_eq!(
        content(&act(
            &system,
            &a,
            &json!({"do": "kv-set", "key": "k", "value": "of a"})
        )),
        "set"
    );
    let publisher = Publisher::new(&system, "acme-2");
    publisher.publish(&system, &driver("1.1.0"));
    publisher.trusted_by(&system, "b", "acme");
    install(&system, "acme/driver", "1.1.0", "b");
    wait_model(&system, &b, "acme.driver", true);
    assert_eq!(
        content(&act(&system, &b, &json!({"do": "kv-get", "key": "k"}))),
        "nothing"
    );
    assert_eq!(
        content(&act(&system, &b, &json!({"do": "kv-keys", "prefix": ""}))),
        ""
    );
    assert_eq!(
        content(&act(&system, &a, &json!({"do": "kv-get", "key": "k"}))),
        "of a"
    );
    // A key that may use one expert only may not use the plugin.
    let narrow = system.key("a", &["--expert", "mock"]);
    assert_eq!(
        code(&act(&system, &narrow, &json!({"do": "context"}))),
        (403, "model_not_allowed".to_owned())
    );
}

#[test]
fn quotas_and_denials_reach_the_client_by_name() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    let told = |what: Value| code(&act(&system, &a, &what));
    assert_eq!(
        told(json!({"do": "kv-fill", "key": "k", "bytes": 20_000})),
        (502, "quota".to_owned())
    );
    assert_eq!(
        told(json!({"do": "infer", "expert": "acme.driver", "text": "{}"})),
        (403, "denied".to_owned())
    );
    assert_eq!(
        told(json!({"do": "infer", "expert": "nobody", "text": "{}"})),
        (403, "denied".to_owned())
    );
    assert_eq!(
        told(json!({"do": "refuse", "code": "invalid", "message": "no such thing"})),
        (400, "invalid".to_owned())
    );
    let counted = content(&act(&system, &a, &json!({"do": "kv-count", "key": "n"})));
    assert_eq!(
        (
            counted.as_str(),
            content(&act(&system, &a, &json!({"do": "kv-count", "key": "n"}))).as_str()
        ),
        ("1", "2")
    );
}

#[test]
fn what_is_not_vouched_for_is_never_loaded() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = Publisher::new(&system, "acme-1");
    let folder = publisher.publish(&system, &driver("1.0.0"));
    let install_of = |version: &'static str| {
        let mut words = vec![
            "plugin",
            "install",
            "acme/driver",
            "--version",
            version,
            "--tenant",
            "a",
        ];
        for grant in tests::publisher::GRANTS {
            words.extend(["--grant", grant]);
        }
        words
    };
    // Nobody is trusted; then one who may not publish there; then more is asked for than granted.
    assert!(
        system
            .refused(&install_of("1.0.0"))
            .contains("does not trust the key")
    );
    publisher.trusted_by(&system, "a", "other");
    assert!(
        system
            .refused(&install_of("1.0.0"))
            .contains("may not publish in the namespace")
    );
    publisher.trusted_by(&system, "a", "acme");
    let poor = system.refused(&[
        "plugin",
        "install",
        "acme/driver",
        "--tenant",
        "a",
        "--grant",
        "infer",
    ]);
    assert!(
        poor.contains("asks for more than is granted") && poor.contains("--grant kv"),
        "{poor}"
    );
    assert!(
        system
            .refused(&install_of("9.9.9"))
            .contains("nobody has published")
    );
    // Unsigned, and changed after it was signed.
    let unsigned = publisher.folder(&driver("1.0.1"));
    assert!(
        system
            .refused(&["plugin", "publish", path(&unsigned)])
            .contains("not signed")
    );
    publisher.sign(&system, &unsigned);
    let manifest = unsigned.join("plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("cpu-ms = 200", "cpu-ms = 2000")).unwrap();
    system.told(&["plugin", "publish", path(&unsigned)]);
    assert!(
        system
            .refused(&install_of("1.0.1"))
            .contains("does not fit the package")
    );
    // A published version never changes.
    std::fs::write(folder.join("README.md"), "another").unwrap();
    assert!(
        system
            .refused(&["plugin", "publish", path(&folder)])
            .contains("published already")
    );
    install(&system, "acme/driver", "1.0.0", "a");
    wait_model(&system, &a, "acme.driver", true);
}

#[test]
fn what_was_changed_on_disk_is_refused_by_name() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    assert!(system.terminate().success());
    let plugins = system.dir().join("var/plugins");
    // One byte of the compiled code.
    let code = std::fs::read_dir(plugins.join("code"))
        .unwrap()
        .flatten()
        .map(|e| e.path());
    let code = code
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .unwrap();
    let good = std::fs::read(&code).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&code, &bad).unwrap();
    system.launch();
    system.wait("the refusal is logged", || {
        system.log().contains("the seal does not fit")
    });
    wait_model(&system, &a, "acme.driver", false);
    assert_eq!(ask(&system, &a, "mock", "hello").status, 200);
    // The package itself.
    assert!(system.terminate().success());
    std::fs::write(&code, &good).unwrap();
    let package = plugins.join("registry/acme/driver/1.0.0/package.tar");
    let mut bytes = std::fs::read(&package).unwrap();
    let last = bytes.len() - 2_000;
    bytes[last] ^= 1;
    std::fs::write(&package, &bytes).unwrap();
    system.launch();
    system.wait("the refusal is logged", || {
        system.log().contains("is wanted")
    });
    // Put right, it is loaded without a restart.
    bytes[last] ^= 1;
    std::fs::write(&package, &bytes).unwrap();
    wait_model(&system, &a, "acme.driver", true);
    // A key that is revoked: after the next start nothing of it runs.
    let _kept = publisher;
    system.told(&[
        "plugin", "trust", "--tenant", "a", "--id", "acme-1", "--revoke",
    ]);
    assert!(system.terminate().success());
    system.launch();
    system.wait("the refusal is logged", || {
        system.log().contains("is revoked")
    });
}

#[test]
fn a_plugins_questions_are_bounded_and_booked_to_its_request() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let a = system.key("a", &[]);
    with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    let asked = || mock.counts()["requests"].as_u64().unwrap();
    let before = asked();
    let reply = act(
        &system,
        &a,
        &json!({"do": "infer-all", "count": 5, "expert": "mock", "text": "hello"}),
    );
    assert_eq!(content(&reply).lines().count(), 5, "{}", reply.text());
    assert!(!content(&reply).contains("error"), "{}", content(&reply));
    assert_eq!(asked() - before, 5);
    let cost: f64 = reply.header("x-moegate-cost").unwrap().parse().unwrap();
    assert!(cost > 0.0, "{cost}");
    let many = act(
        &system,
        &a,
        &json!({"do": "infer-all", "count": 17, "expert": "mock", "text": "hello"}),
    );
    assert_eq!(code(&many), (502, "plugin_host_call_limit".to_owned()));
    assert_eq!(asked() - before, 5, "what is too much is not begun");
    let auto = act(&system, &a, &json!({"do": "infer", "text": "hello"}));
    assert_eq!(auto.status, 200, "{}", auto.text());
    let relayed = act(
        &system,
        &a,
        &json!({"do": "relay", "expert": "mock", "text": "hello"}),
    );
    assert_eq!(relayed.status, 200, "{}", relayed.text());
    let counts = mock.counts();
    assert!(system.terminate().success());
    let report = Books::open(&system).verify();
    assert!(report.holds() && report.orphans == 0, "{report:?}");
    // To the token: what the mock says it served is what the books hold.
    let table: Value = serde_json::from_str(
        &system.told(&["scenario", "report", "--tenant", "a", "--format", "json"]),
    )
    .unwrap();
    let tokens = |name: &str| counts[name].as_i64().unwrap();
    let asked_for = (tokens("prompt_tokens") + 2 * tokens("completion_tokens")) * 1_000_000;
    let row = &table["scenarios"][0];
    let own = row["cost"]["loaded"].as_i64().unwrap() - asked_for;
    // What is left is the plugin's own time: some of it, and less than a second's.
    assert!((1..13_888_889).contains(&own), "{counts} {table}");
    assert_eq!(row["attempts"], 4 + tokens("requests"), "{table}");
}
