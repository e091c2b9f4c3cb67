//! Fits of tiny networks: what a cut-off run comes to, and what cannot be fitted.

use std::path::Path;
use std::time::Duration;

use expert_card::Choice;
use models::fixture::write_tiny_expert;
use tch::Tensor;

use super::{Epoch, Fit};
use crate::base::Base;
use crate::checkpoint::Checkpoints;
use crate::example::{Example, Examples};
use crate::recipe::{Learns, Precision, TrainingRecipe};
use crate::student::{Cut, Student};

const SEED: u64 = 7;

fn student() -> Student {
    println!("seed {SEED}");
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), SEED).unwrap();
    let base = Base::load(folder.path()).unwrap();
    tch::manual_seed(i64::try_from(SEED).unwrap());
    let kept: Vec<u32> = (0..64).collect();
    let cut = Cut {
        layers: &[0, 1],
        inner: None,
        kept: &kept,
        tasks: &[("t", 2)],
    };
    Student::cut(&base, cut).unwrap()
}

fn recipe() -> TrainingRecipe {
    TrainingRecipe {
        epochs: 4,
        batch: 4,
        learning_rate: 1e-3,
        head_learning_rate: 1e-2,
        warmup: 0.1,
        weight_decay: 0.01,
        dropout: 0.2,
        label_smoothing: 0.0,
        clip: 1.0,
        patience: 4,
        cut_tokens: 16,
        learns: Learns::All,
        precision: Precision::F32,
    }
}

fn tasks() -> [Examples; 1] {
    let example = |at: u32| Example {
        ids: vec![2, 10 + at % 20, 30 + at % 7, 3],
        gold: Some(vec![usize::from(at % 20 > 9)]),
        taught: None,
        states: None,
    };
    [Examples {
        choice: Choice::One,
        labels: 2,
        repeat: 1,
        train: (0..40).map(example).collect(),
        dev: (100..120).map(example).collect(),
    }]
}

fn checkpoints(folder: &Path, key: &str) -> Checkpoints {
    Checkpoints::new(folder.join("fit.checkpoint"), key.into(), Duration::ZERO)
}

fn run(
    checkpoints: Option<&mut Checkpoints>,
    recipe: &TrainingRecipe,
) -> anyhow::Result<(Student, Vec<Epoch>)> {
    let mut student = student();
    let tasks = tasks();
    let fit = Fit {
        tasks: &tasks,
        recipe,
        distillation: None,
        seed: SEED,
    };
    let epochs = fit.run(&mut student, checkpoints)?;
    Ok((student, epochs))
}

fn gap(a: &Student, b: &Student) -> f64 {
    let (a, b) = (a.variables.variables(), b.variables.variables());
    let one = |(name, a): (&String, &Tensor)| f64::try_from((a - &b[name]).abs().max()).unwrap();
    a.iter().map(one).fold(0.0, f64::max)
}

#[test]
fn learns_and_keeps_the_best_pass() {
    let mut long = recipe();
    (long.epochs, long.patience, long.dropout) = (40, 40, 0.0);
    (long.learning_rate, long.head_learning_rate) = (3e-3, 3e-2);
    let (student, epochs) = run(None, &long).unwrap();
    let best = epochs
        .iter()
        .map(|epoch| epoch.dev_accuracy[0])
        .fold(0.0, f64::max);
    assert!(best > 0.9, "{epochs:?}");
    assert!(epochs.last().unwrap().loss < epochs[0].loss, "{epochs:?}");
    let kept = super::dev_accuracy(&student, &tasks()).unwrap();
    assert_eq!(kept, [best]);
}

/// Every checkpoint of a run, as a kill after it would leave it, leads to the same end.
#[test]
fn a_run_cut_off_anywhere_ends_with_the_same_weights() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let (whole, epochs) = run(None, &recipe()).unwrap();
    let mut kept = checkpoints(folder.path(), "k");
    let (same, _) = run(Some(&mut kept), &recipe()).unwrap();
    assert_eq!(gap(&whole, &same), 0.0, "checkpoints change nothing");

    // Runs that end early leave checkpoints of steps in the middle of a pass and at its end.
    for steps in [1, 9, 10, 11, 25] {
        kept.clear();
        let mut student = student();
        let tasks = tasks();
        let fit = Fit {
            tasks: &tasks,
            recipe: &recipe(),
            distillation: None,
            seed: SEED,
        };
        fit.run_at_most(&mut student, Some(&mut kept), steps)
            .expect_err("cut off");
        let (resumed, again) = run(Some(&mut kept), &recipe()).unwrap();
        assert_eq!(gap(&whole, &resumed), 0.0, "after {steps} steps");
        let figures = |epochs: &[Epoch]| -> Vec<_> {
            epochs
                .iter()
                .map(|e| (e.epoch, e.loss.to_bits(), e.dev_accuracy.clone()))
                .collect()
        };
        assert_eq!(figures(&again), figures(&epochs));
    }
}

#[test]
fn a_checkpoint_that_is_broken_or_of_another_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = checkpoints(folder.path(), "one");
    run(Some(&mut kept), &recipe()).unwrap();
    let fails = |mut kept: Checkpoints, part: &str| {
        let error = run(Some(&mut kept), &recipe()).map(drop).expect_err(part);
        let error = format!("{error:#}");
        assert!(
            error.contains("fit.checkpoint") && error.contains(part),
            "{error}"
        );
    };
    fails(checkpoints(folder.path(), "two"), "another run");
    let path = folder.path().join("fit.checkpoint");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    fails(checkpoints(folder.path(), "one"), "not a whole file");
    let mut nowhere = checkpoints(&folder.path().join("absent"), "one");
    let error = run(Some(&mut nowhere), &recipe())
        .map(drop)
        .expect_err("no folder");
    assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let mut wild = recipe();
    (wild.learning_rate, wild.head_learning_rate, wild.clip) = (1e30, 1e30, 1e30);
    let error = run(None, &wild).map(drop).expect_err("NaN").to_string();
    assert!(
        error.contains("the loss of step") && error.contains("learning_rate"),
        "{error}"
    );
}
