use expert_card::Choice;
use models::fixture::write_tiny_expert;
use models::{Classifier, Mode, TokenBatch};
use tch::{Device, Kind, Tensor};

use super::{Step, Weighing, of};
use crate::base::Base;
use crate::example::Example;
use crate::recipe::Distillation;
use crate::student::{Cut, Student};

const ROWS: [[u32; 4]; 3] = [[2, 7, 9, 3], [2, 20, 21, 3], [2, 40, 41, 3]];

fn student() -> Student {
    println!("seed 3");
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), 3).unwrap();
    let base = Base::load(folder.path()).unwrap();
    tch::manual_seed(3);
    let kept: Vec<u32> = (0..64).collect();
    let cut = Cut {
        layers: &[0, 1],
        inner: None,
        kept: &kept,
        tasks: &[("t", 3)],
    };
    Student::cut(&base, cut).unwrap()
}

fn example(ids: [u32; 4], gold: Option<Vec<usize>>, taught: Option<Vec<f32>>) -> Example {
    Example {
        ids: ids.to_vec(),
        gold,
        taught,
        states: None,
    }
}

fn distillation(soft: f64, hard: f64, hidden: f64) -> Distillation {
    Distillation {
        temperature: 2.0,
        soft,
        hard,
        hidden,
        layers: None,
    }
}

/// The loss of examples of one task, and the logits it was computed from.
fn loss(
    student: &Student,
    examples: &[Example],
    choice: Choice,
    distillation: Option<&Distillation>,
) -> (f64, Vec<Vec<f64>>) {
    let examples: Vec<&Example> = examples.iter().collect();
    let ids: Vec<&[u32]> = examples.iter().map(|e| e.ids.as_slice()).collect();
    let batch = TokenBatch::new(&ids, &student.config, Device::Cpu).unwrap();
    let network: &Classifier = &student.network;
    let step = Step {
        task: 0,
        choice,
        labels: 3,
        examples: &examples,
        batch: &batch,
    };
    let weighing = Weighing {
        dropout: 0.0,
        smoothing: 0.0,
        distillation,
    };
    let value = f64::try_from(of(network, &step, weighing).unwrap()).unwrap();
    let pooled = network.pooled(&batch, Mode::Infer).unwrap();
    let logits = network.logits(0, &pooled).unwrap().to_kind(Kind::Double);
    (value, Vec::<Vec<f64>>::try_from(logits).unwrap())
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x - sum.ln()).collect()
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

#[test]
fn gold_is_cross_entropy_over_the_rows_that_have_it() {
    let student = student();
    let examples = [
        example(ROWS[0], Some(vec![1]), None),
        example(ROWS[1], Some(vec![0, 2]), None),
        example(ROWS[2], None, None),
    ];
    let (found, logits) = loss(&student, &examples, Choice::One, None);
    let (a, b) = (log_softmax(&logits[0]), log_softmax(&logits[1]));
    near(found, (-a[1] - 0.5 * (b[0] + b[2])) / 2.0);
}

#[test]
fn labels_by_themselves_are_binary_cross_entropy() {
    let student = student();
    let examples = [
        example(ROWS[0], Some(vec![0, 2]), None),
        example(ROWS[1], Some(vec![]), None),
    ];
    let (found, logits) = loss(&student, &examples, Choice::Any, None);
    let p = |x: f64| 1.0 / (1.0 + (-x).exp());
    let first = -p(logits[0][0]).ln() - (1.0 - p(logits[0][1])).ln() - p(logits[0][2]).ln();
    let second: f64 = logits[1].iter().map(|&x| -(1.0 - p(x)).ln()).sum();
    near(found, (first + second) / 2.0);
}

#[test]
fn a_teacher_is_followed_at_the_temperature() {
    let student = student();
    let said = vec![0.7f32.ln(), 0.2f32.ln(), 0.1f32.ln()];
    let examples = [example(ROWS[0], None, Some(said.clone()))];
    let listening = distillation(3.0, 0.5, 0.0);
    let (found, logits) = loss(&student, &examples, Choice::One, Some(&listening));
    let soft = |row: Vec<f64>| log_softmax(&row.iter().map(|x| x / 2.0).collect::<Vec<_>>());
    let said = soft(said.iter().map(|&x| f64::from(x)).collect());
    let own = soft(logits[0].clone());
    let divergence: f64 = said.iter().zip(&own).map(|(t, s)| t.exp() * (t - s)).sum();
    near(found, 3.0 * 4.0 * divergence);

    // A student that says what the teacher says has nothing to learn from it.
    let same: Vec<f32> = logits[0].iter().map(|&x| x as f32).collect();
    let examples = [example(ROWS[0], None, Some(same))];
    near(
        loss(&student, &examples, Choice::One, Some(&listening)).0,
        0.0,
    );
}

#[test]
fn hidden_states_are_compared_by_their_direction() {
    let student = student();
    let row: &[u32] = &ROWS[0];
    let batch = TokenBatch::new(&[row], &student.config, Device::Cpu).unwrap();
    let states = student.network.pooled_states(&batch, Mode::Infer).unwrap();
    assert_eq!(states.len(), 2);
    let pooled = student.network.pooled(&batch, Mode::Infer).unwrap();
    assert!(f64::try_from((&states[1] - pooled).abs().max()).unwrap() < 1e-6);
    let flat = Vec::<f32>::try_from(Tensor::cat(&states, 1).flatten(0, 1)).unwrap();
    let listening = distillation(0.0, 1.0, 1.0);
    let with = |scale: f32| {
        let mut example = example(ROWS[0], None, Some(vec![0.0; 3]));
        example.states = Some(flat.iter().map(|x| x * scale).collect());
        loss(&student, &[example], Choice::One, Some(&listening)).0
    };
    near(with(3.0), 0.0);
    near(with(-1.0), 2.0);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let student = student();
    let row: &[u32] = &ROWS[0];
    let batch = TokenBatch::new(&[row], &student.config, Device::Cpu).unwrap();
    let fails = |example: Example, part: &str| {
        let step = Step {
            task: 0,
            choice: Choice::One,
            labels: 3,
            examples: &[&example],
            batch: &batch,
        };
        let listening = distillation(1.0, 1.0, 1.0);
        let weighing = Weighing {
            dropout: 0.0,
            smoothing: 0.0,
            distillation: Some(&listening),
        };
        let error = of(&student.network, &step, weighing)
            .expect_err(part)
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(
        example(ROWS[0], Some(vec![3]), Some(vec![0.0; 3])),
        "outside the head",
    );
    fails(example(ROWS[0], None, None), "no teacher");
    fails(example(ROWS[0], None, Some(vec![0.0; 2])), "other labels");
    let mut narrow = example(ROWS[0], None, Some(vec![0.0; 3]));
    narrow.states = Some(vec![0.0; 5]);
    fails(narrow, "another shape");
}
