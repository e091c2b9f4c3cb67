//! A5: money and tokens are integers; the ledger has no floats at all.

use super::lexer::words;
use super::{assert_none, tree};

#[test]
fn ledger_and_units_hold_no_floats() {
    let mut breaks = Vec::new();
    for source in tree::shipped(&["gateway/ledger/src/", "gateway/units/src/"]) {
        for (at, line) in source.lexed.shipped.lines().enumerate() {
            let hit = words(line).find(|word| word.ends_with("f32") || word.ends_with("f64"));
            breaks.extend(hit.map(|hit| format!("{}:{}: {hit}", source.path, at + 1)));
        }
    }
    assert_none("floats among money and tokens", &breaks);
}
