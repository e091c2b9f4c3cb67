//! The step of a dual variable.

use super::*;

#[test]
fn the_step_solves_its_equation_however_steep() {
    for rate in [0.01, 1.0, 5.0, 40.0, 300.0, 5_000.0] {
        for logit in [-30.0, -5.0, -0.3, 0.0, 2.0, 12.0] {
            for label in [0.0, 0.3, 1.0] {
                for dual in [label - 1.0, label - 0.4, label] {
                    let step = logistic(logit, label, dual, rate);
                    let left = dual + step - label + sigmoid(logit + step * rate);
                    assert!(
                        left.abs() < 1e-3,
                        "{logit} {label} {dual} {rate}: {step} leaves {left}"
                    );
                }
            }
        }
    }
}
