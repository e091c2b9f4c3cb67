//! Pointers move in one step, versions are whole or not there, and a broken one is named and never loaded.

use std::collections::BTreeMap;
use std::path::Path;

use gate_learn::retrain::Figures;
use router::{ExpertEntry, Package};
use units::{ExpertId, ScenarioId, TenantId, Timestamp};

use super::*;
use crate::config::{GateConfig, StoreConfig};

fn package(version: &str) -> Package {
    let entry = ExpertEntry {
        id: ExpertId::new("one").unwrap(),
        domain: "all".to_owned(),
        samples: 0,
        output_samples: 0,
        latency_samples: 0,
    };
    let mut package = Package::lookup_only(
        "sample",
        vec!["all".to_owned()],
        vec![ScenarioId::unassigned()],
        vec![entry],
        Vec::new(),
    );
    package.manifest.version = version.to_owned();
    package
}

fn lineage() -> Lineage {
    Lineage {
        parent: "sample@0+x".to_owned(),
        made: 10,
        tenants: vec![TenantId::new("a").unwrap()],
        since: 0,
        until: 5,
        seed: 1,
        held_out: 3,
        figures: Figures {
            lessons: 20,
            unusable: 0,
            experts: BTreeMap::new(),
            passes: 0,
            head_weight: 0.5,
            loss_live: 1.0,
            loss: 1.0,
        },
    }
}

/// A configuration whose shipped gate is version 0.
fn config(dir: &Path) -> Config {
    let shipped = dir.join("shipped");
    std::fs::create_dir_all(&shipped).unwrap();
    package("0").write(&shipped).unwrap();
    let text = format!("[gate]\ndir = {shipped:?}\n");
    let mut config: Config = toml::from_str(&text).unwrap();
    config.store = StoreConfig {
        dir: dir.join("var"),
        ..StoreConfig::default()
    };
    config.gate = GateConfig {
        registry: Some(dir.join("gates")),
        ..config.gate
    };
    config
}

#[test]
fn a_gate_is_swapped_when_a_pointer_moves_and_back_when_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let gates = Gates::open(&config).unwrap();
    let version = |gates: &Gates| gates.live().version().split_once('+').unwrap().0.to_owned();
    assert_eq!(version(&gates), "sample@0");
    assert!(gates.refresh().is_empty() && gates.shadow().is_none());
    let registry = gates.registry();
    let one = registry.add(&package("1"), &lineage()).unwrap();
    let two = registry.add(&package("2"), &lineage()).unwrap();
    assert!(one.as_str().starts_with("0001-") && two.as_str().starts_with("0002-"));
    assert_eq!(registry.versions().unwrap(), [one.clone(), two.clone()]);
    assert_eq!(registry.lineage(&two).unwrap(), lineage());
    registry.point(Role::Shadow, Some(&one)).unwrap();
    registry.point(Role::Live, Some(&two)).unwrap();
    assert_eq!(gates.refresh().len(), 2);
    assert_eq!(version(&gates), "sample@2");
    assert!(gates.shadow().is_some());
    assert!(gates.refresh().is_empty());
    // Another process starts where this one is.
    assert_eq!(version(&Gates::open(&config).unwrap()), "sample@2");
    registry.point(Role::Live, None).unwrap();
    registry.point(Role::Shadow, None).unwrap();
    gates.refresh();
    assert_eq!(version(&gates), "sample@0");
    assert!(gates.shadow().is_none());
}

