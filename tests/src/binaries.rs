//! Where the built programs are.

use std::path::PathBuf;

/// A program of the workspace, built into the same target directory as the tests.
///
/// # Panics
/// It is not built: `make test` builds every program first.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    // target/<profile>/deps/all-… → target/<profile>/<name>
    let dir = own
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/<profile>/deps");
    let program = dir.join(name);
    assert!(
        program.is_file(),
        "{} is missing: cargo build --workspace --bins",
        program.display()
    );
    program
}
