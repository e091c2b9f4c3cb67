//! Components that no compiler would make: refused before they run, or ended by name.

use plugin_host::{CallError, Limit};

use crate::guests::{self, ask, tenant};
use crate::services::Stage;

/// Components that no compiler would make, and what each must end in: plugins/hostile/README.md.
const FIXTURES: &[(&str, &str)] = &[
    ("harmless", "invalid"),
    ("loop", "plugin_cpu_limit"),
    ("start-loop", "plugin_cpu_limit"),
    ("realloc-loop", "plugin_cpu_limit"),
    ("memory-fill", "plugin_cpu_limit"),
    ("stack-overflow", "plugin_stack_limit"),
    ("unreachable", "plugin_trapped"),
    ("realloc-lies", "plugin_trapped"),
    ("result-out-of-bounds", "plugin_trapped"),
    ("result-not-utf8", "plugin_trapped"),
    ("result-8mb", "plugin_size_limit"),
    ("result-60mb", "plugin_size_limit"),
    ("log-8mb", "plugin_size_limit"),
    ("kv-flood", "plugin_host_call_limit"),
    ("log-flood", "plugin_host_call_limit"),
];

#[tokio::test(flavor = "multi_thread")]
async fn components_that_no_compiler_makes_end_in_their_errors() {
    let host = guests::host();
    let stage = Stage::default();
    let mut wrong = Vec::new();
    for (name, wanted) in FIXTURES {
        let file = format!("../hostile/dist/{name}.wasm");
        let plugin = guests::load(&host, &file, plugin_host::PluginKind::Expert).await;
        let ended = plugin
            .answer(
                &tenant("a"),
                ask("hello"),
                super::limits(),
                stage.services(),
            )
            .await;
        let code = match &ended {
            Ok(_) => "ok".to_owned(),
            Err(CallError::Refused { code, .. }) => code.clone(),
            Err(why) => why.code().to_owned(),
        };
        if code != *wanted {
            wrong.push(format!("{name}: {code}, not {wanted}: {ended:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Growing without end stays under its limit, and the deadline comes.
    for name in ["memory-grow", "table-grow"] {
        let file = format!("../hostile/dist/{name}.wasm");
        let plugin = guests::load(&host, &file, plugin_host::PluginKind::Expert).await;
        let mut running = plugin.answer(
            &tenant("a"),
            ask("hello"),
            super::limits(),
            stage.services(),
        );
        let ended = (&mut running).await;
        let limited = matches!(ended, Err(CallError::Limit(Limit::Cpu | Limit::Memory)));
        assert!(
            limited && running.report().memory_peak <= super::limits().memory_bytes,
            "{name}: {ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_too_much_is_not_even_loaded() {
    let host = guests::host();
    for name in [
        "huge-memory",
        "huge-table",
        "many-instances",
        "memory64",
        "outside-import",
    ] {
        let bytes = guests::component(&format!("../hostile/dist/{name}.wasm"));
        let refused = match guests::compiler()
            .compile(&bytes, plugin_host::Metering::Time)
            .await
        {
            Err(why) => why.to_string(),
            Ok(code) => {
                let dir = tempfile::tempdir().unwrap();
                let cache = plugin_host::CodeCache::open(dir.path()).unwrap();
                cache
                    .put(&[1; 32], plugin_host::Metering::Time, &code)
                    .unwrap();
                match cache.get(&host, &[1; 32]) {
                    Ok(None) => "the pool refuses it".to_owned(),
                    Ok(Some(component)) => plugin_host::Plugin::link(
                        &host,
                        &component,
                        plugin_host::PluginKind::Expert,
                    )
                    .err()
                    .map(|why| why.to_string())
                    .unwrap_or_else(|| panic!("{name} is linked")),
                    Err(why) => why.to_string(),
                }
            }
        };
        eprintln!("{name}: {refused}");
    }
}
