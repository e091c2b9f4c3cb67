//! The whole command on written runs, and the published figures where the data is there.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use economics::scaling::Law;

use super::{Args, GroupLaw, HoldOut, Set, run, summary};
use crate::scaling::law_file::{LAW_FILE, LawFile};
use crate::scaling::published;

fn args(data: PathBuf, out: &Path) -> Args {
    Args {
        set: None,
        columns: None,
        loss_column: None,
        data,
        test: None,
        hold_out: None,
        form: None,
        out: out.to_path_buf(),
        seed: 3,
        bootstrap: 40,
    }
}

/// Runs of a law, up to a size.
fn write_runs(path: &Path, law: &Law, sizes: std::ops::Range<i32>) {
    let mut csv = "n_params,n_tokens,loss\n".to_owned();
    for i in sizes {
        for j in 0..5 {
            let (params, tokens) = (1e7 * 3f64.powi(i), 1e9 * 2f64.powi(j));
            writeln!(csv, "{params},{tokens},{}", law.loss(params, tokens)).unwrap();
        }
    }
    std::fs::write(path, csv).unwrap();
}

#[test]
fn ones_own_runs_are_fitted_checked_tested_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let law = Law {
        e: 1.7,
        a: 400.0,
        b: 900.0,
        alpha: 0.34,
        beta: 0.31,
    };
    let (small, large) = (
        folder.path().join("small.csv"),
        folder.path().join("large.csv"),
    );
    write_runs(&small, &law, 0..4);
    write_runs(&large, &law, 4..7);
    let out = folder.path().join("out");
    let mut args = args(small, &out);
    args.columns = Some(["n_params", "n_tokens", "loss"].map(str::to_owned).to_vec());
    args.hold_out = Some(HoldOut::Params);
    args.test = Some(large);
    run(&args).unwrap();
    let file = LawFile::read(&out.join(LAW_FILE)).unwrap();
    let found = file.law(None).unwrap();
    assert!((found.fit.law.alpha - 0.34).abs() < 1e-3, "{:?}", found.fit);
    let (check, test) = (found.check.as_ref().unwrap(), found.test.as_ref().unwrap());
    assert_eq!(
        (
            check.fitted_on,
            check.runs.len(),
            test.fitted_on,
            test.runs.len()
        ),
        (15, 5, 20, 15)
    );
    assert!(
        check.worst < 1e-3 && test.worst < 1e-3,
        "{} {}",
        check.worst,
        test.worst
    );
    // Sizes go up by threes from 2.7e8; ten times that is 2.7e9, so 2.43e9 is in reach and 7.29e9 is not.
    assert_eq!(test.runs.iter().filter(|run| run.within_reach).count(), 10);
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["foretold.svg", "law.json", "loss.svg", "report.txt"]
    );
    assert!(
        std::fs::read_to_string(out.join("loss.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    assert!(
        file.law(Some("other"))
            .unwrap_err()
            .to_string()
            .contains("it has: all")
    );
}

#[test]
fn bad_runs_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("runs.csv");
    let out = folder.path().join("out");
    let mut args = args(data.clone(), &out);
    args.columns = Some(["n_params", "n_tokens", "loss"].map(str::to_owned).to_vec());
    let rows = |line: fn(i32) -> String| {
        (0..9)
            .map(line)
            .fold("n_params,n_tokens,loss\n".to_owned(), |all, l| all + &l)
    };
    for (csv, part) in [
        (
            rows(|i| format!("1e8,{}e9,2\n", i + 1)),
            "all rows have the same params (100000000)",
        ),
        (
            rows(|i| format!("{}e8,1e9,2\n", i + 1)),
            "all rows have the same tokens",
        ),
        (
            "n_params,n_tokens,loss\n1,2,3\n".to_owned(),
            "1 runs: at least 8 are needed",
        ),
    ] {
        std::fs::write(&data, csv).unwrap();
        let error = format!("{:#}", run(&args).unwrap_err());
        assert!(
            error.contains("runs.csv: all") && error.contains(part),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    args.loss_column = Some("loss_x".to_owned());
    assert!(
        run(&args)
            .unwrap_err()
            .to_string()
            .contains("--loss-column")
    );
}

/// Fits a published table; `None` where it is absent.
fn published(name: &str, set: Set) -> Option<LawFile> {
    let folder = tempfile::tempdir().unwrap();
    let mut args = args(published::folder(name)?, &folder.path().join("out"));
    args.set = Some(set);
    println!("seed {}", args.seed);
    run(&args).unwrap();
    Some(LawFile::read(&args.out.join(LAW_FILE)).unwrap())
}

#[test]
fn the_chinchilla_law_is_that_of_besiroglu_et_al() {
    let Some(file) = published("scaling-chinchilla-epoch", Set::Chinchilla) else {
        return;
    };
    let found = file.law(None).unwrap();
    let law = found.fit.law;
    assert_eq!(found.runs, 240);
    assert!((law.e - 1.8172).abs() < 0.002, "{law:?}");
    assert!((law.alpha - 0.3473).abs() < 0.002, "{law:?}");
    assert!((law.beta - 0.3672).abs() < 0.003, "{law:?}");
    assert!(
        (470.0..495.0).contains(&law.a) && (1_950.0..2_250.0).contains(&law.b),
        "{law:?}"
    );
    assert!(
        found.fit.objective <= 0.001_018_3,
        "{}",
        found.fit.objective
    );
}

#[test]
fn larger_runs_of_gadre_are_foretold_within_a_percent() {
    let Some(file) = published("scaling-gadre", Set::Gadre) else {
        return;
    };
    let worst = |law: &GroupLaw| law.check.as_ref().unwrap().mean;
    for law in &file.laws {
        println!("{}: mean relative error {:.4}", law.group, worst(law));
        assert!(worst(law) <= 0.015, "{}", law.group);
    }
    let mean = summary::held_out_error(&file).unwrap();
    assert!(mean <= 0.01, "{mean}");
}
