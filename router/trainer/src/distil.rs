//! Making a student: cut it out of a model, let it listen to its teachers, calibrate it, write and measure its folder.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use expert_card::{Choice, Quality, StoredType, TaughtBy};
use models::ClassifierExpert;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Device;
use tokenizers::Tokenizer;

use crate::base::{Base, plain_tokenizer};
use crate::calibrate::Calibration;
use crate::checkpoint::Checkpoints;
use crate::example::{self, Example, Examples};
use crate::export::{self, Draft, Network};
use crate::recipe::{Recipe, TaskRecipe};
use crate::reject::{self, RejectScore};
use crate::student::{Cut, Student};
use crate::teacher::{Course, Lesson, Said, agreed, digest};
use crate::train::{self, Epoch, Fit};
use crate::{evaluate, say, vocabulary};

/// How often a fit that takes minutes is kept.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// How sure a row's own labels are where no teacher speaks about it.
const GOLD_TRUST: f64 = 0.95;

/// A student that was made, in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Made {
    /// Its seed.
    pub seed: u64,
    /// Whether it had teachers.
    pub taught: bool,
    /// Seconds to fit and measure it.
    pub seconds: u64,
    /// Its passes.
    pub epochs: Vec<Epoch>,
    /// What it can do, in the recipe's order.
    pub tasks: Vec<MadeTask>,
    /// Its folder.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// What a student can do in one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeTask {
    /// The task.
    pub id: String,
    /// Share of in-scope dev rows whose best label is right, nothing rejected.
    pub best_label_accuracy: f64,
    /// Its figures on dev.
    pub quality: Quality,
    /// What each score would reject at the same cost, where the task knows out-of-scope rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reject_scores: Vec<RejectScore>,
}

impl Made {
    /// Mean over tasks of the dev accuracy of the best label: what chooses among seeds.
    pub fn score(&self) -> f64 {
        let sum: f64 = self.tasks.iter().map(|task| task.best_label_accuracy).sum();
        sum / f64::from(u32::try_from(self.tasks.len().max(1)).unwrap_or(u32::MAX))
    }
}

/// Makes a student of a seed, or takes the one in the work folder that was made from the same. `said` is what the
/// teachers of each task say; without it the student learns from gold labels alone.
pub fn student(course: &Course<'_>, said: Option<&[Vec<Said>]>, seed: u64) -> Result<Made> {
    let recipe = match said {
        Some(_) => course.recipe.clone(),
        None => course.recipe.without_teachers(),
    };
    let folder = place(course, &recipe, seed)?;
    let report = folder.join(export::REPORT_FILE);
    if let Ok(text) = std::fs::read_to_string(&report) {
        let made: Made = serde_json::from_str(&text)
            .with_context(|| format!("{}: remove its folder", report.display()))?;
        return Ok(Made { folder, ..made });
    }
    let how = if said.is_some() { "with" } else { "without" };
    say(&format!(
        "{}: student of seed {seed} {how} teachers",
        recipe.id
    ));
    make(course, &recipe, said, seed, folder)
}

/// The folder of a student in the work folder, under a key of all it is made from.
fn place(course: &Course<'_>, recipe: &Recipe, seed: u64) -> Result<PathBuf> {
    let mut how = serde_json::to_value(recipe)?;
    if let Some(how) = how.as_object_mut() {
        for text in ["name", "summary", "licence", "version", "seed"] {
            how.remove(text);
        }
    }
    let data: Vec<_> = course
        .lessons
        .iter()
        .map(|lesson| &lesson.data.sources)
        .collect();
    let all = serde_json::json!({ "recipe": how, "seed": seed, "data": data, "base": course.base.sha256 });
    let taught = if recipe.distillation.is_some() {
        "taught"
    } else {
        "alone"
    };
    let name = format!("{}-{taught}-{seed}-{}", recipe.id, digest(&all));
    Ok(course.work.join("students").join(name))
}

