//! Sets read from small files made here, by columns and not by names; and the counts of the real ones where they are.

use std::path::{Path, PathBuf};

use super::*;
use crate::bench::pair;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const MMLU: &str = "id,split,subject,domain,mixtral_8x7b_ok,gpt4_1106_ok,prompt\n\
    a,train,law,legal,1,0,one\nb,dev,anatomy,medical,0,1,two\n";

#[test]
fn files_are_known_by_their_columns() {
    let found = folder(&[
        ("whatever.csv", MMLU),
        ("notes.txt", "x"),
        ("other.csv", "a,b\n1,2\n"),
    ]);
    let table = read(SetName::RoutellmMmlu, found.path()).unwrap();
    assert_eq!(table.domains, ["law", "anatomy"]);
    assert_eq!(table.area(1), "medical");
    let folds: Vec<Fold> = table.rows.iter().map(|row| row.fold).collect();
    assert_eq!(folds, [Fold::Train, Fold::Tune]);
    assert_eq!(
        (table.rows[0].evidence(0), table.rows[0].evidence(1)),
        (Some(1.0), Some(0.0))
    );
    // Three bytes are one token: $24.7 a million is 24.7 million pico.
    assert_eq!(table.rows[0].outcomes[1].cost.unwrap().get(), 24_700_000);
    let report = read_for_report(SetName::RoutellmMmlu, found.path()).unwrap();
    assert!(report.rows.iter().all(|row| row.fold == Fold::Report));
}

#[test]
fn a_held_out_row_is_never_learned_from() {
    let found = folder(&[("x.csv", &MMLU.replace("dev", "test"))]);
    let error = read(SetName::RoutellmMmlu, found.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("x.csv: row 3") && error.contains("test"),
        "{error}"
    );
}

#[test]
fn bad_files_are_named_by_row_and_column() {
    let cases = [
        (MMLU.replace("1,0,one", "7,0,one"), "row 2: mixtral_8x7b_ok"),
        (MMLU.replace("1,0,one", "x,0,one"), "row 2: mixtral_8x7b_ok"),
        (MMLU.replace("subject", "topic"), "no file with the columns"),
        (format!("{MMLU}c,train\n"), "row 4"),
    ];
    for (text, says) in cases {
        let found = folder(&[("x.csv", &text)]);
        let error = read(SetName::RoutellmMmlu, found.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = read(SetName::RoutellmMmlu, Path::new("no/such/folder"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no/such/folder"), "{error}");
}

#[test]
fn questions_and_outcomes_are_joined_and_charged() {
    let questions = "{\"id\":\"q\",\"dataset\":\"medqa\",\"split\":\"train\",\"question\":\"why?\",\"options\":{\"A\":\"x\",\"B\":\"y\"}}\n";
    let outcomes =
        "id,model,correct,prompt_tokens,completion_tokens,latency_s\nq,GPT_X,1,100,10,0.5\n";
    let prices = "model,usd_per_m_input,usd_per_m_output\nGPT_X,2.5,10\n";
    let found = folder(&[
        ("q.jsonl", questions),
        ("o.csv", outcomes),
        ("p.csv", prices),
    ]);
    let table = read(SetName::MedagentsRouting, found.path()).unwrap();
    assert_eq!(table.rows[0].text, "why?\nA. x\nB. y");
    let outcome = table.rows[0].outcomes[0];
    assert_eq!(
        outcome.cost.unwrap().get(),
        100 * 2_500_000 + 10 * 10_000_000
    );
    assert_eq!(outcome.latency.unwrap().get(), 500_000_000);
    assert_eq!(table.experts[0].id.as_str(), "gpt.x");
    let strange = folder(&[
        ("q.jsonl", questions),
        ("o.csv", &outcomes.replace("q,", "z,")),
    ]);
    let error = read(SetName::MedagentsRouting, strange.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("o.csv: row 2") && error.contains("\"z\""),
        "{error}"
    );
}

#[test]
fn tables_are_aligned_by_expert_and_slice() {
    let line = |models: &str| {
        format!("{{\"task\":\"math\",\"question\":\"1+1\",\"scores\":{{{models}}}}}\n")
    };
    let learned = folder(&[("a.jsonl", &line("\"a-7b\":1.0,\"b-70b\":0.5"))]);
    let swapped = folder(&[("a.jsonl", &line("\"b-70b\":0.25,\"a-7b\":0.0"))]);
    let more = folder(&[("a.jsonl", &line("\"c-1b\":1.0"))]);
    let set = SetName::Llmrouter9Open;
    let learned = read(set, learned.path()).unwrap();
    let found = align(&learned, &read_for_report(set, swapped.path()).unwrap()).unwrap();
    assert_eq!(
        (found.rows[0].evidence(0), found.rows[0].evidence(1)),
        (Some(0.0), Some(0.25))
    );
    assert_eq!(
        pair(&learned),
        (1, 0),
        "one answer each: the better and the other"
    );
    let error = align(&learned, &read_for_report(set, more.path()).unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("c-1b"), "{error}");
}

/// The folder of data sets, where a machine has it.
fn data() -> Option<PathBuf> {
    let named = std::env::var_os("MOEGATE_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    named
        .into_iter()
        .chain([beside])
        .find(|folder| folder.is_dir())
}

#[test]
fn the_real_sets_have_their_published_counts() {
    let Some(data) = data() else {
        println!("skipped: no data");
        return;
    };
    let read = |set: SetName| read(set, &data.join(set.as_str())).unwrap();
    let count = |table: &OutcomeTable, fold| table.fold(fold).count();
    let mmlu = read(SetName::RoutellmMmlu);
    assert_eq!(
        (count(&mmlu, Fold::Train), count(&mmlu, Fold::Tune)),
        (9_137, 1_400)
    );
    assert_eq!((mmlu.domains.len(), mmlu.area_names().len()), (57, 6));
    let med = read(SetName::MedagentsRouting);
    assert_eq!((med.rows.len(), med.experts.len()), (4_732, 10));
    let missing = med
        .rows
        .iter()
        .flat_map(|row| &row.outcomes)
        .filter(|o| o.quality.is_none());
    assert_eq!(missing.count(), 2, "two answers of one model are missing");
    let (weak, strong) = pair(&med);
    assert_eq!(med.experts[weak].id.as_str(), "gpt-4o-mini");
    assert_eq!(med.experts[strong].id.as_str(), "deepseek-r1");
    let open = read(SetName::Llmrouter9Open);
    assert_eq!(
        (open.rows.len(), open.experts.len(), open.domains.len()),
        (5_419, 9, 14)
    );
    let finance = read(SetName::FinancemathRouting);
    assert_eq!((finance.rows.len(), finance.experts.len()), (144, 102));
    assert_eq!(read(SetName::RoutellmGsm8k).rows.len(), 916);
}
