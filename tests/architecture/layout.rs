//! A9 and the house style: size, names and heads of files; nothing unfinished, nothing of one machine.

use super::{assert_none, tree};

const MAX_LINES: usize = 400;
const SOURCE: &[&str] = &[".rs", ".py", ".sh", ".js", ".sql"];

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let mut breaks = Vec::new();
    let scripts = ["Makefile", ".ci/run"];
    let sources = tree::files().iter().filter(|path| {
        scripts.contains(&path.as_str()) || SOURCE.iter().any(|end| path.ends_with(end))
    });
    for path in sources {
        let lines = tree::read(path).unwrap_or_default().lines().count();
        if lines > MAX_LINES {
            breaks.push(format!("{path}: {lines} lines"));
        }
    }
    assert_none("long files", &breaks);
}

#[test]
fn a_file_is_named_for_its_concept() {
    let vague = [
        "mod", "util", "utils", "helper", "helpers", "common", "misc", "stuff", "shared",
    ];
    let mut breaks = Vec::new();
    for path in tree::files()
        .iter()
        .filter(|p| SOURCE.iter().any(|end| p.ends_with(end)))
    {
        let parts = path.split(['/', '.']);
        breaks.extend(
            parts
                .filter(|part| vague.contains(part))
                .map(|part| format!("{path}: {part}")),
        );
    }
    assert_none("names that say nothing", &breaks);
}

#[test]
fn the_top_level_is_fixed() {
    let rooms = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "gateway",
        "router",
        "experts-sdk",
        "plugins",
        "bench",
        "tests",
        "deploy",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "clippy.toml",
        "deny.toml",
        "rustfmt.toml",
        "rust-toolchain.toml",
    ];
    let tops = tree::files()
        .iter()
        .map(|path| path.split('/').next().unwrap_or(path));
    let strange = tops.filter(|top| !top.starts_with('.') && !rooms.contains(top));
    let mut breaks: Vec<String> = strange.map(str::to_owned).collect();
    breaks.dedup();
    assert_none("things at the top level", &breaks);
}

#[test]
fn every_crate_says_what_it_does_first() {
    let mut breaks = Vec::new();
    for source in tree::rust() {
        let head = source.path.ends_with("/lib.rs") || source.path.ends_with("/main.rs");
        let said = source
            .text
            .strip_prefix("//! ")
            .is_some_and(|rest| rest.len() > 40);
        if head && (!said || source.text.starts_with("//! Placeholder")) {
            breaks.push(format!(
                "{}: starts with no sentence of what it does",
                source.path
            ));
        }
        let main = source.path.ends_with("src/main.rs");
        if main && source.text.lines().count() > 100 {
            breaks.push(format!("{}: a main of more than 100 lines", source.path));
        }
    }
    assert_none("heads of crates", &breaks);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let mut breaks = Vec::new();
    for path in tree::files()
        .iter()
        .filter(|path| path.ends_with("/Cargo.toml"))
    {
        let text = tree::read(path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let inherits = lines
            .windows(2)
            .any(|pair| pair == ["[lints]", "workspace = true"]);
        let stands_alone = lines.contains(&"[workspace]");
        // Guests are another workspace; who needs `unsafe` says so and lists the rest.
        let guest = path.starts_with("plugins/");
        let says_why = text.contains("# The workspace's lints, but for ");
        if !inherits && !stands_alone && !guest && !says_why {
            breaks.push(path.clone());
        }
    }
    assert_none("crates without the workspace's lints", &breaks);
}

#[test]
fn nothing_is_left_unfinished() {
    let stubs = ["todo!(", "unimplemented!("];
    let mut breaks = Vec::new();
    for source in tree::rust() {
        for fragment in stubs {
            let lines = source.lexed.lines_with(fragment);
            breaks.extend(lines.map(|line| format!("{}:{line}: {fragment}", source.path)));
        }
    }
    let marks = [concat!("FIX", "ME"), concat!("XX", "X ")];
    for path in tree::files()
        .iter()
        .filter(|p| SOURCE.iter().any(|end| p.ends_with(end)))
    {
        for (at, line) in tree::read(path).unwrap_or_default().lines().enumerate() {
            let hit = marks.iter().find(|mark| line.contains(*mark));
            breaks.extend(hit.map(|hit| format!("{path}:{}: {hit}", at + 1)));
        }
    }
    assert_none("unfinished", &breaks);
}

#[test]
fn no_tracked_file_names_a_path_of_one_machine() {
    let homes = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ];
    let mut breaks = Vec::new();
    for path in tree::files().iter().filter(|path| !path.ends_with(".lock")) {
        let Some(text) = tree::read(path) else {
            continue;
        };
        for (at, line) in text.lines().enumerate() {
            let hit = homes.iter().find(|home| line.contains(*home));
            breaks.extend(hit.map(|hit| format!("{path}:{}: {hit}", at + 1)));
        }
    }
    assert_none("paths of one machine", &breaks);
}
