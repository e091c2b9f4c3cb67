//! Requests of guests against a real server with TLS on the loopback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod secrets;
mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use egress::{Egress, EgressError, Limits, LoopbackToo, Origin, Request, Scope};
use server::{Answers, Play, Server};
use units::TenantId;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn say(text: &str) -> Play {
    Play::Say(text.to_owned())
}

fn ok(body: &str) -> Play {
    Play::Say(format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn scope(server: &Server) -> Scope {
    Scope::new(tenant("acme"), vec![server.origin()], Vec::new()).unwrap()
}

fn get(url: impl Into<String>) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.into(),
        ..Request::default()
    }
}

fn with(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.push((name.to_owned(), value.to_owned()));
    request
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant() {
    let server = Server::start(ok("hello")).await;
    let egress = server.egress(Limits::default());
    let request = with(get(server.url("/a%20b?q=1#part")), "x-mine", "1");
    let response = egress.fetch(&scope(&server), request).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert!(
        response
            .headers
            .iter()
            .all(|(name, _)| name != "connection")
    );
    let seen = server.seen.lock().unwrap().join("");
    assert!(seen.starts_with("GET /a%20b?q=1 HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: api.acme.test:{}\r\n", server.port)),
        "{seen}"
    );
    assert!(seen.contains("x-mine: 1\r\n"), "{seen}");
}

