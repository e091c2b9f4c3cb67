//! The worked scenario with doubt about it.

use proptest::prelude::*;

use super::{DRAWS, Spread, Uncertain, flips_at};
use crate::draws::splitmix;
use crate::scenario::{Factor, Scenario, tests::example};

fn estimated(low: f64, likely: f64, high: f64) -> Spread {
    Spread::Estimated { low, likely, high }
}

fn uncertain() -> Uncertain {
    Uncertain {
        scenario: example(),
        spreads: vec![
            (Factor::Volume, estimated(500.0, 4_000.0, 6_000.0)),
            (
                Factor::GatewayError,
                Spread::Counted {
                    hits: 10,
                    cases: 200,
                },
            ),
            (Factor::Realisation, estimated(0.1, 0.5, 1.0)),
            (Factor::Fixed, estimated(1_400.0, 1_500.0, 1_600.0)),
        ],
    }
}

#[test]
fn the_band_of_cash_ends_at_that_of_the_value() {
    let (draws, seed) = (4_000, 3);
    let bands = uncertain().cash_bands(draws, &mut splitmix(seed)).unwrap();
    let npv = uncertain()
        .forecast(draws, &mut splitmix(seed))
        .unwrap()
        .npv;
    assert_eq!(bands.len(), 25);
    assert_eq!(bands[24], npv, "the same draws");
    // Nothing of month 0 is uncertain.
    assert_eq!((bands[0].low, bands[0].high), (-40_000.0, -40_000.0));
    assert!(
        bands
            .windows(2)
            .all(|two| two[0].high - two[0].low <= two[1].high - two[1].low)
    );
}

#[test]
fn ten_thousand_draws_repeat_with_their_seed() {
    let seed = 17;
    println!("seed {seed}");
    let found = uncertain().forecast(DRAWS, &mut splitmix(seed)).unwrap();
    assert_eq!(
        found,
        uncertain().forecast(DRAWS, &mut splitmix(seed)).unwrap()
    );
    assert!((0.7..0.9).contains(&found.positive), "{found:?}");
    assert!(
        found.npv.low < found.mean && found.mean < found.npv.high,
        "{found:?}"
    );
    assert!(
        found.payback.low > 0.0 && found.payback.low < found.payback.high,
        "{found:?}"
    );
    let certain = Uncertain {
        spreads: Vec::new(),
        ..uncertain()
    };
    let certain = certain.forecast(100, &mut splitmix(seed)).unwrap();
    assert!(
        (certain.positive - 1.0).abs() < 1e-12 && (certain.mean - 399_208.98).abs() < 0.01,
        "{certain:?}"
    );
    assert!(uncertain().forecast(10, &mut splitmix(seed)).is_err());
}

#[test]
fn the_tornado_has_the_widest_first() {
    let seed = 18;
    println!("seed {seed}");
    let swings = uncertain().tornado(2_000, &mut splitmix(seed)).unwrap();
    let order: Vec<Factor> = swings.iter().map(|swing| swing.factor).collect();
    assert_eq!(order[3], Factor::Fixed, "{swings:?}");
    assert!(
        swings
            .windows(2)
            .all(|pair| pair[0].width() >= pair[1].width())
    );
    let volume = swings
        .iter()
        .find(|swing| swing.factor == Factor::Volume)
        .unwrap();
    assert!(
        volume.at_low < volume.at_high
            && volume.values.low < 4_000.0
            && volume.values.high > 4_000.0,
        "{volume:?}"
    );
}

#[test]
fn what_would_flip_the_example() {
    // The discounted months of the horizon add up to this many; at a flip they pay for investment and fixed cost.
    let months = (399_208.98 + 40_000.0) / 20_180.0;
    let a_month = 40_000.0 / months + 1_500.0;
    let volume = flips_at(&example(), Factor::Volume).unwrap();
    assert!((volume - a_month / 5.42).abs() < 0.01, "{volume}");
    assert_eq!(flips_at(&example(), Factor::ReviewRate), None);
    assert_eq!(
        flips_at(
            &Scenario {
                review_cost: 0.0,
                ..example()
            },
            Factor::ReviewRate
        ),
        None
    );
    let cost = flips_at(&example(), Factor::GatewayCost).unwrap();
    assert!(
        (cost - (0.38 + 5.42 - a_month / 4_000.0)).abs() < 1e-5,
        "{cost}"
    );
}

proptest! {
    /// At the value that flips it, the scenario is worth nothing.
    #[test]
    fn a_flip_is_worth_nothing(at in 0usize..11, volume in 10.0..9e3f64, cost in 0.0..9.0f64, error in 0.0..0.3f64, fixed in 0.0..9e3f64) {
        let scenario = Scenario { volume, gateway_cost: cost, gateway_error: error, fixed, ..example() };
        let factor = Factor::ALL[at];
        if let Some(value) = flips_at(&scenario, factor) {
            prop_assert!((0.0..=factor.most()).contains(&value));
            let npv = factor.set(scenario, value).cash().npv();
            prop_assert!(npv.abs() < 1e-3 * (1.0 + value.abs()), "{} at {}: {}", factor.name(), value, npv);
        }
    }
}
