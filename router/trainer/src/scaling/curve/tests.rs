//! The commands on written rows, and the published bar on gold headlines where the data is there.

use std::fmt::Write;
use std::path::Path;

use super::curve_file::{CURVE_FILE, CurveFile};
use super::{FitArgs, PredictArgs, fit, labels_for, measure, predict};
use crate::scaling::published;

fn fit_args(data: &Path, out: &Path) -> FitArgs {
    FitArgs {
        data: data.to_path_buf(),
        predict: vec![5_000.0],
        out: out.to_path_buf(),
        seed: 4,
        bootstrap: 60,
    }
}

#[test]
fn a_table_is_fitted_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("rows.csv"), folder.path().join("out"));
    std::fs::write(
        &data,
        "n,accuracy,n_eval\n100,.667,5000\n200,.748,5000\n500,.834,5000\n1000,.856,5000\n",
    )
    .unwrap();
    fit(&fit_args(&data, &out)).unwrap();
    let path = out.join(CURVE_FILE);
    let file = CurveFile::read(&path).unwrap();
    let foretold = &file.predictions[0];
    assert!((foretold.accuracy - 0.896).abs() < 0.015, "{foretold:?}");
    assert!(foretold.interval.is_some() && out.join("curve.svg").exists());
    let (_, line) = labels_for(&file, 0.88).unwrap();
    assert!(
        (1_000.0..4_000.0).contains(&line["labels"].as_f64().unwrap()),
        "{line}"
    );
    let (words, line) = labels_for(&file, 0.999).unwrap();
    assert!(
        words.contains("not reachable with more labels alone") && line["reachable"] == false,
        "{words}"
    );
    let ask = |labels, accuracy| {
        predict(&PredictArgs {
            curve: path.clone(),
            labels,
            accuracy,
        })
    };
    ask(Some(2_000.0), None).unwrap();
    let far = ask(Some(10_001.0), None).unwrap_err().to_string();
    assert!(far.contains("the limit is 1.0000e4"), "{far}");
    let near_ceiling = file.curve.fit.curve.a - 1e-4;
    assert!(
        ask(None, Some(near_ceiling))
            .unwrap_err()
            .to_string()
            .contains("beyond ten times")
    );
}

#[test]
fn a_curve_that_does_not_fit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("rows.csv"), folder.path().join("out"));
    let table = |csv: &str| {
        std::fs::write(&data, csv).unwrap();
        fit(&fit_args(&data, &out)).unwrap();
        CurveFile::read(&out.join(CURVE_FILE)).unwrap().table()
    };
    let smooth = "n,accuracy,n_eval\n1000,.5,5000\n2000,.6,5000\n3000,.65,5000\n4000,.68,5000\n";
    assert!(!table(smooth).contains("times as far"), "{}", table(smooth));
    let late = "n,accuracy,n_eval\n1000,.1,5000\n2000,.11,5000\n3000,.6,5000\n4000,.68,5000\n";
    assert!(table(late).contains("times as far"), "{}", table(late));
}

#[test]
fn errors_name_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("rows.csv"), folder.path().join("out"));
    for (csv, part) in [
        ("n,acc\n1,2\n", "rows.csv: no column \"accuracy\""),
        (
            "n,accuracy\n10,.5\n0,.6\n",
            "rows.csv: line 3: n: expected a finite number of at least 1",
        ),
        (
            "n,accuracy\n10,NaN\n",
            "rows.csv: line 2: accuracy: expected a number from 0 to 1, found NaN",
        ),
        (
            "n,accuracy\n10,66.7\n",
            "rows.csv: line 2: accuracy: expected a number from 0 to 1",
        ),
        (
            "n,accuracy,n_eval\n10,.5,many\n",
            "rows.csv: line 2: n_eval: expected a whole number",
        ),
        (
            "n,accuracy\n10,.5\n20,.6\n",
            "2 amounts of labels: at least 4 are needed",
        ),
    ] {
        std::fs::write(&data, csv).unwrap();
        let error = format!("{:#}", fit(&fit_args(&data, &out)).expect_err(part));
        assert!(
            error.contains("rows.csv") && error.contains(part),
            "{error}"
        );
        assert!(!out.exists());
    }
}

const RECIPE: &str = r#"
id = "sorter"
version = "0.0.1"
name = "Sorter"
domain = "test"
summary = "Tells signs."
licence = "Apache-2.0"
seed = 9
"#;

