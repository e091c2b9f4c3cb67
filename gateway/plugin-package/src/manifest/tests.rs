use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#"
[plugin]
name = "acme/support-bot"
version = "1.2.0"
publisher = "acme-2026"
kind = "workflow"
wit = "0.1"
license = "Apache-2.0"
description = "Answers from the handbook."

[capabilities]
infer = { experts = ["small-*"], max-depth = 1 }
output = true
retrieve = { collections = ["handbook"] }
kv = { keys = 1000, bytes = 1048576 }
http = { hosts = ["https://api.acme.com"] }
secrets = { crm = { hosts = ["https://api.acme.com"] } }
tools = ["crm.*"]
steps = true

[limits]
cpu-ms = 40

[input.schema]
type = "object"
required = ["question"]
"#;

#[test]
fn a_whole_manifest_is_read() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    assert_eq!(manifest.name.to_string(), "acme/support-bot");
    assert_eq!(
        manifest.capabilities.names(),
        [
            "infer", "output", "retrieve", "kv", "http", "secrets", "tools", "steps"
        ]
    );
    assert_eq!(manifest.limits.cpu_ms, Some(40));
    let input = manifest.input.unwrap();
    assert!(input.check(&serde_json::json!({"question": "?"})).is_ok());
    let why = input.check(&serde_json::json!({})).unwrap_err();
    assert!(why.to_string().contains("question"), "{why}");
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = |from: &str, to: &str| {
        Manifest::parse(&WHOLE.replace(from, to))
            .unwrap_err()
            .to_string()
    };
    assert!(wrong("kind = \"workflow\"", "kind = \"tool\"").contains("kind"));
    assert!(wrong("wit = \"0.1\"", "wit = \"0.2\"").contains("plugin.wit"));
    assert!(wrong("cpu-ms = 40", "cpu = 40").contains("cpu"));
    assert!(wrong("version = \"1.2.0\"", "version = \"1\"").contains("version"));
    assert!(wrong("acme/support-bot", "Acme").contains("no plugin name"));
    assert!(
        wrong(
            "https://api.acme.com\"] }\ns",
            "http://api.acme.com\"] }\ns"
        )
        .contains("https://")
    );
    assert!(wrong("kind = \"workflow\"", "kind = \"expert\"").contains("steps"));
    assert!(
        wrong(
            "[input.schema]",
            "[input.schema]\n\"$ref\" = \"https://evil.example/\""
        )
        .contains("input.schema")
    );
    assert!(
        Manifest::parse(&"#".repeat(MOST_BYTES + 1))
            .unwrap_err()
            .to_string()
            .contains("bytes")
    );
}

proptest! {
    #[test]
    fn strange_texts_are_refused_not_fatal(text in ".{0,400}") {
        let _read = Manifest::parse(&text);
    }
}
