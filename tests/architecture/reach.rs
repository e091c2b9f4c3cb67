//! A1, A2: what each crate can reach through any number of steps.

use super::assert_none;
use super::graph::Graph;

/// Fails for each member outside `allowed` that links a package whose name `is_one` accepts.
fn only(allowed: &[&str], is_one: impl Fn(&str) -> bool) {
    let graph = Graph::get();
    let mut breaks = Vec::new();
    for member in graph.members().filter(|member| !allowed.contains(member)) {
        let hits = graph
            .reach(member)
            .into_iter()
            .filter(|package| is_one(package));
        breaks.extend(hits.map(|package| format!("{member} reaches {package}")));
    }
    assert_none(&format!("reached outside {allowed:?}"), &breaks);
}

#[test]
fn only_models_worker_and_trainer_reach_torch() {
    let workers = ["models", "expert-worker", "trainer"];
    for name in workers {
        assert!(
            Graph::get().reach(name).contains("tch"),
            "{name} reaches tch: the test sees edges"
        );
    }
    only(&workers, |package| matches!(package, "tch" | "torch-sys"));
}

#[test]
fn only_the_plugin_host_reaches_wasmtime_and_only_the_compiler_cranelift() {
    let hosts = ["plugin-engine", "plugin-host", "moegate", "tests", "bench"];
    only(&hosts, |package| package == "wasmtime");
    // Two crates of cranelift's hold data structures only; none that makes code is in this workspace at all.
    let data = ["cranelift-bitset", "cranelift-entity", "cranelift-bforest"];
    only(&[], |package| {
        package.starts_with("cranelift") && !data.contains(&package)
    });
}

#[test]
fn only_the_gateway_reaches_the_store() {
    assert!(Graph::get().reach("moegate").contains("ledger-store"));
    only(&["moegate", "ledger-store", "tests", "bench"], |package| {
        package == "ledger-store"
    });
}

#[test]
fn pure_crates_reach_no_runtime_and_no_socket() {
    let pure = [
        "units",
        "openai-api",
        "ledger",
        "expert-card",
        "router",
        "dashboard",
        "economics",
        "focus",
    ];
    let others: Vec<&str> = Graph::get()
        .members()
        .filter(|name| !pure.contains(name))
        .collect();
    only(&others, |package| {
        matches!(
            package,
            "tokio" | "mio" | "hyper" | "hyper-util" | "socket2" | "reqwest" | "axum"
        )
    });
}
