//! Upstreams that lie, break off or explain themselves: the books stay whole and clients are told the truth.

use std::io::Read;

use serde_json::{Value, json};
use tests::books::Books;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};
use tests::upstream::{self, Upstream};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(remote: &str) -> (System, String) {
    let system = System::start(&Setup {
        config: format!("{remote}{TENANT}"),
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &[]);
    (system, key)
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
}

fn scenario(system: &System) -> Value {
    let report = system.told(&["scenario", "report", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    report["scenarios"][0].clone()
}

#[test]
fn absurd_usage_is_unknown_and_stops_nobodys_books() {
    let huge = 4_000_000_000_000_000_000_u64;
    let receipt = json!({
        "attempt": "00000000-0000-0000-0000-000000000000", "purpose": "serve", "status": "ok",
        "tokens": {"input_uncached": 1, "output_text": 1}, "device_ns": 1,
    });
    let upstream = Upstream::start(vec![
        upstream::completion(&json!({"prompt_tokens": 5, "completion_tokens": huge})),
        upstream::completion(&json!({"prompt_tokens": u64::MAX, "completion_tokens": 1})),
        upstream::completion(
            &json!({"prompt_tokens": 5, "completion_tokens": 7, "moegate": receipt}),
        ),
        upstream::completion(&json!({"prompt_tokens": 5, "completion_tokens": 7})),
    ]);
    let (mut system, key) = start(&upstream.remote("strange"));
    let costs: Vec<Option<String>> = (0..4)
        .map(|_| {
            let reply = http::chat(system.address(), &key, &hello());
            assert_eq!(reply.status, 200, "{}", reply.text());
            reply.header("x-moegate-cost").map(str::to_owned)
        })
        .collect();
    let known = Some("0.000019000000".to_owned());
    assert_eq!(costs, [None, None, known.clone(), known], "5 in and 7 out");
    assert!(system.terminate().success(), "{}", system.log());
    let proof = Books::open(&system).verify();
    assert!(proof.holds(), "{:?}", proof.breaks);
    assert_eq!((proof.requests, proof.attempts), (4, 4), "{}", system.log());
    let row = scenario(&system);
    assert_eq!(row["cost"]["attempts_unknown"], 2, "{row}");
    // What is known of the doubtful ones is booked: five tokens in, and one out.
    assert_eq!(
        row["cost"]["marginal"],
        2 * 19_000_000 + 5_000_000 + 2_000_000,
        "{row}"
    );
}

#[test]
fn a_stream_that_breaks_says_so_and_counts_as_failed() {
    let mock = Mock::start(&["--tokens", "1000", "--token-ms", "5"]);
    let (mut system, key) = start(&mock.remote("mock"));
    let mut body = hello();
    body["stream"] = true.into();
    let mut stream = http::begin_chat(system.address(), &key, &body);
    let mut seen = Vec::new();
    let mut buffer = [0_u8; 4096];
    while String::from_utf8_lossy(&seen)
        .matches("\"content\"")
        .count()
        < 5
    {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..n]);
    }
    drop(mock);
    stream.read_to_end(&mut seen).unwrap();
    let text = String::from_utf8_lossy(&seen).into_owned();
    let last = text.split("data: ").last().unwrap();
    let end = last.split("\n\n").next().unwrap();
    let frame: Value = serde_json::from_str(end).unwrap_or_else(|why| panic!("{why}: {end}"));
    assert_eq!(frame["error"]["type"], "server_error", "{frame}");
    assert_eq!(frame["error"]["code"], "stream_broken", "{frame}");
    assert!(!text.contains("[DONE]"), "a broken stream has no good end");
    let pieces = text.matches("\"content\"").count();
    assert!(system.terminate().success(), "{}", system.log());
    let proof = Books::open(&system).verify();
    assert!(proof.holds(), "{:?}", proof.breaks);
    assert_eq!(
        (proof.requests, proof.attempts),
        (1, 1),
        "never a second try"
    );
    let row = scenario(&system);
    assert_eq!(
        (&row["requests"], &row["errors"]),
        (&json!(1), &json!(1)),
        "{row}"
    );
    // Two millionths for each piece the client saw; what went in is unknown.
    assert_eq!(row["cost"]["marginal"], pieces * 2_000_000, "{row}");
    assert_eq!(row["cost"]["attempts_unknown"], 1, "{row}");
}

#[test]
fn what_an_upstream_says_of_a_wrong_request_reaches_its_sender() {
    // As OpenAI says it, as vLLM says it today, and as vLLM used to say it.
    let refusals = [
        json!({"error": {"message": "too long by far", "type": "invalid_request_error",
            "param": "messages", "code": "context_length_exceeded"}}),
        json!({"error": {"message": "too long by far", "type": "BadRequestError", "param": null, "code": 400}}),
        json!({"object": "error", "message": "too long by far", "type": "BadRequestError", "param": null, "code": 400}),
    ];
    let answers = refusals
        .iter()
        .map(|body| upstream::json("400 Bad Request", body))
        .collect();
    let upstream = Upstream::start(answers);
    let (system, key) = start(&upstream.remote("picky"));
    for (at, _) in refusals.iter().enumerate() {
        let reply = http::chat(system.address(), &key, &hello());
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert_eq!(error["message"], "too long by far", "{error}");
        assert_eq!(error["type"], "invalid_request_error", "{error}");
        let code = [
            "context_length_exceeded",
            "refused_by_expert",
            "refused_by_expert",
        ][at];
        assert_eq!(error["code"], code, "{error}");
    }
    assert_eq!(upstream.asked(), 3, "a wrong request is not tried again");
}
