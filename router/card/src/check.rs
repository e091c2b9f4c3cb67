//! The rules a card keeps beyond its form.

use std::collections::HashSet;

use crate::{Choice, ExpertCard, ExpertKind, LABEL_SEPARATOR, NO_LABEL, Quality, SCHEMA, Task};

/// A rule that a card breaks: the key and what was expected.
pub(crate) struct Breach {
    pub(crate) key: String,
    pub(crate) message: String,
}

fn breach(key: impl Into<String>, message: impl Into<String>) -> Breach {
    Breach {
        key: key.into(),
        message: message.into(),
    }
}

/// The first rule the card breaks, in the order of the file.
pub(crate) fn check(card: &ExpertCard) -> Result<(), Breach> {
    if card.schema != SCHEMA {
        return Err(breach(
            "schema",
            format!("expected {SCHEMA}, found {}", card.schema),
        ));
    }
    let texts = [
        ("version", &card.version),
        ("name", &card.name),
        ("domain", &card.domain),
        ("summary", &card.summary),
        ("licence", &card.licence),
    ];
    for (key, text) in texts {
        filled(key, text)?;
    }
    if card.limits.context_tokens < 3 {
        return Err(breach("limits.context_tokens", "expected at least 3"));
    }
    if card.kind == ExpertKind::Model {
        model(card)?;
    }
    if let Some(provenance) = &card.provenance {
        for source in &provenance.data {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if source.sha256.len() != 64 || !source.sha256.bytes().all(hex) {
                let key = format!("provenance.data.{}.sha256", source.name);
                return Err(breach(key, "expected 64 lower-case hex digits"));
            }
        }
        for teacher in &provenance.teachers {
            let key = format!("provenance.teacher.{}.accuracy", teacher.name);
            teacher
                .accuracy
                .map_or(Ok(()), |accuracy| share(&key, accuracy))?;
        }
    }
    let mut seen = HashSet::new();
    for (position, item) in card.tasks.iter().enumerate() {
        if !seen.insert(item.id.as_str()) {
            return Err(breach(
                format!("task[{position}].id"),
                format!("{:?} is taken", item.id),
            ));
        }
        task(position, item)?;
    }
    Ok(())
}

fn model(card: &ExpertCard) -> Result<(), Breach> {
    let Some(architecture) = &card.architecture else {
        return Err(breach("architecture", "required for kind = \"model\""));
    };
    let sizes = [
        ("architecture.layers", architecture.layers),
        ("architecture.hidden", architecture.hidden),
        ("architecture.vocab", architecture.vocab),
    ];
    for (key, size) in sizes {
        if size == 0 {
            return Err(breach(key, "expected at least 1"));
        }
    }
    if card.provenance.is_none() {
        return Err(breach("provenance", "required for kind = \"model\""));
    }
    match &card.writer {
        None if card.tasks.is_empty() => {
            let message = "a model has at least one task, or a [writer]";
            return Err(breach("task", message));
        }
        Some(_) if !card.tasks.is_empty() => {
            return Err(breach("writer", "a model that writes has no tasks"));
        }
        Some(writer) if writer.output_tokens == 0 => {
            return Err(breach("writer.output_tokens", "expected at least 1"));
        }
        None | Some(_) => {}
    }
    Ok(())
}

fn task(position: usize, task: &Task) -> Result<(), Breach> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if task.id.is_empty() || task.id.len() > 64 || !task.id.bytes().all(plain) {
        let key = format!("task[{position}].id");
        return Err(breach(key, "expected 1 to 64 of a-z, 0-9, '-', '_'"));
    }
    let key = |name: &str| format!("task.{}.{name}", task.id);
    filled(&key("title"), &task.title)?;
    if !(task.temperature.is_finite() && task.temperature > 0.0) {
        return Err(breach(key("temperature"), "expected a number above 0"));
    }
    if let Some(threshold) = task.reject_threshold {
        share(&key("reject_threshold"), threshold)?;
    }
    if let Some(label) = &task.out_of_scope_label
        && task.label_index(label).is_none()
    {
        return Err(breach(
            key("out_of_scope_label"),
            format!("{label:?} is no label"),
        ));
    }
    let rejects = task.reject_threshold.is_some() || task.out_of_scope_label.is_some();
    if rejects && task.out_of_scope_answer.is_none() {
        return Err(breach(
            key("out_of_scope_answer"),
            "required where the task can reject",
        ));
    }
    if task.labels.len() < 2 {
        return Err(breach(key("label"), "expected at least 2"));
    }
    let mut seen = HashSet::new();
    for label in &task.labels {
        filled(&key("label.name"), &label.name)?;
        filled(&key(&format!("label.{}.answer", label.name)), &label.answer)?;
        if !seen.insert(label.name.as_str()) {
            return Err(breach(
                key("label.name"),
                format!("{:?} is taken", label.name),
            ));
        }
    }
    match task.choice {
        Choice::One => one_label(task, key)?,
        Choice::Any => any_labels(task, key)?,
    }
    task.quality
        .as_ref()
        .map_or(Ok(()), |q| quality(&key("quality"), q))
}

/// Labels that exclude each other have no thresholds of their own.
fn one_label(task: &Task, key: impl Fn(&str) -> String) -> Result<(), Breach> {
    let any = "only for choice = \"any\"";
    if task.none_answer.is_some() {
        return Err(breach(key("none_answer"), any));
    }
    let own = task.labels.iter().find(|label| label.threshold.is_some());
    own.map_or(Ok(()), |label| {
        let key = key(&format!("label.{}.threshold", label.name));
        Err(breach(key, any))
    })
}

/// Each label is decided by its own threshold, and none of them has an answer too.
fn any_labels(task: &Task, key: impl Fn(&str) -> String) -> Result<(), Breach> {
    let Some(answer) = &task.none_answer else {
        return Err(breach(key("none_answer"), "required for choice = \"any\""));
    };
    filled(&key("none_answer"), answer)?;
    if task.reject_threshold.is_some() || task.out_of_scope_label.is_some() {
        let rejecting = key("reject_threshold");
        return Err(breach(
            rejecting,
            "choice = \"any\" answers with no label instead",
        ));
    }
    for label in &task.labels {
        let threshold = key(&format!("label.{}.threshold", label.name));
        let Some(value) = label.threshold else {
            return Err(breach(threshold, "required for choice = \"any\""));
        };
        share(&threshold, value)?;
        if label.name == NO_LABEL || label.name.contains(LABEL_SEPARATOR) {
            let message = format!("{:?} cannot be told from an answer", label.name);
            return Err(breach(key("label.name"), message));
        }
    }
    Ok(())
}

fn quality(key: &str, quality: &Quality) -> Result<(), Breach> {
    filled(&format!("{key}.split"), &quality.split)?;
    share(&format!("{key}.accuracy"), quality.accuracy)?;
    share(&format!("{key}.macro_f1"), quality.macro_f1)?;
    share(&format!("{key}.ece"), quality.ece)?;
    quality
        .oos_recall
        .map_or(Ok(()), |recall| share(&format!("{key}.oos_recall"), recall))
}

fn filled(key: &str, text: &str) -> Result<(), Breach> {
    if text.trim().is_empty() {
        Err(breach(key, "expected a text"))
    } else {
        Ok(())
    }
}

fn share(key: &str, value: f64) -> Result<(), Breach> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(breach(key, "expected a number from 0 to 1"))
    }
}
