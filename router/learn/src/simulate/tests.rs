//! A made-up table in which a word says who is right: the gate finds it, the others cannot; shuffled, nobody can.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router::Captured;

use super::*;
use crate::world::Row;

/// Two experts, two slices. In the first slice the word decides who is right; in the second nothing does.
fn world(seed: u64, rows: usize) -> World {
    let rng = &mut StdRng::seed_from_u64(seed);
    let rows = (0..rows).map(|n| {
        let (slice, word) = (n % 2, rng.random_range(0..2_usize));
        let quality = (0..2).map(|expert| {
            let p = if slice == 0 {
                if word == expert { 0.9 } else { 0.3 }
            } else {
                0.55
            };
            f32::from(u8::from(rng.random_bool(p)))
        });
        let quality: Vec<f32> = quality.collect();
        let filler = (0..8).map(|_| rng.random_range(100..60_000_u32));
        let mut features = Captured {
            table_bits: 16,
            known_bits: 16,
            ..Captured::new()
        };
        features.bags[0] = filler.chain([[10, 50][word]]).collect();
        Row {
            slice,
            features,
            quality,
            cost: vec![1.0, 2.0],
        }
    });
    World {
        experts: ["a", "b"].map(str::to_owned).to_vec(),
        slices: ["told", "untold"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

const PLAN: Plan = Plan {
    feedback: Feedback {
        delay: 20.0,
        spread: 1.0,
        missing: 0.3,
        noise: 0.05,
    },
    cost_weight: 0.0,
    orders: 2,
    seed: 20_261_125,
    points: 20,
};

fn accuracy(outcome: &Outcome, who: Who) -> f64 {
    let curve = outcome.curves.iter().find(|curve| curve.who == who);
    curve.unwrap().late_accuracy
}

#[test]
fn the_gate_learns_from_its_own_answers() {
    println!("seed {}", PLAN.seed);
    let world = world(5, 4_000);
    let outcome = play(&world, &PLAN).unwrap();
    let gate = accuracy(&outcome, Who::Gate);
    // The word is worth (0.9 - 0.6) / 2 over all requests; learning late, with noise, gets most of it.
    assert!(gate > accuracy(&outcome, Who::SliceOnly) + 0.08, "{gate}");
    assert!(gate < accuracy(&outcome, Who::Oracle));
    assert!(outcome.lifts.of_context.shows() && outcome.lifts.of_text.shows());
    let judged = outcome.judged as f64 / 8_000.0;
    assert!((0.6..0.71).contains(&judged), "{judged}");
    let found = outcome.off_policy.unwrap();
    let half = (found.estimates.dr.high - found.estimates.dr.low) / 2.0;
    assert!(
        (found.estimates.dr.value - found.truth).abs() < 2.0 * half,
        "{found:?}"
    );
}

#[test]
fn where_outcomes_are_shuffled_there_is_no_lift() {
    println!("seed {}", PLAN.seed);
    let world = world(5, 4_000).shuffled(&mut StdRng::seed_from_u64(PLAN.seed));
    let outcome = play(&world, &PLAN).unwrap();
    assert!(!outcome.lifts.of_context.shows(), "{:?}", outcome.lifts);
    assert!(!outcome.lifts.of_text.shows(), "{:?}", outcome.lifts);
}

#[test]
fn cost_turns_the_choice() {
    let plan = Plan {
        cost_weight: 1.0,
        orders: 1,
        ..PLAN
    };
    let outcome = play(&world(5, 1_000), &plan).unwrap();
    let gate = outcome.curves.iter().find(|c| c.who == Who::Gate).unwrap();
    assert!(gate.cost < 1.1, "{}", gate.cost);
}

#[test]
fn the_same_seed_plays_the_same() {
    let world = world(6, 500);
    assert_eq!(play(&world, &PLAN), play(&world, &PLAN));
}

#[test]
fn an_empty_table_is_nothing_to_play() {
    let empty = World {
        experts: vec!["a".to_owned()],
        slices: vec!["s".to_owned()],
        rows: Vec::new(),
    };
    assert_eq!(play(&empty, &PLAN), None);
}
