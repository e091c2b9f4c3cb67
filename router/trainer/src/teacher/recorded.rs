//! A teacher that answered once: its answers are read from a file and searched for labels.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use expert_card::{Choice, Label, NO_LABEL};
use serde_json::Value;

use super::said::{self, Said, certain};
use super::{Facts, Lesson};
use crate::recipe::{RecordedForm, TaskRecipe};

/// The answer to each text.
pub(super) type Answered = HashMap<String, String>;

/// Reads the answers of a file.
pub(super) fn read(path: &Path, form: &RecordedForm) -> Result<Answered> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
    let mut answers = Answered::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{name}: line {}", number + 1);
        let line: Value = serde_json::from_str(line).with_context(place)?;
        let pair = match form {
            RecordedForm::Fields { text, answer } => field(&line, text).zip(field(&line, answer)),
            RecordedForm::Chat => chat(&line),
        };
        let Some((text, answer)) = pair else {
            bail!("{}: lacks the text or the answer", place());
        };
        answers.insert(text, answer);
    }
    ensure!(!answers.is_empty(), "{name}: no answers");
    Ok(answers)
}

fn field(line: &Value, key: &str) -> Option<String> {
    line.get(key)?.as_str().map(str::to_owned)
}

/// The last message of the user and the first choice of the answer.
pub(super) fn chat(line: &Value) -> Option<(String, String)> {
    let messages = line.pointer("/request/messages")?.as_array()?;
    let user = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
    let text = messages.iter().rfind(user)?.get("content")?.as_str()?;
    let answer = line
        .pointer("/response/choices/0/message/content")?
        .as_str()?;
    Some((text.to_owned(), answer.to_owned()))
}

/// The labels an answer names. `None` where it names none of them: such an answer is no answer. Where labels exclude
/// each other the one it is, else the one it names first, of several there the longest.
pub(super) fn labels_in(answer: &str, choice: Choice, labels: &[Label]) -> Option<Vec<usize>> {
    let said = answer.trim().trim_end_matches('.').to_lowercase();
    let names: Vec<String> = labels
        .iter()
        .map(|label| label.name.to_lowercase())
        .collect();
    match choice {
        Choice::One => {
            if let Some(exact) = names.iter().position(|name| *name == said) {
                return Some(vec![exact]);
            }
            let found = names.iter().enumerate();
            let found = found.filter_map(|(at, name)| Some((said.find(name.as_str())?, name, at)));
            let first = found.min_by_key(|(place, name, _)| (*place, usize::MAX - name.len()));
            first.map(|(.., at)| vec![at])
        }
        Choice::Any => {
            let named = |(_, name): &(usize, &String)| said.contains(name.as_str());
            let found: Vec<usize> = names
                .iter()
                .enumerate()
                .filter(named)
                .map(|(at, _)| at)
                .collect();
            let none = found.is_empty() && !said.contains(&NO_LABEL.to_lowercase());
            (!none).then_some(found)
        }
    }
}

/// What the answers say about the rows of a task. `who` is a name and a licence.
pub(super) fn teach(
    task: &TaskRecipe,
    lesson: &Lesson,
    answers: &Answered,
    trust: f64,
    who: (&str, &str),
) -> Result<Said> {
    let started = Instant::now();
    let labels = &lesson.answers.labels;
    let say = |text: &str| {
        let found = labels_in(answers.get(text)?, task.choice, labels)?;
        Some(certain(&found, labels.len(), task.choice, trust))
    };
    let data = &lesson.data;
    let train: Vec<_> = data.train.iter().map(|row| say(&row.text)).collect();
    let dev: Vec<_> = data.dev.iter().map(|row| say(&row.text)).collect();
    let unlabelled: Vec<_> = data.unlabelled.iter().map(|text| say(text)).collect();
    let known = |said: &[Option<Vec<f32>>]| said.iter().flatten().count();
    ensure!(
        known(&train) + known(&unlabelled) > 0,
        "{}: none of the answers of {} is about a row to learn from",
        task.id,
        who.0
    );
    let scores = said::scores(&dev, &data.dev, task.choice);
    let facts = Facts {
        kind: "recorded".into(),
        name: who.0.to_owned(),
        licence: who.1.to_owned(),
        dev_accuracy: scores.map(|s| s.0),
        dev_macro_f1: scores.map(|s| s.1),
        train_rows: known(&train),
        train_accuracy: said::scores(&train, &data.train, task.choice).map(|s| s.0),
        unlabelled_rows: known(&unlabelled),
        temperature: 1.0,
        seconds: started.elapsed().as_secs(),
        epochs: Vec::new(),
        cost: None,
    };
    Ok(Said {
        train,
        dev,
        unlabelled,
        states: Vec::new(),
        facts,
    })
}

#[cfg(test)]
mod tests {
    use expert_card::{Choice, Label};

    use super::{labels_in, read};
    use crate::recipe::RecordedForm;

    fn labels(names: &[&str]) -> Vec<Label> {
        let label = |name: &&str| Label {
            name: (*name).into(),
            answer: "Yes.".into(),
            threshold: None,
        };
        names.iter().map(label).collect()
    }

    #[test]
    fn labels_are_found_in_what_was_said() {
        let one = labels(&["up", "down", "down a lot"]);
        let find = |answer| labels_in(answer, Choice::One, &one);
        assert_eq!(find(" Up.\n"), Some(vec![0]));
        assert_eq!(find("It went down a lot, not up."), Some(vec![2]));
        assert_eq!(find("I cannot say."), None);
        let any = labels(&["Arbitration", "Jurisdiction"]);
        let find = |answer| labels_in(answer, Choice::Any, &any);
        assert_eq!(find("- jurisdiction\n- Arbitration"), Some(vec![0, 1]));
        assert_eq!(find("None"), Some(vec![]));
        assert_eq!(find("Arbitration. None of the rest."), Some(vec![0]));
        assert_eq!(find("It depends"), None);
    }

    #[test]
    fn chat_lines_and_fields_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let chat = r#"{"request":{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"}]},"response":{"choices":[{"message":{"content":"up"}}]}}"#;
        std::fs::write(&path, chat).unwrap();
        assert_eq!(read(&path, &RecordedForm::Chat).unwrap()["q"], "up");
        std::fs::write(&path, "{\"t\":\"q\",\"a\":\"down\"}\n{\"t\":\"r\"}\n").unwrap();
        let form = RecordedForm::Fields {
            text: "t".into(),
            answer: "a".into(),
        };
        let error = format!("{:#}", read(&path, &form).expect_err("no answer"));
        assert!(error.contains("answers.jsonl: line 2"), "{error}");
    }
}