fn make(
    course: &Course<'_>,
    recipe: &Recipe,
    said: Option<&[Vec<Said>]>,
    seed: u64,
    folder: PathBuf,
) -> Result<Made> {
    let started = Instant::now();
    tch::manual_seed(i64::from_ne_bytes(seed.to_ne_bytes()));
    let texts = course.lessons.iter().flat_map(|lesson| &lesson.data.train);
    let texts = texts.map(|row| row.text.as_str());
    let counts = vocabulary::count(&course.base.tokenizer, texts)?;
    let vocabulary = vocabulary::trim(
        &course.base.tokenizer_json,
        &counts,
        recipe.student.vocabulary,
    )?;
    let mut student = cut_out(course, recipe, &vocabulary.kept)?;
    student.move_to(course.device);
    let tokenizer = plain_tokenizer(&vocabulary.tokenizer_json)?;
    let examples = examples(course, recipe, said, &tokenizer)?;
    let fit = Fit {
        tasks: &examples,
        recipe: &recipe.training,
        distillation: recipe.distillation.as_ref(),
        seed,
    };
    let parent = folder
        .parent()
        .context("a student's folder is in another")?;
    std::fs::create_dir_all(parent).with_context(|| format!("{}", parent.display()))?;
    let key = digest(&Value::String(folder.display().to_string()));
    let mut checkpoints = Checkpoints::new(folder.with_extension("checkpoint"), key, KEEP_EVERY);
    let epochs = fit.run(&mut student, Some(&mut checkpoints))?;
    student.move_to(Device::Cpu);
    let mut known: Vec<(&Lesson, Calibration)> = Vec::new();
    let mut rejecting = Vec::new();
    for (at, (lesson, task)) in course.lessons.iter().zip(&recipe.tasks).enumerate() {
        let dev = examples.get(at).map_or(&[][..], |examples| &examples.dev);
        let logits = train::logits(&student, at, dev)?;
        let calibration = Calibration::of(task, &lesson.answers, &logits, &lesson.data.dev)?;
        rejecting.push(reject_scores(task, lesson, &logits, calibration));
        known.push((lesson, calibration));
    }
    let draft = Draft::new(&folder)?;
    let network = Network {
        student: &student,
        tokenizer_json: &vocabulary.tokenizer_json,
        stored: StoredType::F16,
        base: course.base,
    };
    let teachers = said.map(|said| taught_by(recipe, said)).unwrap_or_default();
    let mut card = export::write(draft.folder(), &network, recipe, seed, &known, teachers)?;
    let expert = ClassifierExpert::load(draft.folder(), Device::Cpu)?;
    let mut tasks = Vec::new();
    let described = card.tasks.iter_mut().zip(&known).zip(rejecting);
    for ((task, (lesson, _)), reject_scores) in described {
        let outcomes = evaluate::classify(&expert, &task.id, &lesson.data.dev)?;
        let quality = evaluate::quality(task, &outcomes, "dev");
        say(&format!(
            "{}: {}",
            task.id,
            serde_json::to_string(&quality)?
        ));
        tasks.push(MadeTask {
            id: task.id.clone(),
            best_label_accuracy: evaluate::best_label_accuracy(task, &outcomes),
            quality: quality.clone(),
            reject_scores,
        });
        task.quality = Some(quality);
    }
    card.write(draft.folder())?;
    let made = Made {
        seed,
        taught: said.is_some(),
        seconds: started.elapsed().as_secs(),
        epochs,
        tasks,
        folder,
    };
    export::write_report(draft.folder(), &serde_json::to_value(&made)?)?;
    draft.finish()?;
    checkpoints.clear();
    Ok(made)
}

/// What each score would reject, where a task has rows out of its scope and may reject.
fn reject_scores(
    task: &TaskRecipe,
    lesson: &Lesson,
    logits: &[Vec<f32>],
    calibration: Calibration,
) -> Vec<RejectScore> {
    let label = task.out_of_scope_label.as_deref();
    let outside = label.and_then(|label| lesson.answers.position(label));
    let Some((outside, cost)) = outside.zip(task.reject_cost) else {
        return Vec::new();
    };
    let gold = lesson.data.dev.iter().filter_map(|row| row.labels.first());
    let rows: Vec<(&[f32], usize)> = logits
        .iter()
        .map(Vec::as_slice)
        .zip(gold.copied())
        .collect();
    reject::scores(&rows, outside, calibration.temperature, cost)
}

/// The student before it learns: out of the base model, or out of the teacher it starts from.
fn cut_out(course: &Course<'_>, recipe: &Recipe, kept: &[u32]) -> Result<Student> {
    let mut heads = Vec::new();
    for (task, lesson) in recipe.tasks.iter().zip(course.lessons) {
        heads.push((
            task.id.as_str(),
            i64::try_from(lesson.answers.labels.len())?,
        ));
    }
    let cut = Cut {
        layers: &recipe.student.layers,
        inner: recipe.student.inner,
        kept,
        tasks: &heads,
    };
    let Some(start) = &recipe.student.start else {
        let mut student = Student::cut(course.base, cut)?;
        for (task, lesson) in recipe.tasks.iter().zip(course.lessons) {
            if course.base.knows(&task.id, &lesson.answers.labels) {
                student.take_head(&task.id, &course.base.weights)?;
            }
        }
        return Ok(student);
    };
    let at = recipe.tasks.iter().position(|task| task.id == *start);
    let folder = course.network_folder(at.context("a task to start from")?)?;
    let teacher = Base::load(&folder.context("a network to start from")?)?;
    let mut student = Student::cut(&teacher, cut)?;
    student.take_head(start, &teacher.weights)?;
    Ok(student)
}

