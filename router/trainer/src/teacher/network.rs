//! A teacher that is the whole base model, fitted to one task.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use expert_card::StoredType;
use models::{ClassifierExpert, Mode, TokenBatch};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Tensor};
use units::ExpertId;

use super::said::{self, Said, logarithms};
use super::{Course, Facts, digest};
use crate::base::Base;
use crate::calibrate::Calibration;
use crate::checkpoint::Checkpoints;
use crate::evaluate;
use crate::example::{self, Examples};
use crate::export::{self, Draft, Network};
use crate::recipe::{Recipe, StudentRecipe, Teacher, TrainingRecipe};
use crate::student::{Cut, Student};
use crate::train::{self, Epoch, Fit};

/// How often a fit that takes minutes is kept.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// What a network was fitted like, kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    epochs: Vec<Epoch>,
    seconds: u64,
}

/// Says what the network thinks, which is the one in `folder`, or is fitted now and written there as an expert's folder,
/// measured on dev. What it says goes to `path`.
pub(super) fn teach(
    course: &Course<'_>,
    task: usize,
    (seed, epochs): (u64, Option<usize>),
    folder: &Path,
    path: &Path,
) -> Result<Said> {
    let (task_recipe, lesson) = course.task(task)?;
    let wanted = course.recipe.teacher.as_ref().context("no [teacher]")?;
    let mut training = wanted.training.clone();
    training.epochs = epochs.unwrap_or(training.epochs);
    let (context, tokenizer) = (wanted.context_tokens, &course.base.tokenizer);
    let learned = training.cut_tokens.min(context);
    let examples = Examples {
        choice: task_recipe.choice,
        labels: lesson.answers.labels.len(),
        repeat: task_recipe.repeat,
        train: example::of_rows(tokenizer, &lesson.data.train, learned)?,
        dev: example::of_rows(tokenizer, &lesson.data.dev, context)?,
    };
    let examples = if folder.join(export::REPORT_FILE).exists() {
        examples
    } else {
        fit(course, task, (seed, &training), examples, folder)?
    };
    // From the folder also where it was fitted just now: what it says is what the stored weights say.
    let (mut student, made) = load(course, task, folder)?;
    student.move_to(course.device);
    let logits = train::logits(&student, 0, &examples.dev)?;
    let calibration = Calibration::of(task_recipe, &lesson.answers, &logits, &lesson.data.dev)?;
    let temperature = calibration.temperature;
    let seen = |examples: &[example::Example]| -> Result<(Vec<_>, Vec<_>)> {
        let shown = shown(&student, examples)?;
        let say = |logits: &[f32]| Some(logarithms(logits, task_recipe.choice, temperature));
        let one = |(logits, states): (Vec<f32>, Vec<f32>)| (say(&logits), states);
        Ok(shown.into_iter().map(one).unzip())
    };
    let (train, mut states) = seen(&examples.train)?;
    let unlabelled = example::of_texts(tokenizer, &lesson.data.unlabelled, learned)?;
    let (unlabelled, more) = seen(&unlabelled)?;
    states.extend(more);
    let say = |row: Vec<f32>| Some(logarithms(&row, task_recipe.choice, temperature));
    let dev: Vec<_> = logits.into_iter().map(say).collect();
    let scores = said::scores(&dev, &lesson.data.dev, task_recipe.choice);
    let learned = said::scores(&train, &lesson.data.train, task_recipe.choice);
    let facts = Facts {
        kind: "network".into(),
        name: format!(
            "all layers of {}, fitted to {}",
            course.base.name(),
            task_recipe.id
        ),
        licence: course.recipe.licence.clone(),
        dev_accuracy: scores.map(|s| s.0),
        dev_macro_f1: scores.map(|s| s.1),
        train_rows: train.len(),
        train_accuracy: learned.map(|s| s.0),
        unlabelled_rows: unlabelled.len(),
        temperature,
        seconds: made.seconds,
        epochs: made.epochs,
        cost: None,
    };
    let said = Said {
        train,
        dev,
        unlabelled,
        states,
        facts,
    };
    said.write(path)?;
    Ok(said)
}

