use std::path::Path;

use crate::{CARD_FILE, CardError, Choice, ExpertCard, ExpertKind};

const CARD: &str = r#"
schema = 1
id = "finance"
version = "0.1.0"
name = "Finance desk"
domain = "finance"
kind = "model"
summary = "Sorts bank questions."
licence = "Apache-2.0"

[limits]
context_tokens = 128

[architecture]
layers = 3
hidden = 384
vocab = 9000
params = 9000000
bytes = 18000000
dtype = "f16"

[provenance]
base = "all-MiniLM-L6-v2"
base_licence = "Apache-2.0"
recipe = "fine-tuned"
seed = 7

[[provenance.data]]
name = "bank"
licence = "CC BY 4.0"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
rows = 10

[[task]]
id = "bank"
title = "What the customer asks"
temperature = 1.25
reject_threshold = 0.4
out_of_scope_answer = "I cannot help with that."

[task.quality]
split = "dev"
n = 100
accuracy = 0.9
macro_f1 = 0.88
ece = 0.02

[[task.label]]
name = "card lost?"
answer = "Freeze the card."

[[task.label]]
name = "balance"
answer = "See the first screen."
"#;

fn parse(text: &str) -> Result<ExpertCard, CardError> {
    ExpertCard::parse(text, Path::new("some/expert.toml"))
}

/// Replaces one line of the good card and returns the error's text.
#[track_caller]
fn broken(from: &str, to: &str) -> String {
    assert_eq!(CARD.matches(from).count(), 1, "{from:?} must occur once");
    let error = parse(&CARD.replace(from, to))
        .expect_err("must be refused")
        .to_string();
    assert!(
        error.starts_with("some/expert.toml: "),
        "names the file: {error}"
    );
    error
}

#[test]
fn reads_every_field() {
    let card = parse(CARD).unwrap();
    assert_eq!(card.id.as_str(), "finance");
    assert_eq!(card.kind, ExpertKind::Model);
    assert_eq!(card.limits.context_tokens, 128);
    let (position, task) = card.task("bank").unwrap();
    assert_eq!((position, task.label_index("balance")), (0, Some(1)));
    assert_eq!(task.reject_threshold, Some(0.4));
    assert!(card.task("absent").is_none());
}

#[test]
fn writes_what_it_reads() {
    let card = parse(CARD).unwrap();
    let folder = tempfile::tempdir().unwrap();
    card.write(folder.path()).unwrap();
    assert_eq!(ExpertCard::read(folder.path()).unwrap(), card);
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = ExpertCard::read(folder.path()).expect_err("nothing there");
    assert!(matches!(error, CardError::Read { .. }));
    assert!(error.to_string().contains(CARD_FILE));
}

#[test]
fn unknown_keys_are_errors_that_name_the_key() {
    for (from, to) in [
        ("domain = \"finance\"", "domain = \"finance\"\ncolour = 1"),
        ("context_tokens = 128", "context_tokens = 128\ncolour = 1"),
        ("layers = 3", "layers = 3\ncolour = 1"),
        ("seed = 7", "seed = 7\ncolour = 1"),
        ("temperature = 1.25", "temperature = 1.25\ncolour = 1"),
        ("ece = 0.02", "ece = 0.02\ncolour = 1"),
        (
            "answer = \"Freeze the card.\"",
            "answer = \"Freeze the card.\"\ncolour = 1",
        ),
    ] {
        let error = broken(from, to);
        assert!(error.contains("colour"), "{error}");
    }
}

#[test]
fn wrong_types_and_missing_keys_are_shown() {
    assert!(broken("layers = 3", "layers = \"three\"").contains("layers"));
    assert!(broken("licence = \"Apache-2.0\"\n\n", "\n").contains("licence"));
    assert!(broken("kind = \"model\"", "kind = \"oracle\"").contains("oracle"));
}

