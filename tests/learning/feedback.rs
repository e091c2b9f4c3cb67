//! Two experts, each right on one kind of message. Nobody knows which, until judgements say so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::http;
use tests::mock::Mock;
use tests::system::System;

use super::{list, live, metric, refused, start};

const CLIENTS: usize = 4;

/// A message and the expert that is right on it. The kinds share words; numbers make each message its own.
fn message(n: usize) -> (String, &'static str) {
    let places = ["the branch", "the airport", "the office", "the station"];
    let place = places[n / 2 % places.len()];
    match n % 2 {
        0 => (
            format!("Which exchange rate do you use for euros at {place}, case {n}?"),
            "alpha",
        ),
        _ => (
            format!("The cash machine at {place} has swallowed my card, case {n}"),
            "beta",
        ),
    }
}

/// How a stretch of traffic went.
#[derive(Debug, Default)]
struct Went {
    sent: usize,
    right: usize,
    failed: Vec<String>,
}

impl Went {
    fn accuracy(&self) -> f64 {
        self.right as f64 / self.sent.max(1) as f64
    }
}

/// Sends messages from several clients and judges each answer by who gave it.
fn play(system: &System, key: &str, from: usize, count: usize) -> Went {
    let (next, address) = (AtomicUsize::new(from), system.address());
    let went = Mutex::new(Went::default());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= from + count {
                        return;
                    }
                    let (text, right) = message(n);
                    let body = json!({
                        "model": "auto",
                        "messages": [{"role": "user", "content": text}],
                        "metadata": {"scenario": "sorting"},
                    });
                    let reply = http::chat(address, key, &body);
                    let expert = reply
                        .header("x-moegate-expert")
                        .unwrap_or_default()
                        .to_owned();
                    let whole = reply.json();
                    let judged = json!({
                        "request_id": whole["id"],
                        "score": if expert == right { 1.0 } else { 0.0 },
                        "source": "gold",
                    });
                    let said =
                        http::post(address, "/v1/feedback", key, judged.to_string().as_bytes());
                    let mut went = went.lock().unwrap();
                    went.sent += 1;
                    went.right += usize::from(expert == right);
                    if reply.status != 200 || said.status != 200 {
                        went.failed
                            .push(format!("{} {}", reply.text(), said.text()));
                    }
                }
            });
        }
    });
    let went = went.into_inner().unwrap();
    assert!(went.failed.is_empty(), "{:?}", went.failed);
    went
}

/// Waits until the books have as many outcomes as were sent: the mover and the writer work behind.
fn wait_for_books(system: &System, judged: usize) {
    system.wait("features are kept", || {
        metric(system, "moegate_captured_requests_total").is_some_and(|n| n as usize >= judged)
    });
    system.wait("the journal is in the store", || {
        metric(system, "moegate_journal_lag_bytes") == Some(0.0)
    });
}

fn version_of(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("version"));
    line.and_then(|line| line.split_whitespace().last())
        .unwrap_or_else(|| panic!("a version in {said}"))
        .to_owned()
}

