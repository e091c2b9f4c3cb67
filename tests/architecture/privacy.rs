//! A8, as far as source can show it: no log line takes what a client wrote or an expert answered.
//! That nothing of it reaches the ledger, the metrics and the journal is tested on the running system.

use super::lexer::words;
use super::{assert_none, tree};

const MACROS: &[&str] = &[
    "trace!(", "debug!(", "info!(", "warn!(", "error!(", "event!(",
];
const TEXTS: &[&str] = &[
    "prompt",
    "prompts",
    "content",
    "contents",
    "messages",
    "completion",
    "body",
    "delta",
];

#[test]
fn log_lines_take_no_text_of_a_request() {
    let mut breaks = Vec::new();
    for source in tree::shipped(&["gateway/", "router/"]) {
        let code = &source.lexed.shipped;
        for name in MACROS {
            for (at, _) in code.match_indices(name) {
                let call = &code[at..at + call_length(&code[at..])];
                let line = code[..at].matches('\n').count() + 1;
                let hits = words(call).filter(|word| TEXTS.contains(word));
                breaks.extend(hits.map(|hit| format!("{}:{line}: {name}…{hit}…)", source.path)));
            }
        }
    }
    assert_none("texts in log lines", &breaks);
}

/// Length of a call from its name to the bracket that closes it.
fn call_length(call: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in call.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return at + 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    call.len()
}

#[test]
fn a_call_ends_at_its_own_bracket() {
    assert_eq!(
        call_length("info!(a = f(b), \"c\"); d(e)"),
        "info!(a = f(b), \"c\")".len()
    );
}