#[test]
fn a_written_task_is_measured_and_foretold() {
    let folder = tempfile::tempdir().unwrap();
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/finance.toml"))
            .unwrap();
    // The student and training of a shipped recipe with a task of our own, and no teachers.
    let middle = shipped
        .split("[student]")
        .nth(1)
        .unwrap()
        .split("[distillation]")
        .next()
        .unwrap()
        .replace("start = \"banking77\"\n", "");
    let task = "[[task]]\nid = \"signs\"\ntitle = \"Signs\"\nanswers = \"signs.answers\"\n\
        source = { name = \"own\", licence = \"CC0\", file = \"signs.csv\", text_column = \"text\", label_column = \"label\", \
        split = { by = \"column\", column = \"split\" } }\n";
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("sorter.toml", &format!("{RECIPE}\n[student]{middle}{task}"));
    let mut csv = "split,label,text\n".to_owned();
    let mut test = "label,text\n".to_owned();
    for i in 0..900u32 {
        // A text names one of 60 things; which of them are odd has to be learned thing by thing.
        let (thing, split) = (
            i.wrapping_mul(2_654_435_761) % 60,
            if i % 3 == 0 { "dev" } else { "train" },
        );
        let label = if thing % 2 == 0 { "even" } else { "odd" };
        let thing: String = [thing / 8, thing % 8]
            .into_iter()
            .filter_map(|n| char::from_digit(n + 10, 36))
            .collect();
        writeln!(csv, "{split},{label},it is the {thing} here").unwrap();
        writeln!(test, "{label},look at {thing}").unwrap();
    }
    write("signs.csv", &csv);
    write("test.csv", &test);
    let mut args = measure::Args {
        task: "signs".to_owned(),
        data: folder.path().to_path_buf(),
        recipes: folder.path().to_path_buf(),
        test: None,
        sizes: vec![10, 20, 40, 80],
        predict: vec![160, 5_000],
        runs: 3,
        out: folder.path().join("out"),
        seed: 6,
        bootstrap: 60,
    };
    println!("seed {}", args.seed);
    measure::run(&args).unwrap();
    let file = CurveFile::read(&args.out.join(CURVE_FILE)).unwrap();
    assert_eq!(file.points.len(), 12);
    // 160 has its truth, 5,000 is out of reach, and all 600 are measured once.
    let truths: Vec<(f64, usize)> = file
        .predictions
        .iter()
        .map(|p| (p.labels, p.truth.len()))
        .collect();
    assert_eq!(truths, [(160.0, 3), (600.0, 1)]);
    assert!(
        file.predictions[1].truth[0] > 0.97,
        "{:?}",
        file.predictions
    );
    args.test = Some(folder.path().join("test.csv"));
    measure::run(&args).unwrap();
    let file = CurveFile::read(&args.out.join(CURVE_FILE)).unwrap();
    assert_eq!(
        file.predictions.len(),
        1,
        "all 900 labels are beyond ten times 80"
    );
    assert_eq!(file.points[0].cases, Some(900));
    args.task = "sings".to_owned();
    let unknown = format!("{:#}", measure::run(&args).unwrap_err());
    assert!(
        unknown.contains("no recipe has the task \"sings\"; there are: signs"),
        "{unknown}"
    );
    args.task = "signs".to_owned();
    args.sizes = vec![10, 2_000];
    assert!(
        measure::run(&args)
            .unwrap_err()
            .to_string()
            .contains("--sizes: expected 1 to 900")
    );
}

#[test]
fn all_headlines_are_foretold_from_a_thousand() {
    let Some(folder) = published::folder("frugalgpt-headlines") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let args = measure::Args {
        task: "headlines".to_owned(),
        data: folder.parent().unwrap().to_path_buf(),
        recipes: concat!(env!("CARGO_MANIFEST_DIR"), "/recipes").into(),
        test: None,
        sizes: vec![100, 200, 500, 1_000],
        predict: vec![5_000],
        runs: 5,
        out: out.path().join("out"),
        seed: 20_261_125,
        bootstrap: 100,
    };
    println!("seed {}", args.seed);
    measure::run(&args).unwrap();
    let file = CurveFile::read(&args.out.join(CURVE_FILE)).unwrap();
    let all = &file.predictions[0];
    assert!((4_000.0..5_000.0).contains(&all.labels), "{all:?}");
    assert!(all.error_points.unwrap().abs() <= 1.5, "{all:?}");
    assert!(
        file.predictions[1].truth.is_empty(),
        "there are no 5,000 train rows"
    );
}
