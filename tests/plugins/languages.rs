//! Guests in other languages than Rust: built with their own tools, checked in the sandbox, served by the gateway.

use std::path::{Path, PathBuf};

use super::*;
use tests::publisher::path;

/// The tools of a language, where this machine has them.
fn has(language: &str) -> bool {
    let cache = std::env::var_os("MOEGATE_CACHE").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/moegate"));
    let tool = match language {
        "python" => "guests/python/bin/componentize-py",
        "c" => "guests/c/bin/python",
        _ => "guests/js/node_modules/@bytecodealliance/componentize-js/src/componentize.js",
    };
    let there = cache
        .or(home)
        .is_some_and(|cache| cache.join(tool).is_file());
    if !there {
        eprintln!("skipped: the tools for {language} are not installed (deploy/setup.sh guests)");
    }
    there
}

/// A first-party plugin's folder, copied so that nothing is built among the sources.
fn copied(name: &str, to: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (entry, name) = entry
                .map(|entry| (entry.path(), entry.file_name()))
                .unwrap();
            if entry.is_dir() {
                copy(&entry, &to.join(name));
            } else if name != "component.wasm" {
                std::fs::copy(&entry, to.join(name)).unwrap();
            }
        }
    }
    let folder = to.join(name);
    copy(&tests::root().join("plugins").join(name), &folder);
    folder
}

fn quiet() -> System {
    System::start(&Setup {
        config: format!("{RATES}{TENANTS}"),
        ..Setup::default()
    })
}

/// Builds and checks a folder.
fn built(system: &System, folder: &Path) {
    let said = system.told(&["plugin", "build", path(folder)]);
    eprintln!("{said}");
    let checked = system.told(&["plugin", "test", path(folder)]);
    eprintln!("{checked}");
    assert!(checked.contains("every check holds"), "{checked}");
}

#[test]
fn a_workflow_in_python_is_served() {
    if !has("python") {
        return;
    }
    let mock = Mock::start(&[]);
    let system = System::start(&Setup {
        config: format!("{RATES}{}{TENANTS}", mock.remote("medical")),
        ..Setup::default()
    });
    let there = tempfile::tempdir().unwrap();
    let folder = copied("medical-triage", there.path());
    built(&system, &folder);
    let publisher = Publisher::new(&system, "moegate");
    publisher.sign(&system, &folder);
    system.told(&["plugin", "publish", path(&folder)]);
    publisher.trusted_by(&system, "b", "moegate");
    install(&system, "moegate/medical-triage", "0.1.0", "b");
    let b = system.key("b", &[]);
    wait_model(&system, &b, "workflow/moegate/medical-triage", true);
    let triage = |complaint: &str| {
        let reply = ask(
            &system,
            &b,
            "workflow/medical-triage",
            &json!({"complaint": complaint}).to_string(),
        );
        serde_json::from_str::<Value>(&content(&reply)).unwrap()
    };
    let chest = triage("chest pain since an hour");
    assert_eq!(chest["level"], "emergency", "{chest}");
    // The mock's words are no judgement: what cannot be read counts as urgent.
    assert_eq!(triage("a cold since two days")["level"], "urgent");
    let steps = system.told(&["plugin", "steps", "--tenant", "b"]);
    assert!(
        steps.contains("guideline") && steps.contains("expert"),
        "{steps}"
    );
}

#[test]
fn an_expert_in_javascript_is_served() {
    if !has("js") {
        return;
    }
    let system = quiet();
    let there = tempfile::tempdir().unwrap();
    let folder = copied("currency", there.path());
    built(&system, &folder);
    let publisher = Publisher::new(&system, "moegate");
    publisher.sign(&system, &folder);
    system.told(&["plugin", "publish", path(&folder)]);
    publisher.trusted_by(&system, "b", "moegate");
    let settings = there.path().join("settings.json");
    let rates = json!({"base": "EUR", "as-of": "2026-11-25", "rates": {"USD": "1.0850"}});
    std::fs::write(&settings, rates.to_string()).unwrap();
    system.told(&[
        "plugin",
        "install",
        "moegate/currency",
        "--tenant",
        "b",
        "--settings",
        path(&settings),
    ]);
    let b = system.key("b", &[]);
    wait_model(&system, &b, "moegate.currency", true);
    let asked = ask(&system, &b, "moegate.currency", "Convert 100 EUR to USD");
    let answer: Value = serde_json::from_str(&content(&asked)).unwrap();
    assert_eq!(answer["result"], "108.50", "{answer}");
    let reply = ask(&system, &b, "moegate.currency", "How are you?");
    assert_eq!(reply.status, 400, "{}", reply.text());
}

/// A new plugin of that language and kind.
fn written(system: &System, language: &str, kind: &str, to: &Path) -> PathBuf {
    let folder = to.join(format!("{language}-{kind}"));
    system.told(&[
        "plugin",
        "new",
        "acme/first",
        "--lang",
        language,
        "--kind",
        kind,
        "--dir",
        path(&folder),
    ]);
    folder
}

#[test]
fn what_new_writes_builds_and_holds() {
    let system = quiet();
    let there = tempfile::tempdir().unwrap();
    for (language, kind) in [
        ("python", "workflow"),
        ("js", "expert"),
        ("c", "expert"),
        ("c", "workflow"),
    ] {
        if has(language) {
            built(&system, &written(&system, language, kind, there.path()));
        }
    }
}

#[test]
fn every_template_fits_its_manifest() {
    let system = quiet();
    let there = tempfile::tempdir().unwrap();
    for language in ["rust", "python", "js", "c"] {
        for kind in ["expert", "workflow"] {
            let folder = written(&system, language, kind, there.path());
            assert!(folder.join("plugin.toml").is_file() && folder.join("README.md").is_file());
            if language != "rust" {
                let world = std::fs::read_to_string(folder.join("wit/world.wit")).unwrap();
                assert!(
                    world.contains(&format!("export moegate:plugin/{kind}-api@0.1.0")),
                    "{world}"
                );
            }
        }
    }
}

/// What Python's own library finds of the machine it runs on: nothing.
const CURIOUS: &str = r#"
import os
import socket

def tried(what):
    try:
        return repr(what())
    except BaseException as error:
        return type(error).__name__

def count(text, greeting):
    return {
        "words": 1,
        "environment": sorted(os.environ),
        "root": tried(lambda: os.listdir("/")),
        "read": tried(lambda: open("/etc/passwd").read()),
        "write": tried(lambda: open("/written", "w").write("x")),
        "connect": tried(lambda: socket.create_connection(("127.0.0.1", 22), 1)),
        "resolve": tried(lambda: socket.getaddrinfo("localhost", 80)),
    }
"#;

#[test]
fn python_sees_nothing_of_the_machine() {
    if !has("python") {
        return;
    }
    let system = quiet();
    let there = tempfile::tempdir().unwrap();
    let folder = written(&system, "python", "expert", there.path());
    std::fs::write(folder.join("words.py"), CURIOUS).unwrap();
    system.told(&["plugin", "build", path(&folder)]);
    let said = system.told(&["plugin", "run", path(&folder), "--text", "hello"]);
    let answer = said.lines().find(|line| line.starts_with('{'));
    let answer: Value = serde_json::from_str(answer.unwrap_or_else(|| panic!("{said}"))).unwrap();
    eprintln!("{answer}");
    assert_eq!(answer["environment"], json!([]), "{answer}");
    for attempt in ["root", "read", "write", "connect", "resolve"] {
        let ended = answer[attempt].as_str().unwrap();
        assert!(
            ended.ends_with("Error") || ended == "gaierror",
            "{attempt}: {answer}"
        );
    }
}
