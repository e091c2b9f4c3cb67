//! Refusals: each names the file and the field.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::sample::package;

type Change<T> = (&'static str, fn(&mut T));

fn refused(change: impl FnOnce(&mut Package)) -> String {
    let mut package = package();
    change(&mut package);
    package
        .to_bytes(Path::new("deploy/gate"))
        .unwrap_err()
        .to_string()
}

#[test]
fn malformed_manifests_are_refused_by_field() {
    let cases: [Change<Manifest>; 10] = [
        ("gate.json: schema", |m| m.schema = 3),
        ("features.version", |m| m.features.version = 9),
        ("features.wide_bits", |m| m.features.wide_bits = 10),
        ("features.dense", |m| m.features.dense.truncate(3)),
        ("scenarios", |m| m.scenarios.truncate(1)),
        ("experts[0].domain", |m| {
            m.experts[0].domain = "poetry".into()
        }),
        ("prior.rows[0].mean", |m| m.prior.rows[0].mean = f32::NAN),
        ("prior.head_weight", |m| m.prior.head_weight = 1.5),
        ("calibration.global", |m| m.calibration.global.scale = -1.0),
        ("ood_threshold", |m| m.ood_threshold = f32::INFINITY),
    ];
    for (field, change) in cases {
        let error = refused(|package| change(&mut package.manifest));
        assert!(
            error.contains("deploy/gate") && error.contains(field),
            "{error}"
        );
    }
}

#[test]
fn malformed_weights_are_refused_by_tensor() {
    let cases: [Change<Weights>; 6] = [
        ("hidden.weight", |w| w.input[3][5] = f32::NAN),
        ("quality.bias", |w| w.quality.bias[1] = f32::INFINITY),
        ("embedding.scale", |w| w.scale[0] = f32::NAN),
        ("embedding.weight", |w| w.embedding.truncate(3)),
        ("known.bits", |w| w.known.clear()),
        ("scenario.weight", |w| w.scenario.rows.truncate(1)),
    ];
    for (tensor, change) in cases {
        let error = refused(|package| change(&mut package.weights));
        assert!(
            error.contains("gate.safetensors") && error.contains(tensor),
            "{error}"
        );
    }
}

#[test]
fn unknown_and_missing_keys_are_refused() {
    let (json, tensors) = package().to_bytes(Path::new("g")).unwrap();
    let text = String::from_utf8(json).unwrap();
    for (from, to, says) in [
        ("\"schema\": 1,", "\"schema\": 1, \"extra\": 2,", "extra"),
        ("\"schema\": 1,", "", "schema"),
        ("\"n\": 1000", "\"n\": -1", "line"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let error = Package::parse(Path::new("g"), changed.as_bytes(), &tensors).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

proptest! {
    #[test]
    fn broken_bytes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let (json, mut tensors) = package().to_bytes(Path::new("g")).unwrap();
        let place = at.index(tensors.len().min(2_000));
        tensors[place] = byte;
        let _either = Package::parse(Path::new("g"), &json, &tensors);
        tensors.truncate(cut.index(tensors.len()));
        prop_assert!(Package::parse(Path::new("g"), &json, &tensors).is_err());
        let json = json.get(..cut.index(json.len() - 2)).unwrap();
        prop_assert!(Package::parse(Path::new("g"), json, &tensors).is_err());
    }
}
