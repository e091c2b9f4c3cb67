//! Each condition by itself, what is still needed, and verdicts that do not flap.

use super::{Condition, Evidence, Policy, Verdict};
use crate::readiness::{Level, Question, Readiness};
use crate::{Span, confidence};

fn ready(levels: [u8; 3]) -> Readiness {
    let [task_path, reasoning_path, closed_loop] = levels.map(|level| Level::new(level).unwrap());
    Readiness {
        task_path,
        reasoning_path,
        closed_loop,
    }
}

fn good() -> Evidence {
    Evidence {
        positive: 0.95,
        quality: Some(Span {
            low: -0.01,
            high: 0.05,
        }),
        quality_variance: 0.1,
        cases: 2_000,
        readiness: ready([2, 3, 2]),
        known_cost: 0.995,
    }
}

fn judge(evidence: &Evidence, standing: Option<Verdict>) -> (Verdict, Vec<Condition>) {
    let found = Policy::default().judge(evidence, standing).unwrap();
    assert_eq!(found.policy, "1");
    (found.verdict, found.binding)
}

#[test]
fn each_condition_binds_by_itself() {
    assert_eq!(judge(&good(), None), (Verdict::Invest, vec![]));
    let quality = |low, high| Some(Span { low, high });
    for (evidence, condition) in [
        (
            Evidence {
                positive: 0.89,
                ..good()
            },
            Condition::Value,
        ),
        (
            Evidence {
                quality: quality(-0.03, 0.04),
                ..good()
            },
            Condition::Quality,
        ),
        (
            Evidence {
                quality: None,
                ..good()
            },
            Condition::Quality,
        ),
        (
            Evidence {
                cases: 199,
                ..good()
            },
            Condition::Cases,
        ),
        (
            Evidence {
                readiness: ready([2, 1, 2]),
                ..good()
            },
            Condition::Readiness(Question::ReasoningPath),
        ),
        (
            Evidence {
                known_cost: 0.98,
                ..good()
            },
            Condition::KnownCost,
        ),
    ] {
        assert_eq!(judge(&evidence, None), (Verdict::Watch, vec![condition]));
    }
    for (evidence, condition) in [
        (
            Evidence {
                positive: 0.2,
                ..good()
            },
            Condition::Value,
        ),
        (
            Evidence {
                quality: quality(-0.2, -0.021),
                ..good()
            },
            Condition::Quality,
        ),
        (
            Evidence {
                readiness: ready([2, 2, 0]),
                ..good()
            },
            Condition::Readiness(Question::ClosedLoop),
        ),
    ] {
        assert_eq!(judge(&evidence, None), (Verdict::Stop, vec![condition]));
    }
    assert!(
        Policy::default()
            .judge(
                &Evidence {
                    positive: f64::NAN,
                    ..good()
                },
                None
            )
            .is_err()
    );
}

#[test]
fn five_points_of_probability_do_not_turn_a_standing_verdict() {
    let at = |positive, standing| judge(&Evidence { positive, ..good() }, Some(standing)).0;
    assert_eq!(at(0.86, Verdict::Invest), Verdict::Invest);
    assert_eq!(at(0.84, Verdict::Invest), Verdict::Watch);
    assert_eq!(at(0.86, Verdict::Watch), Verdict::Watch);
    assert_eq!(at(0.24, Verdict::Stop), Verdict::Stop);
    assert_eq!(at(0.26, Verdict::Stop), Verdict::Watch);
    assert_eq!(at(0.24, Verdict::Watch), Verdict::Watch);
    // A probability that swings by four points around a threshold changes the verdict once at most.
    for (middle, start) in [(0.9, Verdict::Watch), (0.2, Verdict::Watch)] {
        let (mut standing, mut changes) = (start, 0);
        for step in 0..40 {
            let swing = if step % 2 == 0 { 0.02 } else { -0.02 };
            let next = at(middle + swing, standing);
            changes += u32::from(next != standing);
            standing = next;
        }
        assert!(changes <= 1, "{changes} changes around {middle}");
    }
}

#[test]
fn the_sample_still_needed_is_enough() {
    let policy = Policy::default();
    let wide = Evidence {
        quality: Some(Span {
            low: -0.05,
            high: 0.06,
        }),
        cases: 500,
        ..good()
    };
    let needed = policy.judge(&wide, None).unwrap().cases_needed.unwrap();
    let margin = confidence::mean_margin(500 + needed, 0.1, 0.05).unwrap();
    assert!(0.005 - margin >= -0.02, "{needed} more: {margin}");
    assert!(confidence::mean_margin(499 + needed, 0.1, 0.05).unwrap() > 0.025);
    let few = Evidence {
        cases: 150,
        ..good()
    };
    assert_eq!(policy.judge(&few, None).unwrap().cases_needed, Some(50));
    // Worse than the margin on average: no sample helps.
    let worse = Evidence {
        quality: Some(Span {
            low: -0.1,
            high: 0.03,
        }),
        ..good()
    };
    assert_eq!(policy.judge(&worse, None).unwrap().cases_needed, None);
}
