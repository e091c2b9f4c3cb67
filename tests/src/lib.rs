//! What the whole-system tests share: starting the built binaries on free ports and talking to them.
//! It must not know how any crate works inside; it sees the system as a client and an operator do.

pub mod sdk;

use std::path::PathBuf;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
