//! A training run that is killed goes on where it was, and ends with the same bytes as one that was not.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::binaries::program;

const RECIPE: &str = r#"
id = "sorter"
version = "0.0.1"
name = "Sorter"
domain = "test"
summary = "Tells animals from tools."
licence = "Apache-2.0"
seed = 5
student = { layers = [0], inner = 64, vocabulary = 9800, context_tokens = 16 }

[training]
epochs = 6
batch = 8
learning_rate = 1e-4
head_learning_rate = 1e-3
warmup = 0.1
weight_decay = 0.01
dropout = 0.1
label_smoothing = 0.0
clip = 1.0
patience = 6
cut_tokens = 16
learns = "layers"
precision = "f32"

[[task]]
id = "kinds"
title = "What it is"
answers = "kinds.toml"

[task.source]
name = "own"
licence = "CC0"
file = "kinds.csv"
text_column = "text"
label_column = "label"
split = { by = "column", column = "split" }
"#;

fn write_inputs(folder: &Path) {
    std::fs::write(folder.join("sorter.toml"), RECIPE).unwrap();
    let mut rows = String::from("split,label,text\n");
    let kinds = [
        ("animal", ["cat", "horse", "sparrow", "whale"]),
        ("tool", ["hammer", "saw", "drill", "wrench"]),
    ];
    for i in 0..24 {
        for (label, names) in &kinds {
            let split = if i % 4 == 3 { "dev" } else { "train" };
            let (name, size) = (names[i % 4], ["a small", "the old", "my big"][i % 3]);
            writeln!(rows, "{split},{label},{size} {name} number {i}").unwrap();
        }
    }
    std::fs::write(folder.join("kinds.csv"), rows).unwrap();
    let mut answers = String::new();
    for (label, _) in &kinds {
        writeln!(
            answers,
            "[[label]]\nname = \"{label}\"\nanswer = \"It is {label}.\""
        )
        .unwrap();
    }
    std::fs::write(folder.join("kinds.toml"), answers).unwrap();
}

/// The command that makes the expert; a shipped expert is its base model.
fn make(folder: &Path, run: &str) -> Command {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/experts/general");
    let mut command = Command::new(program("moegate-train"));
    command
        .args(["expert", "make", "--threads", "1", "--config"])
        .arg(folder.join("sorter.toml"))
        .arg("--base")
        .arg(base)
        .arg("--data")
        .arg(folder)
        .arg("--work")
        .arg(folder.join(run))
        .arg("--out")
        .arg(folder.join(run).join("expert"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn weights(folder: &Path, run: &str) -> Vec<u8> {
    let path: PathBuf = folder.join(run).join("expert/model.safetensors");
    std::fs::read(path).unwrap()
}

#[test]
fn a_killed_training_run_ends_with_the_same_weights() {
    println!("seed 5");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    let whole = make(folder, "whole").output().unwrap();
    assert!(
        whole.status.success(),
        "{}",
        String::from_utf8_lossy(&whole.stderr)
    );

    let mut child = make(folder, "cut").spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    let third = said
        .map_while(Result::ok)
        .find(|line| line.starts_with("epoch 3/6"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(third.is_some(), "three passes before the kill");
    assert!(!folder.join("cut/expert").exists(), "no half expert");

    let again = make(folder, "cut").output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success(), "{said}");
    assert!(said.contains("goes on after step"), "{said}");
    assert!(
        !said.contains("epoch 1/6"),
        "the first pass is not run again: {said}"
    );
    assert!(
        weights(folder, "whole") == weights(folder, "cut"),
        "other weights after a kill"
    );
}
