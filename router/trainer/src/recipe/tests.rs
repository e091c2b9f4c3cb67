use std::path::{Path, PathBuf};

use super::Recipe;
use crate::answers::Answers;

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")
}

#[test]
fn shipped_recipes_and_their_answers_are_good() {
    for (name, labels) in [
        ("finance", vec![77, 4]),
        ("legal", vec![41, 8]),
        ("medical", vec![5]),
        ("general", vec![151]),
    ] {
        let recipe = Recipe::read(&recipes().join(format!("{name}.toml"))).unwrap();
        assert_eq!(recipe.id.as_str(), name);
        let answers: Vec<Answers> = recipe
            .tasks
            .iter()
            .map(|task| Answers::read(&recipe.folder.join(&task.answers)).unwrap())
            .collect();
        assert_eq!(
            answers.iter().map(|a| a.labels.len()).collect::<Vec<_>>(),
            labels
        );
        for (task, answers) in recipe.tasks.iter().zip(&answers) {
            for label in &answers.labels {
                let length = label.answer.chars().count();
                assert!(
                    (10..=260).contains(&length),
                    "{}: {length} signs",
                    label.name
                );
                assert!(
                    label.answer.ends_with('.') || label.answer.ends_with('?'),
                    "{}",
                    label.name
                );
            }
            if let Some(label) = &task.out_of_scope_label {
                assert!(answers.position(label).is_some());
                assert!(answers.out_of_scope.is_some());
            }
        }
    }
}

#[test]
fn broken_recipes_name_file_and_key() {
    let good = std::fs::read_to_string(recipes().join("legal.toml")).unwrap();
    for (from, to, key) in [
        ("clip = 1.0", "clip = 0.0", "training.clip"),
        ("dropout = 0.1", "dropout = 1.0", "training.dropout"),
        ("layers = [0, 2, 5]", "layers = []", "student.layers"),
        ("layers = [1, 3, 5]", "layers = [1]", "distillation.layers"),
        (
            "soft = 1.0\nhard = 0.5",
            "soft = 0.0\nhard = 0.0",
            "distillation",
        ),
        ("folds = 5", "folds = 1", "task.cuad-clauses.teacher.folds"),
        (
            "choice = \"any\"",
            "choice = \"any\"\nreject_cost = 0.1",
            "task.unfair-tos",
        ),
        (
            "start = \"cuad-clauses\"",
            "start = \"moon\"",
            "student.start",
        ),
        (
            "seed = 1\nweight = 1.0\n\n[[task.teacher]]",
            "seed = 1\nweight = 1.0\ngpu = true\n\n[[task.teacher]]",
            "student.start",
        ),
        ("repeat = 2", "repeat = 0", "task.unfair-tos.repeat"),
        ("patience = 4", "patience = 4\ncolour = 1", "colour"),
        ("by = \"column\"", "by = \"moon\"", "moon"),
    ] {
        assert!(good.contains(from), "{from}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.toml");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = format!("{:#}", Recipe::read(&path).expect_err(key));
        assert!(
            error.contains("broken.toml") && error.contains(key),
            "{error}"
        );
    }
}

#[test]
fn teachers_that_want_a_gpu_are_left_out_without_one() {
    let mut recipe = Recipe::read(&recipes().join("medical.toml")).unwrap();
    let kinds = |recipe: &Recipe| {
        let teachers = recipe.tasks[0].teachers.iter();
        teachers.map(|teacher| teacher.kind()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&recipe), ["network", "network", "linear"]);
    assert_eq!(recipe.without_gpu(), 1);
    assert_eq!(kinds(&recipe), ["network", "linear"]);
    assert_eq!(recipe.without_gpu(), 0);
}
