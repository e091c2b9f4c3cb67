//! Secrets go where they are bound and nowhere else, and never come back.

use std::sync::atomic::Ordering;

use egress::{BoundSecret, EgressError, Limits, Origin, Request, Scope, Secret};

use crate::server::Server;
use crate::{get, ok, say, tenant, with};

const VALUE: &str = "s3cr3t/Value+1";

fn with_secret(server: &Server, bound: Vec<Origin>) -> Scope {
    let secret = BoundSecret::new("crm", Secret::new(VALUE.to_owned()).unwrap(), bound).unwrap();
    let other = Origin::new(&format!("https://other.test:{}", server.port)).unwrap();
    Scope::new(tenant("acme"), vec![server.origin(), other], vec![secret]).unwrap()
}

#[tokio::test]
async fn a_secret_arrives_and_never_comes_back() {
    let head = "HTTP/1.1 200 OK\r\nx-echo: Bearer s3cr3t/Value+1\r\nS3cr3t-x: 1\r\nconnection: close\r\n\r\n{echo}";
    let server = Server::start(say(&format!("{head} s3cr3t%2FValue%2B1"))).await;
    let egress = server.egress(Limits::default());
    let scope = with_secret(&server, vec![server.origin()]);
    let handle = scope.handle("crm").unwrap();
    assert!(!handle.contains(VALUE) && !format!("{scope:?}").contains(VALUE));
    let request = with(
        get(server.url("/")),
        "authorization",
        &format!("Bearer {handle}"),
    );
    let response = egress.fetch(&scope, request).await.unwrap();
    let seen = server.seen.lock().unwrap().join("");
    assert!(
        seen.contains(&format!("authorization: Bearer {VALUE}\r\n")),
        "{seen}"
    );
    let shown = format!(
        "{:?} {}",
        response.headers,
        String::from_utf8_lossy(&response.body)
    );
    assert!(
        !shown.contains(VALUE) && !shown.contains("s3cr3t%2F"),
        "{shown}"
    );
    assert!(shown.contains("Bearer [redacted]"), "{shown}");
    assert_eq!(scope.handle("erp"), Err(EgressError::UnknownSecret));
}

#[tokio::test]
async fn a_placeholder_elsewhere_is_refused_by_name() {
    let server = Server::start(ok("")).await;
    let egress = server.egress(Limits::default());
    let scope = with_secret(&server, vec![server.origin()]);
    let handle = scope.handle("crm").unwrap();
    let encoded = handle.replace('{', "%7B").replace('}', "%7d");
    let body = Request {
        body: handle.clone().into(),
        ..get(server.url("/"))
    };
    for request in [
        get(server.url(&format!("/{handle}"))),
        get(server.url(&format!("/?q={encoded}"))),
        body,
        with(get(server.url("/")), &handle, "x"),
    ] {
        let failed = egress.fetch(&scope, request).await.unwrap_err();
        assert!(matches!(failed, EgressError::Misplaced(_)), "{failed}");
    }
    let other = format!("https://other.test:{}/", server.port);
    let failed = egress.fetch(&scope, with(get(other), "a", &handle)).await;
    assert_eq!(failed, Err(EgressError::SecretOrigin));
    let foreign = with_secret(&server, vec![server.origin()])
        .handle("crm")
        .unwrap();
    for value in [
        foreign.as_str(),
        "{{secret:crm:}}",
        "{{secret:crm}}",
        "{{secret:",
        "{{secret:a:b}}",
    ] {
        let failed = egress
            .fetch(&scope, with(get(server.url("/")), "a", value))
            .await;
        assert_eq!(failed, Err(EgressError::Placeholder), "{value}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_encoded_or_partial_echo_is_refused() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(say(head)).await;
    let egress = server.egress(Limits::default());
    let scope = with_secret(&server, vec![server.origin()]);
    let failed = egress.fetch(&scope, get(server.url("/"))).await;
    assert_eq!(failed, Err(EgressError::Encoded));
    let failed = egress
        .fetch(&scope, with(get(server.url("/")), "range", "bytes=0-3"))
        .await;
    assert!(matches!(failed, Err(EgressError::Header(_))));
}

#[test]
fn secrets_that_cannot_be_told_apart_or_break_a_header_are_refused() {
    for value in [
        "",
        "short",
        "with\r\nnewline",
        "tab\tinside",
        "schlüssel-lang",
    ] {
        assert!(Secret::new(value.to_owned()).is_err(), "{value:?}");
    }
}
