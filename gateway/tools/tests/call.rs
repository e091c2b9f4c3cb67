//! A tool against a real server with TLS on the loopback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use egress::{
    BoundSecret, Egress, Limits, LoopbackToo, Origin, Resolve, Resolving, Roots, Scope, Secret,
};
use tenant_tools::{Allowed, Function, FunctionForm, Sessions, ToolError, ToolSet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Debug)]
struct Loopback;

impl Resolve for Loopback {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// Answers every request with the request itself, `/fail` with 500.
async fn server() -> (u16, Roots, tokio::task::JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed(["api.acme.test".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut part = vec![0; 16_384];
            let n = stream.read(&mut part).await.unwrap_or(0);
            let seen = String::from_utf8_lossy(&part[..n]).into_owned();
            let status = if seen.contains("/fail") { 500 } else { 200 };
            let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n{seen}");
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (port, Roots::These(vec![made.cert.der().to_vec()]), task)
}

fn form(name: &str, method: &str, url: String, result_bytes: usize) -> FunctionForm {
    FunctionForm {
        name: name.to_owned(),
        description: "A tool".to_owned(),
        schema: serde_json::json!({"type": "object", "required": ["id"]}),
        method: method.to_owned(),
        url,
        headers: [("authorization".to_owned(), "Bearer {secret:crm}".to_owned())].into(),
        result_bytes,
        timeout_ms: 5_000,
    }
}

#[tokio::test]
async fn a_granted_tool_is_called_with_its_secret() {
    let (port, roots, task) = server().await;
    let base = format!("https://api.acme.test:{port}");
    let egress = Egress::new::<LoopbackToo>(roots, Arc::new(Loopback), Limits::default()).unwrap();
    let make = |form| Function::new(form).unwrap();
    let set = ToolSet::new(
        egress,
        vec![
            make(form("crm.get", "GET", format!("{base}/c/{{id}}"), 4096)),
            make(form("crm.fail", "GET", format!("{base}/fail/{{id}}"), 4096)),
            make(form("crm.long", "POST", format!("{base}/c/{{id}}"), 10)),
            make(form("erp.get", "GET", format!("{base}/e/{{id}}"), 4096)),
        ],
        Vec::new(),
    )
    .unwrap();
    let origin = Origin::new(&base).unwrap();
    let value = Secret::new("very-secret-value".to_owned()).unwrap();
    let secret = BoundSecret::new("crm", value, vec![origin]).unwrap();
    let tenant = "acme".parse().unwrap();
    let scope = Arc::new(Scope::new(tenant, set.origins(), vec![secret]).unwrap());
    let allowed = Allowed::new(["crm.*".to_owned()]);
    let sessions = Sessions::default();
    let names: Vec<_> = set
        .available(&scope, &sessions, &allowed, |server, why| {
            panic!("{server}: {why}")
        })
        .await
        .into_iter()
        .map(|tool| tool.name)
        .collect();
    assert_eq!(names, ["crm.fail", "crm.get", "crm.long"]);
    let call = |name, arguments| set.call(&scope, &sessions, &allowed, name, arguments);
    let result = call("crm.get", r#"{"id": "7 8"}"#).await.unwrap();
    assert!(result.starts_with("GET /c/7%208 HTTP/1.1"), "{result}");
    assert!(
        result.contains("authorization: Bearer [redacted]"),
        "{result}"
    );
    assert_eq!(
        call("crm.fail", r#"{"id": 1}"#).await,
        Err(ToolError::Status(500))
    );
    assert_eq!(
        call("crm.long", r#"{"id": 1}"#).await,
        Err(ToolError::TooLarge(10))
    );
    assert_eq!(
        call("erp.get", r#"{"id": 1}"#).await,
        Err(ToolError::Denied)
    );
    assert_eq!(
        call("crm.none", r#"{"id": 1}"#).await,
        Err(ToolError::Denied)
    );
    assert_eq!(call("crm.get", "{}").await.unwrap_err().code(), "invalid");
    task.abort();
}
