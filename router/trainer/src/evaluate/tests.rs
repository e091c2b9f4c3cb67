use std::path::PathBuf;

use expert_card::ExpertCard;
use models::ClassifierExpert;
use models::fixture::write_tiny_expert;
use tch::Device;

use super::{Args, classify, median_ms, quality, read, run};

fn expert() -> (tempfile::TempDir, ExpertCard) {
    println!("seed 5");
    let folder = tempfile::tempdir().unwrap();
    let card = write_tiny_expert(&folder.path().join("tiny"), 5).unwrap();
    (folder, card)
}

fn args(folder: &tempfile::TempDir, file: &str, text: &str, task: &str) -> Args {
    let data: PathBuf = folder.path().join(file);
    std::fs::write(&data, text).unwrap();
    Args {
        expert: folder.path().join("tiny"),
        task: task.into(),
        data,
        text_column: "text".into(),
        label_column: None,
        split: None,
        threads: 1,
    }
}

#[test]
fn files_of_every_form_are_read() {
    let (folder, card) = expert();
    let (_, mood) = card.task("mood").unwrap();
    for (file, text) in [
        ("a.csv", "text,label\nx y,glad\nz,oos\n"),
        ("b.csv", "split,intent,text\ntest,glad,x y\ntest,oos,z\n"),
        (
            "c.jsonl",
            "{\"text\":\"x y\",\"label\":\"glad\"}\n{\"text\":\"z\",\"label\":\"oos\"}\n",
        ),
        (
            "d.jsonl",
            "{\"text\":\"x y\",\"answer\":\"glad\"}\n{\"text\":\"z\",\"answer\":\"oos\"}\n",
        ),
        (
            "e.jsonl",
            "{\"text\":\"x y\",\"answer\":\"-\",\"labels\":[\"glad\"]}\n{\"text\":\"z\",\"labels\":[\"oos\"]}\n",
        ),
    ] {
        let rows = read(&args(&folder, file, text, "mood"), mood).unwrap();
        let found: Vec<(&str, &[usize])> = rows
            .iter()
            .map(|row| (row.text.as_str(), row.labels.as_slice()))
            .collect();
        assert_eq!(found, [("x y", &[0][..]), ("z", &[2])], "{file}");
    }
    let mut some = args(
        &folder,
        "f.csv",
        "split,label,text\ndev,glad,x\ntest,sad,y\n",
        "mood",
    );
    some.split = Some("test".into());
    assert_eq!(read(&some, mood).unwrap()[0].labels, [1]);
    run(&some).unwrap();
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let (folder, _) = expert();
    for (text, task, parts) in [
        (
            "text,label\nx,glad\ny,angry\n",
            "mood",
            vec!["rows.csv: line 3", "angry", "mood"],
        ),
        (
            "text,mark\nx,glad\n",
            "mood",
            vec!["rows.csv", "no column \"label\""],
        ),
        (
            "label\nglad\n",
            "mood",
            vec!["rows.csv", "no column \"text\""],
        ),
        ("text,label\n", "mood", vec!["rows.csv", "no rows"]),
        ("text,label\nx,glad\n", "weather", vec!["weather", "colour"]),
    ] {
        let error = run(&args(&folder, "rows.csv", text, task)).expect_err(task);
        let error = format!("{error:#}");
        for part in parts {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn outcomes_come_in_the_order_of_the_rows() {
    let (folder, card) = expert();
    let (_, mood) = card.task("mood").unwrap();
    let text = "text,label\na long text of many signs,glad\nb,sad\nc d,oos\n";
    let rows = read(&args(&folder, "rows.csv", text, "mood"), mood).unwrap();
    let expert = ClassifierExpert::load(&folder.path().join("tiny"), Device::Cpu).unwrap();
    let outcomes = classify(&expert, "mood", &rows).unwrap();
    for (outcome, row) in outcomes.iter().zip(&rows) {
        assert_eq!(outcome.row, row);
        let alone = classify(&expert, "mood", std::slice::from_ref(row)).unwrap();
        assert_eq!(alone[0].found.ranked[0].0, outcome.found.ranked[0].0);
    }
    let quality = quality(mood, &outcomes, "dev");
    assert_eq!(quality.n, 2, "the row out of scope counts for recall alone");
    assert!(quality.oos_recall.is_some());
    let times = median_ms(&[&expert, &expert], "mood", &rows).unwrap();
    assert!(times.len() == 2 && times.iter().all(|ms| *ms > 0.0));
}
