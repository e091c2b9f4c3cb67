use proptest::prelude::*;

use super::*;

fn facts(text: &str) -> Result<Facts, FactsError> {
    Facts::of(&wat::parse_str(text).unwrap())
}

fn manifest(kind: &str, capabilities: &str) -> Manifest {
    let text = format!(
        "[plugin]\nname = \"a/b\"\nversion = \"1.0.0\"\npublisher = \"k\"\nkind = \"{kind}\"\nwit = \"0.1\"\n\
         license = \"MIT\"\ndescription = \"d\"\n[capabilities]\n{capabilities}\n"
    );
    Manifest::parse(&text).unwrap()
}

/// A component that imports these interfaces and exports those, all empty.
fn component(imports: &[&str], exports: &[&str]) -> Facts {
    let imports: String = imports
        .iter()
        .map(|name| format!("(import \"{name}\" (instance))\n"))
        .collect();
    let exports: String = exports
        .iter()
        .enumerate()
        .map(|(at, name)| format!("(instance $i{at}) (export \"{name}\" (instance $i{at}))\n"))
        .collect();
    facts(&format!("(component {imports} {exports})")).unwrap()
}

#[test]
fn imports_are_what_the_manifest_asks_for() {
    let expert = &["moegate:plugin/expert-api@0.1.0"];
    let plain = component(
        &["moegate:plugin/trace@0.1.0", "moegate:plugin/types@0.1.0"],
        expert,
    );
    plain.check(&manifest("expert", "")).unwrap();
    let asks = component(&["moegate:plugin/kv@0.1.0"], expert);
    assert!(
        matches!(asks.check(&manifest("expert", "")), Err(FactsError::NotAsked(name)) if name.contains("kv"))
    );
    asks.check(&manifest("expert", "kv = { keys = 1, bytes = 1 }"))
        .unwrap();
    for foreign in [
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:cli/environment@0.3.0",
        "moegate:plugin/root@0.1.0",
        "moegate:plugin/kv@0.2.0",
        "other:plugin/kv@0.1.0",
    ] {
        let refused = component(&[foreign], expert)
            .check(&manifest("expert", "kv = { keys = 1, bytes = 1 }"));
        assert!(
            matches!(refused, Err(FactsError::Foreign(_))),
            "{foreign}: {refused:?}"
        );
    }
    let python = component(&["wasi:cli/environment@0.2.0"], expert);
    assert!(matches!(
        python.check(&manifest("expert", "")),
        Err(FactsError::NotAsked(name)) if name.contains("wasi:cli")
    ));
    python.check(&manifest("expert", "wasi = true")).unwrap();
    let wrong = plain.check(&manifest("workflow", ""));
    assert!(
        matches!(
            wrong,
            Err(FactsError::Export {
                kind: "workflow",
                ..
            })
        ),
        "{wrong:?}"
    );
}

#[test]
fn features_that_no_plugin_has_are_refused() {
    for module in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(memory 1) (memory 1)",
        "(func (result v128) v128.const i64x2 0 0)",
        "(tag)",
        "(func return_call 0)",
        "(type (struct (field i32)))",
    ] {
        let refused = facts(&format!("(component (core module {module}))"));
        assert!(
            matches!(refused, Err(FactsError::Invalid(_))),
            "{module}: {refused:?}"
        );
    }
}

#[test]
fn more_than_the_pool_gives_is_refused() {
    let refused = |module: &str| {
        facts(&format!("(component (core module {module}))"))
            .unwrap_err()
            .to_string()
    };
    assert!(refused("(memory 65536)").contains("pages of memory"));
    assert!(refused("(table 100000000 funcref)").contains("table elements"));
    assert!(refused("(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)").contains("tables"));
    let many = "(core instance (instantiate $m))".repeat(200);
    let why = facts(&format!("(component (core module $m) {many})"))
        .unwrap_err()
        .to_string();
    assert!(why.contains("core instances"), "{why}");
    assert!(matches!(
        Facts::of(b"\0asm\x01\0\0\0"),
        Err(FactsError::Form(_))
    ));
    assert!(matches!(Facts::of(b"no wasm"), Err(FactsError::Form(_))));
    assert!(matches!(
        Facts::of(&vec![0; MOST_BYTES + 1]),
        Err(FactsError::Size)
    ));
}

#[test]
fn the_committed_guests_are_what_they_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins/prebuilt/bench-echo.wasm");
    let echo = Facts::of(&std::fs::read(path).unwrap()).unwrap();
    echo.check(&manifest("expert", "output = true")).unwrap();
    let names: Vec<&str> = echo.imports.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "moegate:plugin/context@0.1.0",
            "moegate:plugin/output@0.1.0",
            "moegate:plugin/trace@0.1.0",
            "moegate:plugin/types@0.1.0"
        ],
        "a guest imports what it calls and nothing else"
    );
}

proptest! {
    #[test]
    fn strange_bytes_are_refused_not_fatal(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _read = Facts::of(&bytes);
        bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
        let _read = Facts::of(&bytes);
    }
}
