use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn at(ms: u64) -> Nanos {
    Nanos::new(ms * MS)
}

fn config() -> BreakerConfig {
    BreakerConfig {
        consecutive: 3,
        percent: 50,
        least: 10,
        window: Duration::from_secs(10),
        open_for: Duration::from_millis(100),
        open_at_most: Duration::from_millis(1_000),
        close_after: 2,
    }
}

fn settle(breaker: &mut Breaker, outcome: Outcome, ms: u64) {
    let pass = breaker.admit(at(ms)).expect("let through");
    breaker.settle(pass, outcome, at(ms), 0);
}

#[test]
fn failures_in_a_row_open_it_and_successes_close_it() {
    let mut breaker = Breaker::new(config(), at(0));
    settle(&mut breaker, Outcome::Failure, 1);
    settle(&mut breaker, Outcome::Failure, 2);
    settle(&mut breaker, Outcome::Success, 3);
    for ms in 4..7 {
        assert_eq!(breaker.phase(at(ms)), Phase::Closed);
        settle(&mut breaker, Outcome::Failure, ms);
    }
    assert_eq!(breaker.phase(at(6)), Phase::Open(at(106)));
    assert_eq!(breaker.admit(at(105)), None);
    settle(&mut breaker, Outcome::Success, 106);
    assert_eq!(breaker.phase(at(106)), Phase::HalfOpen);
    settle(&mut breaker, Outcome::Success, 107);
    assert_eq!(breaker.phase(at(107)), Phase::Closed);
}

#[test]
fn one_probe_at_a_time_and_each_failure_doubles_the_wait() {
    let mut breaker = Breaker::new(config(), at(0));
    for ms in 0..3 {
        settle(&mut breaker, Outcome::Failure, ms);
    }
    let mut now = 102;
    for wait in [200, 400, 800, 1_000, 1_000] {
        let pass = breaker.admit(at(now)).expect("the probe");
        assert_eq!(breaker.admit(at(now)), None, "a second probe");
        breaker.settle(pass, Outcome::Failure, at(now), 0);
        assert_eq!(breaker.phase(at(now)), Phase::Open(at(now + wait)));
        now += wait;
    }
    settle(&mut breaker, Outcome::Neutral, now);
    assert!(
        breaker.admit(at(now)).is_some(),
        "a neutral probe frees the place"
    );
}

#[test]
fn a_share_of_failures_opens_it_though_successes_lie_between() {
    let mut breaker = Breaker::new(config(), at(0));
    for ms in 0..9 {
        let outcome = if ms % 2 == 0 {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        settle(&mut breaker, outcome, ms);
    }
    assert_eq!(breaker.phase(at(9)), Phase::Closed, "too few");
    settle(&mut breaker, Outcome::Failure, 9);
    assert!(matches!(breaker.phase(at(9)), Phase::Open(_)));
}

#[test]
fn requests_from_before_the_opening_change_nothing() {
    let mut breaker = Breaker::new(config(), at(0));
    let old = breaker.admit(at(0)).unwrap();
    for ms in 0..3 {
        settle(&mut breaker, Outcome::Failure, ms);
    }
    let before = breaker.phase(at(3));
    breaker.settle(old, Outcome::Success, at(3), 0);
    assert_eq!(breaker.phase(at(3)), before);
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    Settle(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..400).prop_map(Step::Wait),
        Just(Step::Admit),
        (any::<usize>(), 0_u8..3).prop_map(|(which, how)| Step::Settle(which, how)),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Whatever happens: while open nothing passes before its time; while half-open at most one
    /// probe is out; after the longest wait somebody passes again once nothing is out.
    #[test]
    fn invariants_hold(steps in steps(), waver in any::<u64>()) {
        let mut breaker = Breaker::new(config(), at(0));
        let mut out: Vec<Pass> = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Admit => {
                    let phase = breaker.phase(at(now));
                    let pass = breaker.admit(at(now));
                    match phase {
                        Phase::Closed => prop_assert!(pass.is_some_and(|p| !p.probe)),
                        Phase::Probing => prop_assert!(pass.is_none()),
                        Phase::Open(until) => {
                            prop_assert!(pass.is_none());
                            prop_assert!(until > at(now) && until <= at(now + 1_125));
                        }
                        Phase::HalfOpen => {
                            prop_assert!(pass.is_some_and(|p| p.probe));
                        }
                    }
                    out.extend(pass);
                    prop_assert!(out.iter().filter(|p| p.probe).count() <= 1);
                }
                Step::Settle(which, how) if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    let outcome = [Outcome::Success, Outcome::Failure, Outcome::Neutral][usize::from(how)];
                    let closed = breaker.phase(at(now)) == Phase::Closed;
                    breaker.settle(pass, outcome, at(now), waver);
                    if closed && outcome != Outcome::Failure {
                        prop_assert_eq!(breaker.phase(at(now)), Phase::Closed);
                    }
                }
                Step::Settle(..) => {}
            }
        }
        for pass in out {
            breaker.settle(pass, Outcome::Neutral, at(now), waver);
        }
        prop_assert!(breaker.admit(at(now + 1_125)).is_some());
    }
}
