//! The tools of a real MCP server: the protocol's official Python library, over TLS on the loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says on the terminal why it was skipped"
)]

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use egress::{
    BoundSecret, Egress, Limits, LoopbackToo, PublicOnly, Resolve, Resolving, Roots, Scope, Secret,
};
use tenant_tools::{Allowed, McpForm, McpServer, Sessions, ToolError, ToolSet};

#[derive(Debug)]
struct Loopback;

impl Resolve for Loopback {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// The server's process; it ends with its standard input.
struct Server {
    child: Child,
    port: u16,
    certificate: Vec<u8>,
    _files: tempfile::TempDir,
}

impl Server {
    /// `None` where this machine has no Python with the library.
    fn start() -> Option<Self> {
        let python = std::env::var("MOEGATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let known = Command::new(&python)
            .args(["-c", "import mcp, uvicorn"])
            .stderr(Stdio::null())
            .status();
        if !known.is_ok_and(|status| status.success()) {
            eprintln!("skipped: {python} has no package mcp");
            return None;
        }
        let made = rcgen::generate_simple_self_signed(["mcp.acme.test".to_owned()]).unwrap();
        let files = tempfile::tempdir().unwrap();
        let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([&certificate, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self {
            child,
            port,
            certificate: made.cert.der().to_vec(),
            _files: files,
        })
    }

    fn form(&self) -> McpForm {
        McpForm {
            name: "desk".to_owned(),
            url: format!("https://mcp.acme.test:{}/mcp", self.port),
            headers: [(
                "authorization".to_owned(),
                "Bearer {secret:desk}".to_owned(),
            )]
            .into(),
            tools: None,
            result_bytes: 1_000,
            timeout_ms: 10_000,
        }
    }

    fn roots(&self) -> Roots {
        Roots::These(vec![self.certificate.clone()])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

fn set(egress: &Egress, form: McpForm) -> (ToolSet, Arc<Scope>) {
    let server = McpServer::new(form).unwrap();
    let set = ToolSet::new(egress.clone(), Vec::new(), vec![server]).unwrap();
    let secrets = set.secrets().into_iter().map(|(name, origins)| {
        let value = Secret::new("very-secret-value".to_owned()).unwrap();
        BoundSecret::new(&name, value, origins).unwrap()
    });
    let scope = Scope::new("acme".parse().unwrap(), set.origins(), secrets.collect()).unwrap();
    (set, Arc::new(scope))
}

fn never(server: &str, why: &ToolError) {
    panic!("{server}: {why}");
}

#[tokio::test]
async fn tools_are_listed_and_called_within_bounds() {
    let Some(server) = Server::start() else {
        return;
    };
    let egress =
        Egress::new::<LoopbackToo>(server.roots(), Arc::new(Loopback), Limits::default()).unwrap();
    let (tools, scope) = set(&egress, server.form());
    let (all, sessions) = (Allowed::new(["desk.*".to_owned()]), Sessions::default());
    let listed = tools.available(&scope, &sessions, &all, never).await;
    let names: Vec<_> = listed.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(
        names,
        ["desk.add", "desk.fail", "desk.long", "desk.secret_seen"]
    );
    assert!(listed[0].schema.contains("\"integer\""), "{listed:?}");
    assert_eq!(listed[0].description, "Adds two numbers.");

    let call = |name, arguments| tools.call(&scope, &sessions, &all, name, arguments);
    let sum = call("desk.add", r#"{"a": 2, "b": 40}"#).await.unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&sum).unwrap()["result"],
        42
    );
    let wrong = call("desk.add", r#"{"a": "two", "b": 40}"#).await;
    assert_eq!(wrong.unwrap_err().code(), "invalid");
    let failed = call("desk.fail", r#"{"reason": "no paper"}"#).await;
    assert!(
        matches!(&failed, Err(ToolError::Failed(why)) if why.contains("no paper")),
        "{failed:?}"
    );
    assert_eq!(
        call("desk.long", r#"{"count": 5000}"#).await,
        Err(ToolError::TooLarge(1_000))
    );
    assert_eq!(call("desk.none", "{}").await, Err(ToolError::Denied));
    let seen = call("desk.secret_seen", "{}").await.unwrap();
    assert!(seen.contains("yes"), "{seen}");
}

#[tokio::test]
async fn only_what_is_granted_and_listed_is_there() {
    let Some(server) = Server::start() else {
        return;
    };
    let egress =
        Egress::new::<LoopbackToo>(server.roots(), Arc::new(Loopback), Limits::default()).unwrap();
    let mut form = server.form();
    form.tools = Some(vec!["ad*".to_owned(), "long".to_owned()]);
    let (tools, scope) = set(&egress, form);
    let sessions = Sessions::default();
    let some = Allowed::new(["desk.add".to_owned(), "desk.fail".to_owned()]);
    let listed = tools.available(&scope, &sessions, &some, never).await;
    assert_eq!(
        listed
            .iter()
            .map(|tool| tool.name.as_str())
            .collect::<Vec<_>>(),
        ["desk.add"]
    );
    let call = |name, arguments| tools.call(&scope, &sessions, &some, name, arguments);
    // Granted, but not among the server's tools that the tenant lists; then the other way round.
    assert_eq!(
        call("desk.fail", r#"{"reason": "x"}"#).await,
        Err(ToolError::Denied)
    );
    assert_eq!(
        call("desk.long", r#"{"count": 1}"#).await,
        Err(ToolError::Denied)
    );
    let other = Allowed::new(["crm.*".to_owned()]);
    assert!(
        tools
            .available(&scope, &Sessions::default(), &other, never)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_server_on_a_private_address_is_not_spoken_with() {
    let Some(server) = Server::start() else {
        return;
    };
    let egress =
        Egress::new::<PublicOnly>(server.roots(), Arc::new(Loopback), Limits::default()).unwrap();
    let (tools, scope) = set(&egress, server.form());
    let (all, sessions) = (Allowed::new(["desk.*".to_owned()]), Sessions::default());
    let mut told = Vec::new();
    let lost = |server: &str, why: &ToolError| told.push((server.to_owned(), why.code()));
    assert!(
        tools
            .available(&scope, &sessions, &all, lost)
            .await
            .is_empty()
    );
    assert_eq!(told, [("desk".to_owned(), "unavailable")]);
}
