//! A teacher that is asked now, over the OpenAI API. Answers and receipts are kept row by row, so that a run that was
//! cut off, or that ran into its spending limit, goes on where it was.

mod books;
mod http;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Lesson;
use super::recorded;
use super::said::Said;
use crate::recipe::{RecordedForm, Remote, TaskRecipe};

pub use books::Cost;
use books::{Books, Receipt};
use http::{Endpoint, Refusal};

/// Wait before the second try; each later one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Asks about every row that has no answer yet, then reads the answers as recorded ones.
pub(super) fn teach(
    task: &TaskRecipe,
    lesson: &Lesson,
    remote: &Remote,
    answers: &Path,
) -> Result<Said> {
    let cost = ask_all(task, lesson, remote, answers, FIRST_WAIT)?;
    let answered = recorded::read(answers, &RecordedForm::Chat)?;
    let who = (remote.model.as_str(), remote.licence.as_str());
    let mut said = recorded::teach(task, lesson, &answered, remote.trust, who)?;
    said.facts.kind = "remote".into();
    said.facts.cost = Some(cost);
    Ok(said)
}

/// Asks about every row that has no answer in the file yet. `first_wait` is the wait before a second try.
fn ask_all(
    task: &TaskRecipe,
    lesson: &Lesson,
    remote: &Remote,
    answers: &Path,
    first_wait: Duration,
) -> Result<Cost> {
    let mut books = Books::open(answers, remote)?;
    let data = &lesson.data;
    let rows = data
        .train
        .iter()
        .chain(&data.dev)
        .map(|row| row.text.as_str());
    let mut seen: HashSet<&str> = HashSet::new();
    let texts: Vec<&str> = rows
        .chain(data.unlabelled.iter().map(String::as_str))
        .filter(|text| seen.insert(text) && !books.has(text))
        .collect();
    let names: Vec<&str> = lesson
        .answers
        .labels
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    let prompt = remote.prompt.replace("{labels}", &names.join(", "));
    let teller = Teller {
        task,
        remote,
        prompt,
        endpoint: Endpoint::of(remote)?,
        first_wait,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(teller.ask(&texts, &mut books))?;
    Ok(books.cost())
}

/// What one row is asked with.
struct Teller<'a> {
    task: &'a TaskRecipe,
    remote: &'a Remote,
    prompt: String,
    endpoint: Endpoint,
    first_wait: Duration,
}

impl Teller<'_> {
    async fn ask(&self, texts: &[&str], books: &mut Books) -> Result<()> {
        let apart = Duration::from_secs(60) / self.remote.per_minute;
        let bar = progress(texts.len())?;
        for text in texts {
            let cost = books.cost();
            ensure!(
                cost.micros < self.remote.most_micros,
                "{}: {} of {} answered, {}: the limit task.{}.teacher.most_micros is reached; raise it and run again",
                self.task.id,
                bar.position(),
                texts.len(),
                cost.shown(),
                self.task.id
            );
            let next = Instant::now() + apart;
            let request = json!({
                "model": self.remote.model,
                "temperature": 0,
                "max_tokens": self.remote.answer_tokens,
                "messages": [
                    { "role": "system", "content": self.prompt },
                    { "role": "user", "content": text },
                ],
            });
            let (response, tries) = self.answer(&request).await?;
            books.book(&Receipt::of(text, &response, self.remote, tries))?;
            books.keep(text, &json!({ "request": request, "response": response }))?;
            bar.inc(1);
            bar.set_message(books.cost().shown());
            tokio::time::sleep_until(next).await;
        }
        bar.finish_and_clear();
        crate::say(&format!("{}: {}", self.task.id, books.cost().shown()));
        Ok(())
    }

    /// One answer, after as many tries as it takes and may take.
    async fn answer(&self, request: &Value) -> Result<(Value, u32)> {
        let mut wait = self.first_wait;
        let mut tries = 1;
        loop {
            match self.endpoint.post(request).await {
                Ok(response) => {
                    let place = "/choices/0/message/content";
                    let said = response.pointer(place).and_then(Value::as_str);
                    said.with_context(|| format!("{}: no {place} in the answer", self.endpoint))?;
                    return Ok((response, tries));
                }
                Err(Refusal::Final(why)) => bail!("{}: {why}", self.endpoint),
                Err(Refusal::Passing { why, after }) => {
                    ensure!(
                        tries < self.remote.tries,
                        "{}: {why}, {tries} times; run again to go on",
                        self.endpoint
                    );
                    tokio::time::sleep(after.unwrap_or(wait)).await;
                    wait *= 2;
                    tries += 1;
                }
            }
        }
    }
}

fn progress(rows: usize) -> Result<ProgressBar> {
    let style = "{elapsed_precise} [{wide_bar}] {pos}/{len} rows, {per_sec}, {eta} left, {msg}";
    let bar = ProgressBar::new(u64::try_from(rows)?);
    Ok(bar.with_style(ProgressStyle::with_template(style)?))
}

#[cfg(test)]
mod tests;
