//! Where the published tables are, for tests that check their figures.

use std::path::PathBuf;

/// A data set's folder below `MOEGATE_DATA` or `shared/data` beside the repository; prints why a test is skipped where
/// it is absent.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let root = std::env::var_os("MOEGATE_DATA").map_or_else(beside, PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no data ({name}; MOEGATE_DATA names the folder of data sets)");
    None
}
