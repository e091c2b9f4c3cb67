//! Processes that die under load: no answered request is lost, no client sees the death of one worker
//! while another lives.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::books::Books;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System, signal};
use tests::workers::Worker;

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";
const CLIENTS: usize = 6;

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "where is my card?"}]})
}

#[test]
fn a_killed_gateway_loses_no_answered_request() {
    let mock = Mock::start(&[]);
    let setup = Setup {
        config: format!("{}{TENANT}", mock.remote("mock")),
        ..Setup::default()
    };
    let mut system = System::start(&setup);
    system.wait_ready();
    let key = system.key("a", &[]);
    let mut answered: Vec<String> = Vec::new();
    let cut_short = AtomicUsize::new(0);
    for round in 0..10 {
        let address = system.address();
        let ids = Mutex::new(Vec::new());
        let count = AtomicUsize::new(0);
        let dead = AtomicBool::new(false);
        // A different number of answers before each death.
        let enough = 40 + 17 * round;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !dead.load(Ordering::Acquire) {
                        let Some(reply) = http::try_chat(address, &key, &hello()) else {
                            continue;
                        };
                        let whole = reply.json();
                        match (reply.status, whole["id"].as_str()) {
                            (200, Some(id)) => {
                                ids.lock().unwrap().push(id.to_owned());
                                count.fetch_add(1, Ordering::AcqRel);
                            }
                            // The kill came between a question and the end of its answer.
                            (0 | 200, None) if whole.is_null() => {
                                cut_short.fetch_add(1, Ordering::AcqRel);
                            }
                            _ => panic!("{}: {}", reply.status, reply.text()),
                        }
                    }
                });
            }
            system.wait("enough answers", || count.load(Ordering::Acquire) >= enough);
            system.kill();
            dead.store(true, Ordering::Release);
        });
        answered.extend(ids.into_inner().unwrap());
        system.launch();
        system.wait_ready();
    }
    assert!(system.terminate().success(), "{}", system.log());
    assert!(
        cut_short.load(Ordering::Acquire) > 0,
        "it was killed under load"
    );
    let distinct: std::collections::BTreeSet<&String> = answered.iter().collect();
    assert_eq!(distinct.len(), answered.len(), "each answer has its own id");
    let books = Books::open(&system);
    let lost: Vec<&String> = answered.iter().filter(|id| !books.has(id, "a")).collect();
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), answered.len());
    let proof = books.verify();
    assert!(proof.holds(), "{:?}", proof.breaks);
    assert_eq!(proof.orphans, 0);
    // Each request was tried once, and each try is there once with its two lines.
    assert_eq!(proof.attempts, proof.requests);
    assert_eq!(proof.lines, 2 * proof.attempts);
    println!(
        "{} answered requests, {} in the ledger",
        answered.len(),
        proof.requests
    );
    assert!(proof.requests >= u64::try_from(answered.len()).unwrap());
    // What the mock served and no client got whole may be there too, but never more than was asked.
    assert!(proof.requests <= mock.counts()["requests"].as_u64().unwrap());
}

#[test]
fn a_killed_worker_is_nobodys_error_while_another_lives() {
    let mut first = Worker::start(&["finance"]);
    let second = Worker::start(&["finance"]);
    let config = format!(
        "{TENANT}[[pools]]
id = \"p\"
experts = [{expert:?}]
rates = [{{ effective_from = \"2026-01-01T00:00:00Z\", per_hour = \"0.10\", source = \"the test\" }}]
workers = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]
",
        first.address(),
        second.address(),
        expert = tests::workers::expert("finance"),
    );
    let mut system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &[]);
    let address = system.address();
    let bad = Mutex::new(Vec::new());
    let (good, streams, broken) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (key, bad, good, streams, broken, done) =
                (&key, &bad, &good, &streams, &broken, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let mut body = hello();
                    let streamed = client == 0;
                    body["stream"] = streamed.into();
                    let reply = http::chat(address, key, &body);
                    let ended = reply.text().ends_with("data: [DONE]\n\n");
                    let told = reply.text().contains("data: {\"error\"");
                    match (reply.status, streamed) {
                        (200, false) => {}
                        (200, true) if ended => {
                            streams.fetch_add(1, Ordering::AcqRel);
                        }
                        // A stream that had begun may break, and says so.
                        (200, true) if told => {
                            broken.fetch_add(1, Ordering::AcqRel);
                        }
                        _ => bad.lock().unwrap().push(reply.text()),
                    }
                    good.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let wait = |what: &str, n: usize| {
            let target = good.load(Ordering::Acquire) + n;
            system.wait(what, || good.load(Ordering::Acquire) >= target);
        };
        wait("answers from both", 60);
        for worker in [&first, &second] {
            let served = worker.status()["counters"]["completed"].as_u64().unwrap();
            assert!(served > 0, "both take part: {}", worker.status());
        }
        signal(first.pid(), Signal::SIGKILL);
        first.wait();
        wait("answers from the one that lives", 120);
        done.store(true, Ordering::Release);
    });
    let bad = bad.into_inner().unwrap();
    assert!(bad.is_empty(), "{} errors, such as {}", bad.len(), bad[0]);
    println!(
        "{} answers, {} whole streams, {} broken streams that said so",
        good.into_inner(),
        streams.into_inner(),
        broken.into_inner()
    );
    assert!(system.terminate().success(), "{}", system.log());
    let proof = Books::open(&system).verify();
    assert!(proof.holds(), "{:?}", proof.breaks);
    assert!(
        proof.attempts > proof.requests,
        "the failed tries are booked beside the answers"
    );
}
