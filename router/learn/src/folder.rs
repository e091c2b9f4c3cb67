//! A gate's folder on disk, written whole or not at all.

use std::path::Path;

use router::Package;

use crate::LearnError;

/// Writes a package, and more files beside it, into a folder beside `out` and renames it, so that none is ever half there.
pub fn write(package: &Package, more: &[(&str, &[u8])], out: &Path) -> Result<(), LearnError> {
    let Some(name) = out.file_name() else {
        return Err(LearnError::Missing {
            path: out.to_path_buf(),
            message: "the folder to write into has no name".to_owned(),
        });
    };
    let name = name.to_string_lossy();
    let fresh = out.with_file_name(format!(".{name}.new"));
    let old = out.with_file_name(format!(".{name}.old"));
    for stale in [&fresh, &old] {
        if stale.exists() {
            std::fs::remove_dir_all(stale).map_err(LearnError::file(stale))?;
        }
    }
    std::fs::create_dir_all(&fresh).map_err(LearnError::file(&fresh))?;
    package.write(&fresh)?;
    for (name, bytes) in more {
        let path = fresh.join(name);
        std::fs::write(&path, bytes).map_err(LearnError::file(&path))?;
    }
    if out.exists() {
        std::fs::rename(out, &old).map_err(LearnError::file(out))?;
    }
    std::fs::rename(&fresh, out).map_err(LearnError::file(out))?;
    if old.exists() {
        std::fs::remove_dir_all(&old).map_err(LearnError::file(&old))?;
    }
    Ok(())
}
