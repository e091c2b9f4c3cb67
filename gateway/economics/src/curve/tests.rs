//! The published curve is continued, synthetic ones are found again, and the bounds hold.

use proptest::prelude::*;

use super::{Bagged, Curve, Labels, Point};
use crate::EconomicsError;
use crate::draws::{Draws, splitmix};

fn points(rows: &[(f64, f64)], cases: Option<u64>) -> Vec<Point> {
    rows.iter()
        .map(|&(n, accuracy)| Point::new(n, accuracy, cases).unwrap())
        .collect()
}

/// TF-IDF with a linear model on gold headlines, measured on 5,000 cases.
const HEADLINES: [(f64, f64); 4] = [
    (100.0, 0.667),
    (200.0, 0.748),
    (500.0, 0.834),
    (1000.0, 0.856),
];

#[test]
fn the_published_curve_is_continued_within_a_point_and_a_half() {
    let seed = 5;
    println!("seed {seed}");
    let points = points(&HEADLINES, Some(5_000));
    let single = Curve::fit(&points).unwrap();
    assert!(
        (single.curve.accuracy(5_000.0) - 0.896).abs() < 0.015,
        "{single:?}"
    );
    let bagged = Bagged::fit(&points, 200, &mut splitmix(seed)).unwrap();
    assert_eq!(
        bagged,
        Bagged::fit(&points, 200, &mut splitmix(seed)).unwrap()
    );
    for (labels, truth) in [(2_000.0, 0.881), (5_000.0, 0.896)] {
        let found = bagged.accuracy(labels).unwrap();
        assert!((found - truth).abs() < 0.015, "{found} is not {truth}");
        let band = bagged.band(0.95, labels).unwrap();
        assert!(
            band.low < truth && truth < band.high && band.high - band.low < 0.1,
            "{band:?}"
        );
    }
    let refused = bagged.accuracy(10_001.0).unwrap_err().to_string();
    assert!(
        refused.contains("labels") && refused.contains("1.0000e4"),
        "{refused}"
    );
}

#[test]
fn labels_for_an_accuracy_lead_back_to_it_or_to_a_limit() {
    let bagged = Bagged::fit(&points(&HEADLINES, Some(5_000)), 100, &mut splitmix(6)).unwrap();
    let Labels::Needed(labels) = bagged.labels_for(0.88).unwrap() else {
        panic!("reachable");
    };
    assert!(
        (bagged.accuracy(labels).unwrap() - 0.88).abs() < 1e-6,
        "{labels}"
    );
    assert!((1_000.0..4_000.0).contains(&labels), "{labels}");
    let a = bagged.fit.curve.a;
    assert_eq!(bagged.labels_for(0.999).unwrap(), Labels::Ceiling(a));
    let far = bagged.labels_for(a - 1e-4).unwrap_err().to_string();
    assert!(
        far.contains("beyond ten times") && far.contains("1.0000e4"),
        "{far}"
    );
    let single = Bagged {
        curves: Vec::new(),
        ..bagged
    };
    assert_eq!(
        single.accuracy(2_000.0).unwrap(),
        single.fit.curve.accuracy(2_000.0)
    );
}

#[test]
fn a_perfect_task_is_held_at_one() {
    // Unbounded, the best a of these is above 1.
    let fit = Curve::fit(&points(
        &[(10.0, 0.4), (100.0, 0.63), (200.0, 0.7), (1e3, 0.86)],
        None,
    ))
    .unwrap();
    assert!((fit.curve.a - 1.0).abs() < 1e-12, "{fit:?}");
    assert!(fit.curve.accuracy(1e9) <= 1.0);
    assert_eq!(fit.curve.labels_for(1.0), None);
    let labels = fit.curve.labels_for(0.9).unwrap();
    assert!((fit.curve.accuracy(labels) - 0.9).abs() < 1e-9);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let three = points(&HEADLINES[..3], None);
    assert!(matches!(
        Curve::fit(&three),
        Err(EconomicsError::TooFew {
            found: 3,
            needed: 4,
            ..
        })
    ));
    let falling = points(&[(1.0, 0.9), (2.0, 0.8), (3.0, 0.7), (4.0, 0.6)], Some(50));
    assert!(matches!(
        Curve::fit(&falling),
        Err(EconomicsError::NoGain { .. })
    ));
    for (n, accuracy, cases, what) in [
        (0.0, 0.5, None, "n:"),
        (f64::NAN, 0.5, None, "n:"),
        (10.0, 1.01, None, "accuracy:"),
        (10.0, f64::NAN, None, "accuracy:"),
        (10.0, 0.5, Some(0), "n_eval:"),
    ] {
        let error = Point::new(n, accuracy, cases).unwrap_err().to_string();
        assert!(error.starts_with(what), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn curves_are_recovered(a in 0.6..1.0f64, gap in 0.2..0.5f64, c in 0.2..1.2f64) {
        let curve = Curve { a, b: gap * 100f64.powf(c), c };
        let sizes = [100.0, 200.0, 400.0, 700.0, 1000.0];
        let clean: Vec<_> = sizes.iter().map(|&n| (n, curve.accuracy(n))).collect();
        let fit = Curve::fit(&points(&clean, Some(1_000))).unwrap();
        prop_assert!((fit.curve.accuracy(5_000.0) - curve.accuracy(5_000.0)).abs() < 1e-4, "{:?} is not {:?}", fit, curve);
        prop_assert!(fit.misfit < 1e-3);
    }
}

/// Ten measurements per amount, each on 2,000 cases: five times the labels are foretold within four points, nearly always.
#[test]
fn noisy_curves_are_continued_within_four_points() {
    let sizes = [100.0, 200.0, 400.0, 700.0, 1000.0];
    let (rounds, mut within, mut worst) = (400, 0, 0.0f64);
    let mut draws = splitmix(20_261_127);
    for _ in 0..rounds {
        let mut between = |low: f64, high: f64| low + (high - low) * draws.unit();
        let (a, gap, c) = (between(0.6, 1.0), between(0.2, 0.5), between(0.2, 1.2));
        let curve = Curve {
            a,
            b: gap * 100f64.powf(c),
            c,
        };
        let noisy: Vec<_> = sizes
            .iter()
            .flat_map(|n| [*n; 10])
            .map(|n| {
                let p = curve.accuracy(n);
                let error = (p * (1.0 - p) / 2_000.0).sqrt();
                (n, (p + error * draws.normal()).clamp(0.0, 1.0))
            })
            .collect();
        let fit = Curve::fit(&points(&noisy, Some(2_000))).unwrap();
        let off = (fit.curve.accuracy(5_000.0) - curve.accuracy(5_000.0)).abs();
        within += u32::from(off < 0.04);
        worst = worst.max(off);
    }
    println!("{within} of {rounds} within four points, the worst {worst:.3}");
    assert!(f64::from(within) >= 0.97 * f64::from(rounds) && worst < 0.1);
}
