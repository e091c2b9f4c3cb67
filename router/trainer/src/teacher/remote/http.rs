//! One request to a remote model: a connection of its own, HTTP/1.1, TLS where the address says so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::recipe::Remote;

/// The most an answer may weigh, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// The longest wait a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Another try may help, after the time the server names.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    /// No other try will help.
    Final(String),
}

/// Where a remote model is asked, and how.
pub(super) struct Endpoint {
    address: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    key: Option<HeaderValue>,
    timeout: Duration,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Endpoint {
    /// Reads the address and the key of a recipe.
    pub(super) fn of(remote: &Remote) -> Result<Self> {
        let address = format!("{}/chat/completions", remote.endpoint.trim_end_matches('/'));
        let address: Uri = address
            .parse()
            .with_context(|| format!("endpoint {address:?}"))?;
        let host = address
            .host()
            .with_context(|| format!("endpoint {address}: no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let (tls, port) = match address.scheme_str() {
            Some("https") => (Some(connector()?), 443),
            Some("http") => (None, 80),
            _ => bail!("endpoint {address}: expected http:// or https://"),
        };
        let key = match &remote.key_variable {
            None => None,
            Some(name) => {
                let key = std::env::var(name).with_context(|| format!("key_variable {name}"))?;
                let mut key = HeaderValue::from_str(&format!("Bearer {key}"))
                    .with_context(|| format!("key_variable {name}: no header can hold it"))?;
                key.set_sensitive(true);
                Some(key)
            }
        };
        Ok(Self {
            port: address.port_u16().unwrap_or(port),
            address,
            host,
            tls,
            key,
            timeout: Duration::from_secs(remote.timeout_s),
        })
    }

    /// Sends a request and reads the answer to it.
    pub(super) async fn post(&self, request: &Value) -> Result<Value, Refusal> {
        let passing = |why: String| Refusal::Passing { why, after: None };
        match tokio::time::timeout(self.timeout, self.connect_and_send(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(passing(format!("{error:#}"))),
            Err(_) => Err(passing(format!(
                "no answer in {} s",
                self.timeout.as_secs()
            ))),
        }
    }

    async fn connect_and_send(&self, request: &Value) -> Result<Result<Value, Refusal>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.send(stream, request).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone())?;
                self.send(tls.connect(name, stream).await?, request).await
            }
        }
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        request: &Value,
    ) -> Result<Result<Value, Refusal>> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let authority = self
            .address
            .authority()
            .map_or("", |authority| authority.as_str());
        let path = self
            .address
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let mut message = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            message = message.header(AUTHORIZATION, key.clone());
        }
        let message = message.body(Full::new(Bytes::from(serde_json::to_vec(request)?)))?;
        let exchange = async {
            let response = sender.send_request(message).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
            anyhow::Ok((head, body))
        };
        tokio::pin!(exchange, connection);
        let (head, body) = tokio::select! {
            done = &mut exchange => done?,
            _ended = &mut connection => exchange.await?,
        };
        let status = head.status;
        if status.is_success() {
            let answer = serde_json::from_slice(&body).context("the answer is no JSON")?;
            return Ok(Ok(answer));
        }
        let said = String::from_utf8_lossy(&body);
        let why = format!("{status}: {}", said.chars().take(300).collect::<String>());
        let again = status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 429);
        if !again {
            return Ok(Err(Refusal::Final(why)));
        }
        let after = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let after = after
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        let after = after.map(|after| after.min(LONGEST_WAIT));
        Ok(Err(Refusal::Passing { why, after }))
    }
}

/// TLS that trusts what this machine trusts.
fn connector() -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
