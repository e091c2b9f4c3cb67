//! Constraints, abstention, overflow, exploration and pinning.

use proptest::prelude::*;
use units::{ExpertId, Nanos, Pico, ScenarioId, Tokens};

use super::*;
use crate::policy::Exploration;
use crate::sample::{candidates, draw, expert, gate, ids, tenant, user, view};
use crate::{Gate, Price, RequestView, Scratch};

fn still() -> Policy {
    let exploration = Exploration::NONE;
    Policy {
        exploration,
        min_quality: 0.0,
        ..Policy::default()
    }
}

fn run(
    gate: &Gate,
    view: &RequestView<'_>,
    candidates: &[Candidate<'_>],
    policy: &Policy,
) -> Result<Decision, DecideError> {
    let mut scratch = Scratch::new();
    decide(
        &gate.read(view, &mut scratch),
        candidates,
        policy,
        &draw(0.5),
    )
}

#[test]
fn a_declared_scenario_goes_to_the_expert_that_knows_it() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("Each party may assign this agreement with consent.");
    let scenario = ScenarioId::new("clause-type").unwrap();
    let view = RequestView {
        scenario: Some(&scenario),
        ..view(&tenant, &turns)
    };
    let decision = run(&gate, &view, &candidates(&ids), &still()).unwrap();
    assert_eq!(decision.chosen.as_str(), "legal");
    assert_eq!(decision.reason, Reason::Gate);
    assert!(decision.scenario.declared);
    let row = decision.chosen_row().unwrap();
    // Golden: domain mean over four even domains shrunk by 20 rows against 1,000 of the scenario.
    assert!((row.quality - 0.8869).abs() < 2e-3, "{}", row.quality);
    assert!(row.low < row.quality && row.quality < row.high);
    assert_eq!(decision.candidates.len(), 4);
}

#[test]
fn nobody_being_sure_goes_to_the_generalist() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("hello");
    let policy = Policy {
        min_quality: 0.5,
        ..still()
    };
    let decision = run(&gate, &view(&tenant, &turns), &candidates(&ids), &policy).unwrap();
    assert_eq!(decision.reason, Reason::AbstainToGeneralist);
    assert_eq!(decision.chosen.as_str(), "general");
    assert_eq!(decision.chosen_row().unwrap().propensity, 1.0);
}

#[test]
fn a_full_favourite_overflows_to_the_next_best() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("x");
    let scenario = ScenarioId::new("clause-type").unwrap();
    let view = RequestView {
        scenario: Some(&scenario),
        ..view(&tenant, &turns)
    };
    let mut offered = candidates(&ids);
    offered[1].capacity = Capacity::Full;
    let decision = run(&gate, &view, &offered, &still()).unwrap();
    assert_eq!(decision.reason, Reason::Overflow);
    assert_ne!(decision.chosen.as_str(), "legal");
    for candidate in &mut offered {
        candidate.capacity = Capacity::Full;
    }
    assert_eq!(
        run(&gate, &view, &offered, &still()),
        Err(DecideError::NoCapacity)
    );
    offered[0].capacity = Capacity::Down;
    assert_eq!(
        run(&gate, &view, &offered, &still()),
        Err(DecideError::NoCapacity)
    );
}

#[test]
fn a_full_expert_that_is_worse_anyway_is_no_overflow() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("x");
    let scenario = ScenarioId::new("clause-type").unwrap();
    let view = RequestView {
        scenario: Some(&scenario),
        ..view(&tenant, &turns)
    };
    let mut offered = candidates(&ids);
    offered[0].capacity = Capacity::Full;
    let decision = run(&gate, &view, &offered, &still()).unwrap();
    assert_eq!(
        (decision.reason, decision.chosen.as_str()),
        (Reason::Gate, "legal")
    );
}

#[test]
fn a_pinned_expert_is_taken_or_refused() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("anything");
    let (medical, stranger) = (expert("medical"), expert("stranger"));
    let pin = |id| RequestView {
        pinned: Some(id),
        ..view(&tenant, &turns)
    };
    let offered = candidates(&ids);
    let decision = run(&gate, &pin(&medical), &offered, &still()).unwrap();
    assert_eq!(
        (decision.reason, decision.chosen),
        (Reason::Pinned, medical.clone())
    );
    assert_eq!(decision.candidates.len(), 1);
    let unknown = DecideError::Unknown {
        expert: stranger.clone(),
    };
    assert_eq!(
        run(&gate, &pin(&stranger), &offered, &still()),
        Err(unknown)
    );
    let forbidding = Policy {
        allowed: Some(vec![expert("legal")]),
        ..still()
    };
    assert_eq!(
        run(&gate, &pin(&medical), &offered, &forbidding),
        Err(DecideError::Forbidden)
    );
}