#[test]
fn broken_rules_name_the_key() {
    for (from, to, key) in [
        ("schema = 1", "schema = 2", "schema"),
        (
            "summary = \"Sorts bank questions.\"",
            "summary = \" \"",
            "summary",
        ),
        (
            "context_tokens = 128",
            "context_tokens = 0",
            "limits.context_tokens",
        ),
        ("hidden = 384", "hidden = 0", "architecture.hidden"),
        (
            "sha256 = \"00",
            "sha256 = \"0X",
            "provenance.data.bank.sha256",
        ),
        ("id = \"bank\"", "id = \"Bank desk\"", "task[0].id"),
        (
            "temperature = 1.25",
            "temperature = 0.0",
            "task.bank.temperature",
        ),
        (
            "temperature = 1.25",
            "temperature = nan",
            "task.bank.temperature",
        ),
        (
            "reject_threshold = 0.4",
            "reject_threshold = 1.4",
            "task.bank.reject_threshold",
        ),
        (
            "reject_threshold = 0.4",
            "out_of_scope_label = \"x\"",
            "task.bank.out_of_scope_label",
        ),
        (
            "out_of_scope_answer = \"I cannot help with that.\"",
            "",
            "task.bank.out_of_scope_answer",
        ),
        (
            "accuracy = 0.9",
            "accuracy = 90.0",
            "task.bank.quality.accuracy",
        ),
        (
            "name = \"balance\"",
            "name = \"card lost?\"",
            "task.bank.label.name",
        ),
        (
            "answer = \"See the first screen.\"",
            "answer = \"\"",
            "task.bank.label.balance.answer",
        ),
    ] {
        let error = broken(from, to);
        assert!(error.contains(&format!(": {key}: ")), "{key} in {error}");
    }
}

#[test]
fn a_model_needs_architecture_and_tasks_and_a_remote_does_not() {
    let bare = CARD.split("[architecture]").next().unwrap();
    let error = parse(bare)
        .expect_err("a model without architecture")
        .to_string();
    assert!(error.contains("architecture"), "{error}");
    let remote = bare.replace("kind = \"model\"", "kind = \"remote\"");
    assert_eq!(parse(&remote).unwrap().tasks.len(), 0);
}

#[test]
fn two_tasks_of_one_id_are_refused() {
    let task = CARD.split_once("[[task]]").unwrap().1;
    let error = parse(&format!("{CARD}\n[[task]]{task}"))
        .expect_err("twice")
        .to_string();
    assert!(error.contains("task[1].id"), "{error}");
}

/// The good card with a task whose answers may have any number of labels.
fn any() -> String {
    CARD.replace(
        "reject_threshold = 0.4\nout_of_scope_answer = \"I cannot help with that.\"",
        "choice = \"any\"\nnone_answer = \"Nothing of it.\"",
    )
    .replace(
        "answer = \"Freeze the card.\"",
        "answer = \"Freeze the card.\"\nthreshold = 0.5",
    )
    .replace(
        "answer = \"See the first screen.\"",
        "answer = \"See the first screen.\"\nthreshold = 0.25",
    )
}

#[test]
fn a_task_may_have_any_number_of_labels() {
    let card = parse(&any()).unwrap();
    let (_, task) = card.task("bank").unwrap();
    assert_eq!(task.choice, Choice::Any);
    assert_eq!(task.labels[1].threshold, Some(0.25));
    let text = card.to_toml(Path::new("some/expert.toml")).unwrap();
    assert_eq!(parse(&text).unwrap(), card);
    let plain = parse(CARD).unwrap();
    assert_eq!(plain.tasks[0].choice, Choice::One);
    let text = plain.to_toml(Path::new("some/expert.toml")).unwrap();
    assert!(!text.contains("choice"), "{text}");
}

#[test]
fn rules_of_any_number_of_labels_name_the_key() {
    for (from, to, key) in [
        (
            "none_answer = \"Nothing of it.\"",
            "",
            "task.bank.none_answer",
        ),
        ("threshold = 0.25", "", "task.bank.label.balance.threshold"),
        (
            "threshold = 0.25",
            "threshold = 7.0",
            "task.bank.label.balance.threshold",
        ),
        (
            "choice = \"any\"",
            "choice = \"any\"\nreject_threshold = 0.1\nout_of_scope_answer = \"No.\"",
            "task.bank.reject_threshold",
        ),
        (
            "name = \"balance\"",
            "name = \"None\"",
            "task.bank.label.name",
        ),
        (
            "name = \"balance\"",
            "name = \"a, b\"",
            "task.bank.label.name",
        ),
        ("choice = \"any\"\n", "", "task.bank.none_answer"),
        (
            "choice = \"any\"\nnone_answer = \"Nothing of it.\"\n",
            "",
            "task.bank.label.card lost?.threshold",
        ),
    ] {
        let good = any();
        assert_eq!(good.matches(from).count(), 1, "{from:?}");
        let error = parse(&good.replace(from, to)).expect_err(key).to_string();
        assert!(error.contains(&format!(": {key}: ")), "{key} in {error}");
    }
}
