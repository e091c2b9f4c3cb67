//! Bad input gets the right error object, and the worker goes on.

use serde_json::{Value, json};

use crate::client::{Answer, chat, chat_with, request, send};
use crate::house::{Shelf, ask, status};

fn says(answer: &Answer, status: u16, code: &str, param: Option<&str>) {
    let (kind, got, at) = answer.error();
    assert_eq!(
        (answer.status, got.as_str(), at.as_deref()),
        (status, code, param)
    );
    assert_eq!(kind, "invalid_request_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_has_its_answer() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let address = worker.address();
    let good = ask("tiny", "colour", "sky");
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    for (body, status, code, param) in [
        (
            with("model", json!("none")),
            404,
            "model_not_found",
            Some("model"),
        ),
        (
            with("model", json!("")),
            400,
            "invalid_value",
            Some("model"),
        ),
        (
            with("messages", json!([])),
            400,
            "invalid_value",
            Some("messages"),
        ),
        (
            with("messages", user(json!("  \n"))),
            400,
            "invalid_value",
            Some("messages"),
        ),
        (
            with("messages", user(json!(""))),
            400,
            "invalid_value",
            Some("messages[0].content"),
        ),
        (
            with(
                "messages",
                json!([{"role": "system", "content": "only this"}]),
            ),
            400,
            "invalid_value",
            Some("messages"),
        ),
        (with("messages", json!("text")), 400, "invalid_json", None),
        (
            with("metadata", json!({"task": "taste"})),
            400,
            "task_not_found",
            Some("metadata.task"),
        ),
        (
            with("max_tokens", json!(-1)),
            400,
            "invalid_value",
            Some("max_tokens"),
        ),
        (with("n", json!(2)), 400, "invalid_value", Some("n")),
        (
            with("top_logprobs", json!(3)),
            400,
            "invalid_value",
            Some("top_logprobs"),
        ),
        (json!(17), 400, "invalid_json", None),
    ] {
        says(&chat(address, &body).await, status, code, param);
    }
    let unknown = chat(address, &with("metadata", json!({"task": "taste"})))
        .await
        .json();
    let message = unknown["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("taste") && message.contains("colour, mood"),
        "{message}"
    );
    for (name, value) in [
        ("x-moegate-attempt", "seventeen"),
        ("x-moegate-purpose", "fun"),
        ("x-moegate-deadline-ms", "-5"),
    ] {
        let refused = chat_with(address, &[(name, value)], &good).await;
        says(&refused, 400, "invalid_header", Some(name));
    }
    let nested = format!("{{\"model\":{}", "[".repeat(20_000));
    for body in [&b"{"[..], b"", b"\xff\xfe{}", b"null", nested.as_bytes()] {
        let bytes = request("POST", "/v1/chat/completions", &[], body);
        says(&send(address, &bytes).await, 400, "invalid_json", None);
    }
    // None of this was a request for a hosted expert, and the worker still answers.
    assert_eq!(status(address).await["counters"]["requests"], 0);
    chat(address, &good).await.ok();
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_refused_whether_announced_or_not() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let address = worker.address();
    let large = ask("tiny", "colour", &"x".repeat(70_000));
    says(&chat(address, &large).await, 413, "body_too_large", None);
    let mut bytes = b"POST /v1/chat/completions HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n11170\r\n"
        .to_vec();
    bytes.resize(bytes.len() + 0x11170, b'x');
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    says(&send(address, &bytes).await, 413, "body_too_large", None);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_longer_than_the_context_is_cut_to_it() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    // Long enough to be encoded off the server's threads.
    let long = ask("tiny", "colour", &"word ".repeat(4_000));
    let answer = chat(worker.address(), &long).await.ok();
    assert_eq!(answer["usage"]["prompt_tokens"], 64);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods_get_the_error_object() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    for (method, path, status, code) in [
        ("GET", "/", 404, "unknown_path"),
        ("POST", "/v1/embedding", 404, "unknown_path"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/status", 405, "method_not_allowed"),
    ] {
        let answer = send(worker.address(), &request(method, path, &[], b"")).await;
        says(&answer, status, code, None);
    }
    worker.stop().await.unwrap();
}
