//! Rules of `gate.json` that its form alone cannot say.

use std::collections::BTreeSet;
use std::path::Path;

use units::ScenarioId;

use super::{HIDDEN, Manifest, Platt, PriorKey};
use crate::error::GateError;
use crate::features::{DENSE_NAMES, DIM, FEATURE_VERSION};

/// Checks a manifest; `path` only names it in errors.
pub(super) fn manifest(path: &Path, manifest: &Manifest) -> Result<(), GateError> {
    let rule = |holds: bool, field: &str, message: &str| {
        if holds {
            Ok(())
        } else {
            Err(GateError::Field {
                path: path.to_path_buf(),
                field: field.to_owned(),
                message: message.to_owned(),
            })
        }
    };
    let known = matches!(manifest.schema, 1 | 2);
    rule(known, "schema", "must be 1 or 2")?;
    let spec = &manifest.features;
    rule(
        spec.wide_bits == 0 || (manifest.schema == 2 && (4..=20).contains(&spec.wide_bits)),
        "features.wide_bits",
        "must be 0, or 4 to 20 in a package of schema 2",
    )?;
    rule(
        spec.version == FEATURE_VERSION,
        "features.version",
        &format!("this program makes features of version {FEATURE_VERSION}"),
    )?;
    rule(
        (4..=22).contains(&spec.bucket_bits),
        "features.bucket_bits",
        "must be 4 to 22",
    )?;
    rule(
        (4..=22).contains(&spec.known_bits),
        "features.known_bits",
        "must be 4 to 22",
    )?;
    rule(spec.dim == DIM, "features.dim", &format!("must be {DIM}"))?;
    rule(
        spec.hidden == HIDDEN,
        "features.hidden",
        &format!("must be {HIDDEN}"),
    )?;
    rule(
        spec.dense == DENSE_NAMES,
        "features.dense",
        &format!("must be {}", DENSE_NAMES.join(", ")),
    )?;
    rule(!manifest.domains.is_empty(), "domains", "must not be empty")?;
    rule(unique(&manifest.domains), "domains", "must be unique")?;
    rule(unique(&manifest.scenarios), "scenarios", "must be unique")?;
    let unassigned = manifest.scenarios.contains(&ScenarioId::unassigned());
    rule(unassigned, "scenarios", "must contain unassigned")?;
    rule(
        probability(manifest.scenario_threshold),
        "scenario_threshold",
        "must be in [0, 1]",
    )?;
    rule(
        probability(manifest.ood_threshold),
        "ood_threshold",
        "must be in [0, 1]",
    )?;
    rule(!manifest.experts.is_empty(), "experts", "must not be empty")?;
    let ids: Vec<_> = manifest.experts.iter().map(|expert| &expert.id).collect();
    rule(unique(&ids), "experts", "must have unique ids")?;
    for (at, expert) in manifest.experts.iter().enumerate() {
        let known = manifest.domains.contains(&expert.domain);
        rule(
            known,
            &format!("experts[{at}].domain"),
            "must be one of domains",
        )?;
    }
    let prior = &manifest.prior;
    let strength = prior.strength.is_finite() && prior.strength > 0.0;
    rule(strength, "prior.strength", "must be above 0")?;
    rule(
        probability(prior.head_weight),
        "prior.head_weight",
        "must be in [0, 1]",
    )?;
    for (at, row) in prior.rows.iter().enumerate() {
        let field = |name: &str| format!("prior.rows[{at}].{name}");
        rule(probability(row.mean), &field("mean"), "must be in [0, 1]")?;
        rule(
            ids.contains(&&row.expert),
            &field("expert"),
            "must be one of experts",
        )?;
        let known = match &row.key {
            PriorKey::Domain(name) => manifest.domains.contains(name),
            PriorKey::Scenario(id) => manifest.scenarios.contains(id),
            PriorKey::OutOfDistribution => true,
        };
        rule(known, &field("key"), "must be one of domains or scenarios")?;
    }
    let calibration = &manifest.calibration;
    rule(
        monotone(calibration.global),
        "calibration.global",
        "scale must be above 0",
    )?;
    for (name, platt) in &calibration.domains {
        let field = format!("calibration.domains.{name}");
        rule(
            manifest.domains.contains(name),
            &field,
            "must be one of domains",
        )?;
        rule(
            monotone(*platt),
            &field,
            "scale must be above 0, and both finite",
        )?;
    }
    Ok(())
}

fn probability(value: f32) -> bool {
    (0.0..=1.0).contains(&value)
}

fn monotone(platt: Platt) -> bool {
    platt.scale.is_finite() && platt.scale > 0.0 && platt.shift.is_finite()
}

fn unique<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() == values.len()
}
