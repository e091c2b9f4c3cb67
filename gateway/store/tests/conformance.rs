//! What every store and the journal promise, tried on the real parts.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

#[path = "conformance/books.rs"]
mod books;
#[path = "conformance/captures.rs"]
mod captures;
#[path = "conformance/crash.rs"]
mod crash;
#[path = "conformance/journal.rs"]
mod journal;
#[path = "conformance/judged.rs"]
mod judged;
#[path = "conformance/keys.rs"]
mod keys;
#[path = "conformance/plugins.rs"]
mod plugins;
#[path = "conformance/replay.rs"]
mod replay;
#[path = "conformance/reports.rs"]
mod reports;
#[path = "conformance/sample.rs"]
mod sample;
