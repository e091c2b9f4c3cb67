//! A whole run on rows written here, from a base of random weights: small, but every part is the real one.

use std::fmt::Write;
use std::path::Path;

use expert_card::ExpertCard;
use models::ClassifierExpert;
use models::DeviceChoice;
use models::fixture::write_tiny_expert;
use tch::Device;

use super::{Args, CardArgs, Command, TeachArgs, rewrite_card};

const RECIPE: &str = r#"
id = "sorter"
version = "0.0.1"
name = "Sorter"
domain = "test"
summary = "Tells vowels from digits."
licence = "Apache-2.0"
seed = 9

[student]
layers = [1]
inner = 24
vocabulary = 1000
context_tokens = 16
start = "signs"

[training]
epochs = 8
batch = 8
learning_rate = 1e-3
head_learning_rate = 2e-2
warmup = 0.1
weight_decay = 0.01
dropout = 0.0
label_smoothing = 0.0
clip = 1.0
patience = 8
precision = "f32"
cut_tokens = 16
learns = "all"

[distillation]
temperature = 2.0
soft = 1.0
hard = 0.5
hidden = 0.1

[teacher]
context_tokens = 16

[teacher.training]
epochs = 6
batch = 8
learning_rate = 1e-3
head_learning_rate = 2e-2
warmup = 0.1
weight_decay = 0.01
dropout = 0.0
label_smoothing = 0.0
clip = 1.0
patience = 6
precision = "f32"
cut_tokens = 16
learns = "all"

[[task]]
id = "signs"
title = "Which signs"
answers = "signs.toml"
out_of_scope_label = "neither"
reject_cost = 0.02
source = { name = "own", licence = "CC0", file = "signs.csv", text_column = "text", label_column = "label", split = { by = "column", column = "split" } }
unlabelled = [{ name = "more", licence = "CC0", file = "more.csv", text_column = "text" }]
teacher = [{ kind = "network", seed = 4, weight = 1.0 }]

[[task]]
id = "size"
title = "How many"
answers = "size.toml"
source = { name = "own", licence = "CC0", file = "size.csv", text_column = "text", label_column = "label", split = { by = "hash", column = "text", dev_percent = 30 } }
teacher = [
    { kind = "network", seed = 4, weight = 1.0, epochs = 3 },
    { kind = "linear", seed = 4, weight = 0.5, folds = 3, cost = 1.0 },
]

[[task]]
id = "traits"
title = "Which traits a text has"
answers = "traits.toml"
choice = "any"
source = { name = "own", licence = "CC0", file = "traits.jsonl", text_column = "text", label_column = "labels", split = { by = "column", column = "split" } }
teacher = [
    { kind = "network", seed = 4, weight = 1.0 },
    { kind = "recorded", weight = 0.5, trust = 0.9, file = "traits.jsonl", name = "somebody", licence = "CC0", form = { as = "fields", text = "text", answer = "said" } },
]
"#;

