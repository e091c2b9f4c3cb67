//! Who may say how good an answer was, how often, and what only operators are told.

use serde_json::{Value, json};
use tests::http::{self, Reply};
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock, limits: &str) -> System {
    let system = System::start(&Setup {
        config: format!("{}{TENANT}{limits}", mock.remote("mock")),
        ..Setup::default()
    });
    system.wait_ready();
    system
}

/// The id of an answer.
fn answered(system: &System, key: &str) -> String {
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
    let reply = http::chat(system.address(), key, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

fn judge(system: &System, key: &str, request: &str, source: Option<&str>) -> Reply {
    let mut body = json!({"request_id": request, "score": 1.0});
    if let Some(source) = source {
        body["source"] = source.into();
    }
    let body = body.to_string();
    http::post(system.address(), "/v1/feedback", key, body.as_bytes())
}

fn code(reply: &Reply) -> (u16, Value) {
    let body: Value = serde_json::from_str(&reply.text()).unwrap_or_default();
    (reply.status, body["error"]["code"].clone())
}

#[test]
fn a_user_has_an_opinion_and_a_reviewer_a_judgement() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "");
    let user = system.key("a", &[]);
    let reviewer = system.key("a", &["--role", "reviewer"]);
    let request = answered(&system, &user);
    let missing = || (403, json!("role_missing"));
    for source in ["gold", "judge", "verifier"] {
        assert_eq!(
            code(&judge(&system, &user, &request, Some(source))),
            missing()
        );
        assert_eq!(
            judge(&system, &reviewer, &request, Some(source)).status,
            200
        );
    }
    assert_eq!(judge(&system, &user, &request, None).status, 200);
    assert_eq!(judge(&system, &user, &request, Some("user")).status, 200);
    assert_eq!(code(&judge(&system, &reviewer, &request, None)), missing());
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
    let asked = http::chat(system.address(), &reviewer, &body);
    assert_eq!(code(&asked), missing());
}

#[test]
fn judgements_count_as_requests_and_need_no_budget() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "");
    let key = system.key(
        "a",
        &["--requests-per-minute", "3", "--monthly-budget", "0.000001"],
    );
    let rich = system.key("a", &[]);
    let request = answered(&system, &rich);
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]});
    let poor = http::chat(system.address(), &key, &body);
    assert_eq!(
        code(&poor),
        (429, json!("insufficient_quota")),
        "{}",
        poor.text()
    );
    for _ in 0..3 {
        let reply = judge(&system, &key, &request, None);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let reply = judge(&system, &key, &request, None);
    assert_eq!(code(&reply), (429, json!("rate_limit_exceeded")));
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn operators_may_have_a_listener_of_their_own() {
    let mock = Mock::start(&[]);
    let system = System::start(&Setup {
        config: format!("{}{TENANT}", mock.remote("mock")),
        server: "operations = \"127.0.0.1:0\"".to_owned(),
        ..Setup::default()
    });
    let operations = system.operations().expect("the second address");
    system.wait("an expert answers", || {
        http::get(operations, "/ready", None).status == 200
    });
    let key = system.key("a", &[]);
    answered(&system, &key);
    let metrics = http::get(operations, "/metrics", None).text();
    assert!(metrics.contains("gen_ai_"), "{metrics}");
    for path in ["/ready", "/metrics"] {
        let public = http::get(system.address(), path, None);
        assert_eq!(code(&public), (404, json!("unknown_url")), "{path}");
    }
    for address in [operations, system.address()] {
        assert_eq!(http::get(address, "/health", None).status, 200);
    }
    let outside = http::get(operations, "/v1/models", Some(&key));
    assert_eq!(code(&outside), (404, json!("unknown_url")));
}
