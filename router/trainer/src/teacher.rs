//! Who teaches a student: networks fitted to a task, linear classifiers, recorded and live answers of remote models.
//! What a teacher says about the rows of a task is kept in the work folder, under a key of all it was made from.

mod linear;
mod network;
mod recorded;
mod remote;
mod said;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Device;

use crate::answers::Answers;
use crate::base::Base;
use crate::data::TaskData;
use crate::recipe::{Recipe, TaskRecipe, Teacher};
use crate::train::Epoch;

pub use remote::Cost;
pub use said::{Said, agreed, certain};

/// Changes of what a teacher's file means make other keys.
const FORM: u32 = 1;

/// A task with all that is known of it.
#[derive(Debug)]
pub struct Lesson {
    /// Its labels.
    pub answers: Answers,
    /// Its rows.
    pub data: TaskData,
}

/// What teachers teach from, and where they keep it.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The base model.
    pub base: &'a Base,
    /// The tasks, in the recipe's order.
    pub lessons: &'a [Lesson],
    /// The data folder.
    pub data: &'a Path,
    /// The work folder.
    pub work: &'a Path,
    /// Whether a teacher that is not there yet may be made.
    pub may_teach: bool,
    /// Where networks are fitted and asked.
    pub device: Device,
}

/// What is known of a teacher, for the report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// `network`, `linear`, `recorded` or `remote`.
    pub kind: String,
    /// Who it is.
    pub name: String,
    /// The licence of what it says.
    pub licence: String,
    /// Share of dev rows it is right about; of several labels, about all of them. Absent where it says nothing of dev.
    pub dev_accuracy: Option<f64>,
    /// Unweighted mean of F1 over labels.
    pub dev_macro_f1: Option<f64>,
    /// Rows to learn from that it speaks about.
    pub train_rows: usize,
    /// Share of those it is right about. A network saw them, a linear teacher did not.
    pub train_accuracy: Option<f64>,
    /// Texts without labels that it speaks about.
    pub unlabelled_rows: usize,
    /// The temperature its answers were divided by.
    pub temperature: f64,
    /// Seconds it took to make.
    pub seconds: u64,
    /// Passes of a network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<Epoch>,
    /// What a remote teacher cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl Course<'_> {
    /// What all teachers of a task say, in the recipe's order: from the work folder, or made now.
    pub fn teachers(&self, task: usize) -> Result<Vec<Said>> {
        let (recipe, _) = self.task(task)?;
        let one = |teacher| self.teacher(task, teacher);
        recipe.teachers.iter().map(one).collect()
    }

    fn teacher(&self, task: usize, teacher: &Teacher) -> Result<Said> {
        let (recipe, lesson) = self.task(task)?;
        let path = self.path(task, teacher)?;
        if let Some(said) = Said::read(&path, lesson)? {
            return Ok(said);
        }
        let kind = teacher.kind();
        if !self.may_teach {
            bail!(
                "{}: its teacher {kind} is not in the work folder: run `moegate-train expert teach` first",
                recipe.id
            );
        }
        crate::say(&format!("{}: making the teacher: {kind}", recipe.id));
        let said = match teacher {
            Teacher::Network { seed, epochs, .. } => {
                let folder = self.network(task, teacher)?;
                network::teach(self, task, (*seed, *epochs), &folder, &path)?
            }
            Teacher::Linear {
                seed, folds, cost, ..
            } => linear::teach(recipe, lesson, *seed, *folds, *cost)?,
            Teacher::Recorded {
                trust,
                file,
                name,
                licence,
                form,
                ..
            } => {
                let path = self.data.join(file);
                let answers = recorded::read(&path, form)?;
                recorded::teach(recipe, lesson, &answers, *trust, (name, licence))?
            }
            Teacher::Remote(remote) => remote::teach(
                recipe,
                lesson,
                remote,
                &path.with_extension("answers.jsonl"),
            )?,
        };
        said.write(&path)?;
        Ok(said)
    }

    /// The folder of a task's first teacher that is a network, once it was made.
    pub fn network_folder(&self, task: usize) -> Result<Option<PathBuf>> {
        let (recipe, _) = self.task(task)?;
        let network = |teacher: &&Teacher| matches!(teacher, Teacher::Network { .. });
        let Some(teacher) = recipe.teachers.iter().find(network) else {
            return Ok(None);
        };
        self.network(task, teacher).map(Some)
    }

    fn task(&self, task: usize) -> Result<(&TaskRecipe, &Lesson)> {
        let recipe = self.recipe.tasks.get(task);
        let lesson = self.lessons.get(task);
        recipe.zip(lesson).context("a task that is not there")
    }

    /// Where a teacher's file is.
    fn path(&self, task: usize, teacher: &Teacher) -> Result<PathBuf> {
        let network = self.network_key(task, teacher)?;
        let (recipe, _) = self.task(task)?;
        // A network is the same whatever it speaks about.
        let key = if recipe.variants == 0 {
            network
        } else {
            digest(&serde_json::json!({ "teacher": network, "variants": recipe.variants }))
        };
        let name = format!("{}-{}-{key}.safetensors", recipe.id, teacher.kind());
        Ok(self.work.join("teachers").join(name))
    }

    /// The folder of the network that a teacher is, made or not.
    fn network(&self, task: usize, teacher: &Teacher) -> Result<PathBuf> {
        let (recipe, _) = self.task(task)?;
        let key = self.network_key(task, teacher)?;
        let name = format!("{}-{}-{key}", recipe.id, teacher.kind());
        Ok(self.work.join("teachers").join(name))
    }

    /// A key of all that a teacher is made from.
    fn network_key(&self, task: usize, teacher: &Teacher) -> Result<String> {
        let (recipe, lesson) = self.task(task)?;
        let network = matches!(teacher, Teacher::Network { .. }).then_some(&self.recipe.teacher);
        // How much a teacher counts is no part of what it says.
        let mut who = serde_json::to_value(teacher)?;
        if let Some(who) = who.as_object_mut() {
            who.remove("weight");
            who.remove("gpu");
        }
        let labels: Vec<&str> = lesson
            .answers
            .labels
            .iter()
            .map(|l| l.name.as_str())
            .collect();
        let all = serde_json::json!({
            "form": FORM, "base": self.base.sha256, "teacher": who, "network": network,
            "choice": recipe.choice, "source": recipe.source, "labels": labels,
            "data": lesson.data.sources,
        });
        Ok(digest(&all))
    }
}

/// The first 16 hex digits of the SHA-256 of a JSON value.
pub fn digest(value: &serde_json::Value) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    let byte = |byte: &u8| format!("{byte:02x}");
    digest.iter().take(8).map(byte).collect()
}
