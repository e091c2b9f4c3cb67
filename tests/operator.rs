//! What an operator does: check a configuration, ask the gate, encrypt, drain, rotate credentials.

use std::io::{Read, Write};
use std::sync::Arc;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::http;
use tests::mock::Mock;
use tests::system::{Setup, System, signal};

const TENANT: &str = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";

fn start(mock: &Mock, config: &str, server: String, environment: Vec<(String, String)>) -> System {
    let config = format!("{}{TENANT}{config}", mock.remote("mock"));
    System::start(&Setup {
        config,
        server,
        environment,
    })
}

fn hello() -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
}

#[test]
fn the_example_configuration_is_valid() {
    let out = std::process::Command::new(tests::binaries::program("moegate"))
        .args(["check", "--config", "deploy/demo/moegate.toml"])
        .current_dir(tests::root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(said.contains("4 experts, 3 tenants"), "{said}");
}

#[test]
fn a_wrong_key_is_named_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.toml");
    std::fs::write(
        &file,
        "[gate]\ndir = \"deploy/gate\"\n[server]\nlisen = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let out = std::process::Command::new(tests::binaries::program("moegate"))
        .args(["check", "--config"])
        .arg(&file)
        .current_dir(tests::root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(78), "{said}");
    assert!(
        said.contains("wrong.toml") && said.contains("lisen"),
        "{said}"
    );
}

#[test]
fn the_gate_explains_itself() {
    let ask = |text: &str, format: &str| {
        let out = std::process::Command::new(tests::binaries::program("moegate"))
            .args([
                "gate",
                "explain",
                text,
                "--config",
                "deploy/demo/moegate.toml",
            ])
            .args(["--tenant", "aurora-bank", "--format", format])
            .current_dir(tests::root())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let card: Value =
        serde_json::from_str(&ask("The cash machine swallowed my card", "json")).unwrap();
    assert_eq!(card["decision"]["chosen"], "finance", "{card}");
    assert!(
        card["features"].as_array().is_some_and(|f| !f.is_empty()),
        "{card}"
    );
    assert!(ask("The cash machine swallowed my card", "text").contains("finance"));
}

#[test]
fn sigterm_lets_running_requests_end() {
    let mock = Mock::start(&["--delay-ms", "1500"]);
    let mut system = start(&mock, "", String::new(), Vec::new());
    system.wait_ready();
    let key = system.key("a", &[]);
    let address = system.address();
    let running = std::thread::spawn(move || http::chat(address, &key, &hello()));
    system.wait("the request runs", || {
        http::get(address, "/metrics", None)
            .text()
            .contains("moegate_running_requests 1")
    });
    assert!(system.terminate().success(), "{}", system.log());
    let reply = running.join().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_second_sigterm_changes_nothing() {
    let mock = Mock::start(&["--delay-ms", "1500"]);
    let mut system = start(&mock, "", String::new(), Vec::new());
    system.wait_ready();
    let key = system.key("a", &[]);
    let address = system.address();
    let running = std::thread::spawn(move || http::chat(address, &key, &hello()));
    system.wait("the request runs", || {
        http::get(address, "/metrics", None)
            .text()
            .contains("moegate_running_requests 1")
    });
    signal(system.pid(), Signal::SIGTERM);
    assert!(system.terminate().success(), "{}", system.log());
    assert_eq!(running.join().unwrap().status, 200);
}

#[test]
fn tls_where_a_certificate_is_configured() {
    let mock = Mock::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = format!("tls = {{ certificate = {certificate:?}, key = {key:?} }}");
    let system = start(&mock, "", server, Vec::new());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = http::connect(system.address());
    let mut stream = rustls::Stream::new(&mut client, &mut socket);
    stream
        .write_all(&http::request("GET", "/health", &[], b""))
        .unwrap();
    let mut said = Vec::new();
    // The peer may end without a closing note once the answer is whole.
    let _ended = stream.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.starts_with("HTTP/1.1 200") && said.ends_with("{\"status\":\"ok\"}"),
        "{said}"
    );
}

#[test]
fn a_token_of_a_configured_issuer_is_a_principal() {
    let mock = Mock::start(&[]);
    let issuer = "
[[auth.jwt]]
issuer = \"https://login.test\"
audience = \"moegate\"
algorithm = \"HS256\"
secret = { env = \"MOEGATE_TEST_SECRET\" }
";
    let secret = "a secret of the test that is long enough for HS256";
    let environment = vec![("MOEGATE_TEST_SECRET".to_owned(), secret.to_owned())];
    let system = start(&mock, issuer, String::new(), environment);
    system.wait_ready();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = |tenant: &str, expires: u64, secret: &str| {
        let claims = json!({
            "iss": "https://login.test", "aud": "moegate", "sub": "somebody", "tenant": tenant,
            "roles": ["user"], "iat": now, "exp": expires,
        });
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let status = |token: &str| http::chat(system.address(), token, &hello()).status;
    assert_eq!(status(&token("a", now + 600, secret)), 200);
    assert_eq!(status(&token("nobody", now + 600, secret)), 401);
    assert_eq!(status(&token("a", now - 600, secret)), 401);
    assert_eq!(
        status(&token(
            "a",
            now + 600,
            "another secret that is long enough as well"
        )),
        401
    );
}

#[test]
fn the_dashboard_shows_a_tenant_its_own_rows_and_nobody_elses() {
    let mock = Mock::start(&[]);
    let more = "[[tenants]]\nid = \"b\"\nname = \"B\"\n[[tenants.scenarios]]\nid = \"secret-plan\"\nname = \"Secret plan\"\nunit_of_work = \"x\"\n";
    let system = start(&mock, more, String::new(), Vec::new());
    system.wait_ready();
    let address = system.address();
    let b = system.key("b", &["--role", "user"]);
    let mut asked = hello();
    asked["metadata"] = json!({"scenario": "secret-plan"});
    assert_eq!(http::chat(address, &b, &asked).status, 200);
    assert_eq!(http::get(address, "/dashboard", None).status, 303);
    let user = sign_in(&system, &b);
    assert_eq!(user.status, 403, "{}", user.text());
    let page = |tenant: &str| {
        let key = system.key(tenant, &["--role", "finance"]);
        let signed = sign_in(&system, &key);
        assert_eq!(signed.status, 303, "{}", signed.text());
        let cookie = cookie(&signed, "moegate_session");
        let bytes = http::request("GET", "/dashboard", &[("cookie", &cookie)], b"");
        http::send(address, &bytes)
    };
    system.wait("the request is in the books", || {
        page("b").text().contains("secret-plan")
    });
    let own = page("b");
    assert!(
        own.header("content-security-policy")
            .is_some_and(|p| p.contains("default-src 'none'"))
    );
    let other = page("a");
    assert_eq!(other.status, 200);
    assert!(!other.text().contains("ecret"), "{}", other.text());
}

fn cookie(reply: &http::Reply, name: &str) -> String {
    let set = reply
        .headers
        .iter()
        .filter(|(n, _)| n == "set-cookie")
        .map(|(_, v)| v);
    let found = set
        .filter_map(|v| v.split(';').next())
        .find(|v| v.starts_with(name));
    found
        .unwrap_or_else(|| panic!("no {name} in {:?}", reply.headers))
        .to_owned()
}

fn sign_in(system: &System, key: &str) -> http::Reply {
    let form = http::get(system.address(), "/dashboard/sign-in", None);
    let cookie = cookie(&form, "moegate_form");
    let token = cookie.split_once('=').unwrap().1;
    let body = format!("csrf={token}&key={key}");
    let headers = [
        ("cookie", cookie.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    http::send(
        system.address(),
        &http::request("POST", "/dashboard/sign-in", &headers, body.as_bytes()),
    )
}
