//! Where and from what a figure comes: command, commit and machine.

use std::process::Command;

use serde::Serialize;

/// The circumstances of a run, written beside its figures.
#[derive(Debug, Clone, Serialize)]
pub struct Circumstances {
    /// The command line.
    pub command: String,
    /// The commit, with `-dirty` where files differ from it.
    pub commit: String,
    /// When the run began, UTC.
    pub at: String,
    /// The processor's name.
    pub processor: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel.
    pub kernel: String,
}

impl Circumstances {
    /// Those of this process, now.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = read(path);
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
        };
        let command: Vec<String> = std::env::args().map(named).collect();
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        Self {
            command: command.join(" "),
            commit: git(&[
                "describe",
                "--always",
                "--dirty",
                "--abbrev=12",
                "--exclude=*",
            ]),
            at: jiff::Timestamp::now().to_string(),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib / 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// An argument; a file outside the working folder by its name, for where it lies is of no interest.
fn named(argument: String) -> String {
    match argument.rsplit_once('/') {
        Some((folder, name)) if folder.starts_with('/') || folder.is_empty() => name.to_owned(),
        _ => argument,
    }
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).output();
    output
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn no_result_tells_where_a_machine_keeps_its_files() {
        for (argument, expected) in [
            ("/srv/build/release/bench", "bench"),
            ("--rounds", "--rounds"),
            ("bench/results/gateway.json", "bench/results/gateway.json"),
            ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ] {
            assert_eq!(named(argument.to_owned()), expected);
        }
    }
}
