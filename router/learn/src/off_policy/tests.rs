//! The estimates against hand-made logs, and against the truth in simulation.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router::Captured;

use super::coverage::{Plan, check};
use super::*;
use crate::world::{Row, World};

fn row(propensity: f64, reward: f64, target: f64) -> Logged {
    Logged {
        propensity,
        reward,
        target,
        model: 0.5,
        expected: 0.5,
        unsupported: 0.0,
    }
}

#[test]
fn a_policy_that_does_the_same_earns_what_was_earned() {
    let rows: Vec<Logged> = (0..100)
        .map(|n| row(1.0, f64::from(n % 4 == 0), 1.0))
        .collect();
    let found = estimate(&rows, &Options::default()).unwrap();
    for one in [found.ips, found.snips, found.dr] {
        assert!((one.value - 0.25).abs() < 1e-12, "{found:?}");
    }
    assert!((found.effective - 100.0).abs() < 1e-9);
    assert_eq!((found.clipped, found.unsupported), (0.0, 0.0));
}

#[test]
fn by_hand() {
    // Two of four requests show what the target does, with weights 2 and 4.
    let rows = [
        row(0.5, 1.0, 1.0),
        row(0.25, 0.0, 1.0),
        row(0.5, 1.0, 0.0),
        row(0.25, 1.0, 0.0),
    ];
    let found = estimate(&rows, &Options::default()).unwrap();
    assert!((found.ips.value - 0.5).abs() < 1e-12);
    assert!((found.snips.value - 2.0 / 6.0).abs() < 1e-12);
    assert!((found.dr.value - (0.5 + (1.0 - 2.0) / 4.0)).abs() < 1e-12);
    assert!((found.effective - 36.0 / 20.0).abs() < 1e-12);
    let cut = Options {
        clip: 3.0,
        ..Options::default()
    };
    let found = estimate(&rows, &cut).unwrap();
    assert!((found.snips.value - 0.4).abs() < 1e-12);
    assert_eq!(found.clipped, 0.25);
}

#[test]
fn nothing_to_go_by_is_no_estimate() {
    assert_eq!(estimate(&[], &Options::default()), None);
    assert_eq!(estimate(&[row(0.5, 1.0, 0.0)], &Options::default()), None);
    assert_eq!(row(0.0, 1.0, 1.0).weight(50.0), 0.0);
    assert_eq!(row(f64::NAN, 1.0, 1.0).weight(50.0), 0.0);
}

/// Three experts, four slices, each slice with another favourite; outcomes of noise.
fn world(seed: u64) -> World {
    let rng = &mut StdRng::seed_from_u64(seed);
    let rows = (0..2_000).map(|n| {
        let slice = n % 4;
        let quality = (0..3).map(|expert| {
            let p = if slice % 3 == expert {
                0.8
            } else {
                0.45 + 0.05 * f64::from(u8::from(expert == 0))
            };
            f32::from(u8::from(rng.random_bool(p)))
        });
        Row {
            slice,
            features: Captured::new(),
            quality: quality.collect(),
            cost: Vec::new(),
        }
    });
    World {
        experts: ["a", "b", "c"].map(str::to_owned).to_vec(),
        slices: (0..4).map(|n| n.to_string()).collect(),
        rows: rows.collect(),
    }
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let plan = Plan {
        replications: 200,
        rows: 1_000,
        exploration: 0.3,
        noise: 0.05,
        seed: 20_261_125,
        options: Options::default(),
    };
    let found = check(&world(7), &plan).unwrap();
    println!("seed {}: {found:?}", plan.seed);
    assert!(found.truth > found.logging + 0.1, "{found:?}");
    for one in [found.ips, found.snips, found.dr] {
        // 200 draws of 0.95 lie within 3 standard errors of 0.046.
        assert!((0.90..=0.99).contains(&one.coverage), "{found:?}");
        assert!(one.bias.abs() < 0.02, "{found:?}");
    }
    assert!(found.snips.width < found.ips.width, "{found:?}");
    assert!(found.dr.width < found.ips.width, "{found:?}");
}

#[test]
fn intervals_that_ignore_propensities_would_not() {
    // The mean reward of the log itself is far from what the target earns: coverage is no gift.
    let plan = Plan {
        replications: 50,
        rows: 1_000,
        exploration: 0.3,
        noise: 0.05,
        seed: 3,
        options: Options {
            clip: 1.0,
            ..Options::default()
        },
    };
    let found = check(&world(7), &plan).unwrap();
    assert!(found.ips.coverage < 0.5, "{found:?}");
}
