//! A3, A6: one crate holds SQL, one crate writes the ledger.

use super::graph::{Graph, Kind};
use super::{assert_none, tree};

const STORE: &str = "gateway/store/";

#[test]
fn sql_stands_only_in_the_store() {
    assert!(
        tree::shipped(&["gateway/store/src/"]).any(|s| s
            .lexed
            .texts
            .iter()
            .any(|(_, t)| is_sql(t)))
            || tree::files()
                .iter()
                .any(|f| f.starts_with(STORE) && f.ends_with(".sql")),
        "the store holds SQL: the test sees it"
    );
    let mut breaks = Vec::new();
    for source in tree::rust()
        .iter()
        .filter(|source| !holds_sql(&source.path))
    {
        let sql = source.lexed.texts.iter().filter(|(_, text)| is_sql(text));
        breaks.extend(sql.map(|(line, text)| format!("{}:{line}: {text:?}", source.path)));
    }
    let scripts = tree::files()
        .iter()
        .filter(|f| f.ends_with(".sql") && !f.starts_with(STORE));
    breaks.extend(scripts.cloned());
    assert_none("SQL outside the store", &breaks);
}

#[test]
fn only_the_store_links_a_database_driver() {
    let drivers = ["sqlx", "rusqlite", "tokio-postgres", "postgres", "diesel"];
    let graph = Graph::get();
    let mut breaks = Vec::new();
    for member in graph.members().filter(|member| *member != "ledger-store") {
        for kind in [Kind::Build, Kind::Dev] {
            let hits = graph
                .direct(member, kind)
                .into_iter()
                .filter(|name| drivers.contains(name));
            breaks.extend(hits.map(|name| format!("{member} -> {name}")));
        }
    }
    assert_none("database drivers outside the store", &breaks);
}

#[test]
fn one_place_of_the_gateway_writes_the_ledger() {
    let mut writers = Vec::new();
    let shipped = tree::shipped(&["gateway/", "router/", "bench/"]);
    for source in shipped.filter(|source| !source.path.contains("/examples/")) {
        let lines = source.lexed.lines_with("journal.append(");
        writers.extend(lines.map(|_| source.path.as_str()));
    }
    assert_eq!(
        writers,
        ["gateway/src/recorder.rs"],
        "who appends to the journal"
    );
}

/// The store, and the tests of this test.
fn holds_sql(path: &str) -> bool {
    path.starts_with(STORE) || path.starts_with("tests/architecture/")
}

/// True for a text that reads as a statement: its keywords stand in capitals, as in all our SQL.
fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let pair = |a: &str, b: &str| words.windows(2).any(|pair| pair == [a, b]);
    let (select, update) = (has("SELECT"), has("UPDATE"));
    (select && has("FROM"))
        || (update && has("SET"))
        || pair("INSERT", "INTO")
        || pair("DELETE", "FROM")
        || pair("DROP", "TABLE")
        || pair("CREATE", "TABLE")
        || pair("CREATE", "INDEX")
        || words.first().is_some_and(|first| *first == "PRAGMA")
}

#[test]
fn statements_are_told_from_prose() {
    for sql in [
        "SELECT a\n  FROM b",
        "INSERT INTO a",
        "PRAGMA wal",
        "UPDATE a SET b = 1",
    ] {
        assert!(is_sql(sql), "{sql}");
    }
    for prose in [
        "select a model from the list",
        "UPDATE",
        "the SELECT keyword",
        "set from",
    ] {
        assert!(!is_sql(prose), "{prose}");
    }
}
