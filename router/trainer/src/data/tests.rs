use expert_card::{Choice, Label};

use super::{Row, is_dev, read};
use crate::answers::Answers;
use crate::recipe::{Extra, Only, Source, Split, TaskRecipe, Unlabelled};

fn answers(labels: &[&str]) -> Answers {
    let label = |name: &&str| Label {
        name: (*name).into(),
        answer: "Yes.".into(),
        threshold: None,
    };
    Answers {
        out_of_scope: None,
        none: None,
        labels: labels.iter().map(label).collect(),
    }
}

fn source(split: Split) -> Source {
    Source {
        name: "own".into(),
        licence: "CC0".into(),
        file: "rows.csv".into(),
        text_column: "text".into(),
        label_column: "kind".into(),
        split,
    }
}

fn by_column() -> Split {
    Split::Column {
        column: "part".into(),
    }
}

/// Reads a CSV text as a task's file.
fn check(csv: &str, labels: &[&str], split: Split) -> anyhow::Result<super::TaskData> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
    let task = task(source(split), Choice::One);
    read(folder.path(), folder.path(), &task, &answers(labels))
}

fn task(source: Source, choice: Choice) -> TaskRecipe {
    TaskRecipe {
        id: "t".into(),
        title: "T".into(),
        answers: "t.toml".into(),
        choice,
        out_of_scope_label: None,
        reject_cost: None,
        repeat: 1,
        source,
        extra: Vec::new(),
        unlabelled: Vec::new(),
        variants: 0,
        teachers: Vec::new(),
    }
}

#[test]
fn rows_go_where_their_column_says() {
    let csv = "part,kind,text\ntrain,a,one\ndev,b,\"two, with\na break\"\ntrain,b,three\n";
    let data = check(csv, &["a", "b"], by_column()).unwrap();
    let row = |text: &str, label| Row {
        text: text.into(),
        labels: vec![label],
    };
    assert_eq!(data.train, [row("one", 0), row("three", 1)]);
    assert_eq!(data.dev, [row("two, with\na break", 1)]);
    assert_eq!(
        (data.sources[0].sha256.len(), data.sources[0].rows),
        (64, 2)
    );
}

#[test]
fn errors_name_file_and_line() {
    for (csv, labels, part) in [
        (
            "part,kind,text\ntrain,a,x\ndev,c,y\n",
            ["a", "b"],
            "line 3: label \"c\" has no answer",
        ),
        (
            "part,kind,text\ntrain,a,x\ndev,a,y\n",
            ["a", "b"],
            "\"b\" never occurs in train",
        ),
        (
            "part,kind,text\ntrain,a,x\ntrain,b,y\n",
            ["a", "b"],
            "no dev rows",
        ),
        (
            "part,kind,text\ntest,a,x\n",
            ["a", "b"],
            "expected train or dev, found \"test\"",
        ),
        ("part,text\ntrain,x\n", ["a", "b"], "no column \"kind\""),
        ("part,kind,text\ntrain,a\n", ["a", "b"], "rows.csv"),
    ] {
        let error = format!("{:#}", check(csv, &labels, by_column()).expect_err(part));
        assert!(
            error.contains("rows.csv") && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn the_hash_split_depends_on_the_column_alone() {
    let split = Split::Hash {
        column: "part".into(),
        dev_percent: 12,
    };
    let dev = (0..10_000)
        .filter(|id: &i32| is_dev(&split, &id.to_string()).unwrap())
        .count();
    assert!((1_100..1_300).contains(&dev), "{dev} of 10000 are dev");
    // SHA-256("9770") starts with these bytes; a change of the rule would mix dev rows into train.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"9770");
    let number = u64::from_be_bytes(digest[..8].try_into().unwrap());
    assert_eq!(is_dev(&split, "9770").unwrap(), number % 100 < 12);
}

#[test]
fn one_text_with_two_labels_is_half_of_each() {
    let csv = "part,kind,text\ntrain,b,same\ntrain,a,other\ntrain,a,same\ndev,a,same\n";
    let data = check(csv, &["a", "b"], by_column()).unwrap();
    assert_eq!(data.train.len(), 2);
    assert_eq!(
        (data.train[0].text.as_str(), &data.train[0].labels),
        ("same", &vec![0, 1])
    );
    assert_eq!(data.dev[0].labels, [0]);
}

#[test]
fn any_number_of_labels_come_from_lists_and_from_texts() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"part\":\"train\",\"kind\":[\"b\",\"a\"],\"text\":\"x\"}\n\
                {\"part\":\"train\",\"kind\":\"None\",\"text\":\"y\"}\n\
                {\"part\":\"dev\",\"kind\":\"b, a\",\"text\":\"z\"}\n\
                {\"part\":\"dev\",\"kind\":[\"None\"],\"text\":\"w\"}\n";
    std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    let extra = "{\"text\":\"more\",\"labels\":[\"a\"]}\n";
    std::fs::write(folder.path().join("more.jsonl"), extra).unwrap();
    let plain = "split,q\ntrain,one\ndev,two\ntrain,three\ntrain,four\n";
    std::fs::write(folder.path().join("plain.csv"), plain).unwrap();
    let mut task = task(
        Source {
            file: "rows.jsonl".into(),
            ..source(by_column())
        },
        Choice::Any,
    );
    task.extra.push(Extra {
        name: "own".into(),
        licence: "CC0".into(),
        file: "more.jsonl".into(),
    });
    task.unlabelled.push(Unlabelled {
        name: "plain".into(),
        licence: "CC0".into(),
        file: "plain.csv".into(),
        text_column: "q".into(),
        only: Some(Only {
            column: "split".into(),
            is: "train".into(),
        }),
        most: Some(2),
    });
    let data = read(folder.path(), folder.path(), &task, &answers(&["a", "b"])).unwrap();
    let labels: Vec<&[usize]> = data.train.iter().map(|row| row.labels.as_slice()).collect();
    assert_eq!(labels, [&[0, 1][..], &[], &[0]]);
    let labels: Vec<&[usize]> = data.dev.iter().map(|row| row.labels.as_slice()).collect();
    assert_eq!(labels, [&[0, 1][..], &[]]);
    assert_eq!(data.unlabelled, ["one", "three"]);
    let rows: Vec<usize> = data.sources.iter().map(|source| source.rows).collect();
    assert_eq!(rows, [2, 1, 2]);

    std::fs::write(
        folder.path().join("more.jsonl"),
        extra.replace("\"a\"", "\"c\""),
    )
    .unwrap();
    let error = read(folder.path(), folder.path(), &task, &answers(&["a", "b"]));
    let error = format!("{:#}", error.expect_err("an unknown label"));
    assert!(error.contains("more.jsonl: line 1: label \"c\""), "{error}");
}
