//! What to make: the recipe file of an expert.

mod source;
mod teaching;
mod training;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use expert_card::Choice;
use serde::{Deserialize, Serialize};
use units::ExpertId;

pub use source::{Extra, Only, Source, Split, Unlabelled};
pub use teaching::{Distillation, NetworkTeacher, RecordedForm, Remote, Teacher};
pub use training::{Learns, Precision, TrainingRecipe};

/// How one expert is made. Paths in it are relative: data files to the data folder, answers and extra rows to the
/// recipe's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The expert's id.
    pub id: ExpertId,
    /// The expert's version.
    pub version: String,
    /// The name people read.
    pub name: String,
    /// The field it knows.
    pub domain: String,
    /// What it is good for.
    pub summary: String,
    /// Licence of the result, as an SPDX expression.
    pub licence: String,
    /// Seed of heads, dropout and batch order, where the command names none.
    pub seed: u64,
    /// The network to make.
    pub student: StudentRecipe,
    /// How to fit it.
    pub training: TrainingRecipe,
    /// How it listens to its teachers; absent learns from gold labels alone.
    #[serde(default)]
    pub distillation: Option<Distillation>,
    /// How teachers that are networks are made.
    #[serde(default)]
    pub teacher: Option<NetworkTeacher>,
    /// What it learns.
    #[serde(rename = "task")]
    pub tasks: Vec<TaskRecipe>,
    /// Folder of the recipe file.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The network to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentRecipe {
    /// Layers of the base model to keep, from 0, in order.
    pub layers: Vec<i64>,
    /// Width inside the position-wise networks: their neurons of the largest weights are kept. Absent keeps all.
    #[serde(default)]
    pub inner: Option<i64>,
    /// Most tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest input in tokens; longer texts are cut.
    pub context_tokens: usize,
    /// The task whose first network teacher the layers are cut out of; absent cuts them out of the base model.
    #[serde(default)]
    pub start: Option<String>,
}

/// One task to learn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRecipe {
    /// The task's id.
    pub id: String,
    /// What is decided, for people.
    pub title: String,
    /// The labels and their answers: a file relative to the recipe's folder.
    pub answers: PathBuf,
    /// How many labels an answer has.
    #[serde(default)]
    pub choice: Choice,
    /// The label that means out of scope.
    #[serde(default)]
    pub out_of_scope_label: Option<String>,
    /// How much in-scope dev accuracy the reject threshold may cost, in `[0, 1)`; absent makes no threshold.
    #[serde(default)]
    pub reject_cost: Option<f64>,
    /// How often a pass goes over its rows.
    #[serde(default = "once")]
    pub repeat: usize,
    /// Where the rows are.
    pub source: Source,
    /// More rows to learn from.
    #[serde(default)]
    pub extra: Vec<Extra>,
    /// Texts without labels.
    #[serde(default)]
    pub unlabelled: Vec<Unlabelled>,
    /// Variants of each text to learn from, about which only teachers speak: words left out, swapped, or replaced by
    /// words of other texts (after Jiao et al. 2020, who found such texts to be most of what a small student lacks).
    #[serde(default)]
    pub variants: usize,
    /// Who teaches it.
    #[serde(default, rename = "teacher")]
    pub teachers: Vec<Teacher>,
}

fn once() -> usize {
    1
}

