//! What an expert would lose and save if its matrices were stored as 8-bit integers.

use std::path::Path;

use anyhow::{Context, Result};
use expert_card::StoredType;
use models::{ClassifierExpert, WEIGHTS_FILE, Weights};
use serde_json::{Value, json};
use tch::Device;

use crate::export::Draft;
use crate::teacher::Lesson;
use crate::{distil, evaluate};

/// Writes the expert of a folder with integer matrices into the work folder, measures it on dev and removes it again.
pub fn measured(folder: &Path, work: &Path, lessons: &[Lesson]) -> Result<Value> {
    let draft = Draft::new(&work.join("int8"))?;
    distil::copy(folder, draft.folder())?;
    let stored = folder.join(WEIGHTS_FILE);
    let path = draft.folder().join(WEIGHTS_FILE);
    Weights::read(&stored, Device::Cpu)?.write(&path, StoredType::I8)?;
    let size = |path: &Path| -> Result<u64> {
        let metadata = std::fs::metadata(path).with_context(|| format!("{}", path.display()))?;
        Ok(metadata.len())
    };
    let (before, after) = (size(&stored)?, size(&path)?);
    let plain = ClassifierExpert::load(folder, Device::Cpu)?;
    let narrow = ClassifierExpert::load(draft.folder(), Device::Cpu)?;
    let mut tasks = Vec::new();
    for (task, lesson) in plain.card().tasks.iter().zip(lessons) {
        let accuracy = |expert: &ClassifierExpert| -> Result<f64> {
            let outcomes = evaluate::classify(expert, &task.id, &lesson.data.dev)?;
            Ok(evaluate::best_label_accuracy(task, &outcomes))
        };
        let (as_stored, as_int8) = (accuracy(&plain)?, accuracy(&narrow)?);
        tasks.push(json!({ "id": task.id, "accuracy": as_stored, "accuracy_int8": as_int8 }));
    }
    Ok(
        json!({ "bytes": before, "bytes_int8": after, "tasks": tasks,
        "adopted": false, "why": "int8 halves the file alone: weights are computed in fp32, and other loaders of \
            Hugging Face folders do not read it" }),
    )
}
