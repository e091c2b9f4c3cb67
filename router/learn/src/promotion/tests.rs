//! A good candidate passes; each way of not being good has its own name.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// Two experts of qualities `q`, the second explored with some probability; the live gate takes the first.
fn cases(n: usize, q: [f64; 2], explored: f64, candidate: [f64; 2]) -> Vec<Case> {
    let rng = &mut StdRng::seed_from_u64(17);
    let propensity = [1.0 - explored, explored];
    (0..n)
        .map(|_| {
            let chosen = usize::from(rng.random_bool(explored));
            let option = |at: usize| CaseOption {
                propensity: propensity[at],
                cost: 0.01,
                model: 0.5,
            };
            Case {
                options: vec![option(0), option(1)],
                chosen,
                score: f64::from(u8::from(rng.random_bool(q[chosen]))),
                policies: Policies {
                    live: vec![1.0, 0.0],
                    candidate: candidate.to_vec(),
                    lookup: vec![1.0, 0.0],
                },
            }
        })
        .collect()
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    verdict.refusals.iter().map(Refusal::name).collect()
}

#[test]
fn a_better_gate_may_take_the_place() {
    let verdict = judge(
        &cases(600, [0.5, 0.9], 0.2, [0.0, 1.0]),
        60,
        &Bar::default(),
    );
    assert_eq!(names(&verdict), [""; 0], "{verdict:?}");
    let lift = verdict.over_live.unwrap();
    assert!(lift.holds(0.4), "{lift:?}");
    let worth = verdict.worth.unwrap();
    assert!(worth.candidate.dr.holds(0.89), "{worth:?}");
    assert!((verdict.agreement - 0.0).abs() < 1e-12);
}

#[test]
fn a_worse_gate_is_refused_for_being_worse() {
    let verdict = judge(
        &cases(600, [0.9, 0.5], 0.2, [0.0, 1.0]),
        60,
        &Bar::default(),
    );
    assert_eq!(
        names(&verdict),
        ["not_above_lookup", "not_above_live", "off_policy_worse"]
    );
    assert!(
        verdict.refusals[1]
            .to_string()
            .starts_with("not_above_live: ")
    );
}

#[test]
fn the_same_gate_is_no_better() {
    let verdict = judge(
        &cases(600, [0.7, 0.7], 0.2, [1.0, 0.0]),
        60,
        &Bar::default(),
    );
    assert_eq!(names(&verdict), ["not_above_lookup", "not_above_live"]);
    assert_eq!(verdict.over_live.map(|lift| lift.value), Some(0.0));
    assert_eq!(verdict.agreement, 1.0);
}

#[test]
fn what_was_never_tried_is_not_believed() {
    let verdict = judge(
        &cases(600, [0.5, 0.9], 0.0, [0.0, 1.0]),
        60,
        &Bar::default(),
    );
    assert!(names(&verdict).contains(&"unsupported"), "{verdict:?}");
    let half = judge(
        &cases(600, [0.5, 0.9], 0.0, [0.9, 0.1]),
        60,
        &Bar::default(),
    );
    assert!(names(&half).contains(&"unsupported"), "{half:?}");
}

#[test]
fn few_outcomes_and_a_short_shadow_are_named() {
    let verdict = judge(&cases(20, [0.1, 1.0], 0.5, [0.0, 1.0]), 3, &Bar::default());
    assert_eq!(names(&verdict)[..2], ["too_few_outcomes", "not_shadowed"]);
    let nothing = judge(&[], 0, &Bar::default());
    assert!(nothing.worth.is_none() && names(&nothing).len() >= 4);
}

#[test]
fn a_dearer_gate_of_the_same_quality_is_refused() {
    let mut dear = cases(600, [0.7, 0.7], 0.3, [0.0, 1.0]);
    for case in &mut dear {
        case.options[1].cost = 0.4;
    }
    let verdict = judge(&dear, 60, &Bar::default());
    assert!(names(&verdict).contains(&"not_above_live"), "{verdict:?}");
    assert!(verdict.over_live.unwrap().holds(-0.39));
}

#[test]
fn a_verdict_survives_its_file() {
    let verdict = judge(
        &cases(200, [0.5, 0.6], 0.2, [0.0, 1.0]),
        60,
        &Bar::default(),
    );
    let text = serde_json::to_string(&verdict).unwrap();
    let back: Verdict = serde_json::from_str(&text).unwrap();
    assert_eq!(names(&back), names(&verdict));
}