/// The examples of each task, with what its teachers say.
fn examples(
    course: &Course<'_>,
    recipe: &Recipe,
    said: Option<&[Vec<Said>]>,
    tokenizer: &Tokenizer,
) -> Result<Vec<Examples>> {
    let context = recipe.student.context_tokens;
    let most = recipe.training.cut_tokens.min(context);
    let mut all = Vec::new();
    for (at, (task, lesson)) in recipe.tasks.iter().zip(course.lessons).enumerate() {
        let mut train = example::of_rows(tokenizer, &lesson.data.train, most)?;
        if let Some(said) = said {
            let said = said.get(at).map_or(&[][..], Vec::as_slice);
            let voices: Vec<(f64, &Said)> =
                task.teachers.iter().map(|t| t.weight()).zip(said).collect();
            train.extend(example::of_texts(tokenizer, &lesson.data.unlabelled, most)?);
            listen(&mut train, &voices, lesson, task.choice)?;
            see(&mut train, recipe, &voices, course.base.config.hidden_size)?;
            train.retain(|example| example.taught.is_some());
        }
        all.push(Examples {
            choice: task.choice,
            labels: lesson.answers.labels.len(),
            repeat: task.repeat,
            train,
            dev: example::of_rows(tokenizer, &lesson.data.dev, context)?,
        });
    }
    Ok(all)
}

/// Gives each example what its teachers agree on; a row that none of them speaks about gets its own labels, and a text
/// without labels nothing.
fn listen(
    examples: &mut [Example],
    voices: &[(f64, &Said)],
    lesson: &Lesson,
    choice: Choice,
) -> Result<()> {
    let labelled = lesson.data.train.len();
    let width = lesson.answers.labels.len();
    for (row, example) in examples.iter_mut().enumerate() {
        let each: Vec<(f64, Option<&Vec<f32>>)> = voices
            .iter()
            .map(|(weight, said)| {
                let said = match row.checked_sub(labelled) {
                    None => said.train.get(row),
                    Some(text) => said.unlabelled.get(text),
                };
                (*weight, said.and_then(Option::as_ref))
            })
            .collect();
        let own = || {
            let gold = example.gold.as_ref()?;
            Some(crate::teacher::certain(gold, width, choice, GOLD_TRUST))
        };
        let agreed = agreed(&each, choice).or_else(own);
        ensure!(
            agreed.as_ref().is_none_or(|row| row.len() == width),
            "a teacher knows other labels than the task has"
        );
        example.taught = agreed;
    }
    Ok(())
}

/// Gives each example the hidden states of the first teacher that has some, at the layers the student's stand for.
fn see(
    examples: &mut [Example],
    recipe: &Recipe,
    voices: &[(f64, &Said)],
    hidden: i64,
) -> Result<()> {
    let wanted = recipe.distillation.as_ref();
    let Some(distillation) = wanted.filter(|d| d.hidden > 0.0) else {
        return Ok(());
    };
    let Some((_, said)) = voices.iter().find(|(_, said)| !said.states.is_empty()) else {
        return Ok(());
    };
    let layers = distillation
        .layers
        .as_ref()
        .unwrap_or(&recipe.student.layers);
    let hidden = usize::try_from(hidden)?;
    for (example, states) in examples.iter_mut().zip(&said.states) {
        let mut own = Vec::with_capacity(layers.len() * hidden);
        for &layer in layers {
            let start = usize::try_from(layer)? * hidden;
            let state = states.get(start..start + hidden);
            own.extend_from_slice(
                state.with_context(|| format!("the teacher has no layer {layer}"))?,
            );
        }
        example.states = Some(own);
    }
    Ok(())
}

/// Who taught, for the card.
fn taught_by(recipe: &Recipe, said: &[Vec<Said>]) -> Vec<TaughtBy> {
    let of_task = |(task, said): (&TaskRecipe, &Vec<Said>)| {
        let id = task.id.clone();
        let one = move |said: &Said| TaughtBy {
            task: id.clone(),
            name: said.facts.name.clone(),
            licence: said.facts.licence.clone(),
            accuracy: said.facts.dev_accuracy,
        };
        said.iter().map(one).collect::<Vec<_>>()
    };
    recipe.tasks.iter().zip(said).flat_map(of_task).collect()
}

/// Copies a student's folder, files only.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        let target = to.join(name);
        std::fs::copy(&path, &target)
            .with_context(|| format!("{}: cannot write", target.display()))?;
    }
    Ok(())
}
