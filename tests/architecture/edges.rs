//! The edges between the workspace's crates equal the table of ARCHITECTURE.md, no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_none;
use super::graph::{Graph, Kind};

/// Who links whom. A new edge is a change of the architecture: it changes this table and
/// ARCHITECTURE.md in a commit of its own.
const LINKS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("openai-api", &["units"]),
    ("ledger", &["units"]),
    ("ledger-store", &["ledger", "units"]),
    ("dashboard", &["units"]),
    ("focus", &["ledger", "units"]),
    ("economics", &[]),
    ("documents", &["units"]),
    ("egress", &["units"]),
    ("tenant-tools", &["egress"]),
    ("plugin-engine", &[]),
    ("plugin-host", &["plugin-engine", "units"]),
    ("plugin-package", &["units"]),
    ("plugin-registry", &["plugin-package"]),
    ("experts-sdk", &["experts-sdk-macros"]),
    ("experts-sdk-macros", &[]),
    (
        "moegate",
        &[
            "dashboard",
            "documents",
            "economics",
            "egress",
            "expert-card",
            "expert-pool",
            "focus",
            "gate-learn",
            "ledger",
            "ledger-store",
            "openai-api",
            "plugin-host",
            "plugin-package",
            "plugin-registry",
            "router",
            "tenant-tools",
            "units",
        ],
    ),
    ("expert-card", &["units"]),
    ("router", &["expert-card", "units"]),
    ("expert-pool", &["openai-api", "units"]),
    ("decoder", &[]),
    ("models", &["expert-card", "units"]),
    (
        "expert-worker",
        &["decoder", "expert-card", "models", "openai-api", "units"],
    ),
    ("gate-learn", &["expert-card", "router", "units"]),
    (
        "trainer",
        &[
            "economics",
            "expert-card",
            "gate-learn",
            "models",
            "router",
            "units",
        ],
    ),
    ("bench", &["ledger", "ledger-store", "plugin-host", "units"]),
    ("tests", &["ledger", "ledger-store", "units"]),
];

#[test]
fn links_between_crates_equal_the_table() {
    let graph = Graph::get();
    let members: BTreeSet<&str> = graph.members().collect();
    let table: BTreeMap<&str, BTreeSet<&str>> = LINKS
        .iter()
        .map(|(from, to)| (*from, to.iter().copied().collect()))
        .collect();
    let mut breaks = Vec::new();
    for name in members.iter().chain(table.keys()).collect::<BTreeSet<_>>() {
        let (Some(allowed), true) = (table.get(name), members.contains(name)) else {
            breaks.push(format!("{name}: is a crate, or in the table, but not both"));
            continue;
        };
        let linked = graph.direct(name, Kind::Build);
        let inside: BTreeSet<&str> = linked.intersection(&members).copied().collect();
        breaks.extend(
            inside
                .difference(allowed)
                .map(|to| format!("{name} -> {to}: not in the table")),
        );
        breaks.extend(
            allowed
                .difference(&inside)
                .map(|to| format!("{name} -> {to}: no such edge")),
        );
    }
    assert_none("edges between crates", &breaks);
}

#[test]
fn tests_of_a_crate_use_no_crate_that_it_does_not_link() {
    let graph = Graph::get();
    let members: BTreeSet<&str> = graph.members().collect();
    let free = ["tests", "bench"];
    let mut breaks = Vec::new();
    for name in members.iter().filter(|name| !free.contains(name)) {
        let linked = graph.direct(name, Kind::Build);
        let used = graph.direct(name, Kind::Dev);
        let outside = used
            .intersection(&members)
            .filter(|to| !linked.contains(*to));
        breaks.extend(outside.map(|to| format!("{name} -> {to} (for tests)")));
    }
    assert_none("edges of tests", &breaks);
}
