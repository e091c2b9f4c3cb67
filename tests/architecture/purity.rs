//! A4: the pure crates take ids and clocks from their caller and touch no socket.

use super::lexer::words;
use super::{assert_none, tree};

/// The folders of the pure crates. `router/src` leaves out the pool, the worker and the trainer.
const PURE: &[&str] = &[
    "gateway/units/src/",
    "gateway/openai/src/",
    "gateway/ledger/src/",
    "gateway/dashboard/src/",
    "gateway/economics/src/",
    "router/src/",
    "router/card/src/",
];

#[test]
fn pure_crates_name_no_runtime_no_socket_and_no_wall_clock() {
    let mut breaks = Vec::new();
    for source in tree::shipped(PURE) {
        for (at, line) in source.lexed.shipped.lines().enumerate() {
            let word = words(line).find(|word| matches!(*word, "tokio" | "hyper" | "axum"));
            let path = [
                "std::net",
                "SystemTime::now",
                "Instant::now",
                "Uuid::now_v7",
                "Uuid::new_v4",
            ];
            let hit = word.or_else(|| path.into_iter().find(|path| line.contains(path)));
            breaks.extend(hit.map(|hit| format!("{}:{}: {hit}", source.path, at + 1)));
        }
    }
    assert_none("outside world in a pure crate", &breaks);
}
