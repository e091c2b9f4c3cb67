use expert_card::Label;

use super::{Row, hex, is_dev, read, records};
use crate::answers::Answers;
use crate::recipe::{Source, Split};

fn answers(labels: &[&str]) -> Answers {
    let label = |name: &&str| Label {
        name: (*name).into(),
        answer: "Yes.".into(),
    };
    Answers {
        out_of_scope: None,
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
    read(folder.path(), &source(split), &answers(labels))
}

#[test]
fn rows_go_where_their_column_says() {
    let csv = "part,kind,text\ntrain,a,one\ndev,b,\"two, with\na break\"\ntrain,b,three\n";
    let data = check(csv, &["a", "b"], by_column()).unwrap();
    let row = |text: &str, label| Row {
        text: text.into(),
        label,
    };
    assert_eq!(data.train, [row("one", 0), row("three", 1)]);
    assert_eq!(data.dev, [row("two, with\na break", 1)]);
    assert_eq!(data.sha256.len(), 64);
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
    let digest = hex(&<sha2::Sha256 as sha2::Digest>::digest(b"9770"));
    let number = u64::from_str_radix(&digest[..16], 16).unwrap();
    assert_eq!(is_dev(&split, "9770").unwrap(), number % 100 < 12);
}

#[test]
fn columns_come_in_the_order_asked() {
    let rows = records("a,b,c\n1,2,3\n".as_bytes(), ["c", "a"]).unwrap();
    assert_eq!(rows, [(2, ["3".to_owned(), "1".to_owned()])]);
}
