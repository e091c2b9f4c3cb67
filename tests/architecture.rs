//! The architecture as tests: who may depend on whom, who may hold what, and how a file looks.
//! Each test collects every break it finds and names file and line, so that one run shows all.

mod edges;
mod graph;
mod layout;
mod lexer;
mod money;
mod privacy;
mod purity;
mod reach;
mod storage;
mod tasks;
mod tenancy;
mod tree;

/// Fails with every break on a line of its own.
#[track_caller]
fn assert_none(what: &str, breaks: &[String]) {
    assert!(
        breaks.is_empty(),
        "{what}: {} break(s)\n  {}",
        breaks.len(),
        breaks.join("\n  ")
    );
}
