use models::fixture::write_tiny_expert;
use tch::Tensor;

use super::Student;
use crate::base::Base;
use crate::recipe::Precision;

fn base() -> Base {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_expert(folder.path(), 3).unwrap();
    Base::load(folder.path()).unwrap()
}

fn variable(student: &Student, name: &str) -> Tensor {
    student.variables.variables()[name].detach().copy()
}

#[test]
fn takes_the_layers_and_rows_it_is_told() {
    let base = base();
    let student = Student::cut(&base, &[1], &[0, 2, 3, 40], &[("a", 3), ("b", 2)]).unwrap();
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
    let error = Student::cut(&base(), &[0, 2], &[0, 1, 2, 3], &[("a", 3)]).expect_err("2 layers");
    assert!(error.to_string().contains("layer"), "{error}");
}

#[test]
fn snapshots_come_back() {
    let mut student = Student::cut(&base(), &[0, 1], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
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
    let student = Student::cut(&base(), &[0, 1], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
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
    let student = Student::cut(&base(), &[0], &[0, 1, 2, 3], &[("a", 3)]).unwrap();
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
