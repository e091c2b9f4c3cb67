//! Whatever comes in, the right error object goes out, and nothing is booked.

use std::io::Write;

use serde_json::{Value, json};
use tests::http::{self, Reply};
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANTS: &str = "
[[tenants]]
id = \"a\"
name = \"A\"
[[tenants.scenarios]]
id = \"one\"
name = \"One\"
unit_of_work = \"an answer\"
[[tenants]]
id = \"b\"
name = \"B\"
";

struct Stage {
    mock: Mock,
    system: System,
    key: String,
}

fn stage() -> Stage {
    let mock = Mock::start(&[]);
    let setup = Setup {
        config: format!("{}{TENANTS}", mock.remote("mock")),
        server: "max_body_bytes = 1048576\nheader_timeout_ms = 700\nbody_timeout_ms = 700"
            .to_owned(),
        environment: Vec::new(),
    };
    let system = System::start(&setup);
    system.wait_ready();
    let key = system.key("a", &[]);
    Stage { mock, system, key }
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
}

fn with(name: &str, value: Value) -> Value {
    let mut body = hello();
    body[name] = value;
    body
}

fn check(reply: &Reply, status: u16, kind: &str, code: &str) {
    let error = &reply.json()["error"];
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(error["type"], kind, "{}", reply.text());
    assert_eq!(error["code"], code, "{}", reply.text());
    assert!(error["message"].is_string(), "{}", reply.text());
    assert!(
        error.as_object().is_some_and(|e| e.contains_key("param")),
        "{}",
        reply.text()
    );
    assert!(
        reply.header("x-request-id").is_some(),
        "{:?}",
        reply.headers
    );
}

impl Stage {
    fn chat(&self, body: &Value) -> Reply {
        http::chat(self.system.address(), &self.key, body)
    }

    fn raw(&self, body: &[u8]) -> Reply {
        http::post(
            self.system.address(),
            "/v1/chat/completions",
            &self.key,
            body,
        )
    }

