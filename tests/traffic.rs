//! The sample traffic of the demo: enough of it, varied, and every gold label known to a shipped expert.

use std::collections::{BTreeMap, BTreeSet};

use expert_card::ExpertCard;
use serde_json::Value;
use tests::root;

const TRAFFIC: &str = "deploy/demo/traffic.jsonl";

#[test]
fn the_traffic_is_as_varied_as_it_says() {
    let lines = traffic();
    let count = |key: &str, value: &str| lines.iter().filter(|l| text(l, key) == value).count();
    let distinct = |key: &str| {
        lines
            .iter()
            .map(|l| text(l, key))
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert!(lines.len() >= 240, "{} prompts", lines.len());
    assert_eq!(distinct("id"), lines.len());
    assert_eq!(distinct("prompt"), lines.len());
    assert_eq!(distinct("tenant"), 3);
    assert!(
        distinct("scenario") >= 6,
        "{} scenarios",
        distinct("scenario")
    );
    assert!(count("lang", "de") >= 10 && count("lang", "zh") >= 10);
    assert!(count("kind", "ambiguous") >= 10 && count("kind", "out_of_scope") >= 10);
    assert!(lines.iter().filter(|l| l["stream"] == true).count() >= 20);
    assert!(lines.iter().filter(|l| l["declared"] == false).count() >= 20);
}

#[test]
fn every_gold_label_is_one_that_a_shipped_expert_knows() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folders = std::fs::read_dir(root().join("deploy/experts")).expect("shipped experts");
    for folder in folders
        .map(|entry| entry.expect("an entry").path())
        .filter(|p| p.is_dir())
    {
        let card = ExpertCard::read(&folder).expect("a checked card");
        for task in card.tasks {
            let labels = known.entry(task.id).or_default();
            labels.extend(task.labels.into_iter().map(|label| label.name));
            labels.extend(task.out_of_scope_label);
            labels.extend(task.reject_threshold.map(|_| "oos".to_owned()));
        }
    }
    let strange = |line: &&Value| {
        let labels = known.get(text(line, "task"));
        !labels.is_some_and(|labels| labels.contains(text(line, "gold")))
    };
    let breaks: Vec<String> = traffic()
        .iter()
        .filter(strange)
        .map(|l| {
            format!(
                "{}: {} of {}",
                text(l, "id"),
                text(l, "gold"),
                text(l, "task")
            )
        })
        .collect();
    assert!(
        breaks.is_empty(),
        "gold labels no expert can give:\n  {}",
        breaks.join("\n  ")
    );
}

fn traffic() -> Vec<Value> {
    let file = std::fs::read_to_string(root().join(TRAFFIC)).expect("the sample traffic");
    file.lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is a text: {line}"))
}
