//! What every client meets, whatever it asks for: HTTP/2, error objects on every path, metrics, ids.

use serde_json::{Value, json};
use tests::books::Books;
use tests::h2;
use tests::http::{self, Reply};
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock) -> System {
    let system = System::start(&Setup {
        config: format!("{}{TENANT}", mock.remote("mock")),
        ..Setup::default()
    });
    system.wait_ready();
    system
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
}

fn error(reply: &Reply) -> (u16, String, String) {
    let error = &reply.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("type"), text("code"))
}

fn refusal(status: u16, kind: &str, code: &str) -> (u16, String, String) {
    (status, kind.to_owned(), code.to_owned())
}

#[test]
fn http2_without_tls_is_spoken_on_the_same_port() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let mut stream = http::connect(system.address());
    h2::get(&mut stream, "/health", 65_535);
    let mut frames = Vec::new();
    let mut body = Vec::new();
    while body.is_empty() {
        let frame = h2::read(&mut stream).expect("an answer");
        if frame.stream == 1 && frame.kind == h2::DATA {
            body.clone_from(&frame.payload);
        }
        frames.push(frame);
    }
    let head = frames
        .iter()
        .find(|f| f.stream == 1 && f.kind == h2::HEADERS)
        .expect("a head");
    // `:status: 200` is entry 8 of the static table.
    assert_eq!(head.payload.first(), Some(&0x88), "{head:?}");
    assert_eq!(body, b"{\"status\":\"ok\"}");
    assert_eq!(http::get(system.address(), "/health", None).status, 200);
}

#[test]
fn what_is_no_json_is_refused_before_it_is_read() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let key = system.key("a", &[]);
    let authorization = format!("Bearer {key}");
    let send = |path: &str, name: &str, value: &str| {
        let headers = [("authorization", authorization.as_str()), (name, value)];
        let body = hello().to_string();
        let bytes = http::request("POST", path, &headers, body.as_bytes());
        http::send(system.address(), &bytes)
    };
    for path in ["/v1/chat/completions", "/v1/feedback"] {
        for (name, value) in [
            ("content-type", "text/plain"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("content-type", "nonsense"),
            ("content-encoding", "gzip"),
            ("content-encoding", "br"),
        ] {
            let reply = send(path, name, value);
            assert_eq!(
                error(&reply),
                refusal(415, "invalid_request_error", "unsupported_media_type"),
                "{path} {name}: {value}: {}",
                reply.text()
            );
        }
    }
    assert_eq!(mock.counts()["requests"], 0);
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("content-type", "Application/JSON"),
        ("content-type", "application/vnd.api+json"),
        ("content-encoding", "identity"),
    ] {
        let reply = send("/v1/chat/completions", name, value);
        assert_eq!(reply.status, 200, "{name}: {value}: {}", reply.text());
    }
}

#[test]
fn every_path_answers_with_the_error_object() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let key = system.key("a", &[]);
    let address = system.address();
    for (method, path, expected) in [
        (
            "GET",
            "/v1/models/%ff",
            refusal(404, "invalid_request_error", "model_not_found"),
        ),
        (
            "GET",
            "/v1/models/no%2Fbody",
            refusal(404, "invalid_request_error", "model_not_found"),
        ),
        (
            "GET",
            "/v1/models/..%2f..%2fetc%2fpasswd",
            refusal(404, "invalid_request_error", "model_not_found"),
        ),
        (
            "GET",
            "/v1/feedback",
            refusal(405, "invalid_request_error", "method_not_allowed"),
        ),
        (
            "DELETE",
            "/v1/models",
            refusal(405, "invalid_request_error", "method_not_allowed"),
        ),
        (
            "POST",
            "/metrics",
            refusal(405, "invalid_request_error", "method_not_allowed"),
        ),
        (
            "GET",
            "/v1/chat",
            refusal(404, "invalid_request_error", "unknown_url"),
        ),
        (
            "GET",
            "/",
            refusal(404, "invalid_request_error", "unknown_url"),
        ),
        (
            "GET",
            "/%ff%00",
            refusal(404, "invalid_request_error", "unknown_url"),
        ),
        (
            "PATCH",
            "/v1/nothing",
            refusal(404, "invalid_request_error", "unknown_url"),
        ),
    ] {
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", authorization.as_str())];
        let reply = http::send(address, &http::request(method, path, &headers, b""));
        assert_eq!(error(&reply), expected, "{method} {path}: {}", reply.text());
        let object = reply.json()["error"].clone();
        for field in ["message", "type", "param", "code"] {
            assert!(object.get(field).is_some(), "{method} {path}: {object}");
        }
    }
    // An unknown path is unknown to everybody; what exists is nobody's business without a key.
    let reply = http::get(address, "/v1/models/%ff", None);
    assert_eq!(
        error(&reply),
        refusal(401, "authentication_error", "missing_credentials")
    );
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    let reply = http::get(address, "/v1/models", Some("mg_a_0000"));
    assert_eq!(
        reply.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
}

