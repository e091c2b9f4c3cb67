//! Install, upgrade, canary, rollback: nobody's request fails meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tests::publisher::path;

use super::*;

#[test]
fn versions_change_under_load_and_no_request_fails() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    for version in ["1.1.0", "1.2.0"] {
        publisher.publish(&system, &driver(version));
    }
    let (stop, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let address = system.address();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered, key) = (Arc::clone(&stop), Arc::clone(&answered), a.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let text = json!({"do": "kv-get", "key": "k"}).to_string();
                    let body = json!({"model": "acme.driver", "messages": [{"role": "user", "content": text}]});
                    let reply = http::chat(address, &key, &body);
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let go_on = |more: u64| {
        let from = answered.load(Ordering::Relaxed);
        system.wait("requests go on", || {
            answered.load(Ordering::Relaxed) >= from + more
        });
    };
    go_on(50);
    for (round, version) in ["1.1.0", "1.2.0", "1.1.0", "1.2.0"].into_iter().enumerate() {
        install(&system, "acme/driver", version, "a");
        system.wait("it serves", || {
            system.told(&["plugin", "list"]).contains(version)
        });
        go_on(100);
        if round == 1 {
            system.told(&[
                "plugin",
                "canary",
                "acme/driver",
                "--tenant",
                "a",
                "--version",
                "1.1.0",
                "--percent",
                "50",
            ]);
            go_on(100);
            system.told(&["plugin", "rollback", "acme/driver", "--tenant", "a"]);
            go_on(100);
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    eprintln!(
        "{} requests answered during 7 changes",
        answered.load(Ordering::Relaxed)
    );
    system.told(&["plugin", "remove", "acme/driver", "--tenant", "a"]);
    wait_model(&system, &a, "acme.driver", false);
    assert_eq!(
        code(&act(&system, &a, &json!({"do": "context"}))),
        (404, "model_not_found".to_owned())
    );
}

#[test]
fn a_shadow_is_asked_booked_and_compared_and_heard_by_nobody() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = with_driver(&system, &["a"]);
    publisher.publish(&system, &driver("1.1.0"));
    wait_model(&system, &a, "acme.driver", true);
    let ask = |what: Value| act(&system, &a, &what);
    let count = || content(&ask(json!({"do": "kv-count", "key": "k"})));
    assert_eq!(count(), "1");
    let whose = ["acme/driver", "--tenant", "a"];
    let shadow = [&["plugin", "shadow"], &whose[..], &["--version", "1.1.0"]].concat();
    system.told(&shadow);
    assert!(system.told(&["plugin", "list"]).contains("1.1.0 (shadow)"));
    let seen = |how: &str, least: u64| {
        let line =
            format!("moegate_plugin_shadows_total{{compared=\"{how}\",plugin=\"acme.driver\"}} ");
        let metrics = http::get(system.address(), "/metrics", None).text();
        let value = metrics.lines().find_map(|l| l.strip_prefix(&line));
        value.is_some_and(|value| value.parse::<u64>().unwrap() >= least)
    };
    // It counts by itself: what the live version keeps is as if there were no shadow.
    let last = std::cell::Cell::new(1);
    system.wait("a shadow is asked", || {
        last.set(last.get() + 1);
        assert_eq!(count(), last.get().to_string());
        seen("different", 1)
    });
    // What it asks other experts is asked, and booked as the shadow's.
    let before = mock.counts()["requests"].as_u64().unwrap();
    let infer = json!({"do": "infer", "expert": "mock", "text": "hello"});
    assert_eq!(ask(infer).status, 200);
    system.wait("both have asked", || {
        mock.counts()["requests"].as_u64().unwrap() == before + 2
    });
    // It reaches nothing outside.
    system.told_with(
        &["plugin", "secret", "set", "crm", "--tenant", "a"],
        "a-secret-of-the-tenant",
    );
    let secret = json!({"do": "secret", "name": "crm", "by": "answer"});
    system.wait("the live version has the secret", || {
        ask(secret.clone()).status == 200
    });
    system.wait("its shadow has none", || seen("failed", 1));
    let same = json!({"do": "answer", "bytes": 10});
    assert_eq!(content(&ask(same)), "xxxxxxxxxx");
    system.wait("the same answer", || seen("same", 1));
    system.told(&[&["plugin", "shadow"], &whose[..]].concat());
    assert!(!system.told(&["plugin", "list"]).contains("shadow"));
    assert!(system.terminate().success());
    let out = system.dir().join("focus.csv");
    let span = ["--from", "2020-01-01", "--to", "2100-01-01"];
    let export = [
        &["ledger", "export-focus"],
        &span[..],
        &["--out", path(&out)],
    ]
    .concat();
    system.told(&export);
    let lines = std::fs::read_to_string(&out).unwrap();
    for expert in ["acme.driver", "mock"] {
        let booked = |purpose: &str| {
            lines
                .lines()
                .filter(|line| line.contains(expert) && line.contains(&format!(",{purpose},")))
                .count()
        };
        assert!(booked("shadow") >= 1, "{expert}: {lines}");
        assert!(booked("serve") >= 1, "{expert}: {lines}");
    }
    system.told(&["ledger", "verify"]);
}

#[test]
fn settings_and_the_caller_reach_the_plugin() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    let publisher = Publisher::new(&system, "acme-1");
    let schema = format!(
        "{ALL}[config.schema]\ntype = \"object\"\nrequired = [\"tone\"]\nproperties = {{ tone = {{ type = \"string\" }} }}\n"
    );
    publisher.publish(
        &system,
        &Made {
            more: &schema,
            ..driver("1.0.0")
        },
    );
    publisher.trusted_by(&system, "a", "acme");
    let settings = system.dir().join("settings.json");
    let with = |text: &str| {
        std::fs::write(&settings, text).unwrap();
        let mut words = vec![
            "plugin",
            "install",
            "acme/driver",
            "--tenant",
            "a",
            "--settings",
            settings.to_str().unwrap(),
        ];
        for grant in tests::publisher::GRANTS {
            words.extend(["--grant", grant]);
        }
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let words = with("{\"tone\": 5}");
    let refused = system.refused(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(refused.contains("/tone"), "{refused}");
    let words = with("{\"tone\": \"kind\"}");
    system.told(&words.iter().map(String::as_str).collect::<Vec<_>>());
    wait_model(&system, &a, "acme.driver", true);
    let reply = act(&system, &a, &json!({"do": "context"}));
    let seen: Value = serde_json::from_str(&content(&reply)).unwrap();
    assert_eq!(seen["config"]["tone"], "kind");
    assert_eq!(seen["random"], 4);
    assert!(
        reply.json()["id"]
            .as_str()
            .unwrap()
            .ends_with(seen["request"].as_str().unwrap())
    );
    assert!(seen["now_ms"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn an_expert_streams_what_it_emits() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let a = system.key("a", &[]);
    with_driver(&system, &["a"]);
    wait_model(&system, &a, "acme.driver", true);
    let text = json!({"do": "emit", "count": 3, "bytes": 2}).to_string();
    let body = json!({"model": "acme.driver", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": text}]});
    let reply = http::chat(system.address(), &a, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let whole = reply.text();
    for piece in ["\"0xx\"", "\"1xx\"", "\"2xx\"", "\"usage\"", "data: [DONE]"] {
        assert!(whole.contains(piece), "{piece}: {whole}");
    }
    assert!(
        !whole.contains("3 pieces"),
        "what was emitted is the answer: {whole}"
    );
    // Whole, the same pieces are the answer.
    assert_eq!(
        content(&act(
            &system,
            &a,
            &json!({"do": "emit", "count": 2, "bytes": 1})
        )),
        "0x1x"
    );
}