#[test]
fn a_gate_retrained_on_judgements_is_watched_promoted_and_rolled_back() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let key = system.key("a", &["--role", "user", "--role", "reviewer"]);
    let shipped = live(&system);
    let said = refused(&system, &["gate", "retrain"]);
    assert!(
        said.contains("0 judged requests with captured features"),
        "{said}"
    );
    assert!(refused(&system, &["gate", "rollback"]).contains("nothing to roll back"));

    let before = play(&system, &key, 0, 600);
    assert!((0.3..0.7).contains(&before.accuracy()), "{before:?}");
    wait_for_books(&system, 600);
    let said = system.told(&["gate", "retrain"]);
    println!("{said}");
    let version = version_of(&said);
    assert_eq!(live(&system), shipped, "a candidate decides nothing");

    // Not without having been watched, and not for a reason that nobody gives.
    let said = refused(&system, &["gate", "promote"]);
    assert!(said.contains("refused: not_shadowed"), "{said}");
    refused(&system, &["gate", "promote", "--force"]);
    system.told(&["gate", "shadow", "--version", &version]);
    system.wait("the candidate is asked", || {
        play(&system, &key, 10_000, 4);
        metric(
            &system,
            "moegate_shadow_decisions_total{agreement=\"different\"}",
        )
        .is_some()
    });
    let fresh = 400;
    play(&system, &key, 1_000, fresh);
    wait_for_books(&system, 600 + fresh);
    let report = system.told(&["gate", "shadow", "--report"]);
    assert!(report.contains("instead of"), "{report}");
    let dry = system.told(&["gate", "promote", "--dry-run"]);
    assert!(dry.contains("lift over the live gate"), "{dry}");
    assert_eq!(live(&system), shipped);

    let said = system.told(&["gate", "promote"]);
    println!("{said}");
    assert!(
        said.contains(&format!("version {version} is live")),
        "{said}"
    );
    system.wait("the gateway notices", || live(&system) != shipped);
    assert_eq!(metric(&system, "moegate_gate_swaps_total"), Some(1.0));
    let after = play(&system, &key, 2_000, 200);
    println!(
        "right: {:.3} before, {:.3} after",
        before.accuracy(),
        after.accuracy()
    );
    assert!(after.accuracy() > before.accuracy() + 0.2, "{after:?}");
    system.wait("drift is measured", || {
        metric(&system, "moegate_gate_drift_psi{of=\"length\"}").is_some()
            && metric(&system, "moegate_gate_selection_entropy").is_some_and(|e| e > 0.0)
    });

    assert!(
        system
            .told(&["gate", "rollback"])
            .contains("configured gate")
    );
    system.wait("the old gate is back", || live(&system) == shipped);
    let told = list(&system);
    let actions: Vec<&str> = told["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["retrain", "refuse", "shadow", "promote", "rollback"]
    );
    assert_eq!(told["live"], Value::Null);
    // Texts were read, features kept, nothing of a text anywhere.
    let kept = std::fs::read(system.dir().join("var/capture.sqlite")).unwrap();
    assert!(!kept.windows(9).any(|w| w == b"swallowed"), "text was kept");
}

#[test]
fn what_is_kept_belongs_to_its_tenant_and_goes_when_told() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let (own, other) = (system.key("a", &[]), system.key("b", &[]));
    let ask = |key: &str| {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "my card?"}]});
        let reply = http::chat(system.address(), key, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let judged = json!({"request_id": reply.json()["id"], "score": 1.0});
        let said = http::post(
            system.address(),
            "/v1/feedback",
            key,
            judged.to_string().as_bytes(),
        );
        assert_eq!(said.status, 200);
        reply.header("x-moegate-decision").unwrap().to_owned()
    };
    let decisions: Vec<String> = (0..5).map(|_| ask(&own)).collect();
    for _ in 0..5 {
        ask(&other);
    }
    wait_for_books(&system, 5);
    let shown = system.told(&["capture", "show"]);
    let rows: Vec<&str> = shown.lines().skip(2).collect();
    assert!(
        rows.len() == 1 && rows[0].starts_with("a ") && rows[0].contains('5'),
        "{shown}"
    );
    // The export holds what was agreed to, by its tenant, and refuses to write over anything.
    let out = system.dir().join("set");
    let out = out.to_str().unwrap();
    let said = system.told(&["gate", "export", "--out", out]);
    assert!(
        said.starts_with("5 judged requests") && said.contains("; 5 without"),
        "{said}"
    );
    let text = std::fs::read_to_string(system.dir().join("set/ledger.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(
        lines
            .iter()
            .all(|l| l["tenant"] == "a" && l["quality"] == 1.0),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .all(|l| l["candidates"].as_array().unwrap().len() == 2)
    );
    assert!(!text.contains("card"), "{text}");
    assert!(refused(&system, &["gate", "export", "--out", out]).contains("exists"));
    let nobody = system.dir().join("none");
    let of_b = [
        "gate",
        "export",
        "--tenant",
        "b",
        "--out",
        nobody.to_str().unwrap(),
    ];
    assert!(system.told(&of_b).starts_with("0 judged requests"));

    let forget = |more: &[&str]| {
        let mut arguments = vec!["capture", "delete"];
        arguments.extend(more);
        system.told(&arguments)
    };
    assert!(forget(&["--tenant", "b", "--decision", &decisions[0]]).starts_with("0 records"));
    assert!(forget(&["--tenant", "a", "--decision", &decisions[0]]).starts_with("1 records"));
    assert!(forget(&["--tenant", "a"]).starts_with("4 records"));
    assert_eq!(system.told(&["capture", "show"]).lines().count(), 2);
}
