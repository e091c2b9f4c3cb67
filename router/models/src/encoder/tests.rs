//! Parity with `transformers` on the committed fixture, which `fixtures/tiny_bert.py` made.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::{
    CONFIG_FILE, Encoder, EncoderConfig, Mode, TokenBatch, WEIGHTS_FILE, Weights, mean_pool,
};

const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Vectors {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    hidden: Vec<Vec<f32>>,
    mean: Vec<f32>,
}

struct Fixture {
    config: EncoderConfig,
    weights: Weights,
    rows: Vec<Row>,
}

fn fixture() -> Fixture {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny_bert");
    let vectors = std::fs::read_to_string(folder.join("vectors.json")).unwrap();
    let vectors: Vectors = serde_json::from_str(&vectors).unwrap();
    assert!(vectors.rows.len() > 1);
    Fixture {
        config: EncoderConfig::read(&folder.join(CONFIG_FILE)).unwrap(),
        weights: Weights::read(&folder.join(WEIGHTS_FILE), Device::Cpu).unwrap(),
        rows: vectors.rows,
    }
}

fn batch(rows: &[&Row], config: &EncoderConfig) -> TokenBatch {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    TokenBatch::new(&ids, config, Device::Cpu).unwrap()
}

/// The largest difference between a tensor and values of the same shape.
fn gap(found: &Tensor, expected: &[f32]) -> f64 {
    assert_eq!(found.numel(), expected.len());
    let expected = Tensor::from_slice(expected).view_as(found);
    f64::try_from((found - expected).abs().max().to_kind(Kind::Double)).unwrap()
}

#[test]
fn hidden_states_and_means_equal_those_of_transformers() {
    let Fixture {
        config,
        weights,
        rows,
    } = fixture();
    let encoder = Encoder::new(&weights, &config).unwrap();
    let all: Vec<&Row> = rows.iter().collect();
    let padded = batch(&all, &config);
    let hidden = encoder.forward(&padded, Mode::Infer).unwrap(); // (B, L, H)
    let pooled = mean_pool(&hidden, &padded).unwrap(); // (B, H)
    for (i, row) in (0..).zip(&rows) {
        let own = hidden
            .get(i)
            .narrow(0, 0, i64::try_from(row.ids.len()).unwrap());
        assert!(gap(&own, &row.hidden.concat()) < TOLERANCE, "row {i}");
        assert!(
            gap(&pooled.get(i), &row.mean) < TOLERANCE,
            "mean of row {i}"
        );
        // Alone there is no padding, which takes another path.
        let alone = batch(&[row], &config);
        let hidden = encoder.forward(&alone, Mode::Infer).unwrap();
        assert!(
            gap(&hidden, &row.hidden.concat()) < TOLERANCE,
            "row {i} alone"
        );
        assert!(gap(&mean_pool(&hidden, &alone).unwrap(), &row.mean) < TOLERANCE);
    }
}

#[test]
fn the_parity_test_sees_a_changed_weight() {
    let Fixture {
        config,
        weights,
        rows,
    } = fixture();
    let name = "encoder.layer.1.attention.self.key.weight";
    let mut changed: HashMap<String, Tensor> = weights
        .iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
        .collect();
    changed.insert(name.to_owned(), changed[name].copy() * 1.05);
    let weights = Weights::of(changed, &PathBuf::from("changed"));
    let encoder = Encoder::new(&weights, &config).unwrap();
    let row = &rows[2];
    let hidden = encoder
        .forward(&batch(&[row], &config), Mode::Infer)
        .unwrap();
    assert!(gap(&hidden, &row.hidden.concat()) > 10.0 * TOLERANCE);
}

#[test]
fn learning_drops_activations_and_answering_does_not() {
    let Fixture {
        config,
        weights,
        rows,
    } = fixture();
    let encoder = Encoder::new(&weights, &config).unwrap();
    let batch = batch(&[&rows[2]], &config);
    let run = |mode| encoder.forward(&batch, mode).unwrap();
    assert_eq!(run(Mode::Infer), run(Mode::Infer));
    let learning = run(Mode::Train { dropout: 0.5 });
    assert!(
        gap(
            &learning,
            &Vec::<f32>::try_from(run(Mode::Infer).flatten(0, 2)).unwrap()
        ) > 0.01
    );
}

#[test]
fn fp16_files_are_read_as_fp32() {
    let Fixture { weights, .. } = fixture();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WEIGHTS_FILE);
    weights.write(&path, expert_card::StoredType::F16).unwrap();
    let again = Weights::read(&path, Device::Cpu).unwrap();
    assert_eq!(again.iter().count(), weights.iter().count());
    for (name, tensor) in weights.iter() {
        let read = again.get(name, &tensor.size()).unwrap();
        assert_eq!(read.kind(), Kind::Float);
        let rounded = tensor.to_kind(Kind::Half).to_kind(Kind::Float);
        assert_eq!(read, rounded, "{name}");
    }
}

#[test]
fn int8_files_are_read_within_half_a_step_of_each_row() {
    let Fixture { weights, .. } = fixture();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WEIGHTS_FILE);
    weights.write(&path, expert_card::StoredType::I8).unwrap();
    let again = Weights::read(&path, Device::Cpu).unwrap();
    assert_eq!(again.iter().count(), weights.iter().count());
    for (name, tensor) in weights.iter() {
        let read = again.get(name, &tensor.size()).unwrap();
        let gap = (&read - tensor).abs();
        if tensor.dim() == 2 {
            let step = tensor.abs().amax([1i64].as_slice(), true) / 127.0;
            let worst = f64::try_from((gap / step).max().to_kind(Kind::Double)).unwrap();
            assert!(worst < 0.501, "{name}: {worst} steps");
        } else {
            assert_eq!(
                read,
                tensor.to_kind(Kind::Half).to_kind(Kind::Float),
                "{name}"
            );
        }
    }
}

#[test]
fn integers_without_their_scale_are_an_error() {
    use safetensors::tensor::{Dtype, TensorView};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WEIGHTS_FILE);
    for (shape, part) in [(vec![2, 2], "has no .scale"), (vec![4], "a matrix")] {
        let view = TensorView::new(Dtype::I8, shape, &[1, 2, 3, 4]).unwrap();
        safetensors::serialize_to_file([("w", view)], None, &path).unwrap();
        let error = Weights::read(&path, Device::Cpu)
            .expect_err(part)
            .to_string();
        assert!(
            error.contains("tensor w") && error.contains(part),
            "{error}"
        );
    }
}
