//! Requests, tokens and money run out, and clients are told when to come back, if ever.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tests::http::{self, Reply};
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock) -> System {
    let config = format!("{}{TENANT}", mock.remote("mock"));
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    system
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 16})
}

fn error(reply: &Reply) -> (u16, String, String) {
    let error = &reply.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("type"), text("code"))
}

#[test]
fn requests_per_minute() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let key = system.key("a", &["--requests-per-minute", "2"]);
    let mut replies: Vec<Reply> = (0..3)
        .map(|_| http::chat(system.address(), &key, &hello()))
        .collect();
    let last = replies.pop().unwrap();
    for reply in &replies {
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("2"));
    }
    assert_eq!(
        error(&last),
        (
            429,
            "rate_limit_error".to_owned(),
            "rate_limit_exceeded".to_owned()
        )
    );
    assert_eq!(last.header("x-should-retry"), Some("true"));
    let ms: u64 = last.header("retry-after-ms").unwrap().parse().unwrap();
    let seconds: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!(
        (1..=30_000).contains(&ms) && seconds == ms.div_ceil(1_000),
        "{ms} {seconds}"
    );
    assert_eq!(last.header("x-ratelimit-remaining-requests"), Some("0"));
}

#[test]
fn a_spent_budget_is_final() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let key = system.key("a", &["--monthly-budget", "0"]);
    let reply = http::chat(system.address(), &key, &hello());
    assert_eq!(
        error(&reply),
        (
            429,
            "insufficient_quota".to_owned(),
            "insufficient_quota".to_owned()
        )
    );
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(mock.counts()["requests"], 0);
}

#[test]
fn a_crowd_spends_no_more_than_the_budget_and_one_reservation() {
    let mock = Mock::start(&["--tokens", "10", "--delay-ms", "20"]);
    let mut system = start(&mock);
    // One answer costs about 30 millionths at 1 and 2 units per million tokens.
    let key = system.key("a", &["--monthly-budget", "0.0004"]);
    let (served, refused, dearest) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let reply = http::chat(system.address(), &key, &hello());
                    match reply.status {
                        200 => {
                            served.fetch_add(1, Ordering::AcqRel);
                            let cost: units::Pico =
                                reply.header("x-moegate-cost").unwrap().parse().unwrap();
                            let cost = u64::try_from(cost.get()).unwrap();
                            dearest.fetch_max(cost, Ordering::AcqRel);
                        }
                        429 => {
                            refused.fetch_add(1, Ordering::AcqRel);
                        }
                        other => panic!("{other}: {}", reply.text()),
                    }
                }
            });
        }
    });
    assert!(system.terminate().success(), "{}", system.log());
    let report: Value =
        serde_json::from_str(&system.told(&["scenario", "report", "--format", "json"])).unwrap();
    let spent = report["scenarios"][0]["cost"]["marginal"].as_u64().unwrap();
    let cap = 400_000_000_u64;
    println!(
        "{} served, {} refused, {spent} of {cap} spent, dearest {}",
        served.load(Ordering::Acquire),
        refused.load(Ordering::Acquire),
        dearest.load(Ordering::Acquire)
    );
    assert!(served.into_inner() > 0 && refused.into_inner() > 0);
    // The largest reservation: 16 tokens out and a handful in, at twice the output price to be safe.
    assert!(spent <= cap + 2 * dearest.into_inner(), "{spent}");
    // A restart does not forget.
    system.launch();
    system.wait_ready();
    let reply = http::chat(system.address(), &key, &hello());
    assert_eq!(reply.status, 429, "{}", reply.text());
}

#[test]
fn a_killed_gateway_forgets_no_spending() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    // Two answers of some 40 millionths each are more than this.
    let key = system.key("a", &["--monthly-budget", "0.00006"]);
    let mut spent = 0;
    loop {
        let reply = http::chat(system.address(), &key, &hello());
        if reply.status == 429 {
            break;
        }
        assert_eq!(reply.status, 200, "{}", reply.text());
        spent += 1;
        assert!(spent < 10, "the budget ends");
    }
    assert!(spent > 0);
    system.kill();
    system.launch();
    system.wait_ready();
    let reply = http::chat(system.address(), &key, &hello());
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(mock.counts()["requests"], spent);
}

#[test]
fn what_a_client_allows_an_answer_to_cost_is_held_back() {
    // The upstream writes 800 tokens, more than any prediction says; the client allows as many.
    let mock = Mock::start(&["--tokens", "800", "--delay-ms", "300"]);
    let mut system = start(&mock);
    let key = system.key("a", &["--monthly-budget", "0.0034"]);
    let mut body = hello();
    body["max_tokens"] = 800.into();
    let served = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let reply = http::chat(system.address(), &key, &body);
                match reply.status {
                    200 => drop(served.fetch_add(1, Ordering::AcqRel)),
                    429 => {}
                    other => panic!("{other}: {}", reply.text()),
                }
            });
        }
    });
    // 0.0016 each: two fit, whoever asks at the same time.
    assert_eq!(served.into_inner(), 2);
    assert!(system.terminate().success(), "{}", system.log());
    let report: Value =
        serde_json::from_str(&system.told(&["scenario", "report", "--format", "json"])).unwrap();
    let spent = report["scenarios"][0]["cost"]["marginal"].as_u64().unwrap();
    assert!(spent <= 3_400_000_000, "{spent}");
}