#[test]
fn one_allowed_expert_is_the_only_candidate() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("anything");
    let policy = Policy {
        allowed: Some(vec![expert("finance")]),
        ..still()
    };
    let decision = run(&gate, &view(&tenant, &turns), &candidates(&ids), &policy).unwrap();
    assert_eq!(
        (decision.reason, decision.chosen.as_str()),
        (Reason::OnlyCandidate, "finance")
    );
    assert_eq!(
        run(&gate, &view(&tenant, &turns), &[], &policy),
        Err(DecideError::Forbidden)
    );
}

#[test]
fn what_no_one_can_do_is_named() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("anything");
    let tools = RequestView {
        has_tools: true,
        ..view(&tenant, &turns)
    };
    let offered = candidates(&ids);
    let incapable = DecideError::Incapable { what: "call tools" };
    assert_eq!(run(&gate, &tools, &offered, &still()), Err(incapable));
    let mut short = candidates(&ids);
    for candidate in &mut short {
        candidate.context_tokens = Some(Tokens::new(100));
    }
    let long = RequestView {
        input_tokens: Some(Tokens::new(60)),
        max_output_tokens: Some(Tokens::new(50)),
        ..view(&tenant, &turns)
    };
    let too_long = DecideError::ContextTooLong {
        needed: 110,
        limit: 100,
    };
    assert_eq!(run(&gate, &long, &short, &still()), Err(too_long));
    let mut dear = candidates(&ids);
    for candidate in &mut dear {
        candidate.price.per_request = Pico::new(10);
    }
    let poor = Policy {
        max_cost: Some(Pico::new(9)),
        ..still()
    };
    assert_eq!(
        run(&gate, &view(&tenant, &turns), &dear, &poor),
        Err(DecideError::TooDear)
    );
}

#[test]
fn cost_is_exact_in_integers() {
    let price = Price {
        per_request: Pico::new(7),
        per_input_token: Pico::new(150_000),
        per_output_token: Pico::new(600_000),
        per_device_second: Pico::new(13_888_889),
    };
    let cost = cost(
        price,
        Tokens::new(100),
        Tokens::new(10),
        Nanos::new(2_500_000_000),
    );
    assert_eq!(cost, Pico::new(7 + 15_000_000 + 6_000_000 + 34_722_222));
    let absurd = Price {
        per_input_token: Pico::new(i128::MAX),
        ..price
    };
    let most = super::cost(absurd, Tokens::new(u64::MAX), Tokens::ZERO, Nanos::ZERO);
    assert_eq!(most, Pico::new(i128::from(i64::MAX)));
}

#[test]
fn price_time_and_load_each_turn_the_choice() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("x");
    let view = view(&tenant, &turns);
    let two = [ids[0].clone(), ids[1].clone()];
    let policy = Policy {
        value: Pico::new(1_000_000),
        ..still()
    };
    let base = candidates(&two);
    assert_eq!(
        run(&gate, &view, &base, &policy).unwrap().chosen.as_str(),
        "finance"
    );
    let turned = |change: fn(&mut Candidate<'_>)| {
        let mut offered = candidates(&two);
        change(&mut offered[0]);
        run(&gate, &view, &offered, &policy).unwrap().chosen
    };
    assert_eq!(
        turned(|c| c.price.per_request = Pico::new(5)).as_str(),
        "legal"
    );
    assert_eq!(turned(|c| c.load_price = Pico::new(5)).as_str(), "legal");
    let slow = |c: &mut Candidate<'_>| c.typical_latency = Some(Nanos::new(2_000_000_000));
    assert_eq!(turned(slow).as_str(), "legal");
}

#[test]
fn an_expert_the_gate_never_saw_has_a_wide_interval() {
    let (gate, tenant) = (gate(), tenant());
    let turns = user("x");
    let remote = expert("remote-70b");
    let mut candidate = Candidate::new(&remote, "general");
    candidate.prior_quality = Some(0.8);
    let decision = run(&gate, &view(&tenant, &turns), &[candidate], &still()).unwrap();
    let row = decision.chosen_row().unwrap();
    assert_eq!(row.quality, 0.8);
    assert!(row.high - row.low > 0.5, "{}..{}", row.low, row.high);
    candidate.prior_quality = Some(f32::NAN);
    let decision = run(&gate, &view(&tenant, &turns), &[candidate], &still()).unwrap();
    assert_eq!(decision.chosen_row().unwrap().quality, 0.5);
}

