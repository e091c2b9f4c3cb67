//! One binary for every test that looks at the whole: the system run from outside with real parts, and
//! the architecture read from the source tree and the dependency graph.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a helper of a test fails the test by panicking and explains itself on the terminal"
)]

mod abuse;
mod alerts;
mod architecture;
mod bad_input;
mod dashboard;
mod demo;
mod exports;
mod judges;
mod kill;
mod learning;
mod limits;
mod official_sdk;
mod operator;
mod plugins;
#[path = "../gateway/store/tests/conformance/server.rs"]
mod postgres;
mod sampling;
mod server_books;
mod streams;
mod surface;
mod tagging;
mod traffic;
mod training;
mod upstreams;
