//! Streams that end well, and streams whose client goes away.

use std::io::Read;

use serde_json::{Value, json};
use tests::books::Books;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock) -> (System, String) {
    let config = format!("{}{TENANT}", mock.remote("mock"));
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &[]);
    (system, key)
}

fn body(usage: bool) -> Value {
    let mut body = json!({
        "model": "auto", "stream": true, "messages": [{"role": "user", "content": "count"}],
    });
    if usage {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

fn frames(text: &str) -> Vec<Value> {
    text.split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[test]
fn usage_comes_only_where_it_was_asked_for() {
    let mock = Mock::start(&["--tokens", "5"]);
    let (mut system, key) = start(&mock);
    for usage in [false, true] {
        let reply = http::chat(system.address(), &key, &body(usage));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/event-stream")
        );
        assert!(reply.header("x-moegate-decision").is_some());
        assert_eq!(reply.header("x-moegate-expert"), Some("mock"));
        let text = reply.text();
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        let frames = frames(&text);
        let counted: Vec<_> = frames.iter().filter(|f| f["usage"].is_object()).collect();
        assert_eq!(counted.len(), usize::from(usage), "{text}");
        if let Some(last) = counted.last() {
            assert_eq!(last["choices"], json!([]));
            assert_eq!(last["usage"]["completion_tokens"], 5);
        }
        let id = frames[0]["id"].as_str().unwrap();
        assert!(
            id.starts_with("chatcmpl-")
                && frames.iter().all(|f| f["id"] == id && f["model"] == "mock")
        );
    }
    assert!(system.terminate().success(), "{}", system.log());
    assert!(Books::open(&system).verify().holds());
}

#[test]
fn a_client_that_leaves_stops_the_work_and_pays_for_what_was_done() {
    let mock = Mock::start(&["--tokens", "100000", "--token-ms", "5"]);
    let (mut system, key) = start(&mock);
    let mut stream = http::begin_chat(system.address(), &key, &body(false));
    let mut seen = Vec::new();
    let mut buffer = [0_u8; 4096];
    while String::from_utf8_lossy(&seen).matches("data: ").count() < 8 {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..n]);
    }
    drop(stream);
    // A remote is read on to its usage, within bounds; ours here would go on for minutes.
    system.wait("the upstream sees the client's leaving", || {
        mock.counts()["aborted"] == 1
    });
    system.wait("the request is booked", || {
        http::get(system.address(), "/metrics", None)
            .text()
            .contains("moegate_running_requests 0")
    });
    assert!(system.terminate().success(), "{}", system.log());
    let report: Value =
        serde_json::from_str(&system.told(&["scenario", "report", "--format", "json"])).unwrap();
    let row = &report["scenarios"][0];
    assert_eq!(
        (&row["requests"], &row["attempts"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    // Two millionths a token: all that the client saw, and nothing that was never written.
    let booked = row["cost"]["marginal"].as_u64().unwrap() / 2_000_000;
    let written = mock.counts()["aborted_tokens"].as_u64().unwrap();
    assert!((8..=written).contains(&booked), "{booked} of {written}");
    assert!(Books::open(&system).verify().holds());
}