#[test]
fn a_decision_survives_the_ledger() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("Kündigung zum Monatsende");
    let decision = run(
        &gate,
        &view(&tenant, &turns),
        &candidates(&ids),
        &Policy::default(),
    )
    .unwrap();
    let line = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&line).unwrap(), decision);
    assert!(line.len() < 900, "{} bytes: {line}", line.len());
    assert!(!line.contains("Monatsende"));
    let next = decision.order().nth(1).unwrap().clone();
    let after = decision.fallback_to(&next).unwrap();
    assert_eq!((after.reason, after.chosen), (Reason::Fallback, next));
    assert!(decision.fallback_to(&expert("stranger")).is_none());
}

fn capacity() -> impl Strategy<Value = Capacity> {
    prop_oneof![
        4 => Just(Capacity::Open),
        1 => Just(Capacity::Full),
        1 => Just(Capacity::Down),
    ]
}

proptest! {
    #[test]
    fn constraints_hold_and_propensities_sum_to_one(
        text in any::<String>(),
        random in 0.0..1.0_f64,
        epsilon in 0.0..1.0_f32,
        margin in 0.0..2.0_f32,
        allowed in prop::option::of(prop::collection::vec(0..4_usize, 0..4)),
        capacities in prop::collection::vec(capacity(), 4),
        prices in prop::collection::vec(0..20_000_000_000_i128, 4),
        contexts in prop::collection::vec(prop::option::of(0..100_u64), 4),
        tools in prop::collection::vec(any::<bool>(), 4),
        has_tools in any::<bool>(),
    ) {
        let (gate, tenant, ids) = (gate(), tenant(), ids());
        let turns = user(&text);
        let view = RequestView { has_tools, ..view(&tenant, &turns) };
        let mut offered = candidates(&ids);
        for (at, candidate) in offered.iter_mut().enumerate() {
            candidate.capacity = capacities[at];
            candidate.price.per_request = Pico::new(prices[at]);
            candidate.context_tokens = contexts[at].map(Tokens::new);
            candidate.capabilities.tools = tools[at];
        }
        let allowed: Option<Vec<ExpertId>> =
            allowed.map(|list| list.into_iter().map(|at| ids[at].clone()).collect());
        let policy = Policy {
            allowed,
            max_cost: Some(Pico::new(15_000_000_000)),
            exploration: Exploration { epsilon, margin },
            ..Policy::default()
        };
        let mut scratch = Scratch::new();
        let reading = gate.read(&view, &mut scratch);
        let may = |candidate: &Candidate<'_>| {
            policy.allows(candidate.expert)
                && candidate.capacity == Capacity::Open
                && candidate.price.per_request <= Pico::new(15_000_000_000)
                && candidate.context_tokens.is_none_or(|most| view.input_tokens() <= most)
                && (!has_tools || candidate.capabilities.tools)
        };
        let open = offered.iter().filter(|candidate| may(candidate)).count();
        match decide(&reading, &offered, &policy, &draw(random)) {
            Err(_) => prop_assert_eq!(open, 0),
            Ok(decision) => {
                prop_assert_eq!(decision.candidates.len(), open);
                for row in &decision.candidates {
                    let candidate = offered.iter().find(|c| *c.expert == row.expert).unwrap();
                    prop_assert!(may(candidate));
                    prop_assert!((0.0..=1.0).contains(&row.quality));
                    prop_assert!(row.low <= row.quality && row.quality <= row.high);
                }
                let sum: f64 = decision.candidates.iter().map(|row| row.propensity).sum();
                prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
                prop_assert!(decision.chosen_row().unwrap().propensity > 0.0);
                let again = decide(&reading, &offered, &policy, &draw(random)).unwrap();
                prop_assert_eq!(again, decision);
            }
        }
    }
}

#[test]
fn draws_come_as_often_as_their_propensity_says() {
    let (gate, tenant, ids) = (gate(), tenant(), ids());
    let turns = user("x");
    let view = view(&tenant, &turns);
    let exploration = Exploration {
        epsilon: 0.4,
        margin: 0.5,
    };
    let policy = Policy {
        exploration,
        min_quality: 0.0,
        ..Policy::default()
    };
    let mut scratch = Scratch::new();
    let reading = gate.read(&view, &mut scratch);
    let offered = candidates(&ids);
    let mut seen = std::collections::BTreeMap::new();
    let rounds = 10_000_u32;
    for round in 0..rounds {
        let random = f64::from(round) / f64::from(rounds);
        let decision = decide(&reading, &offered, &policy, &draw(random)).unwrap();
        let propensity = decision.chosen_row().unwrap().propensity;
        seen.entry(decision.chosen).or_insert((0_u32, propensity)).0 += 1;
    }
    assert_eq!(seen.len(), 4);
    for (count, propensity) in seen.values() {
        assert!((f64::from(*count) / f64::from(rounds) - propensity).abs() < 2e-4);
    }
}