    /// Nothing reached an expert, and nothing is in the books.
    fn nothing_booked(mut self) {
        assert_eq!(self.mock.counts()["requests"], 0);
        assert!(self.system.terminate().success(), "{}", self.system.log());
        let report = self
            .system
            .told(&["scenario", "report", "--format", "json"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report, json!({"scenarios": []}));
    }
}

#[test]
fn credentials() {
    let stage = stage();
    let address = stage.system.address();
    let body = hello().to_string();
    let keyless = http::request("POST", "/v1/chat/completions", &[], body.as_bytes());
    let reply = http::send(address, &keyless);
    check(&reply, 401, "authentication_error", "missing_credentials");
    assert!(reply.header("www-authenticate").is_some());
    let mut other = stage.key.clone();
    other.replace_range(3..4, "b");
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4IiwidGVuYW50IjoiYSJ9.";
    let long = "x".repeat(10_000);
    for credential in [
        "",
        "x",
        "mg_a_",
        "mg_a_0000",
        other.as_str(),
        none,
        long.as_str(),
    ] {
        let reply = http::chat(address, credential, &hello());
        assert_eq!(reply.status, 401, "{credential:.40}: {}", reply.text());
        assert_eq!(reply.json()["error"]["type"], "authentication_error");
        assert!(
            credential.len() < 6 || !reply.text().contains(credential),
            "{}",
            reply.text()
        );
    }
    stage.nothing_booked();
}

#[test]
fn withdrawn_and_expired_keys() {
    let stage = stage();
    let address = stage.system.address();
    let withdrawn = stage.system.key("a", &["--name", "gone"]);
    let id = stage.system.key_id("a", "gone");
    stage.system.told(&["key", "revoke", "--tenant", "a", &id]);
    stage.system.wait("the withdrawn key is refused", || {
        http::get(address, "/v1/models", Some(&withdrawn)).status == 401
    });
    check(
        &http::chat(address, &withdrawn, &hello()),
        401,
        "authentication_error",
        "revoked",
    );
    let expired = stage.system.told(&[
        "key",
        "create",
        "--tenant",
        "a",
        "--expires",
        "2020-01-01T00:00:00Z",
    ]);
    stage.system.wait("the expired key is known", || {
        http::get(address, "/v1/models", Some(&expired)).json()["error"]["code"] == "expired"
    });
    stage.nothing_booked();
}

#[test]
fn bodies() {
    let stage = stage();
    let invalid = "invalid_request_error";
    let deep = format!(
        r#"{{"model":"auto","messages":[],"x":{}{}}}"#,
        "[".repeat(9_999),
        "]".repeat(9_999)
    );
    for raw in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{\"model\":\"\xff\"}",
        deep.as_bytes(),
    ] {
        check(&stage.raw(raw), 400, invalid, "invalid_json");
    }
    for (name, value) in [
        ("messages", json!("hello")),
        ("messages", json!([{"role": "king", "content": "x"}])),
        ("messages", json!([{"content": "x"}])),
        ("stream", json!("yes")),
        ("max_tokens", json!("many")),
        ("max_tokens", json!(1e30)),
        ("metadata", json!({"scenario": 1})),
    ] {
        check(
            &stage.chat(&with(name, value)),
            400,
            invalid,
            "invalid_json",
        );
    }
    for (name, value) in [
        ("model", json!("")),
        ("messages", json!([])),
        ("messages", json!([{"role": "user", "content": ""}])),
        ("max_tokens", json!(-1)),
        ("max_tokens", json!(9_000_000_000_000_i64)),
        ("max_completion_tokens", json!(0)),
        ("n", json!(3)),
        ("temperature", json!(9)),
        ("top_logprobs", json!(3)),
        ("stream_options", json!({"include_usage": true})),
    ] {
        let reply = stage.chat(&with(name, value));
        check(&reply, 400, invalid, "invalid_value");
        let param = reply.json()["error"]["param"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(param.starts_with(name), "{name}: {param}");
    }
    stage.nothing_booked();
}

#[test]
fn models_and_scenarios() {
    let stage = stage();
    check(
        &stage.chat(&with("model", json!("nobody"))),
        404,
        "invalid_request_error",
        "model_not_found",
    );
    check(
        &stage.chat(&with("model", json!("../../etc"))),
        404,
        "invalid_request_error",
        "model_not_found",
    );
    let scenario = with("metadata", json!({"scenario": "two"}));
    check(
        &stage.chat(&scenario),
        400,
        "invalid_request_error",
        "unknown_scenario",
    );
    let narrow = stage.system.key("a", &["--expert", "somebody-else"]);
    let address = stage.system.address();
    let reply = http::chat(address, &narrow, &with("model", json!("mock")));
    check(&reply, 403, "permission_error", "model_not_allowed");
    check(
        &http::chat(address, &narrow, &hello()),
        403,
        "permission_error",
        "no_expert_allowed",
    );
    let listed = http::get(address, "/v1/models", Some(&narrow)).json();
    assert_eq!(listed["data"], json!([]));
    stage.nothing_booked();
}

#[test]
fn sizes() {
    let stage = stage();
    let large = with(
        "messages",
        json!([{"role": "user", "content": "x".repeat(10 << 20)}]),
    );
    check(
        &stage.chat(&large),
        413,
        "invalid_request_error",
        "request_too_large",
    );
    let declared =
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n";
    let head = format!("authorization: Bearer {}\r\n\r\n", stage.key);
    let reply = http::send(
        stage.system.address(),
        &[&declared[..], head.as_bytes()].concat(),
    );
    check(&reply, 413, "invalid_request_error", "request_too_large");
    stage.nothing_booked();
}

#[test]
fn paths_and_methods() {
    let stage = stage();
    let address = stage.system.address();
    let reply = http::get(address, "/v2/nothing", None);
    check(&reply, 404, "invalid_request_error", "unknown_url");
    let reply = http::get(address, "/v1/chat/completions", Some(&stage.key));
    check(&reply, 405, "invalid_request_error", "method_not_allowed");
    // What is no HTTP gets a 400 or nothing, and the connection is closed.
    assert!(matches!(
        http::send(address, b"NONSENSE\r\n\r\n").status,
        0 | 400
    ));
    assert_eq!(
        http::get(address, "/health", None).json(),
        json!({"status": "ok"})
    );
    stage.nothing_booked();
}

#[test]
fn slow_and_half_connections() {
    let stage = stage();
    let address = stage.system.address();
    // A head that never ends: the connection is closed, long before the idle time.
    let mut slow = http::connect(address);
    slow.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n")
        .unwrap();
    assert_eq!(http::read(&mut slow).status, 0);
    // A body that never comes.
    let mut slow = http::connect(address);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        stage.key
    );
    slow.write_all(head.as_bytes()).unwrap();
    check(
        &http::read(&mut slow),
        408,
        "invalid_request_error",
        "request_timeout",
    );
    // A client that closes its side in mid-body is gone.
    let mut half = http::connect(address);
    half.write_all(head.as_bytes()).unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    let reply = http::read(&mut half);
    assert!(matches!(reply.status, 0 | 400), "{}", reply.text());
    // Others are served all the while.
    assert_eq!(http::get(address, "/health", None).status, 200);
    stage.nothing_booked();
}

#[test]
fn feedback() {
    let stage = stage();
    let address = stage.system.address();
    let send = |key: &str, body: &Value| {
        http::post(address, "/v1/feedback", key, body.to_string().as_bytes())
    };
    let unknown = json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": 1.0});
    check(
        &send(&stage.key, &unknown),
        404,
        "invalid_request_error",
        "request_not_found",
    );
    for body in [
        json!({"request_id": "x", "score": 1.0}),
        json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": 1.5}),
        json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": -0.1}),
        json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": 1, "source": "mother"}),
        json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": 1, "colour": "red"}),
        json!({"score": 1}),
    ] {
        check(
            &send(&stage.key, &body),
            400,
            "invalid_request_error",
            "invalid_feedback",
        );
    }
    stage.nothing_booked();
}

#[test]
fn feedback_for_another_tenants_request() {
    let stage = stage();
    let address = stage.system.address();
    let answer = stage.chat(&hello());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let other = stage.system.key("b", &[]);
    let body = json!({"request_id": id, "score": 0.0}).to_string();
    let reply = http::post(address, "/v1/feedback", &other, body.as_bytes());
    check(&reply, 404, "invalid_request_error", "request_not_found");
    let own = http::post(address, "/v1/feedback", &stage.key, body.as_bytes());
    assert_eq!(own.status, 200, "{}", own.text());
}
