//! A small client of the public API, over real HTTP, as any user's program would be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openai_api::sse::{DONE_DATA, SseDecoder};
use openai_api::{ChatChunk, ChatResponse};
use serde_json::Value;

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    inner: HyperClient<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

/// What came back for a chat request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// HTTP status.
    pub status: StatusCode,
    /// The id of the answer.
    pub id: String,
    /// The expert that answered, from `x-moegate-expert`.
    pub expert: Option<String>,
    /// The decision's id, from `x-moegate-decision`.
    pub decision: Option<String>,
    /// The text of the answer; of an error, its body.
    pub text: String,
    /// From sending to the last byte.
    pub took: Duration,
}

impl Client {
    /// A client of the gateway at an address.
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            inner: HyperClient::builder(TokioExecutor::new()).build(connector),
            address,
        }
    }

    /// Any request; status and body.
    ///
    /// # Errors
    /// No connection, or an answer that breaks off.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<(http::response::Parts, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)))?;
        let response = self
            .inner
            .request(request)
            .await
            .with_context(|| path.to_owned())?;
        let (parts, body) = response.into_parts();
        Ok((parts, body.collect().await?.to_bytes()))
    }

    /// A chat request, streamed or whole as its body says.
    ///
    /// # Errors
    /// No connection, or an answer that is none of the API.
    pub async fn chat(&self, key: &str, body: &Value) -> anyhow::Result<Answered> {
        let started = Instant::now();
        let (parts, bytes) = self
            .send(Method::POST, "/v1/chat/completions", Some(key), Some(body))
            .await?;
        let took = started.elapsed();
        let header = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let (id, text) = if parts.status != StatusCode::OK {
            (String::new(), String::from_utf8_lossy(&bytes).into_owned())
        } else if body["stream"] == true {
            streamed(&bytes)?
        } else {
            whole(&bytes)?
        };
        Ok(Answered {
            status: parts.status,
            id,
            expert: header("x-moegate-expert"),
            decision: header("x-moegate-decision"),
            text,
            took,
        })
    }
}

fn whole(bytes: &[u8]) -> anyhow::Result<(String, String)> {
    let answer: ChatResponse = serde_json::from_slice(bytes)?;
    let choice = answer
        .choices
        .into_iter()
        .next()
        .context("an answer without choices")?;
    Ok((answer.id, choice.message.content.unwrap_or_default()))
}

fn streamed(bytes: &[u8]) -> anyhow::Result<(String, String)> {
    let (mut id, mut text, mut done, mut usage) = (String::new(), String::new(), false, false);
    let mut strange = None;
    SseDecoder::new(1 << 20).feed(bytes, |data| {
        if data == DONE_DATA {
            done = true;
            return;
        }
        match serde_json::from_str::<ChatChunk>(data) {
            Ok(chunk) => {
                usage |= chunk.usage.is_some();
                id = chunk.id;
                for choice in chunk.choices {
                    text.push_str(choice.delta.content.as_deref().unwrap_or_default());
                }
            }
            Err(why) => strange = Some(format!("{why} in {data}")),
        }
    })?;
    match strange {
        Some(why) => bail!("a frame that is no chunk: {why}"),
        None if !done => bail!("a stream without its end"),
        None if !usage => bail!("a stream without the usage that was asked for"),
        None => Ok((id, text)),
    }
}
