//! Loading, reading and predicting.

use proptest::prelude::*;

use super::*;
use crate::package::{GATE_JSON, GATE_TENSORS};
use crate::sample::{expert, gate, package, tenant, user, view};
use crate::{Candidate, RequestView};

#[test]
fn a_written_gate_loads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    package().write(folder.path()).unwrap();
    let loaded = Gate::load(folder.path()).unwrap();
    assert_eq!(loaded.manifest(), gate().manifest());
    assert!(loaded.version().starts_with("sample@0.0.0+"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_gate_that_is_cut_short_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    package().write(folder.path()).unwrap();
    for name in [GATE_TENSORS, GATE_JSON] {
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for share in [0, 1, 2, 3] {
            let part = whole.get(..whole.len() * share / 4).unwrap();
            std::fs::write(&path, part).unwrap();
            let error = Gate::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        std::fs::write(&path, whole).unwrap();
    }
    std::fs::remove_file(folder.path().join(GATE_JSON)).unwrap();
    let error = Gate::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains(GATE_JSON), "{error}");
}

#[test]
fn the_scenario_is_guessed_among_the_tenants_own() {
    let tenant = tenant();
    let mut package = package();
    package.weights.scenario.bias = vec![5.0, 0.0];
    let gate = Gate::from_package(&package).unwrap();
    let turns = user("x");
    let mut scratch = Scratch::new();
    let reading = gate.read(&view(&tenant, &turns), &mut scratch);
    assert_eq!(reading.scenario().id.as_str(), "clause-type");
    assert!(reading.scenario().probability > 0.9 && !reading.scenario().declared);
    let other = [ScenarioId::new("headline-direction").unwrap()];
    let own = RequestView {
        scenarios: &other,
        ..view(&tenant, &turns)
    };
    let mut scratch = Scratch::new();
    let reading = gate.read(&own, &mut scratch);
    assert_eq!(reading.scenario().id, ScenarioId::unassigned());
    assert_eq!(reading.scenario().probability, 1.0);
}

#[test]
fn intervals_hold_the_value_and_narrow_with_rows() {
    for p in [0.0, 0.01, 0.5, 0.93, 1.0] {
        let (low, high) = interval(p, 10.0);
        let (nearer, narrower) = interval(p, 300.0);
        assert!(low <= p && p <= high && nearer >= low && narrower <= high);
    }
    assert_eq!(interval(0.5, f32::NAN), interval(0.5, 0.0));
}

#[test]
fn calibration_keeps_the_order() {
    let mut package = package();
    let platt = Platt {
        scale: 0.4,
        shift: -0.3,
    };
    package.manifest.calibration.global = platt;
    let (tenant, id) = (tenant(), expert("legal"));
    let turns = user("x");
    let mut last = -1.0;
    for step in 0..=20_u8 {
        for row in &mut package.manifest.prior.rows {
            row.mean = f32::from(step) / 20.0;
        }
        let gate = Gate::from_package(&package).unwrap();
        let mut scratch = Scratch::new();
        let reading = gate.read(&view(&tenant, &turns), &mut scratch);
        let quality = reading.predict(&Candidate::new(&id, "legal")).quality;
        assert!(quality > last, "{quality} after {last}");
        last = quality;
    }
}

proptest! {
    #[test]
    fn any_request_gets_probabilities(
        text in any::<String>(),
        system in prop::option::of(any::<String>()),
        weight in -50.0..50.0_f32,
        unit in any::<i8>(),
    ) {
        let mut package = package();
        let weights = &mut package.weights;
        weights.embedding.as_flattened_mut().fill(unit);
        weights.scale.fill(0.05);
        weights.input.as_flattened_mut().fill(weight);
        for head in [&mut weights.domain, &mut weights.ood, &mut weights.quality] {
            head.rows.as_flattened_mut().fill(weight);
        }
        package.manifest.prior.head_weight = 1.0;
        let gate = Gate::from_package(&package).unwrap();
        let (tenant, turns, id) = (tenant(), user(&text), expert("medical"));
        let request = RequestView { system: system.as_deref(), ..view(&tenant, &turns) };
        let mut scratch = Scratch::new();
        let reading = gate.read(&request, &mut scratch);
        let sum: f32 = reading.domains().map(|(_, share)| share).sum();
        prop_assert!((sum - 1.0).abs() < 1e-4);
        prop_assert!((0.0..=1.0).contains(&reading.out_of_distribution()));
        let found = reading.predict(&Candidate::new(&id, "medical"));
        prop_assert!((0.0..=1.0).contains(&found.quality));
        prop_assert!(found.low <= found.quality && found.quality <= found.high);
    }
}

/// A package whose weights follow a formula, so that every part of the network speaks.
fn formula() -> crate::Package {
    let mut package = package();
    package.manifest.features = crate::Spec::new(10, 10);
    package.manifest.prior.head_weight = 0.6;
    package.manifest.calibration.global = Platt {
        scale: 0.9,
        shift: 0.1,
    };
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 24).to_le_bytes()[0]) / 127.5 - 1.0
    };
    let mut weights = Weights::silent(&package.manifest);
    for row in &mut weights.embedding {
        *row = std::array::from_fn(|at| if at % 2 == 0 { 40 } else { -30 });
    }
    for (at, row) in weights.embedding.iter_mut().enumerate() {
        row[at % 32] = 120;
    }
    weights.scale.fill(0.01);
    weights.known.fill(0b0101_0101);
    weights.input.as_flattened_mut().fill_with(&mut next);
    for head in [
        &mut weights.domain,
        &mut weights.scenario,
        &mut weights.ood,
        &mut weights.quality,
    ] {
        head.rows.as_flattened_mut().fill_with(|| next() * 0.1);
    }
    weights.ood.bias = vec![0.0];
    package.weights = weights;
    package
}

#[test]
fn golden_readings_hold_on_every_machine() {
    let gate = Gate::from_package(&formula()).unwrap();
    let (tenant, legal) = (tenant(), expert("legal"));
    let golden = [
        (
            "The licence may be assigned with consent.",
            0.09868,
            0.58492,
            2_298_191_244,
        ),
        (
            "Wie hoch ist die Gebühr? 12,50 €",
            0.07742,
            0.66186,
            3_222_076_281,
        ),
        ("法律", 0.30728, 0.52628, 3_711_217_160),
    ];
    for (text, quality, ood, digest) in golden {
        let turns = user(text);
        let mut scratch = Scratch::new();
        let reading = gate.read(&view(&tenant, &turns), &mut scratch);
        let found = reading.predict(&Candidate::new(&legal, "legal"));
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        assert!(
            near(found.quality, quality)
                && near(reading.out_of_distribution(), ood)
                && reading.digest() == digest,
            "{text}: {} {} {}",
            found.quality,
            reading.out_of_distribution(),
            reading.digest(),
        );
    }
}
