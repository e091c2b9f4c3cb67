//! Candidates from made-up outcomes: what is there is learned, what is not is left alone.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router::{Candidate, ExpertEntry, PriorKey, PriorRow, Role, Turn};

use super::*;

const SEED: u64 = 20_261_125;

fn expert(name: &str) -> ExpertId {
    ExpertId::new(name).unwrap()
}

/// A gate that knows one expert, of one domain, right on half of its requests.
fn live() -> Package {
    let entry = ExpertEntry {
        id: expert("old"),
        domain: "all".to_owned(),
        samples: 1_000,
        output_samples: 0,
        latency_samples: 0,
    };
    let row = PriorRow {
        key: PriorKey::Domain("all".to_owned()),
        expert: expert("old"),
        n: 1_000,
        mean: 0.5,
    };
    let mut package = Package::lookup_only(
        "live",
        vec!["all".to_owned()],
        vec![ScenarioId::unassigned()],
        vec![entry],
        vec![row],
    );
    package.manifest.prior.head_weight = 0.5;
    package
}

fn captured(text: &str) -> Captured {
    let tenant = TenantId::new("t").unwrap();
    let turns = [Turn {
        role: Role::User,
        text,
    }];
    Captured::of(&RequestView::of_turns(&tenant, &turns), 15, 18)
}

fn lesson(text: &str, by: &str, quality: bool) -> Lesson {
    Lesson {
        features: captured(text),
        scenario: ScenarioId::new("sorting").unwrap(),
        expert: expert(by),
        quality: f32::from(u8::from(quality)),
        output_tokens: Some(12),
        candidates: vec![expert("old"), expert("new")],
    }
}

/// Requests with a word that says who is right, most of the time.
fn lessons(n: usize) -> Vec<Lesson> {
    let rng = &mut StdRng::seed_from_u64(3);
    let words = ["river", "stone", "cloud", "train", "paper", "green"];
    (0..n)
        .map(|_| {
            let word = ["apple", "zebra"][rng.random_range(0..2)];
            let by = ["old", "new"][rng.random_range(0..2)];
            let right = (word == "apple") == (by == "old");
            let quality = rng.random_bool(if right { 0.9 } else { 0.15 });
            let filler = words[rng.random_range(0..words.len())];
            lesson(
                &format!("{filler} {word} {}", rng.random_range(0..900)),
                by,
                quality,
            )
        })
        .collect()
}

fn options() -> Options {
    Options {
        seed: SEED,
        version: "0.0.0-r1".to_owned(),
        domains: BTreeMap::new(),
    }
}

fn quality(package: &Package, text: &str, by: &str) -> f32 {
    let gate = Gate::from_package(package).unwrap();
    let tenant = TenantId::new("t").unwrap();
    let mut scratch = Scratch::new();
    let bare = RequestView::of_turns(&tenant, &[]);
    let reading = gate.recall(&captured(text), &bare, &mut scratch).unwrap();
    let id = expert(by);
    reading.predict(&Candidate::new(&id, "all")).quality
}

#[test]
fn it_learns_who_is_right_and_knows_a_new_expert() {
    println!("seed {SEED}");
    let made = retrain(&live(), &lessons(900), &options()).unwrap();
    let figures = &made.figures;
    assert!(figures.loss < figures.loss_live - 0.1, "{figures:?}");
    assert!(
        figures.passes > 0 && figures.head_weight > 0.0,
        "{figures:?}"
    );
    let package = &made.package;
    for (text, right, wrong) in [
        ("cloud apple 17", "old", "new"),
        ("paper zebra 23", "new", "old"),
    ] {
        let (good, bad) = (quality(package, text, right), quality(package, text, wrong));
        assert!(good > 0.7 && bad < 0.4, "{text}: {good} {bad}");
    }
    assert_eq!(package.manifest.version, "0.0.0-r1");
    let new = package
        .manifest
        .experts
        .iter()
        .find(|e| e.id == expert("new"));
    assert!(new.is_some_and(|e| e.samples > 300 && e.output_samples > 300));
    assert!(Reference::of(&package.manifest).is_some());
    assert!(
        package.manifest.scenarios.len() == 2,
        "a scenario that was seen often"
    );
    // And again from its own candidate, whose wide part is there already.
    let again = retrain(package, &lessons(900), &options()).unwrap();
    assert!(
        again.figures.loss <= figures.loss + 0.02,
        "{:?}",
        again.figures
    );
    assert_eq!(
        retrain(&live(), &lessons(900), &options()).unwrap().package,
        made.package,
        "the same seed makes the same candidate"
    );
}

#[test]
fn noise_teaches_it_nothing() {
    println!("seed {SEED}");
    let rng = &mut StdRng::seed_from_u64(8);
    let mut noise = lessons(400);
    for lesson in &mut noise {
        lesson.expert = expert("old");
        lesson.quality = f32::from(u8::from(rng.random_bool(0.5)));
    }
    let made = retrain(&live(), &noise, &options()).unwrap();
    assert!(made.figures.loss > 0.68, "{:?}", made.figures);
    for text in ["cloud apple 17", "paper zebra 23"] {
        let found = quality(&made.package, text, "old");
        assert!((found - 0.5).abs() < 0.15, "{text}: {found}");
    }
}

#[test]
fn few_outcomes_make_no_candidate() {
    let few = lessons(LEAST - 1);
    let why = retrain(&live(), &few, &options()).unwrap_err();
    assert!(matches!(why, RetrainError::TooFew { have } if have == LEAST - 1));
    let mut small = lessons(40);
    for lesson in &mut small {
        lesson.features = Captured {
            table_bits: 4,
            known_bits: 4,
            ..Captured::new()
        };
    }
    let mut wide = live();
    wide.manifest.features.bucket_bits = 10;
    wide.weights.embedding = vec![[0; router::DIM]; 1 << 10];
    let why = retrain(&wide, &small, &options()).unwrap_err();
    assert!(matches!(why, RetrainError::TooFew { have: 0 }), "{why}");
}

#[test]
fn a_package_with_a_wide_part_keeps_what_it_says_when_experts_join() {
    let first = retrain(&live(), &lessons(600), &options()).unwrap().package;
    let before = quality(&first, "cloud apple 17", "old");
    let joined: Vec<Lesson> = (0..30)
        .map(|n| lesson(&format!("cloud {n}"), "third", n % 2 == 0))
        .collect();
    let refs: Vec<&Lesson> = joined.iter().collect();
    let grown = grow::grow(&first, &refs, &options()).unwrap();
    assert_eq!(grown.manifest.experts.len(), 3);
    assert!((quality(&grown, "cloud apple 17", "old") - before).abs() < 1e-6);
    let (new, old) = (
        quality(&first, "paper zebra 23", "new"),
        quality(&grown, "paper zebra 23", "new"),
    );
    assert!((new - old).abs() < 1e-6);
}
