//! What finance people do beside the pages: from the command line, and with a browser.

use serde_json::{Value, json};
use tests::{http, sdk};

use super::{Books, PAGES};

#[test]
fn months_lines_and_bills_are_changed_from_the_command_line_with_a_reason() {
    let books = Books::filled();
    let told = |arguments: &[&str]| books.system.told(arguments);
    let refused = |arguments: &[&str], said: &str| {
        let text = books.system.refused(arguments);
        assert!(text.contains(said), "{arguments:?}: {text}");
    };
    refused(
        &["ledger", "period", "2999-01", "closed", "--reason", "x"],
        "not ended",
    );
    refused(
        &["ledger", "period", "2026-13", "closed", "--reason", "x"],
        "2026-11",
    );
    refused(&["ledger", "period", "2026-01", "closed"], "--reason");
    assert!(
        told(&[
            "ledger",
            "period",
            "2026-01",
            "closed",
            "--reason",
            "year's start"
        ])
        .contains("closed")
    );
    refused(
        &["ledger", "period", "2026-01", "open", "--reason", "x"],
        "for good",
    );
    let page = books.page(&books.b, &format!("/dashboard/request/{}", books.request));
    let text = page.text();
    // Names of lines are 32 digits long.
    let heads = text
        .split("<th scope=\"row\">")
        .filter_map(|rest| Some(rest.split_once("</th>")?.0));
    let line = heads
        .filter(|head| head.len() == 32)
        .last()
        .unwrap()
        .to_owned();
    refused(
        &["ledger", "correct", "nonsense", "--reason", "x"],
        "32 hexadecimal",
    );
    refused(
        &["ledger", "correct", &"0".repeat(32), "--reason", "x"],
        "not found",
    );
    refused(
        &[
            "ledger", "correct", &line, "--amount", "-1", "--reason", "x",
        ],
        "",
    );
    refused(
        &[
            "ledger",
            "correct",
            &line,
            "--tenant",
            "nobody",
            "--scenario",
            "s",
            "--reason",
            "x",
        ],
        "no tenant",
    );
    assert!(told(&["ledger", "correct", &line, "--reason", "agreed"]).contains("2 lines posted"));
    assert!(told(&["ledger", "correct", &line, "--reason", "agreed"]).contains("before"));
    refused(
        &[
            "ledger",
            "invoice",
            "--subject",
            "pool x",
            "--month",
            "2026-01",
            "--amount",
            "1",
            "--number",
            "1",
            "--reason",
            "x",
        ],
        "provider mock",
    );
    told(&[
        "ledger",
        "invoice",
        "--subject",
        "provider mock",
        "--month",
        "2026-01",
        "--amount",
        "12.50",
        "--number",
        "R-1",
        "--reason",
        "bill came",
    ]);
    let page = books.page(&books.operator, "/dashboard/reconciliation");
    assert!(
        page.text().contains("R-1") && page.text().contains("12.50"),
        "{}",
        page.text()
    );
    assert!(
        !books
            .page(&books.b, "/dashboard/reconciliation")
            .text()
            .contains("R-1")
    );
    let audit = told(&["ledger", "audit"]);
    for action in ["period.set", "line.correct", "invoice.put", "case.put"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    let proof = told(&["ledger", "verify"]);
    assert!(proof.contains("yes"), "{proof}");
}

#[test]
fn a_gold_set_is_asked_and_judged() {
    let books = Books::filled();
    let system = &books.system;
    let key = system.key("b", &["--role", "user", "--role", "reviewer"]);
    let set = system.dir().join("set.jsonl");
    // The mock says the same to everything.
    let mock = http::chat(
        system.address(),
        &key,
        &json!({"model": "auto", "messages": [{"role": "user", "content": "x"}]}),
    );
    let says = mock.json()["choices"][0]["message"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let lines: Vec<String> = [says.as_str(), says.as_str(), "another"]
        .iter()
        .enumerate()
        .map(|(n, gold)| {
            json!({"id": n.to_string(), "prompt": "what now?", "gold": gold}).to_string()
        })
        .collect();
    std::fs::write(&set, lines.join("\n")).unwrap();
    let run = |key: &str, more: &[&str]| {
        let mut command = std::process::Command::new(tests::binaries::program("moegate"));
        command.args([
            "quality",
            "run",
            "--scenario",
            "secret-plan",
            "--format",
            "json",
            "--set",
        ]);
        command
            .arg(&set)
            .args(["--address", &system.address().to_string()])
            .args(more);
        command.env("MOEGATE_KEY", key).output().unwrap()
    };
    let out = run(&key, &["--least", "0.6"]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (
            report["asked"].as_u64(),
            report["right"].as_u64(),
            report["failed"].as_u64()
        ),
        (Some(3), Some(2), Some(0))
    );
    assert!(
        report["interval"]["low"].as_f64().unwrap() < 0.66,
        "{report}"
    );
    assert!(!run(&key, &["--least", "0.7"]).status.success());
    let reader = system.key("b", &["--role", "user"]);
    let refused = run(&reader, &[]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("refused"),
        "a user's word is no known answer"
    );
    // Six before, two runs of three, and what the refused run asked.
    system.wait("the judgements are in the books", || {
        let json = system.told(&["scenario", "verdict", "--tenant", "b", "--format", "json"]);
        let report: Value = serde_json::from_str(&json).unwrap();
        report["scenarios"][0]["quality"] == json!({"source": "gold", "cases": 12, "accepted": 7})
    });
}

#[test]
fn pages_are_good_in_a_browser() {
    if !["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .iter()
        .any(|path| std::path::Path::new(path).is_file())
    {
        eprintln!("skipped: chromium is not installed (deploy/setup.sh test)");
        return;
    }
    let books = Books::filled();
    let mut paths: Vec<String> = PAGES.map(str::to_owned).to_vec();
    paths.push("/dashboard/scenario/secret-plan".to_owned());
    paths.push(format!("/dashboard/request/{}", books.request));
    let key = |tenant: &str, role: &str| books.system.key(tenant, &["--role", role]);
    let said = sdk::browser(&sdk::Browsed {
        base_url: format!("http://{}", books.system.address()),
        finance: key("b", "finance"),
        operator: key("platform", "admin"),
        paths: paths.join(" "),
    });
    match said {
        Ok(said) => println!("{said}"),
        Err(why) => panic!("{why:#}"),
    }
}
