//! Teachers that are there, that are not, and whose file is broken.

use std::path::Path;

use super::{Command, RECIPE, args, write_inputs};

#[test]
fn a_student_needs_teachers_that_are_there_and_they_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    let recipe = RECIPE.replace("epochs = 8", "epochs = 1");
    std::fs::write(
        folder.join("sorter.toml"),
        recipe.replace("epochs = 6", "epochs = 1"),
    )
    .unwrap();
    let distil = || {
        let mut args = args(folder);
        args.skip_comparison = true;
        super::super::run(&Command::Distil(args))
    };
    let error = distil().expect_err("nobody has taught").to_string();
    assert!(error.contains("expert teach"), "{error}");
    super::super::run(&Command::Teach(args(folder).from)).unwrap();
    let written = |folder: &Path| {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name(),
                    entry.metadata().unwrap().modified().unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    };
    let before = written(&folder.join("work/teachers"));
    assert_eq!(
        before.len(),
        5 + 3,
        "five teachers, three of them with the folder of a network"
    );
    distil().unwrap();
    assert_eq!(written(&folder.join("work/teachers")), before);
    // A second run takes students of the same making as they are.
    let students = written(&folder.join("work/students"));
    distil().unwrap();
    assert_eq!(written(&folder.join("work/students")), students);
}

#[test]
fn a_cut_off_teachers_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_inputs(folder);
    let recipe = RECIPE.replace("epochs = 6", "epochs = 1");
    std::fs::write(folder.join("sorter.toml"), recipe).unwrap();
    super::super::run(&Command::Teach(args(folder).from)).unwrap();
    let file = std::fs::read_dir(folder.join("work/teachers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "safetensors"))
        .unwrap();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let error = format!(
        "{:#}",
        super::super::run(&Command::Teach(args(folder).from)).expect_err("cut")
    );
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(
        error.contains(name) && error.contains("not a whole file"),
        "{error}"
    );
}
