//! An expert that joins by texts and whether its answers were accepted: a plugin with its calibration.

use router::Package;

use super::{Newcomer, join};
use crate::LearnError;
use crate::table::{Fold, Outcome, Row};

/// Adds an expert from texts and whether its answer to each was accepted.
///
/// # Errors
/// As [`join`].
pub fn join_judged(
    package: &Package,
    newcomer: &Newcomer,
    judged: &[(&str, bool)],
) -> Result<Package, LearnError> {
    let answers: Vec<Row> = judged
        .iter()
        .map(|(text, accepted)| Row {
            text: (*text).to_owned(),
            fold: Fold::Train,
            domain: None,
            scenario: None,
            outside: false,
            input: None,
            times: 1,
            source: 0,
            outcomes: vec![Outcome {
                quality: Some(if *accepted { 1.0 } else { 0.0 }),
                ..Outcome::default()
            }],
        })
        .collect();
    join(package, newcomer, &answers)
}
