//! A package as one file: a tar of plain files in a fixed order, so that the same package is always the same bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use tar::{Archive, Builder, EntryType, Header};

/// Files in one archive.
const MOST_FILES: usize = 256;
/// Bytes of one file, and of all.
const MOST_FILE: u64 = 32 << 20;
const MOST_ALL: u64 = 48 << 20;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no tar.
    #[error("no archive: {0}")]
    Form(#[from] std::io::Error),
    /// Something else than a plain file.
    #[error("{path:?} is a {kind}; an archive holds plain files only")]
    Kind {
        /// Its path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path that leaves the package, or is no plain one.
    #[error("{0:?} is no path inside a package")]
    Path(String),
    /// A path that comes twice.
    #[error("{0:?} is there twice")]
    Twice(String),
    /// Too many files or bytes.
    #[error("more than {most} {what}")]
    Size {
        /// Of what.
        what: &'static str,
        /// How much is allowed.
        most: u64,
    },
}

/// Is it a relative path of plain names?
fn is_inside(path: &str) -> bool {
    let plain = |name: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !name.is_empty() && name.len() <= 80 && !name.starts_with('.') && name.chars().all(good)
    };
    path.len() <= 160 && path.split('/').all(plain)
}

/// Packs files by their paths.
///
/// # Errors
/// A path is no plain one, or there is too much.
pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    let mut out = Builder::new(Vec::new());
    bounded(files)?;
    for (path, bytes) in files {
        if !is_inside(path) {
            return Err(ArchiveError::Path(path.clone()));
        }
        let mut header = Header::new_ustar();
        header.set_path(path)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_cksum();
        out.append(&header, bytes.as_slice())?;
    }
    Ok(out.into_inner()?)
}

fn bounded(files: &BTreeMap<String, Vec<u8>>) -> Result<(), ArchiveError> {
    let too_much = |what, most| Err(ArchiveError::Size { what, most });
    let len = |bytes: &Vec<u8>| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if files.len() > MOST_FILES {
        return too_much("files", u64::try_from(MOST_FILES).unwrap_or(0));
    }
    if files.values().any(|bytes| len(bytes) > MOST_FILE) {
        return too_much("bytes in a file", MOST_FILE);
    }
    if files.values().map(len).sum::<u64>() > MOST_ALL {
        return too_much("bytes in all files", MOST_ALL);
    }
    Ok(())
}

/// Takes an archive apart, into memory.
///
/// # Errors
/// It holds anything but plain files inside the package, one of them twice, or too much.
pub fn unpack(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    let mut all = 0_u64;
    for entry in Archive::new(Cursor::new(archive)).entries()?.raw(true) {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Regular => {}
            EntryType::Symlink => {
                return Err(ArchiveError::Kind {
                    path,
                    kind: "symbolic link",
                });
            }
            EntryType::Link => {
                return Err(ArchiveError::Kind {
                    path,
                    kind: "hard link",
                });
            }
            EntryType::Directory => {
                return Err(ArchiveError::Kind {
                    path,
                    kind: "folder",
                });
            }
            _ => {
                return Err(ArchiveError::Kind {
                    path,
                    kind: "special entry",
                });
            }
        }
        if !is_inside(&path) {
            return Err(ArchiveError::Path(path));
        }
        let size = entry.size();
        all = all.saturating_add(size);
        if size > MOST_FILE {
            return Err(ArchiveError::Size {
                what: "bytes in a file",
                most: MOST_FILE,
            });
        }
        if all > MOST_ALL {
            return Err(ArchiveError::Size {
                what: "bytes in all files",
                most: MOST_ALL,
            });
        }
        if files.len() >= MOST_FILES {
            return Err(ArchiveError::Size {
                what: "files",
                most: u64::try_from(MOST_FILES).unwrap_or(0),
            });
        }
        let mut bytes = Vec::new();
        entry.take(MOST_FILE).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).ok() != Some(size) {
            return Err(ArchiveError::Form(std::io::Error::other("it breaks off")));
        }
        if files.insert(path.clone(), bytes).is_some() {
            return Err(ArchiveError::Twice(path));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(kind: EntryType, path: &str, link: Option<&str>) -> Vec<u8> {
        let mut out = Builder::new(Vec::new());
        let mut header = Header::new_old();
        // The library refuses such names; an attacker's does not.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        if let Some(link) = link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        out.append(&header, std::io::empty()).unwrap();
        out.into_inner().unwrap()
    }

    #[test]
    fn links_and_paths_that_leave_are_refused() {
        let kind = |archive: &[u8]| unpack(archive).unwrap_err().to_string();
        assert!(
            kind(&entry(
                EntryType::Symlink,
                "plugin.toml",
                Some("/etc/passwd")
            ))
            .contains("symbolic link")
        );
        assert!(kind(&entry(EntryType::Link, "plugin.toml", Some("a"))).contains("hard link"));
        assert!(kind(&entry(EntryType::Directory, "cases", None)).contains("folder"));
        assert!(kind(&entry(EntryType::Char, "tty", None)).contains("special"));
        assert!(kind(&entry(EntryType::GNULongName, "x", None)).contains("special"));
        for path in [
            "../plugin.toml",
            "/etc/passwd",
            "a/../b",
            "a//b",
            ".hidden",
            "a\\b",
            "a/./b",
        ] {
            let why = kind(&entry(EntryType::Regular, path, None));
            assert!(why.contains("no path"), "{path}: {why}");
        }
        let mut twice = entry(EntryType::Regular, "a", None);
        twice.truncate(512);
        twice.extend(entry(EntryType::Regular, "a", None));
        assert!(kind(&twice).contains("twice"));
        let mut large = Header::new_ustar();
        large.set_path("a").unwrap();
        large.set_size(1 << 40);
        large.set_entry_type(EntryType::Regular);
        large.set_cksum();
        assert!(kind(large.as_bytes()).contains("bytes in a file"));
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(files in proptest::collection::btree_map("[a-z]{1,8}(/[a-z]{1,8})?", proptest::collection::vec(any::<u8>(), 0..600), 0..8)) {
            let packed = pack(&files).unwrap();
            prop_assert!(pack(&files).unwrap() == packed);
            prop_assert_eq!(unpack(&packed).unwrap(), files);
        }

        #[test]
        fn strange_bytes_are_refused_not_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _read = unpack(&bytes);
        }
    }
}