fn write_inputs(folder: &Path) {
    write_tiny_expert(&folder.join("base"), 4).unwrap();
    std::fs::write(folder.join("sorter.toml"), RECIPE).unwrap();
    let answers = |names: &[&str]| {
        let mut text = String::from("out_of_scope = \"Not mine.\"\n");
        for name in names {
            writeln!(
                text,
                "[[label]]\nname = \"{name}\"\nanswer = \"It is {name}.\""
            )
            .unwrap();
        }
        text
    };
    std::fs::write(
        folder.join("signs.toml"),
        answers(&["vowels", "digits", "neither"]),
    )
    .unwrap();
    std::fs::write(folder.join("size.toml"), answers(&["one", "many"])).unwrap();
    let traits = answers(&["plus", "star"]).replace("out_of_scope", "none");
    std::fs::write(folder.join("traits.toml"), traits).unwrap();
    std::fs::write(folder.join("more.csv"), "text\na o a\n4 4\n").unwrap();
    let (mut signs, mut size) = (
        String::from("split,label,text\n"),
        String::from("label,text\n"),
    );
    let mut traits = String::new();
    for i in 0..60 {
        let split = if i % 5 == 0 { "dev" } else { "train" };
        let pick = |from: &str, at: usize| from.chars().nth(at % from.len()).unwrap();
        for (label, from) in [
            ("vowels", "aeiou"),
            ("digits", "01234"),
            ("neither", "!?+=%"),
        ] {
            let (x, y, z) = (pick(from, i), pick(from, i / 5), pick(from, i / 25));
            writeln!(signs, "{split},{label},{x} {y} {z}").unwrap();
        }
        writeln!(size, "one,w{i}\nmany,w{i} x{i} y{i} z{i}").unwrap();
        for (text, labels) in [
            (format!("+ b{i}"), r#"["plus"]"#),
            (format!("* b{i}"), r#"["star"]"#),
            (format!("* + b{i}"), r#"["plus","star"]"#),
            (format!("b{i}"), r#"["None"]"#),
        ] {
            let said = if labels.contains("plus") {
                "Plus."
            } else {
                "None"
            };
            writeln!(
                traits,
                r#"{{"split":"{split}","text":"{text}","labels":{labels},"said":"{said}"}}"#
            )
            .unwrap();
        }
    }
    std::fs::write(folder.join("signs.csv"), signs).unwrap();
    std::fs::write(folder.join("size.csv"), size).unwrap();
    std::fs::write(folder.join("traits.jsonl"), traits).unwrap();
}

fn args(folder: &Path) -> Args {
    Args {
        from: TeachArgs {
            config: folder.join("sorter.toml"),
            base: folder.join("base"),
            data: folder.to_path_buf(),
            work: folder.join("work"),
            threads: 1,
            device: DeviceChoice::Cpu,
        },
        out: folder.join("sorter"),
        outcomes: Some(folder.join("outcomes.jsonl")),
        seeds: vec![9, 10],
        skip_comparison: false,
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    super::run(&Command::Make(args))
}

#[test]
fn a_recipe_becomes_a_measured_folder() {
    println!("seed 9");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    run(args(folder)).unwrap();

    let card = ExpertCard::read(&folder.join("sorter")).unwrap();
    let (_, signs) = card.task("signs").unwrap();
    let quality = signs.quality.as_ref().unwrap();
    assert_eq!((quality.n, quality.split.as_str()), (24, "dev"));
    assert!(quality.accuracy > 0.9, "{quality:?}");
    assert!(
        quality.oos_recall.is_some_and(|recall| recall > 0.9),
        "{quality:?}"
    );
    assert!(signs.reject_threshold.is_some());
    assert!(card.task("size").unwrap().1.quality.is_some());
    assert_eq!(card.architecture.as_ref().unwrap().layers, 1);
    let (_, traits) = card.task("traits").unwrap();
    assert!(traits.labels.iter().all(|label| label.threshold.is_some()));
    assert!(
        traits.quality.as_ref().unwrap().accuracy > 0.9,
        "{traits:?}"
    );

    let expert = ClassifierExpert::load(&folder.join("sorter"), Device::Cpu).unwrap();
    let encode = |text| expert.tokenizer().encode(text, Some("signs")).unwrap();
    let found = expert
        .classify(&[encode("u o a"), encode("3 3 0"), encode("+ + %")])
        .unwrap();
    assert_eq!((found[0].ranked[0].0, found[0].rejected), (0, false));
    assert_eq!((found[1].ranked[0].0, found[1].rejected), (1, false));
    assert!(found[2].rejected);
    let encode = |text| expert.tokenizer().encode(text, Some("traits")).unwrap();
    let found = expert.classify(&[encode("* + b7"), encode("b7")]).unwrap();
    assert_eq!(
        (found[0].chosen.as_slice(), found[1].chosen.as_slice()),
        (&[0, 1][..], &[][..])
    );

    let report = std::fs::read_to_string(folder.join("sorter/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["recipe"]["seed"], 9);
    assert_eq!(report["data"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(report["students"].as_array().unwrap().len(), 2);
    assert_eq!(report["students_without_teacher"][1]["seed"], 10);
    for (task, teachers) in report["tasks"].as_array().unwrap().iter().zip([1, 2, 2]) {
        assert_eq!(task["teachers"].as_array().unwrap().len(), teachers);
        assert!(
            task["student_accuracy"]["mean"].as_f64().unwrap() > 0.5,
            "{task}"
        );
        assert!(task["ms_per_request"]["share"].as_f64().unwrap() > 0.0);
        // Words of numbers tell nothing about how many there are: only the other teachers can be good.
        let together = task["teachers_together_accuracy"].as_f64().unwrap();
        assert!(together > 0.5 || task["id"] == "size", "{task}");
    }
    let int8 = &report["stored_as_int8"];
    assert!(int8["bytes_int8"].as_u64().unwrap() < int8["bytes"].as_u64().unwrap());
    assert_eq!(int8["tasks"].as_array().unwrap().len(), 3);
    let svg = std::fs::read_to_string(folder.join("sorter/curves.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("signs"), "{svg}");
    let provenance = card.provenance.as_ref().unwrap();
    assert_eq!(provenance.teachers.len(), 5);
    let rows: Vec<usize> = provenance.data.iter().map(|data| data.rows).collect();
    assert_eq!(
        rows[..2],
        [144, 2],
        "rows of signs, and texts without labels"
    );

    let outcomes = std::fs::read_to_string(folder.join("outcomes.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(outcomes.lines().next().unwrap()).unwrap();
    for key in [
        "task",
        "text",
        "gold",
        "predicted",
        "confidence",
        "correct",
        "rejected",
    ] {
        assert!(first.get(key).is_some(), "{key} in {first}");
    }
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn new_texts_reach_the_card_without_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    let mut args = args(folder);
    (args.outcomes, args.skip_comparison) = (None, true);
    args.seeds.clear();
    let recipe = RECIPE.replace("epochs = 8", "epochs = 1");
    let recipe = recipe.replace("epochs = 6", "epochs = 1");
    let (config, out) = (args.from.config.clone(), args.out.clone());
    std::fs::write(&config, &recipe).unwrap();
    run(args).unwrap();
    let before = ExpertCard::read(&out).unwrap();

    std::fs::write(
        &config,
        recipe.replace("Which signs", "Which kind of signs"),
    )
    .unwrap();
    let card = CardArgs {
        config,
        expert: out.clone(),
    };
    rewrite_card(&card).unwrap();
    let after = ExpertCard::read(&out).unwrap();
    assert_eq!(after.tasks[0].title, "Which kind of signs");
    assert_eq!(after.tasks[0].quality, before.tasks[0].quality);
    ClassifierExpert::load(&out, Device::Cpu).unwrap();

    let labels = std::fs::read_to_string(folder.join("size.toml")).unwrap();
    std::fs::write(
        folder.join("size.toml"),
        labels.replace("\"many\"", "\"some\""),
    )
    .unwrap();
    let error = rewrite_card(&card)
        .expect_err("other labels than the head")
        .to_string();
    assert!(error.contains("size"), "{error}");
}

#[test]
fn a_failed_run_leaves_the_old_expert() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    std::fs::create_dir(folder.join("sorter")).unwrap();
    std::fs::write(folder.join("sorter/keep"), "me").unwrap();
    std::fs::write(folder.join("size.csv"), "label,text\nfew,x\n").unwrap();
    let error = format!("{:#}", run(args(folder)).expect_err("an unknown label"));
    assert!(
        error.contains("size.csv") && error.contains("few"),
        "{error}"
    );
    assert_eq!(
        std::fs::read_to_string(folder.join("sorter/keep")).unwrap(),
        "me"
    );
}

mod teachers;
