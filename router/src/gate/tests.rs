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
