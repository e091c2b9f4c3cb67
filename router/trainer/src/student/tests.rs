use models::fixture::write_tiny_expert;
use tch::Tensor;

use super::{Cut, Student};
use crate::base::Base;
use crate::recipe::Precision;

fn base() -> Base {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), 3).unwrap();
    Base::load(folder.path()).unwrap()
}

fn cut(
    base: &Base,
    layers: &[i64],
    kept: &[u32],
    tasks: &[(&str, i64)],
) -> anyhow::Result<Student> {
    let cut = Cut {
        layers,
        inner: None,
        kept,
        tasks,
    };
    Student::cut(base, cut)
}

fn variable(student: &Student, name: &str) -> Tensor {
    student.variables.variables()[name].detach().copy()
}

#[test]
fn takes_the_layers_and_rows_it_is_told() {
    let base = base();
    let student = cut(&base, &[1], &[0, 2, 3, 40], &[("a", 3), ("b", 2)]).unwrap();
    assert_eq!(
        (student.config.num_hidden_layers, student.config.vocab_size),
        (1, 4)
    );
    let own = variable(&student, "encoder.layer.0.output.dense.weight");
    assert_eq!(
        own,
        base.weights
            .get("encoder.layer.1.output.dense.weight", &[16, 32])
            .unwrap()
    );
    let words = variable(&student, "embeddings.word_embeddings.weight");
    let all = base.weights.get(
        "embeddings.word_embeddings.weight",
        &[base.config.vocab_size, 16],
    );
    assert_eq!(words.get(3), all.unwrap().get(40));
    let names = student.variables.variables();
    assert!(names.contains_key("heads.a.weight") && names.contains_key("task_head.bias"));
    assert!(
        !names.contains_key("heads.colour.weight"),
        "the base's own heads stay behind"
    );
    assert!(!names.contains_key("encoder.layer.1.output.dense.weight"));
}

#[test]
fn refuses_layers_the_base_does_not_have() {
    let error = cut(&base(), &[0, 2], &[0, 1, 2, 3], &[("a", 3)]).expect_err("2 layers");
    assert!(error.to_string().contains("layer"), "{error}");
}

#[test]
fn snapshots_come_back() {
    let mut student = cut(&base(), &[0, 1], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
    let name = "heads.a.weight";
    let (before, snapshot) = (variable(&student, name), student.snapshot().unwrap());
    tch::no_grad(|| {
        let _ones = student.variables.variables()[name]
            .shallow_clone()
            .fill_(1.0);
    });
    assert_ne!(variable(&student, name), before);
    student.restore(&snapshot).unwrap();
    assert_eq!(variable(&student, name), before);
}

#[test]
fn gradients_reach_fp32_variables_through_bf16() {
    let student = cut(&base(), &[0, 1], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
    let learner = student.learner(Precision::Bf16).unwrap();
    let row: &[u32] = &[1, 2, 3];
    let batch = models::TokenBatch::new(&[row], &student.config, tch::Device::Cpu).unwrap();
    let pooled = learner
        .pooled(&batch, models::Mode::Train { dropout: 0.0 })
        .unwrap();
    assert_eq!(pooled.kind(), tch::Kind::Float);
    learner
        .logits(0, &pooled)
        .unwrap()
        .square()
        .sum(tch::Kind::Float)
        .backward();
    let gradient = student.variables.variables()["encoder.layer.0.output.dense.weight"].grad();
    assert_eq!(gradient.kind(), tch::Kind::Float);
    assert!(f64::try_from(gradient.abs().sum(tch::Kind::Double)).unwrap() > 0.0);
}

#[test]
fn frozen_words_get_no_gradient() {
    let student = cut(&base(), &[0], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
    student.freeze_words();
    let learner = student.learner(Precision::F32).unwrap();
    let row: &[u32] = &[1, 2, 3];
    let batch = models::TokenBatch::new(&[row], &student.config, tch::Device::Cpu).unwrap();
    let pooled = learner
        .pooled(&batch, models::Mode::Train { dropout: 0.0 })
        .unwrap();
    learner
        .logits(0, &pooled)
        .unwrap()
        .square()
        .sum(tch::Kind::Float)
        .backward();
    let gradient = |name: &str| student.variables.variables()[name].grad();
    assert!(!gradient("embeddings.word_embeddings.weight").defined());
    assert!(gradient("embeddings.position_embeddings.weight").defined());
}

#[test]
fn keeps_the_neurons_that_weigh_most() {
    let base = base();
    let narrow = |inner| {
        let cut = Cut {
            layers: &[1],
            inner: Some(inner),
            kept: &[0, 2, 3, 40],
            tasks: &[("a", 3)],
        };
        Student::cut(&base, cut)
    };
    let student = narrow(5).unwrap();
    assert_eq!(student.config.intermediate_size, 5);
    let into = base
        .weights
        .get("encoder.layer.1.intermediate.dense.weight", &[32, 16])
        .unwrap();
    let out = base
        .weights
        .get("encoder.layer.1.output.dense.weight", &[16, 32])
        .unwrap();
    let norms = |tensor: Tensor| Vec::<f32>::try_from(tensor).unwrap();
    let sum = |tensor: &Tensor, over: i64| {
        tensor
            .square()
            .sum_dim_intlist([over].as_slice(), false, None)
    };
    let weigh: Vec<f32> = norms(sum(&into, 1))
        .iter()
        .zip(norms(sum(&out, 0)))
        .map(|(a, b)| a * b)
        .collect();
    let mut order: Vec<usize> = (0..32).collect();
    order.sort_by(|a, b| weigh[*b].total_cmp(&weigh[*a]));
    let mut kept: Vec<i64> = order[..5]
        .iter()
        .map(|&at| i64::try_from(at).unwrap())
        .collect();
    kept.sort_unstable();
    let kept = Tensor::from_slice(&kept);
    assert_eq!(
        variable(&student, "encoder.layer.0.intermediate.dense.weight"),
        into.index_select(0, &kept)
    );
    assert_eq!(
        variable(&student, "encoder.layer.0.output.dense.weight"),
        out.index_select(1, &kept)
    );
    assert!(narrow(33).is_err());
}

#[test]
fn a_head_is_taken_from_a_network_that_has_it() {
    let base = base();
    let mut student = cut(&base, &[0], &[0, 1, 2, 3], &[("colour", 3), ("a", 2)]).unwrap();
    student.take_head("colour", &base.weights).unwrap();
    let theirs = base.weights.get("heads.colour.weight", &[3, 16]).unwrap();
    assert_eq!(variable(&student, "heads.colour.weight"), theirs);
    let error = student
        .take_head("a", &base.weights)
        .expect_err("the base has no such head");
    assert!(error.to_string().contains("heads.a.weight"), "{error}");
}
