//! Segment files: `<uuid>.journal`, in the order of their ids, in a folder that one process has to itself.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::JournalError;

const ENDING: &str = "journal";
/// Who appends and what to whom is nobody else's business on this machine.
const OWNER_ONLY: u32 = 0o600;

/// Takes the folder for this process, making it where it is missing. It is given back when the file is closed,
/// by a process that dies too.
pub(super) fn claim(dir: &Path) -> Result<File, JournalError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(JournalError::io("make its folder"))?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .open(dir.join("lock"))
        .map_err(JournalError::io("open its lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse),
        Err(TryLockError::Error(why)) => Err(JournalError::io("lock its folder")(why)),
    }
}

/// A segment of an earlier run, with its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) id: Uuid,
    pub(super) bytes: u64,
}

/// The segments of a folder, oldest first.
pub(super) fn list(dir: &Path) -> Result<Vec<Segment>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(JournalError::io("list its folder"))? {
        let entry = entry.map_err(JournalError::io("list its folder"))?;
        let path = entry.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let id = stem.and_then(|stem| Uuid::parse_str(stem).ok());
        if let Some(id) = id.filter(|_| path.extension().is_some_and(|end| end == ENDING)) {
            let data = entry
                .metadata()
                .map_err(JournalError::io("list its folder"))?;
            found.push(Segment {
                id,
                bytes: data.len(),
            });
        }
    }
    found.sort_unstable_by_key(|segment| segment.id);
    Ok(found)
}

pub(super) fn path(dir: &Path, id: Uuid) -> PathBuf {
    dir.join(format!("{}.{ENDING}", id.hyphenated()))
}

/// A new, empty segment whose name is safe on disk.
pub(super) fn create(dir: &Path, id: Uuid) -> Result<File, JournalError> {
    let file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path(dir, id))
        .map_err(JournalError::io("start a segment"))?;
    let folder = File::open(dir).and_then(|folder| folder.sync_all());
    folder.map_err(JournalError::io("sync its folder"))?;
    Ok(file)
}

/// Deletes a segment; one that is gone already is no error.
pub(super) fn delete(dir: &Path, id: Uuid) -> Result<(), JournalError> {
    match fs::remove_file(path(dir, id)) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(JournalError::Io {
            doing: "delete a segment",
            source: why,
        }),
        _ => Ok(()),
    }
}
