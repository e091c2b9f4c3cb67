//! What the whole-system tests share: starting the built binaries on free ports and talking to them.
//! It must not know how any crate works inside; it sees the system as a client and an operator do.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness fails its test by panicking and explains itself on the terminal"
)]

pub mod binaries;
pub mod books;
pub mod container_registry;
pub mod h2;
pub mod http;
pub mod mock;
pub mod object_store;
mod process;
pub mod publisher;
pub mod sdk;
pub mod system;
pub mod upstream;
pub mod workers;

use std::path::PathBuf;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
