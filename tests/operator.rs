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
    assert!(said.contains("4 experts, 4 tenants"), "{said}");
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

/// What becomes of a request under way when the gateway is told so many times to end.
fn after_sigterm(times: usize) -> u16 {
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
    for _ in 1..times {
        signal(system.pid(), Signal::SIGTERM);
    }
    assert!(system.terminate().success(), "{}", system.log());
    running.join().unwrap().status
}

#[test]
fn sigterm_lets_running_requests_end() {
    assert_eq!(after_sigterm(1), 200);
}

#[test]
fn a_second_sigterm_changes_nothing() {
    assert_eq!(after_sigterm(2), 200);
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
    let good = token("a", now + 600, secret);
    assert_eq!(status(&good), 200);
    // The same claims, unsigned, signed by nobody, or by a key that the header brings along.
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for forged in [
        format!("{unsigned}.{claims}."),
        format!("{unsigned}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!(
            "{head}.{claims}.{}",
            signature.replace(['a', 'b', 'c', '1'], "Z")
        ),
        format!("{head}.{claims}"),
    ] {
        assert_eq!(status(&forged), 401, "{forged}");
    }
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
    assert_eq!(mock.counts()["requests"], 1, "the good one and no other");
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
    let user = system.sign_in(&b);
    assert_eq!(user.status, 403, "{}", user.text());
    let page = |tenant: &str| {
        let key = system.key(tenant, &["--role", "finance"]);
        let signed = system.sign_in(&key);
        assert_eq!(signed.status, 303, "{}", signed.text());
        let cookie = http::cookie(&signed, "moegate_session");
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

#[test]
fn the_environment_wins_over_the_file_and_is_named_where_it_is_wrong() {
    let mock = Mock::start(&[]);
    let environment =
        |key: &str, value: &str| vec![(format!("MOEGATE__SERVER__{key}"), value.to_owned())];
    let small = environment("MAX_BODY_BYTES", "2048");
    let system = start(&mock, "", "max_body_bytes = 1048576".to_owned(), small);
    let key = system.key("a", &[]);
    let mut body = hello();
    body["user"] = "x".repeat(4_096).into();
    let reply = http::chat(system.address(), &key, &body);
    assert_eq!(reply.status, 413, "{}", reply.text());
    for (key, value) in [
        ("LISETN", "127.0.0.1:1"),
        ("MAX_CONNECTIONS", "many"),
        ("MAX_CONNECTIONS", "0"),
    ] {
        let out = std::process::Command::new(tests::binaries::program("moegate"))
            .args(["check", "--config", "deploy/demo/moegate.toml"])
            .envs(environment(key, value))
            .current_dir(tests::root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(78), "{said}");
        let variable = format!("MOEGATE__SERVER__{key}");
        assert!(
            said.contains(&variable) && said.contains(&key.to_lowercase()),
            "{said}"
        );
    }
}

#[test]
fn check_reads_all_that_serve_would() {
    let dir = tempfile::tempdir().unwrap();
    let base = "[gate]\ndir = \"deploy/gate\"\n";
    let remote = "[[remotes]]\nid = \"r\"\nupstream_model = \"m\"\n";
    let tenant = "[[tenants]]\nid = \"a\"\nname = \"A\"\n";
    for (text, named) in [
        (
            format!("{base}{remote}base_url = \"http://u:p@host\"\n"),
            "remote r",
        ),
        (
            format!(
                "{base}{remote}base_url = \"http://host/v1\"\napi_key_env = \"NOT_SET_HERE\"\n"
            ),
            "NOT_SET_HERE",
        ),
        (
            format!("{base}[policy]\ngeneralist = \"nobody\"\n"),
            "policy.generalist",
        ),
        (
            format!(
                "{base}{tenant}[[tenants.scenarios]]\nid = \"s\"\nname = \"S\"\nunit_of_work = \"u\"\ntask = \"astrology\"\n"
            ),
            "astrology",
        ),
        (
            format!("{base}{tenant}allowed_experts = [\"nobody\"]\n"),
            "nobody",
        ),
        (
            "[gate]\ndir = \"no/such/folder\"\n".to_owned(),
            "no/such/folder",
        ),
    ] {
        let file = dir.path().join("moegate.toml");
        std::fs::write(&file, &text).unwrap();
        let out = std::process::Command::new(tests::binaries::program("moegate"))
            .args(["check", "--config"])
            .arg(&file)
            .current_dir(tests::root())
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert!(
            !out.status.success() && said.contains(named),
            "{text}\n{said}"
        );
    }
}

#[test]
fn two_gateways_do_not_share_one_journal() {
    let mock = Mock::start(&[]);
    let mut system = start(&mock, "", String::new(), Vec::new());
    let key = system.key("a", &[]);
    assert_eq!(http::chat(system.address(), &key, &hello()).status, 200);
    let second = system.refused(&["serve"]);
    assert!(
        second.contains("journal") && second.contains("in use"),
        "{second}"
    );
    assert_eq!(http::chat(system.address(), &key, &hello()).status, 200);
    // Commands that only read may come along.
    system.told(&["ledger", "verify"]);
    assert!(system.terminate().success(), "{}", system.log());
    system.launch();
    assert!(system.terminate().success(), "{}", system.log());
    let books = tests::books::Books::open(&system).verify();
    assert_eq!(books.requests, 2, "{}", system.log());
}

#[test]
fn keys_and_books_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mock = Mock::start(&[]);
    let system = start(&mock, "", String::new(), Vec::new());
    let key = system.key("a", &[]);
    assert_eq!(http::chat(system.address(), &key, &hello()).status, 200);
    let mut open = vec![system.dir().join("var")];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let data = std::fs::metadata(&path).unwrap();
        let mode = data.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        if data.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else {
            seen += 1;
        }
    }
    assert!(seen >= 3, "database, its log and a segment");
}
