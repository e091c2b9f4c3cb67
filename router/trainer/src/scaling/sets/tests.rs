//! Which rows each kind of table gives to which law, and what is said about bad ones.

use super::{Layout, Runs, Set};

fn read(layout: &Layout, csv: &str) -> anyhow::Result<Runs> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runs.csv"), csv).unwrap();
    layout.read(folder.path())
}

fn published(set: Set) -> Layout {
    Layout::Published { set, loss: None }
}

fn own() -> Layout {
    Layout::Own(["n_params", "n_tokens", "loss"].map(str::to_owned))
}

#[test]
fn the_five_highest_losses_of_chinchilla_are_left_out() {
    let mut csv = "flop,params,tokens,loss\n".to_owned();
    for i in 1..=9 {
        csv += &format!("0,{i}e8,1e9,{}\n", 2.0 + f64::from(i * 5 % 9));
    }
    let runs = read(&published(Set::Chinchilla), &csv).unwrap();
    assert_eq!(runs.origin.left_out["among the 5 highest losses"], 5);
    let losses: Vec<f64> = runs.groups["all"].iter().map(|run| run.loss()).collect();
    assert_eq!(losses, [3.0, 4.0, 5.0, 2.0]);
    assert_eq!(
        (runs.origin.rows, runs.origin.file.as_str()),
        (9, "runs.csv")
    );
}

#[test]
fn gadre_has_a_law_for_each_data_set_and_a_choice_of_loss() {
    let csv =
        "dataset,params,tokens,multiplier,loss_c4_val,loss_de_en\nc4,1,2,1,3,5\nrpj,1,2,1,4,6\n";
    let runs = read(&published(Set::Gadre), csv).unwrap();
    assert_eq!(runs.groups.keys().collect::<Vec<_>>(), ["c4", "rpj"]);
    let chosen = Layout::Published {
        set: Set::Gadre,
        loss: Some("loss_de_en".to_owned()),
    };
    assert!((read(&chosen, csv).unwrap().groups["rpj"][0].loss() - 6.0).abs() < f64::EPSILON);
}

#[test]
fn pythia_is_the_log_of_perplexity_and_its_checkpoints_stay_together() {
    let csv = "size,params,deduped,shots,step,tokens,task,metric,value\n\
        1b,1e9,1,0,0,0,lambada_openai,ppl,3e6\n\
        1b,1e9,1,0,13000,10,lambada_openai,ppl,20\n\
        1b,1e9,1,0,23000,20,lambada_openai,ppl,10\n\
        1b,1e9,1,5,13000,20,lambada_openai,ppl,11\n\
        1b,1e9,0,0,13000,20,lambada_openai,ppl,12\n\
        1b,1e9,1,0,13000,20,piqa,acc,0.5\n\
        70m,7e7,1,0,13000,20,lambada_openai,ppl,30\n";
    let runs = read(&published(Set::Pythia), csv).unwrap();
    let deduped = &runs.groups["pile-deduped"];
    assert_eq!((deduped.len(), runs.groups["pile"].len()), (2, 1));
    assert_eq!(deduped[0].cluster(), deduped[1].cluster());
    assert_ne!(deduped[0].cluster(), runs.groups["pile"][0].cluster());
    assert!((deduped[1].loss() - 10f64.ln()).abs() < 1e-12);
    assert_eq!(runs.origin.left_out.values().sum::<usize>(), 4);
}

#[test]
fn errors_name_file_line_and_column() {
    for (layout, csv, part) in [
        (
            own(),
            "n_params,loss\n1,2\n",
            "no CSV file has the columns n_params, n_tokens, loss",
        ),
        (
            own(),
            "n_params,n_tokens,loss\n1,2,3\n0,2,3\n",
            "runs.csv: line 3: params: expected a finite number above 0, found 0",
        ),
        (
            own(),
            "n_params,n_tokens,loss\n1,-2,3\n",
            "line 2: tokens: expected a finite number above 0, found -2",
        ),
        (
            own(),
            "n_params,n_tokens,loss\n1,2,NaN\n",
            "line 2: loss: expected a finite number above 0, found NaN",
        ),
        (
            own(),
            "n_params,n_tokens,loss\n1,2,low\n",
            "line 2: loss: expected a number, found \"low\"",
        ),
        (
            own(),
            "n_params,n_tokens,loss\n1,2,\n",
            "line 2: loss: expected a number, found \"\"",
        ),
        (own(), "n_params,n_tokens,loss\n", "runs.csv: no rows"),
        (own(), "n_params,n_tokens,loss\n1,2\n", "runs.csv"),
        (
            published(Set::Chinchilla),
            "params,tokens,loss\n1,1,1\n1,1,2\n1,1,3\n1,1,4\n1,1,5\n",
            "every row is left out",
        ),
        (
            published(Set::Pythia),
            "params,deduped,shots,step,tokens,task,metric,value\n1e9,yes,0,23000,1,lambada_openai,ppl,2\n",
            "line 2: deduped: expected 0 or 1, found \"yes\"",
        ),
    ] {
        let error = format!("{:#}", read(&layout, csv).expect_err(part));
        assert!(error.contains(part), "{error}");
    }
}