/// Fits the network to the examples and writes its folder. Gives the examples back.
fn fit(
    course: &Course<'_>,
    task: usize,
    (seed, training): (u64, &TrainingRecipe),
    examples: Examples,
    folder: &Path,
) -> Result<Examples> {
    let started = Instant::now();
    let (task_recipe, lesson) = course.task(task)?;
    tch::manual_seed(i64::try_from(seed)?);
    let mut student = whole(course, task, course.base)?;
    student.move_to(course.device);
    let examples = [examples];
    let fit = Fit {
        tasks: &examples,
        recipe: training,
        distillation: None,
        seed,
    };
    let parent = folder
        .parent()
        .context("a teacher's folder is in another")?;
    std::fs::create_dir_all(parent).with_context(|| format!("{}", parent.display()))?;
    let key = digest(&Value::String(folder.display().to_string()));
    let mut checkpoints = Checkpoints::new(folder.with_extension("checkpoint"), key, KEEP_EVERY);
    let epochs = fit.run(&mut student, Some(&mut checkpoints))?;
    student.move_to(Device::Cpu);
    let [examples] = examples;
    let logits = train::logits(&student, 0, &examples.dev)?;
    let calibration = Calibration::of(task_recipe, &lesson.answers, &logits, &lesson.data.dev)?;
    let wanted = course.recipe.teacher.as_ref().context("no [teacher]")?;
    let layers: Vec<i64> = (0..course.base.config.num_hidden_layers).collect();
    let recipe = own_recipe(
        course.recipe,
        task,
        &layers,
        wanted.context_tokens,
        (seed, training),
    )?;
    let draft = Draft::new(folder)?;
    let network = Network {
        student: &student,
        tokenizer_json: &full_tokenizer(&course.base.tokenizer_json)?,
        stored: StoredType::F16,
        base: course.base,
    };
    let known = [(lesson, calibration)];
    let mut card = export::write(draft.folder(), &network, &recipe, seed, &known, Vec::new())?;
    let expert = ClassifierExpert::load(draft.folder(), Device::Cpu)?;
    for card_task in &mut card.tasks {
        let outcomes = evaluate::classify(&expert, &task_recipe.id, &lesson.data.dev)?;
        card_task.quality = Some(evaluate::quality(card_task, &outcomes, "dev"));
    }
    card.write(draft.folder())?;
    let made = Made {
        epochs,
        seconds: started.elapsed().as_secs(),
    };
    export::write_report(draft.folder(), &serde_json::to_value(&made)?)?;
    draft.finish()?;
    checkpoints.clear();
    Ok(examples)
}

/// All layers and words of a model, with a head for the task.
fn whole(course: &Course<'_>, task: usize, base: &Base) -> Result<Student> {
    let (task_recipe, lesson) = course.task(task)?;
    let layers: Vec<i64> = (0..base.config.num_hidden_layers).collect();
    let kept: Vec<u32> = (0..u32::try_from(base.config.vocab_size)?).collect();
    let labels = i64::try_from(lesson.answers.labels.len())?;
    Student::cut(
        base,
        Cut {
            layers: &layers,
            inner: None,
            kept: &kept,
            tasks: &[(task_recipe.id.as_str(), labels)],
        },
    )
}

/// The network of a folder, and how it was made.
fn load(course: &Course<'_>, task: usize, folder: &Path) -> Result<(Student, Made)> {
    let (task_recipe, _) = course.task(task)?;
    let stored = Base::load(folder)?;
    let mut student = whole(course, task, &stored)?;
    student.take_head(&task_recipe.id, &stored.weights)?;
    let path = folder.join(export::REPORT_FILE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let made = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok((student, made))
}

/// Logits and the mean hidden states after each layer, for each example.
fn shown(student: &Student, examples: &[example::Example]) -> Result<Vec<(Vec<f32>, Vec<f32>)>> {
    train::by_length(student, examples, |batch: &TokenBatch| {
        let states = student.network.pooled_states(batch, Mode::Infer)?;
        let last = states.last().context("a network has layers")?;
        let logits = Vec::<Vec<f32>>::try_from(student.network.logits(0, last)?)?;
        let flat = Tensor::f_stack(&states, 1)?.f_flatten(1, -1)?; // (B, layers * H)
        let states = Vec::<Vec<f32>>::try_from(flat)?;
        Ok(logits.into_iter().zip(states).collect())
    })
}

/// The recipe that the teacher's own card tells of.
fn own_recipe(
    recipe: &Recipe,
    task: usize,
    layers: &[i64],
    context: usize,
    how: (u64, &TrainingRecipe),
) -> Result<Recipe> {
    let mut own = recipe.clone();
    let mut task = recipe.tasks.get(task).context("a task")?.clone();
    own.id = ExpertId::new(&format!("{}-teacher", recipe.id)).context("a teacher's id")?;
    own.seed = how.0;
    own.training = how.1.clone();
    own.student = StudentRecipe {
        layers: layers.to_vec(),
        inner: None,
        vocabulary: usize::MAX,
        context_tokens: context,
        start: None,
    };
    own.distillation = None;
    task.teachers = Vec::<Teacher>::new();
    own.tasks = vec![task];
    Ok(own)
}

/// The base model's tokenizer, without padding and cutting.
fn full_tokenizer(json: &Value) -> Result<String> {
    let mut json = json.clone();
    if let Some(object) = json.as_object_mut() {
        object.insert("padding".into(), Value::Null);
        object.insert("truncation".into(), Value::Null);
    }
    Ok(serde_json::to_string(&json)?)
}
