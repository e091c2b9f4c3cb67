//! Metrics on cases worked out by hand.

use super::hull::{aiq, hull, quality_at};
use super::ranking::{Pair, apgr, cpt, curve};
use super::*;

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

fn pair(score: f32, weak: f32, strong: f32) -> Pair {
    Pair {
        score,
        weak,
        strong,
    }
}

#[test]
fn the_gap_recovered_of_four_texts() {
    // Gains in the order of scores: 1, 0, 1, 0 of a gap of 2: 0, .5, .5, 1, 1 over quarters of calls.
    let pairs = [
        pair(0.9, 0.0, 1.0),
        pair(0.8, 1.0, 1.0),
        pair(0.7, 0.0, 1.0),
        pair(0.6, 0.0, 0.0),
    ];
    let curve = curve(&pairs).unwrap();
    assert_eq!(
        curve,
        [(0.0, 0.0), (0.25, 0.5), (0.5, 0.5), (0.75, 1.0), (1.0, 1.0)]
    );
    // Trapezoids of a quarter each: .25, .5, .75, 1, over four.
    near(apgr(&curve), 0.625);
    near(cpt(&curve, 0.5), 0.25);
    near(cpt(&curve, 0.8), 0.5 + 0.25 * 0.3 / 0.5);
    near(cpt(&curve, 0.25), 0.125);
}

#[test]
fn one_score_for_all_is_a_drawn_order() {
    let pairs = [
        pair(0.5, 0.0, 1.0),
        pair(0.5, 1.0, 1.0),
        pair(0.5, 1.0, 0.0),
        pair(0.5, 0.0, 1.0),
    ];
    let curve = curve(&pairs).unwrap();
    near(apgr(&curve), 0.5);
    near(cpt(&curve, 0.5), 0.5);
    near(cpt(&curve, 0.8), 0.8);
}

#[test]
fn a_strong_expert_that_harms_pushes_an_oracle_over_one() {
    // The oracle calls for the gain of 1 first and for the loss of 1 last: 0, .5 of 2 - 1 = 1 gap: 1, 2, 2, 1.
    let pairs = [
        pair(3.0, 0.0, 1.0),
        pair(3.0, 0.0, 1.0),
        pair(1.0, 1.0, 1.0),
        pair(0.0, 1.0, 0.0),
    ];
    let curve = curve(&pairs).unwrap();
    assert_eq!(curve, [(0.0, 0.0), (0.5, 2.0), (0.75, 2.0), (1.0, 1.0)]);
    near(apgr(&curve), 0.5 + 0.5 + 0.375);
    assert_eq!(
        super::ranking::curve(&[pair(0.0, 1.0, 1.0)]),
        None,
        "no gap, no curve"
    );
}

#[test]
fn the_hull_is_convex_and_never_falls() {
    let points = [(1.0, 0.5), (2.0, 0.6), (3.0, 0.9), (4.0, 0.8), (2.5, 0.4)];
    let hull = hull(&points);
    assert_eq!(hull, [(1.0, 0.5), (3.0, 0.9)]);
    near(quality_at(&hull, 2.0), 0.7);
    near(quality_at(&hull, 9.0), 0.9);
    // From 1 to 3 the mean is .7, from 3 to 5 it is .9.
    near(aiq(&hull, 1.0, 5.0), 0.8);
    near(aiq(&[(2.0, 0.5)], 2.0, 2.0), 0.5);
    // Dearer than the range's start: nothing is served before it costs 2.
    near(aiq(&[(2.0, 0.5)], 1.0, 3.0), 0.25);
}

#[test]
fn probabilities_and_shares() {
    assert!(ece(&[(0.8, 1.0), (0.8, 1.0), (0.8, 1.0), (0.8, 1.0), (0.8, 0.0)]) < 1e-6);
    assert!((ece(&[(0.9, 0.0), (0.9, 1.0)]) - 0.4).abs() < 1e-6);
    near(ece(&[]), 0.0);
    near(auroc(&[0.9, 0.8], &[0.1, 0.2]), 1.0);
    near(auroc(&[0.5], &[0.5]), 0.5);
    near(selection_entropy([0, 1, 2, 3].into_iter(), 4), 1.0);
    near(selection_entropy([2, 2, 2].into_iter(), 4), 0.0);
    near(selection_entropy([0, 1].into_iter(), 4), 0.5);
}
