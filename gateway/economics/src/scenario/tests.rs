//! The worked example, and what must hold for any scenario.

use proptest::prelude::*;

use super::{Factor, Scenario, Spend};

fn spend(amount: f64, month: i32) -> Spend {
    Spend {
        what: "distillation".to_owned(),
        amount,
        month,
    }
}

pub(crate) fn example() -> Scenario {
    Scenario {
        volume: 4_000.0,
        realisation: 1.0,
        human_cost: 6.5,
        human_error: 0.04,
        loss_per_error: 25.0,
        gateway_cost: 0.38,
        review_rate: 0.15,
        review_cost: 3.0,
        gateway_error: 0.05,
        fixed: 1_500.0,
        investment: vec![spend(40_000.0, 0)],
        annual_rate: 0.1,
        months: 24,
    }
}

#[track_caller]
fn near(found: f64, expected: f64, by: f64) {
    assert!((found - expected).abs() <= by, "{found} is not {expected}");
}

#[test]
fn the_worked_example() {
    let scenario = example().checked().unwrap();
    near(scenario.monthly_benefit(), 20_180.0, 1e-6);
    let cash = scenario.cash();
    near(cash.simple_payback().unwrap(), 1.98, 5e-3);
    assert_eq!(cash.discounted_payback(), Some(3));
    near(cash.npv(), 399_208.98, 5e-3);
    near(scenario.break_even_volume().unwrap(), 584.26, 5e-3);
}

#[test]
fn half_of_the_labour_is_half_of_the_labour() {
    let half = Scenario {
        realisation: 0.5,
        ..example()
    };
    near(half.monthly_benefit(), 20_180.0 - 4_000.0 * 3.25, 1e-6);
}

#[test]
fn sunk_cost_is_shown_and_counts_nothing() {
    let mut scenario = example();
    scenario.investment.push(spend(1e6, -3));
    scenario.investment.push(spend(5e3, 30));
    let cash = scenario.cash();
    near(cash.sunk(), 1e6, 0.0);
    near(cash.npv(), 399_208.98, 5e-3);
    near(cash.investment(), 40_000.0, 0.0);
    assert_eq!(cash.months().len(), 25);
}

#[test]
fn a_scenario_that_loses_has_no_payback() {
    let loser = Scenario {
        gateway_cost: 9.0,
        ..example()
    };
    let cash = loser.cash();
    assert_eq!(
        (
            cash.simple_payback(),
            cash.discounted_payback(),
            loser.break_even_volume()
        ),
        (None, None, None)
    );
    assert!(cash.npv() < -40_000.0);
    // A late investment makes the sum negative again: only the month that it stays positive from counts.
    let mut late = example();
    late.investment.push(spend(60_000.0, 4));
    assert_eq!(late.cash().discounted_payback(), Some(5));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    for (bad, what) in [
        (
            Scenario {
                volume: -1.0,
                ..example()
            },
            "volume",
        ),
        (
            Scenario {
                realisation: 1.1,
                ..example()
            },
            "realisation",
        ),
        (
            Scenario {
                gateway_cost: f64::NAN,
                ..example()
            },
            "gateway_cost",
        ),
        (
            Scenario {
                annual_rate: -1.0,
                ..example()
            },
            "annual_rate",
        ),
        (
            Scenario {
                months: 0,
                ..example()
            },
            "months",
        ),
        (
            Scenario {
                investment: vec![spend(-1.0, 0)],
                ..example()
            },
            "investment",
        ),
    ] {
        let error = bad.checked().unwrap_err().to_string();
        assert!(error.starts_with(what), "{error}");
    }
}

proptest! {
    /// What a factor is set to, it has; the others keep theirs.
    #[test]
    fn factors_are_independent(at in 0usize..11, share in 0.01..1.0f64) {
        let factor = Factor::ALL[at];
        let changed = factor.set(example(), share);
        prop_assert!((factor.of(&changed) - share).abs() < 1e-9);
        for other in Factor::ALL.into_iter().filter(|other| *other != factor) {
            prop_assert!((other.of(&changed) - other.of(&example())).abs() < 1e-9, "{}", other.name());
        }
    }

    /// At the break-even volume the undiscounted cash adds up to nothing.
    #[test]
    fn break_even_is_even(fixed in 0.0..5e3f64, invested in 0.0..1e5f64, cost in 0.0..5.0f64) {
        let scenario = Scenario { fixed, gateway_cost: cost, investment: vec![spend(invested, 0)], ..example() };
        let volume = scenario.break_even_volume().unwrap();
        let even = Scenario { volume, ..scenario };
        let total: f64 = even.cash().months().iter().sum();
        prop_assert!(total.abs() < 1e-6 * (1.0 + invested + 24.0 * fixed), "{}", total);
    }
}
