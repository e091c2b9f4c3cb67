//! Gates are swapped under load: no request fails, and what is broken is never swapped in.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::signal::Signal;
use serde_json::json;
use tests::http;
use tests::mock::Mock;
use tests::system::{System, signal};

use super::{list, live, metric, refused, start};

const CLIENTS: usize = 4;

/// A version that was made of a few judged requests.
fn version(system: &System) -> String {
    let key = system.key("a", &[]);
    // Numbers are all alike to the gate; words are not.
    let things = ["card", "transfer", "cheque", "account", "loan", "salary"];
    let troubles = [
        "was declined",
        "is late",
        "has a fee",
        "was stolen",
        "is wrong",
    ];
    let places = ["in the shop", "at the airport"];
    for n in 0..60_usize {
        let (thing, trouble) = (things[n % 6], troubles[n / 6 % 5]);
        let text = format!("My {thing} {trouble} {}", places[n / 30]);
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": text}]});
        let reply = http::chat(system.address(), &key, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let judged = json!({"request_id": reply.json()["id"], "score": n % 2});
        let said = http::post(
            system.address(),
            "/v1/feedback",
            &key,
            judged.to_string().as_bytes(),
        );
        assert_eq!(said.status, 200);
    }
    system.wait("features are kept", || {
        metric(system, "moegate_captured_requests_total").is_some_and(|n| n >= 60.0)
            && metric(system, "moegate_journal_lag_bytes") == Some(0.0)
    });
    system.told(&["gate", "retrain"]);
    let told = list(system);
    let newest = told["versions"].as_array().and_then(|all| all.last());
    newest.unwrap()["version"].as_str().unwrap().to_owned()
}

#[test]
fn gates_are_swapped_under_load_and_no_request_fails() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let version = version(&system);
    let (shipped, key, address) = (live(&system), system.key("a", &[]), system.address());
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (failed, gates) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (key, done, answered, failed) = (&key, &done, &answered, &failed);
            scope.spawn(move || {
                for n in 0.. {
                    if done.load(Ordering::Acquire) {
                        return;
                    }
                    let text = format!("client {client} asks for its balance, time {n}");
                    let body = json!({
                        "model": "auto",
                        "messages": [{"role": "user", "content": text}],
                        "stream": client == 0,
                    });
                    let reply = http::chat(address, key, &body);
                    let whole = client > 0 || reply.text().ends_with("data: [DONE]\n\n");
                    if reply.status != 200 || !whole {
                        failed.lock().unwrap().push(reply.text());
                    }
                    answered.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let some = |what: &str| {
            let target = answered.load(Ordering::Acquire) + 40;
            system.wait(what, || answered.load(Ordering::Acquire) >= target);
        };
        for round in 0..6 {
            let promote = [
                "gate",
                "promote",
                "--version",
                &version,
                "--force",
                "--reason",
                "a test",
            ];
            system.told(&promote);
            // Half of the times the gateway is told, half of the times it looks by itself.
            if round % 2 == 0 {
                signal(system.pid(), Signal::SIGHUP);
            }
            system.wait("the new gate decides", || live(&system) != shipped);
            gates.lock().unwrap().push(live(&system));
            some("answers by the new gate");
            system.told(&["gate", "rollback"]);
            signal(system.pid(), Signal::SIGHUP);
            system.wait("the old gate decides", || live(&system) == shipped);
            some("answers by the old gate");
        }
        done.store(true, Ordering::Release);
    });
    let failed = failed.into_inner().unwrap();
    let (answered, swaps) = (
        answered.into_inner(),
        metric(&system, "moegate_gate_swaps_total"),
    );
    println!(
        "{answered} answers over {swaps:?} swaps, {} failed",
        failed.len()
    );
    assert!(
        failed.is_empty(),
        "{} failed, such as {}",
        failed.len(),
        failed[0]
    );
    assert_eq!(swaps, Some(12.0));
    assert_eq!(
        metric(&system, "moegate_gate_load_failures_total"),
        Some(0.0)
    );
    let told = list(&system);
    let forced = told["history"].as_array().unwrap().iter();
    let forced = forced.filter(|entry| entry["forced"] == "a test").count();
    assert_eq!(
        forced, 6,
        "every forced promotion is on record with its reason"
    );
}

#[test]
fn a_broken_version_is_refused_by_name_and_never_decides() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let version = version(&system);
    let shipped = live(&system);
    let folder = system.dir().join("var/gates/versions").join(&version);
    let file = folder.join("gate.safetensors");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 3]).unwrap();
    let promote = [
        "gate",
        "promote",
        "--version",
        &version,
        "--force",
        "--reason",
        "a test",
    ];
    for command in [&promote[..], &["gate", "shadow", "--version", &version]] {
        let said = refused(&system, command);
        assert!(
            said.contains("gate.safetensors") && said.contains(&version),
            "{said}"
        );
    }
    assert!(
        refused(
            &system,
            &["gate", "promote", "--version", "0009-000000000000"]
        )
        .contains("no version")
    );
    // Even where a pointer names it, the running gateway keeps the gate it has and says so.
    std::fs::write(system.dir().join("var/gates/live"), format!("{version}\n")).unwrap();
    signal(system.pid(), Signal::SIGHUP);
    system.wait("the failure is counted", || {
        metric(&system, "moegate_gate_load_failures_total") == Some(1.0)
    });
    assert_eq!(live(&system), shipped);
    assert!(
        system.log().contains("gate.safetensors"),
        "{}",
        system.log()
    );
    // Mended, it decides; and a start after a crash finds it.
    std::fs::write(&file, &whole).unwrap();
    signal(system.pid(), Signal::SIGHUP);
    system.wait("the mended gate decides", || live(&system) != shipped);
    system.kill();
    system.launch();
    system.wait_ready();
    assert_ne!(live(&system), shipped);
}
