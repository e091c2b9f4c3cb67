//! A10: queues have bounds, tasks have owners, tests do not sleep.

use super::{assert_none, tree};

/// Files that start tasks or threads by hand, and who can stop what they start.
/// Elsewhere a task belongs to a `TaskTracker` or a `JoinSet`, whose owner awaits it.
const OWNERS: &[(&str, &str)] = &[
    (
        "router/worker/src/device.rs",
        "`DeviceThread` awaits its end, which comes when the scheduler stops",
    ),
    (
        "gateway/store/src/backstage.rs",
        "`Backstage` awaits its end when it is dropped; the thread that opens a file ends with that",
    ),
    (
        "gateway/plugin-host/src/runtime.rs",
        "`PluginHost` stops the ticker and awaits its end when it is dropped",
    ),
];

/// Where a test may pause between two looks at something outside that tells nobody when it changes.
const LOOKING_AGAIN: &str = "tests/src/system.rs";

#[test]
fn every_queue_has_a_bound() {
    let open = [
        "unbounded_channel",
        "UnboundedSender",
        "mpsc::channel()",
        "unbounded()",
    ];
    let mut breaks = Vec::new();
    for source in tree::rust()
        .iter()
        .filter(|source| source.path != "tests/architecture/tasks.rs")
    {
        for fragment in open {
            let lines = source.lexed.lines_with(fragment);
            breaks.extend(lines.map(|line| format!("{}:{line}: {fragment}", source.path)));
        }
    }
    assert_none("queues without a bound", &breaks);
}

#[test]
fn every_task_has_an_owner() {
    let by_hand = [
        "tokio::spawn(",
        "task::spawn(",
        "thread::spawn(",
        "thread::Builder",
        "= spawn(",
    ];
    let mut breaks = Vec::new();
    let mut idle: Vec<_> = OWNERS.iter().map(|(file, _)| *file).collect();
    for source in tree::shipped(&["gateway/", "router/"]) {
        let owned = OWNERS.iter().any(|(file, _)| *file == source.path);
        for fragment in by_hand {
            for line in source.lexed.lines_with(fragment) {
                idle.retain(|file| *file != source.path);
                if !owned {
                    breaks.push(format!("{}:{line}: {fragment}", source.path));
                }
            }
        }
    }
    breaks.extend(
        idle.into_iter()
            .map(|file| format!("{file}: listed, but starts nothing")),
    );
    assert_none("tasks without an owner", &breaks);
}

#[test]
fn no_test_sleeps_or_is_ignored() {
    let sleeping = ["sleep(", "thread::park_timeout("];
    let mut breaks = Vec::new();
    for source in tree::rust()
        .iter()
        .filter(|source| source.path != LOOKING_AGAIN)
    {
        for (at, line) in source.lexed.code.lines().enumerate() {
            let in_test = source.is_test() || !line_ships(&source.lexed.shipped, at);
            let hit = sleeping.iter().find(|hit| in_test && line.contains(*hit));
            let hit = hit.or(["#[ignore"].iter().find(|hit| line.contains(*hit)));
            breaks.extend(hit.map(|hit| format!("{}:{}: {hit}", source.path, at + 1)));
        }
    }
    for path in tree::files()
        .iter()
        .filter(|p| p.starts_with("tests/") && p.ends_with(".py"))
    {
        for (at, line) in tree::read(path).unwrap_or_default().lines().enumerate() {
            let hit = ["time.sleep", "asyncio.sleep", "pytest.mark.skip"].iter();
            let hit = hit.clone().find(|hit| line.contains(*hit));
            breaks.extend(hit.map(|hit| format!("{path}:{}: {hit}", at + 1)));
        }
    }
    assert_none("tests that sleep or hide", &breaks);
}

/// True when the line is also in the shipped code: not behind `#[cfg(test)]`.
fn line_ships(shipped: &str, at: usize) -> bool {
    shipped
        .lines()
        .nth(at)
        .is_some_and(|line| !line.trim().is_empty())
}
