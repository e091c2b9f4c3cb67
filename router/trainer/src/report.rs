//! What a run came to: `report.json`, the curves, and the line for whoever ran it.

use std::time::Instant;

use anyhow::Result;
use expert_card::Choice;
use models::ClassifierExpert;
use serde_json::{Value, json};
use tch::Device;

use crate::distil::Made;
use crate::evaluate;
use crate::say;
use crate::teacher::{Course, Facts, Said, agreed};

/// Students with teachers beside teachers and students without.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// What all were made from.
    pub course: &'a Course<'a>,
    /// What the teachers of each task say.
    pub said: &'a [Vec<Said>],
    /// The students, one for each seed.
    pub students: &'a [Made],
    /// Students of the same seeds without teachers.
    pub alone: &'a [Made],
    /// The student that is kept.
    pub best: &'a Made,
}

/// One line about a teacher.
pub fn teacher_line(facts: &Facts) -> String {
    let percent =
        |share: Option<f64>| share.map_or("–".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    format!(
        "{} ({}): dev {}, rows to learn from {} of {}, {} texts without labels, {} s",
        facts.name,
        facts.kind,
        percent(facts.dev_accuracy),
        percent(facts.train_accuracy),
        facts.train_rows,
        facts.unlabelled_rows,
        facts.seconds,
    )
}

/// Mean, and the root of the mean squared distance from it, of some figures.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: f64,
    deviation: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Option<Self> {
        let count = f64::from(u32::try_from(figures.len()).ok()?);
        if figures.is_empty() {
            return None;
        }
        let mean = figures.iter().sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|x| (x - mean).powi(2)).sum();
        Some(Self {
            mean,
            deviation: (squares / count).sqrt(),
            least: figures.iter().copied().fold(f64::INFINITY, f64::min),
            most: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn json(self) -> Value {
        json!({ "mean": self.mean, "deviation": self.deviation, "least": self.least, "most": self.most })
    }
}

impl Comparison<'_> {
    /// Everything, for `report.json`. `expert` is the kept student as written.
    pub fn report(
        &self,
        expert: &ClassifierExpert,
        threads: u16,
        started: Instant,
    ) -> Result<Value> {
        let card = expert.card();
        let mut tasks = Vec::new();
        for at in 0..card.tasks.len() {
            tasks.push(self.task(expert, at)?);
        }
        let rows = self
            .course
            .lessons
            .iter()
            .map(|lesson| lesson.data.dev.len());
        Ok(json!({
            "expert": card.id,
            "version": card.version,
            "recipe": self.course.recipe,
            "base": { "name": self.course.base.name(), "licence": self.course.base.licence(),
                "sha256": self.course.base.sha256 },
            "architecture": card.architecture,
            "data": card.provenance.as_ref().map(|p| &p.data),
            "dev_rows": rows.collect::<Vec<_>>(),
            "kept_seed": self.best.seed,
            "tasks": tasks,
            "students": self.students,
            "students_without_teacher": self.alone,
            "measured": "on the dev rows, from the files as written. The same rows chose the pass, the seed, the \
                temperature and the thresholds, so a fresh sample may score a little lower.",
            "seconds": started.elapsed().as_secs(),
            "threads": threads,
            "learned_on": models::device_name(self.course.device),
            "trainer": env!("CARGO_PKG_VERSION"),
        }))
    }

    fn task(&self, expert: &ClassifierExpert, at: usize) -> Result<Value> {
        let task = expert.card().tasks.get(at);
        let lesson = self.course.lessons.get(at);
        let Some((task, lesson)) = task.zip(lesson) else {
            return Ok(Value::Null);
        };
        let dev = &lesson.data.dev;
        let teacher = self
            .course
            .network_folder(at)?
            .filter(|_| !self.said.is_empty());
        let teacher = teacher.map(|folder| ClassifierExpert::load(&folder, Device::Cpu));
        let teacher = teacher.transpose()?;
        let mut experts = vec![expert];
        experts.extend(&teacher);
        // The first requests of a process pay for its pages.
        evaluate::median_ms(
            &experts,
            &task.id,
            dev.get(..dev.len().min(20)).unwrap_or(dev),
        )?;
        let times = evaluate::median_ms(&experts, &task.id, dev)?;
        let mut rates = Vec::new();
        for expert in &experts {
            rates.push(evaluate::rows_per_second(expert, &task.id, dev)?);
        }
        let (own, theirs) = (times.first().copied(), times.get(1).copied());
        let said = self.said.get(at).map_or(&[][..], Vec::as_slice);
        let facts: Vec<&Facts> = said.iter().map(|said| &said.facts).collect();
        let students = self.figures(self.students, at).map(Spread::json);
        Ok(json!({
            "id": task.id,
            "temperature": task.temperature,
            "reject_threshold": task.reject_threshold,
            "label_threshold": task.labels.first().and_then(|label| label.threshold),
            "quality": task.quality,
            "teachers": facts,
            "teachers_together_accuracy": self.together(at),
            "student_accuracy": students,
            "student_accuracy_without_teacher": self.figures(self.alone, at).map(Spread::json),
            "ms_per_request": { "student": own, "teacher": theirs,
                "share": own.zip(theirs).map(|(own, theirs)| own / theirs) },
            "rows_per_second": { "student": rates.first(), "teacher": rates.get(1) },
        }))
    }

    /// The dev accuracy of the best label of some students in a task.
    fn figures(&self, students: &[Made], task: usize) -> Option<Spread> {
        let of = |made: &Made| made.tasks.get(task).map(|task| task.best_label_accuracy);
        Spread::of(&students.iter().filter_map(of).collect::<Vec<_>>())
    }

    /// Share of in-scope dev rows that all teachers of a task together are right about.
    fn together(&self, task: usize) -> Option<f64> {
        let recipe = self.course.recipe.tasks.get(task)?;
        let (lesson, said) = (self.course.lessons.get(task)?, self.said.get(task)?);
        let outside = recipe.out_of_scope_label.as_deref();
        let outside = outside.and_then(|label| lesson.answers.position(label));
        let (mut rows, mut right) = (0u32, 0u32);
        for (at, row) in lesson.data.dev.iter().enumerate() {
            if outside.is_some_and(|outside| row.labels == [outside]) {
                continue;
            }
            let voice = |(teacher, said): (&crate::recipe::Teacher, &'_ Said)| {
                (teacher.weight(), said.dev.get(at).cloned().flatten())
            };
            let voices: Vec<_> = recipe.teachers.iter().zip(said).map(voice).collect();
            let voices: Vec<_> = voices.iter().map(|(w, row)| (*w, row.as_ref())).collect();
            let answer = agreed(&voices, recipe.choice)?;
            let answer: Vec<usize> = match recipe.choice {
                Choice::One => crate::train::best(&answer).into_iter().collect(),
                Choice::Any => {
                    let over = answer.iter().enumerate().filter(|(_, x)| **x > 0.0);
                    over.map(|(at, _)| at).collect()
                }
            };
            rows += 1;
            right += u32::from(answer == row.labels);
        }
        (rows > 0).then(|| f64::from(right) / f64::from(rows))
    }

    /// A table for the person, and one JSON line for a program.
    pub fn print(&self) -> Result<()> {
        let mut tasks = Vec::new();
        for (at, task) in self.course.recipe.tasks.iter().enumerate() {
            let percent = |share: f64| format!("{:.2}", 100.0 * share);
            let spread = |s: Option<Spread>| {
                s.map_or("–".into(), |s| {
                    format!("{} ± {}", percent(s.mean), percent(s.deviation))
                })
            };
            let (students, alone) = (
                self.figures(self.students, at),
                self.figures(self.alone, at),
            );
            let together = self.together(at);
            say(&format!(
                "{}: students {} over {} seeds, without teachers {}, teachers together {}",
                task.id,
                spread(students),
                self.students.len(),
                spread(alone),
                together.map_or("–".into(), percent),
            ));
            let each = |students: &[Made]| -> Vec<Value> {
                let of = |made: &Made| {
                    let task = made.tasks.get(at);
                    json!({ "seed": made.seed, "accuracy": task.map(|t| t.best_label_accuracy),
                        "quality": task.map(|t| &t.quality) })
                };
                students.iter().map(of).collect()
            };
            tasks.push(json!({
                "task": task.id,
                "student": students.map(Spread::json),
                "without_teacher": alone.map(Spread::json),
                "teachers_together": together,
                "seeds": each(self.students),
                "seeds_without_teacher": each(self.alone),
            }));
        }
        let line =
            json!({ "expert": self.course.recipe.id, "kept_seed": self.best.seed, "tasks": tasks });
        use std::io::Write;
        writeln!(std::io::stdout(), "{line}")?;
        Ok(())
    }
}