#[test]
fn a_truncated_version_is_named_and_the_live_gate_stays() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let gates = Gates::open(&config).unwrap();
    let registry = gates.registry();
    let version = registry.add(&package("1"), &lineage()).unwrap();
    let file = registry.folder(&version).join(router::GATE_TENSORS);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let why = registry
        .point(Role::Live, Some(&version))
        .unwrap_err()
        .to_string();
    assert!(
        why.contains(router::GATE_TENSORS) && why.contains(version.as_str()),
        "{why}"
    );
    assert_eq!(registry.pointer(Role::Live).unwrap(), None);
    // Somebody points there by hand: it is told once, and the gate before goes on.
    std::fs::write(registry.dir().join("live"), format!("{version}\n")).unwrap();
    assert!(matches!(
        gates.refresh()[..],
        [Change::Failed(Role::Live, _)]
    ));
    assert!(gates.refresh().is_empty());
    assert!(gates.live().version().starts_with("sample@0"));
    // Whole bytes of something else are no better.
    let mut other = whole;
    let last = other.len() - 1;
    other[last] ^= 1;
    std::fs::write(&file, other).unwrap();
    let why = registry.load(&version).unwrap_err();
    assert!(matches!(why, RegistryError::Altered { .. }), "{why}");
    std::fs::write(registry.dir().join("live"), "../../etc\n").unwrap();
    let said = registry.pointer(Role::Live).unwrap_err().to_string();
    assert!(said.contains("names no version"), "{said}");
}

#[test]
fn a_crash_between_any_two_steps_leaves_the_old_pointer_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new(dir.path().to_owned());
    let one = registry.add(&package("1"), &lineage()).unwrap();
    let two = registry.add(&package("2"), &lineage()).unwrap();
    registry.point(Role::Live, Some(&one)).unwrap();
    // What a crash can leave: half a pointer or half a version beside, under other names.
    std::fs::write(dir.path().join("live.new"), "0002-").unwrap();
    let half = dir.path().join("versions/.new-1");
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("gate.json"), "{").unwrap();
    assert_eq!(registry.pointer(Role::Live).unwrap(), Some(one.clone()));
    assert_eq!(registry.versions().unwrap(), [one, two.clone()]);
    registry.point(Role::Live, Some(&two)).unwrap();
    assert_eq!(registry.pointer(Role::Live).unwrap(), Some(two.clone()));
    // Readers never see anything but a whole name, however often it moves.
    let names = registry.versions().unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..500 {
                let seen = registry.pointer(Role::Live).unwrap().unwrap();
                assert!(names.contains(&seen));
            }
        });
        while !reader.is_finished() {
            for name in &names {
                registry.point(Role::Live, Some(name)).unwrap();
            }
        }
    });
    // A history whose last line was cut short goes on after the line before.
    let entry = Entry {
        at: 1,
        action: Action::Promote,
        version: Some(two.to_string()),
        before: None,
        forced: Some("a test".to_owned()),
        evidence: None,
    };
    registry.note(&entry).unwrap();
    let file = dir.path().join("history.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"at\":2,\"act");
    std::fs::write(&file, text).unwrap();
    assert_eq!(registry.history().unwrap(), std::slice::from_ref(&entry));
    registry.note(&entry).unwrap();
    assert_eq!(registry.history().unwrap(), [entry.clone(), entry]);
}

#[test]
fn a_request_it_may_have_learned_from_is_known() {
    let lineage = Lineage {
        since: 100,
        until: 200,
        ..lineage()
    };
    let (own, other) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
    let at = Timestamp::from_unix_nanos;
    let taught = (0..).find(|digest| !kept_out(*digest, 1)).unwrap();
    let kept = (0..).find(|digest| kept_out(*digest, 1)).unwrap();
    assert!(lineage.may_have_seen(&own, at(150), taught));
    assert!(!lineage.may_have_seen(&own, at(150), kept));
    assert!(!lineage.may_have_seen(&other, at(150), taught));
    assert!(!lineage.may_have_seen(&own, at(201), taught));
    let share = (0..10_000).filter(|digest| kept_out(*digest, 7)).count();
    assert!((2_700..3_300).contains(&share), "{share}");
}

#[test]
fn names_of_versions_are_checked() {
    assert!(Version::new("0001-0123456789ab").is_some());
    for bad in [
        "",
        "1-0123456789ab",
        "0001-xyz",
        "0001-0123456789AB",
        "../x-0123456789ab",
        "0001",
    ] {
        assert!(Version::new(bad).is_none(), "{bad}");
    }
}
