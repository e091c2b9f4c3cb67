//! The source tree as git sees it: tracked files, and new ones that are not ignored.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::lexer::Lexed;

/// A file of Rust source, read once and split into code and texts.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the repository's root, with `/`.
    pub(super) path: String,
    /// The file as it is.
    pub(super) text: String,
    /// Code, texts and comments apart.
    pub(super) lexed: Lexed,
}

impl Source {
    /// True for code that only tests compile: a `tests` module or anything under `tests/`.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/")
    }
}

/// The repository's root.
pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every file that is tracked or would be, sorted, relative to the root.
pub(super) fn files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let out = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root())
            .output()
            .expect("git runs");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let names = String::from_utf8(out.stdout).expect("paths are UTF-8");
        let mut files: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
        files.retain(|path| root().join(path).is_file());
        files.sort_unstable();
        files.dedup();
        files
    })
}

/// A file's text; `None` for one that is not UTF-8.
pub(super) fn read(path: &str) -> Option<String> {
    let bytes = std::fs::read(root().join(path)).expect("a listed file can be read");
    String::from_utf8(bytes).ok()
}

/// Every Rust file of the repository.
pub(super) fn rust() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let rust = files().iter().filter(|path| path.ends_with(".rs"));
        rust.map(|path| {
            let text = read(path).expect("Rust source is UTF-8");
            Source {
                path: path.clone(),
                lexed: Lexed::new(&text),
                text,
            }
        })
        .collect()
    })
}

/// The shipped Rust files under these folders: tests and benches left out.
pub(super) fn shipped(folders: &[&'static str]) -> impl Iterator<Item = &'static Source> {
    let folders = folders.to_vec();
    rust().iter().filter(move |source| {
        !source.is_test() && folders.iter().any(|folder| source.path.starts_with(folder))
    })
}