impl Recipe {
    /// Reads and checks a recipe file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
        let mut recipe: Self = toml::from_str(&text).with_context(|| format!("{name}"))?;
        recipe.folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        recipe.check().with_context(|| format!("{name}"))?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        let student = &self.student;
        ensure!(
            !student.layers.is_empty(),
            "student.layers: expected at least one"
        );
        ensure!(
            student.vocabulary >= 1_000,
            "student.vocabulary: expected at least 1000"
        );
        ensure!(
            student.context_tokens >= 8,
            "student.context_tokens: expected at least 8"
        );
        ensure!(
            student.inner.is_none_or(|inner| inner > 0),
            "student.inner: expected at least 1"
        );
        self.training.check("training")?;
        if let Some(distillation) = &self.distillation {
            distillation.check()?;
            let stand_for = distillation.layers.as_ref();
            ensure!(
                stand_for.is_none_or(|layers| layers.len() == student.layers.len()),
                "distillation.layers: expected one for each of the student's {}",
                student.layers.len()
            );
        }
        if let Some(teacher) = &self.teacher {
            teacher.training.check("teacher.training")?;
            ensure!(
                teacher.context_tokens >= 8,
                "teacher.context_tokens: expected at least 8"
            );
        }
        ensure!(!self.tasks.is_empty(), "task: expected at least one");
        for task in &self.tasks {
            self.check_task(task)?;
        }
        if let Some(start) = &student.start {
            let task = self.tasks.iter().find(|task| task.id == *start);
            let teachers = task.map_or(&[][..], |task| &task.teachers);
            ensure!(
                teachers
                    .iter()
                    .any(|teacher| matches!(teacher, Teacher::Network { gpu: false, .. })),
                "student.start: {start:?} has no teacher of kind \"network\" that a CPU can make"
            );
        }
        Ok(())
    }

    fn check_task(&self, task: &TaskRecipe) -> Result<()> {
        let id = &task.id;
        if let Some(cost) = task.reject_cost {
            ensure!(
                (0.0..1.0).contains(&cost),
                "task.{id}.reject_cost: expected 0 to below 1"
            );
        }
        ensure!(
            task.choice == Choice::One
                || (task.reject_cost.is_none() && task.out_of_scope_label.is_none()),
            "task.{id}: a task of any number of labels rejects nothing"
        );
        ensure!(task.repeat > 0, "task.{id}.repeat: expected at least 1");
        for teacher in &task.teachers {
            teacher.check(id)?;
            let network = matches!(teacher, Teacher::Network { .. });
            ensure!(
                !network || self.teacher.is_some(),
                "task.{id}.teacher: a network needs the table [teacher]"
            );
        }
        ensure!(
            self.distillation.is_none() || task.teachers.iter().any(|t| !t.wants_gpu()),
            "task.{id}.teacher: [distillation] needs at least one that a CPU can make"
        );
        Ok(())
    }

    /// One line for the card: what was done with which settings, with teachers or without.
    pub fn in_one_line(&self) -> String {
        let student = &self.student;
        let from = match &student.start {
            Some(task) if self.distillation.is_some() => {
                format!("the base fitted to {task}")
            }
            Some(_) | None => "the base".to_owned(),
        };
        let inner = student
            .inner
            .map_or(String::new(), |inner| format!(" ({inner} neurons inside)"));
        let how = match &self.distillation {
            None => "fine-tuned on labels".to_owned(),
            Some(d) => format!(
                "distilled: {} x divergence at temperature {}, {} x gold, {} x hidden states",
                d.soft, d.temperature, d.hard, d.hidden
            ),
        };
        format!(
            "layers {:?} of {from}{inner}, vocabulary cut to at most {}, {} tokens of context; {how}: {}",
            student.layers,
            student.vocabulary,
            student.context_tokens,
            self.training.in_one_line(),
        )
    }

    /// The same student without teachers, to compare with.
    pub fn without_teachers(&self) -> Self {
        let mut recipe = self.clone();
        recipe.distillation = None;
        recipe.student.start = None;
        for task in &mut recipe.tasks {
            task.teachers.clear();
            task.unlabelled.clear();
        }
        recipe
    }

    /// Leaves out the teachers that want a GPU. Returns how many.
    pub fn without_gpu(&mut self) -> usize {
        let mut left_out = 0;
        for task in &mut self.tasks {
            let before = task.teachers.len();
            task.teachers.retain(|teacher| !teacher.wants_gpu());
            left_out += before - task.teachers.len();
        }
        left_out
    }
}

#[cfg(test)]
mod tests;
