//! Writing a trained expert's folder: complete or not at all.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use expert_card::{
    Choice, DataSource, ExpertCard, ExpertKind, Label, Limits, Provenance, StoredType, Task,
    TaughtBy,
};
use models::{Weights, write_network};
use serde_json::Value;

use crate::answers::Answers;
use crate::base::Base;
use crate::calibrate::Calibration;
use crate::recipe::{Recipe, TaskRecipe};
use crate::student::Student;
use crate::teacher::Lesson;

/// The report's name inside an expert's folder.
pub const REPORT_FILE: &str = "report.json";

/// A folder being written beside its place; dropped unfinished, it goes away.
#[derive(Debug)]
pub struct Draft {
    folder: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// Makes an empty folder beside `place`, which must be a path with a name.
    pub fn new(place: &Path) -> Result<Self> {
        let folder = beside(place, "draft")?;
        std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        Ok(Self {
            folder,
            place: place.to_path_buf(),
        })
    }

    /// The folder to write into.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the folder in its place; what was there goes away once the new one is there.
    pub fn finish(self) -> Result<()> {
        let old = beside(&self.place, "old")?;
        if self.place.exists() {
            std::fs::rename(&self.place, &old)?;
        }
        if let Err(error) = std::fs::rename(&self.folder, &self.place) {
            // The old folder goes back, if there was one; the error to tell is why the new one cannot come.
            let _back = std::fs::rename(&old, &self.place);
            return Err(error).with_context(|| format!("{}", self.place.display()));
        }
        if old.exists() {
            std::fs::remove_dir_all(&old)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` there is nothing left; before, a failed run leaves no half expert. Neither can be mended here.
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn beside(place: &Path, what: &str) -> Result<PathBuf> {
    let name = place
        .file_name()
        .and_then(|name| name.to_str())
        .context("--out needs a name")?;
    Ok(place.with_file_name(format!(".{name}.{what}-{}", std::process::id())))
}

/// A network with its tokenizer, ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The network.
    pub student: &'a Student,
    /// Its tokenizer.
    pub tokenizer_json: &'a str,
    /// Type of the stored weights.
    pub stored: StoredType,
    /// What it was cut out of.
    pub base: &'a Base,
}

/// Writes the network and a card without quality. Returns the card.
pub fn write(
    folder: &Path,
    network: &Network<'_>,
    recipe: &Recipe,
    seed: u64,
    tasks: &[(&Lesson, Calibration)],
    teachers: Vec<TaughtBy>,
) -> Result<ExpertCard> {
    let student = network.student;
    let weights = Weights::of(student.variables.variables(), Path::new("student"));
    let json = network.tokenizer_json;
    let architecture = write_network(folder, &student.config, json, &weights, network.stored)?;
    // What the base learned from, this one learned from.
    let inherited = network.base.card.as_ref();
    let inherited = inherited.and_then(|card| card.provenance.as_ref());
    let mut data: Vec<DataSource> = inherited.map_or(Vec::new(), |p| p.data.clone());
    for source in tasks.iter().flat_map(|(lesson, _)| &lesson.data.sources) {
        if !data.contains(source) {
            data.push(source.clone());
        }
    }
    let card = ExpertCard {
        schema: expert_card::SCHEMA,
        id: recipe.id.clone(),
        version: recipe.version.clone(),
        name: recipe.name.clone(),
        domain: recipe.domain.clone(),
        kind: ExpertKind::Model,
        summary: recipe.summary.clone(),
        licence: recipe.licence.clone(),
        limits: Limits {
            context_tokens: recipe.student.context_tokens,
        },
        architecture: Some(architecture),
        provenance: Some(Provenance {
            base: network.base.name(),
            base_licence: network.base.licence().to_owned(),
            recipe: recipe.in_one_line(),
            seed,
            data,
            teachers,
        }),
        writer: None,
        tasks: recipe
            .tasks
            .iter()
            .zip(tasks)
            .map(|(task, (lesson, calibration))| card_task(task, &lesson.answers, calibration))
            .collect(),
    };
    card.write(folder)?;
    Ok(card)
}

fn card_task(task: &TaskRecipe, answers: &Answers, calibration: &Calibration) -> Task {
    let any = task.choice == Choice::Any;
    let label = |label: &Label| Label {
        threshold: calibration.label_threshold,
        ..label.clone()
    };
    Task {
        id: task.id.clone(),
        title: task.title.clone(),
        temperature: calibration.temperature,
        reject_threshold: calibration.reject_threshold,
        out_of_scope_label: task.out_of_scope_label.clone(),
        out_of_scope_answer: answers.out_of_scope.clone(),
        quality: None,
        choice: task.choice,
        none_answer: answers.none.clone().filter(|_| any),
        labels: answers.labels.iter().map(label).collect(),
    }
}

/// Writes the report.
pub fn write_report(folder: &Path, report: &Value) -> Result<()> {
    let path = folder.join(REPORT_FILE);
    let text = serde_json::to_string_pretty(report)? + "\n";
    std::fs::write(&path, text).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::Draft;

    #[test]
    fn a_draft_takes_its_place_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("expert");
        let names = || {
            let mut names: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        for text in ["first", "second"] {
            let draft = Draft::new(&place).unwrap();
            std::fs::write(draft.folder().join("file"), text).unwrap();
            draft.finish().unwrap();
            assert_eq!(std::fs::read_to_string(place.join("file")).unwrap(), text);
            assert_eq!(names(), ["expert"]);
        }
        let draft = Draft::new(&place).unwrap();
        std::fs::write(draft.folder().join("file"), "third").unwrap();
        drop(draft);
        assert_eq!(names(), ["expert"]);
        assert_eq!(
            std::fs::read_to_string(place.join("file")).unwrap(),
            "second"
        );
    }
}
