//! Clients that mean harm, or behave as if: they take what they can and give nothing back.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tests::books::Books;
use tests::h2;
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock, server: &str) -> System {
    let system = System::start(&Setup {
        config: format!("{}{TENANT}", mock.remote("mock")),
        server: server.to_owned(),
        ..Setup::default()
    });
    system.wait_ready();
    system
}

fn hello(stream: bool) -> Value {
    json!({"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
}

fn metric(system: &System, line: &str) -> bool {
    http::get(system.address(), "/metrics", None)
        .text()
        .contains(line)
}

#[test]
fn a_client_that_does_not_read_its_stream_is_let_go() {
    // A hundred megabytes of answer: more than the buffers of any kernel take.
    let mock = Mock::start(&["--tokens", "400000"]);
    let mut system = start(&mock, "idle_timeout_ms = 700");
    let key = system.key("a", &[]);
    let mut silent = http::begin_chat(system.address(), &key, &hello(true));
    system.wait("the stream runs", || {
        metric(&system, "moegate_running_requests 1")
    });
    system.wait("the stream is given up", || {
        metric(&system, "moegate_running_requests 0")
    });
    // The connection is closed: what is left in it comes to an end.
    let mut rest = Vec::new();
    let _reset = silent.read_to_end(&mut rest);
    assert!(
        !String::from_utf8_lossy(&rest).contains("[DONE]"),
        "{} bytes came",
        rest.len()
    );
    assert!(system.terminate().success(), "{}", system.log());
    let proof = Books::open(&system).verify();
    assert!(proof.holds(), "{:?}", proof.breaks);
    assert_eq!((proof.requests, proof.attempts), (1, 1));
}

#[test]
fn a_client_that_lets_no_answer_through_is_let_go() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "idle_timeout_ms = 700");
    let mut stream = http::connect(system.address());
    // A window of nothing: the head of the answer comes, its body may never.
    h2::get(&mut stream, "/health", 0);
    let mut head = false;
    while let Some(frame) = h2::read(&mut stream) {
        head |= frame.kind == h2::HEADERS;
        assert!(
            frame.kind != h2::DATA || frame.payload.is_empty(),
            "{frame:?}"
        );
    }
    assert!(head, "the connection was closed after its answer began");
}

#[test]
fn connections_beyond_the_bound_wait_for_a_place() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "max_connections = 2");
    let address = system.address();
    let full = [http::connect(address), http::connect(address)];
    let mut third = http::connect(address);
    third
        .write_all(&http::request("GET", "/health", &[], b""))
        .unwrap();
    third
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let early = third.read(&mut [0_u8; 64]);
    assert!(early.is_err(), "served beyond the bound: {early:?}");
    third
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    drop(full);
    assert_eq!(http::read(&mut third).status, 200);
}

#[test]
fn a_form_has_the_bounds_of_every_body() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "body_timeout_ms = 700");
    let address = system.address();
    let form = "content-type: application/x-www-form-urlencoded";
    for path in ["/dashboard/sign-in", "/dashboard/sign-out"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\n{form}\r\ncontent-length: 100\r\n\r\ncsrf="
        );
        let mut slow = http::connect(address);
        slow.write_all(head.as_bytes()).unwrap();
        let reply = http::read(&mut slow);
        assert_eq!(reply.status, 408, "{path}: {}", reply.text());
        for (kind, body, status) in [
            (
                "application/x-www-form-urlencoded",
                "x".repeat(1 << 20),
                413,
            ),
            ("application/x-www-form-urlencoded", "a=b".to_owned(), 400),
            ("application/x-www-form-urlencoded", "%ff=%".to_owned(), 400),
            ("application/json", "{}".to_owned(), 415),
        ] {
            let headers = [("content-type", kind)];
            let bytes = http::request("POST", path, &headers, body.as_bytes());
            let reply = http::send(address, &bytes);
            assert_eq!(reply.status, status, "{path} {kind}: {}", reply.text());
            // People see a page, under the policy of every page.
            assert!(
                reply.text().starts_with("<!DOCTYPE html>"),
                "{}",
                reply.text()
            );
            assert!(reply.header("content-security-policy").is_some());
        }
    }
    assert_eq!(
        http::get(address, "/dashboard?period=%ff", None).status,
        303
    );
}

#[test]
fn a_withdrawn_key_ends_its_sessions() {
    let mock = Mock::start(&[]);
    let system = start(&mock, "");
    let key = system.key("a", &["--role", "finance", "--name", "reader"]);
    let signed = system.sign_in(&key);
    assert_eq!(signed.status, 303, "{}", signed.text());
    let cookie = http::cookie(&signed, "moegate_session");
    let page = || {
        let bytes = http::request("GET", "/dashboard", &[("cookie", &cookie)], b"");
        http::send(system.address(), &bytes)
    };
    assert_eq!(page().status, 200);
    let id = system.key_id("a", "reader");
    system.told(&["key", "revoke", "--tenant", "a", &id]);
    system.wait("the session ends", || page().status == 303);
    assert_eq!(page().header("location"), Some("/dashboard/sign-in"));
}

#[test]
fn the_most_talkative_log_holds_no_secret() {
    let mock = Mock::start(&[]);
    let remote = "an upstream key that nobody may read";
    let shared = "a shared secret of the test that nobody may read";
    let upstream = mock.remote("mock").replace(
        "quality = 0.9",
        "quality = 0.9\napi_key_env = \"UPSTREAM_KEY\"",
    );
    let issuer = "[[auth.jwt]]
issuer = \"i\"
audience = \"moegate\"
algorithm = \"HS256\"
secret = { env = \"SHARED\" }
";
    let config = format!("{upstream}{TENANT}{issuer}");
    let mut system = System::start(&Setup {
        config,
        environment: vec![
            ("RUST_LOG".to_owned(), "trace".to_owned()),
            ("UPSTREAM_KEY".to_owned(), remote.to_owned()),
            ("SHARED".to_owned(), shared.to_owned()),
        ],
        ..Setup::default()
    });
    system.wait_ready();
    let key = system.key("a", &["--role", "user", "--role", "finance"]);
    let address = system.address();
    let prompt = "my password is correct horse battery staple";
    let mut body = hello(false);
    body["messages"][0]["content"] = prompt.into();
    for stream in [false, true] {
        body["stream"] = stream.into();
        assert_eq!(http::chat(address, &key, &body).status, 200);
    }
    let forged = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpIn0.Zm9yZ2VkLXNpZ25hdHVyZQ";
    assert_eq!(http::chat(address, forged, &body).status, 401);
    let signed = system.sign_in(&key);
    let cookie = http::cookie(&signed, "moegate_session");
    let token = cookie.split_once('=').unwrap().1.to_owned();
    http::send(
        address,
        &http::request("GET", "/dashboard", &[("cookie", &cookie)], b""),
    );
    assert!(system.terminate().success());
    let log = system.log();
    assert!(log.contains("DEBUG"), "the log is talkative: {log}");
    let secret = key.rsplit('_').next().unwrap();
    for (what, text) in [
        ("key", secret),
        ("token", "Zm9yZ2VkLXNpZ25hdHVyZQ"),
        ("cookie", token.as_str()),
        ("upstream key", remote),
        ("shared secret", shared),
        ("prompt", "correct horse"),
    ] {
        assert!(!log.contains(text), "the log holds the {what}");
    }
}