#[test]
fn a_task_that_nobody_has_is_named() {
    let mock = Mock::start(&[]);
    let experts = format!(
        "[[pools]]\nid = \"p\"\nexperts = [{:?}]\nworkers = [{{ address = \"127.0.0.1:1\" }}]\nrates = []\n",
        tests::workers::expert("finance")
    );
    let config = format!("{experts}{}{TENANT}", mock.remote("mock"));
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &["--expert", "finance"]);
    let mut body = hello();
    body["metadata"] = json!({"task": "astrology"});
    let reply = http::chat(system.address(), &key, &body);
    assert_eq!(
        error(&reply),
        refusal(400, "invalid_request_error", "unknown_task"),
        "{}",
        reply.text()
    );
    assert_eq!(reply.json()["error"]["param"], "metadata.task");
}

#[test]
fn only_users_may_ask_and_judge() {
    let mock = Mock::start(&[]);
    let system = start(&mock);
    let address = system.address();
    let finance = system.key("a", &["--role", "finance"]);
    let reply = http::chat(address, &finance, &hello());
    assert_eq!(
        error(&reply),
        refusal(403, "permission_error", "role_missing"),
        "{}",
        reply.text()
    );
    let judged = json!({"request_id": "0190a0b0-0000-7000-8000-000000000000", "score": 1});
    let reply = http::post(
        address,
        "/v1/feedback",
        &finance,
        judged.to_string().as_bytes(),
    );
    assert_eq!(
        error(&reply),
        refusal(403, "permission_error", "role_missing")
    );
    assert_eq!(mock.counts()["requests"], 0);
    let both = system.key("a", &["--role", "finance", "--role", "user"]);
    assert_eq!(http::chat(address, &both, &hello()).status, 200);
}

#[test]
fn the_metrics_have_the_names_of_opentelemetry() {
    let mock = Mock::start(&["--tokens", "5", "--token-ms", "1"]);
    let system = start(&mock);
    let key = system.key("a", &[]);
    let mut streamed = hello();
    streamed["stream"] = true.into();
    for body in [hello(), streamed] {
        assert_eq!(http::chat(system.address(), &key, &body).status, 200);
    }
    let text = http::get(system.address(), "/metrics", None).text();
    let operation = "gen_ai_operation_name=\"chat\"";
    let provider = "gen_ai_provider_name=\"moegate\"";
    for (name, count) in [
        ("gen_ai_server_request_duration_seconds_count", 2.0),
        ("gen_ai_client_operation_duration_seconds_count", 2.0),
        ("gen_ai_server_time_to_first_token_seconds_count", 1.0),
        ("gen_ai_server_time_per_output_token_seconds_count", 1.0),
        ("gen_ai_client_token_usage_count", 4.0),
    ] {
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with(name)).collect();
        assert!(!lines.is_empty(), "{name} in {text}");
        assert!(
            lines
                .iter()
                .all(|l| l.contains(operation) && l.contains(provider)),
            "{lines:?}"
        );
        let value = |l: &&str| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        assert_eq!(lines.iter().map(value).sum::<f64>(), count, "{lines:?}");
    }
    assert!(text.contains("moegate_gateway_overhead_seconds_bucket{le=\"0.00005\"}"));
    assert!(text.contains("moegate_gateway_overhead_seconds_count 2"));
    assert!(!text.contains(&key), "a key in the metrics");
}

#[test]
fn the_clients_request_id_is_an_echo_and_no_key() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock);
    let key = system.key("a", &[]);
    let authorization = format!("Bearer {key}");
    let send = |id: &str| {
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-request-id", id),
            ("content-type", "application/json"),
        ];
        let body = hello().to_string();
        let bytes = http::request("POST", "/v1/chat/completions", &headers, body.as_bytes());
        http::send(system.address(), &bytes)
    };
    let (first, second) = (send("mine"), send("mine"));
    assert_eq!(first.header("x-request-id"), Some("mine"));
    assert_ne!(first.json()["id"], second.json()["id"]);
    let long = "i".repeat(129);
    for odd in ["", long.as_str(), "caf\u{e9}"] {
        let reply = send(odd);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let made = reply.header("x-request-id").unwrap();
        assert!(made.len() == 36 && made != odd, "{made}");
    }
    assert!(system.terminate().success(), "{}", system.log());
    assert_eq!(Books::open(&system).verify().requests, 5);
}