#[tokio::test]
async fn each_request_has_its_own_connection() {
    let server = Server::start(ok("")).await;
    let egress = server.egress(Limits::default());
    for name in ["acme", "beta", "acme"] {
        let scope = Scope::new(tenant(name), vec![server.origin()], Vec::new()).unwrap();
        egress.fetch(&scope, get(server.url("/"))).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn urls_that_are_not_allowed_reach_nothing() {
    let server = Server::start(ok("")).await;
    let egress = server.egress(Limits::default());
    let port = server.port;
    for url in [
        format!("http://api.acme.test:{port}/"),
        format!("https://user:pw@api.acme.test:{port}/"),
        format!("https://@api.acme.test:{port}/"),
        format!("https://api.acme.test:{port}@evil.test/"),
        format!("https://evil.test:{port}/"),
        format!("https://api.acme.test.:{port}/"),
        format!("https://api.acme.test.evil.test:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://api.acme.test/".to_owned(),
        format!("https://api.acme.test:{port}/ HTTP/1.1\r\nx: y"),
        format!("https:\\\\api.acme.test:{port}/"),
        "file:///etc/passwd".to_owned(),
        "gopher://api.acme.test/".to_owned(),
        String::new(),
    ] {
        let failed = egress
            .fetch(&scope(&server), get(url.clone()))
            .await
            .unwrap_err();
        assert!(
            matches!(failed, EgressError::Url(_) | EgressError::Origin),
            "{url}: {failed}"
        );
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_that_lead_inside_reach_nothing() {
    let server = Server::start(ok("")).await;
    for answer in [
        &["127.0.0.1"][..],
        &["169.254.169.254"],
        &["10.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["fd00:ec2::254"],
        &["8.8.8.8", "127.0.0.1"],
    ] {
        let egress = server.public(Answers::always(answer));
        let failed = egress
            .fetch(&scope(&server), get(server.url("/")))
            .await
            .unwrap_err();
        assert!(
            matches!(failed, EgressError::Address(_)),
            "{answer:?}: {failed}"
        );
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_allowed_ip_literal_is_still_checked() {
    let server = Server::start(ok("")).await;
    let origin = Origin::new(&format!("https://127.0.0.1:{}", server.port)).unwrap();
    let scope = Scope::new(tenant("acme"), vec![origin.clone()], Vec::new()).unwrap();
    let url = format!("{origin}/");
    let failed = server
        .public(Answers::always(&[]))
        .fetch(&scope, get(url.clone()))
        .await;
    assert!(matches!(failed, Err(EgressError::Address(_))));
    let passed = server
        .egress(Limits::default())
        .fetch(&scope, get(url))
        .await
        .unwrap();
    assert_eq!(passed.status, 200);
}

#[tokio::test]
async fn a_resolver_that_changes_its_mind_is_asked_once() {
    let server = Server::start(ok("")).await;
    let answers = Arc::new(Answers::turns(&[&["127.0.0.1"], &["10.0.0.1"]]));
    let resolver = Arc::clone(&answers);
    let egress = Egress::new::<LoopbackToo>(server.roots(), resolver, Limits::default()).unwrap();
    assert!(
        egress
            .fetch(&scope(&server), get(server.url("/")))
            .await
            .is_ok()
    );
    assert_eq!(answers.asked.load(Ordering::SeqCst), 1);
    // The next request asks anew and is checked anew.
    let failed = egress
        .fetch(&scope(&server), get(server.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(failed, EgressError::Address(_)));
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_servers_certificate_is_refused() {
    let (server, other) = (Server::start(ok("")).await, Server::start(ok("")).await);
    let resolver = Arc::new(Answers::always(&["127.0.0.1"]));
    let egress = Egress::new::<LoopbackToo>(other.roots(), resolver, Limits::default()).unwrap();
    let failed = egress
        .fetch(&scope(&server), get(server.url("/")))
        .await
        .unwrap_err();
    assert_eq!(failed, EgressError::Connection("tls"));
}

#[tokio::test]
async fn a_redirect_to_metadata_is_returned_and_not_followed() {
    let head = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(say(head)).await;
    let egress = server.egress(Limits::default());
    let response = egress
        .fetch(&scope(&server), get(server.url("/")))
        .await
        .unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn headers_that_inject_or_belong_to_the_host_are_refused() {
    let server = Server::start(ok("")).await;
    let egress = server.egress(Limits::default());
    for (name, value) in [
        ("x", "a\r\nhost: evil"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("", "a"),
        ("Host", "evil"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "keep-alive"),
        ("Proxy-Authorization", "a"),
        ("proxy-connection", "a"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("accept-encoding", "gzip"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        let request = with(get(server.url("/")), name, value);
        let failed = egress.fetch(&scope(&server), request).await.unwrap_err();
        assert!(
            matches!(failed, EgressError::Header(_)),
            "{name:?} {value:?}: {failed}"
        );
    }
    for method in [
        "CONNECT",
        "TRACE",
        "OPTIONS",
        "get",
        "GET / HTTP/1.1\r\n",
        "",
    ] {
        let request = Request {
            method: method.to_owned(),
            ..get(server.url("/"))
        };
        let failed = egress.fetch(&scope(&server), request).await.unwrap_err();
        assert_eq!(failed, EgressError::Method);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_slow_or_silent_server_ends_in_time() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    for play in [Play::Drip, Play::Silence] {
        let server = Server::start(play).await;
        let begin = Instant::now();
        let failed = server
            .egress(limits)
            .fetch(&scope(&server), get(server.url("/")))
            .await;
        assert_eq!(failed, Err(EgressError::Timeout));
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn what_is_too_large_is_cut_with_an_error() {
    let limits = Limits {
        response_body: 10_000,
        request_body: 10,
        ..Limits::default()
    };
    let server = Server::start(Play::Flood).await;
    let egress = server.egress(limits);
    let failed = egress
        .fetch(&scope(&server), get(server.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(
        failed,
        EgressError::TooLarge { limit: 10_000, .. }
    ));
    let request = Request {
        body: vec![0; 11].into(),
        ..get(server.url("/"))
    };
    let failed = egress.fetch(&scope(&server), request).await.unwrap_err();
    assert!(matches!(failed, EgressError::TooLarge { limit: 10, .. }));
    let many = (0..65).fold(get(server.url("/")), |request, _| with(request, "x", "y"));
    let failed = egress.fetch(&scope(&server), many).await.unwrap_err();
    assert!(matches!(failed, EgressError::TooLarge { limit: 64, .. }));
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    let server = Server::start(Play::Say(head)).await;
    let failed = server
        .egress(limits)
        .fetch(&scope(&server), get(server.url("/")))
        .await;
    assert!(failed.is_err());
}

#[tokio::test]
async fn a_tenant_has_so_many_connections_and_no_more() {
    let limits = Limits {
        connections: 1,
        time: Duration::from_millis(500),
        ..Limits::default()
    };
    let server = Server::start(Play::Silence).await;
    let egress = server.egress(limits);
    let (mine, theirs) = (
        scope(&server),
        Scope::new(tenant("beta"), vec![server.origin()], vec![]).unwrap(),
    );
    let (a, b, c) = tokio::join!(
        egress.fetch(&mine, get(server.url("/"))),
        egress.fetch(&mine, get(server.url("/"))),
        egress.fetch(&theirs, get(server.url("/"))),
    );
    assert_eq!(a, Err(EgressError::Timeout));
    assert_eq!(b, Err(EgressError::Busy(1)));
    assert_eq!(c, Err(EgressError::Timeout));
    assert_eq!(
        egress.fetch(&mine, get(server.url("/"))).await,
        Err(EgressError::Timeout)
    );
}
