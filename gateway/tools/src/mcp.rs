//! Tools of an MCP server over streamable HTTP. The protocol is rmcp's; the bytes go through `egress`, so that a server is
//! held to the same rules as any other: its origin is listed, its address is public, its answers are bounded.
//!
//! A session lives as long as one call of a plugin: no state of a server passes from one request to another.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use egress::{Egress, Origin, Request, Response, Scope};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderName, HeaderValue};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult, ClientJsonRpcMessage, JsonObject};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use serde::Deserialize;
use sse_stream::{Sse, SseStream};

use crate::function::{fill, refers_outside, result_bytes, secrets_in, split, timeout_ms};
use crate::{Tool, ToolError};

/// Tools of one server that are looked at.
const MOST_TOOLS: usize = 256;
/// Bytes of a tool's schema.
const SCHEMA: usize = 64 << 10;

/// How a server stands in configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpForm {
    /// The first part of its tools' names: 1 to 32 of `a-z 0-9 - _`.
    pub name: String,
    /// `https://host/path`, where it takes messages.
    pub url: String,
    /// Headers; `{secret:NAME}` stands for a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its tools that may be used, a `*` at the end standing for any rest. Absent: all.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// Bytes of a result.
    #[serde(default = "result_bytes")]
    pub result_bytes: usize,
    /// How long one exchange may take.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

/// A server whose form has been checked.
#[derive(Debug)]
pub struct McpServer {
    form: McpForm,
    origin: Origin,
}

impl McpServer {
    /// Checks a form.
    ///
    /// # Errors
    /// The name or the URL cannot be used.
    pub fn new(form: McpForm) -> Result<Self, ToolError> {
        let wrong = |why: String| ToolError::Form {
            tool: form.name.clone(),
            why,
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if form.name.is_empty() || form.name.len() > 32 || !form.name.bytes().all(plain) {
            return Err(wrong(
                "the name of a server is 1 to 32 of a-z 0-9 - _".to_owned(),
            ));
        }
        let (base, _) = split(&form.url);
        let origin = Origin::new(base).map_err(|why| wrong(why.to_string()))?;
        Ok(Self { form, origin })
    }

    pub(crate) fn name(&self) -> &str {
        &self.form.name
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn secrets(&self) -> Vec<&str> {
        self.form
            .headers
            .values()
            .flat_map(|value| secrets_in(value))
            .collect()
    }

    fn admits(&self, tool: &str) -> bool {
        let Some(patterns) = &self.form.tools else {
            return true;
        };
        patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => tool.starts_with(prefix),
                None => pattern == tool,
            })
    }

    /// Begins a session: introduces itself and asks for the tools.
    pub(crate) async fn open(
        &self,
        egress: &Egress,
        scope: &Arc<Scope>,
    ) -> Result<McpSession, ToolError> {
        let mut headers = Vec::new();
        for (name, value) in &self.form.headers {
            headers.push((name.clone(), fill(scope, value)?));
        }
        let time = Duration::from_millis(self.form.timeout_ms);
        let client = Guarded {
            egress: egress.clone(),
            scope: Arc::clone(scope),
            headers: Arc::new(headers),
            time,
        };
        let config = StreamableHttpClientTransportConfig::with_uri(self.form.url.as_str());
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let session = within(time, async { ().serve(transport).await.map_err(spoken) }).await?;
        let listed = within(time, async {
            session.list_all_tools().await.map_err(spoken)
        })
        .await?;
        let mut tools = BTreeMap::new();
        for tool in listed.into_iter().take(MOST_TOOLS) {
            if !fits(&tool.name) || !self.admits(&tool.name) {
                continue;
            }
            let schema = serde_json::Value::Object((*tool.input_schema).clone());
            let text = schema.to_string();
            if text.len() > SCHEMA || refers_outside(&schema) {
                continue;
            }
            let Ok(validator) = jsonschema::draft202012::new(&schema) else {
                continue;
            };
            let shown = Tool {
                name: format!("{}.{}", self.form.name, tool.name),
                description: tool
                    .description
                    .unwrap_or_default()
                    .chars()
                    .take(4096)
                    .collect(),
                schema: text,
            };
            tools.insert(tool.name.into_owned(), Offered { shown, validator });
        }
        Ok(McpSession {
            session,
            tools,
            time,
            result_bytes: self.form.result_bytes,
        })
    }
}

/// A name that a model and a log can carry.
fn fits(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    (1..=128).contains(&name.len()) && name.bytes().all(plain)
}

/// What the protocol's library says went wrong. Never the other side's words alone: they are no fact.
fn spoken(why: impl std::fmt::Display) -> ToolError {
    ToolError::Server(why.to_string().chars().take(300).collect())
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, ToolError>>,
) -> Result<T, ToolError> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or(Err(ToolError::Time(time)))
}

#[derive(Debug)]
struct Offered {
    shown: Tool,
    validator: jsonschema::Validator,
}

/// A session with a server. Dropping it ends its task.
#[derive(Debug)]
pub(crate) struct McpSession {
    session: RunningService<RoleClient, ()>,
    tools: BTreeMap<String, Offered>,
    time: Duration,
    result_bytes: usize,
}

impl McpSession {
    pub(crate) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values().map(|offered| &offered.shown)
    }

    /// Calls a tool by the name that its server has for it.
    pub(crate) async fn call(&self, tool: &str, arguments: &str) -> Result<String, ToolError> {
        let offered = self.tools.get(tool).ok_or(ToolError::Denied)?;
        let value: serde_json::Value = serde_json::from_str(arguments)
            .map_err(|_| ToolError::Arguments("no JSON".to_owned()))?;
        if let Err(why) = offered.validator.validate(&value) {
            return Err(ToolError::Arguments(why.masked().to_string()));
        }
        let arguments: JsonObject = serde_json::from_value(value)
            .map_err(|_| ToolError::Arguments("no object".to_owned()))?;
        let asked = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let work = async { self.session.call_tool(asked).await.map_err(spoken) };
        let text = result(within(self.time, work).await?)?;
        if text.len() > self.result_bytes {
            return Err(ToolError::TooLarge(self.result_bytes));
        }
        Ok(text)
    }
}

/// The structured result where there is one, else its texts.
fn result(result: CallToolResult) -> Result<String, ToolError> {
    let texts: Vec<&str> = result
        .content
        .iter()
        .filter_map(|block| block.as_text().map(|text| text.text.as_str()))
        .collect();
    let text = texts.join("\n");
    if result.is_error == Some(true) {
        return Err(ToolError::Failed(text.chars().take(1_000).collect()));
    }
    Ok(match result.structured_content {
        Some(value) => value.to_string(),
        None => text,
    })
}

/// Carries messages through the guarded way out.
#[derive(Debug, Clone)]
struct Guarded {
    egress: Egress,
    scope: Arc<Scope>,
    headers: Arc<Vec<(String, String)>>,
    time: Duration,
}

type Failed = StreamableHttpError<egress::EgressError>;

impl Guarded {
    async fn send(
        &self,
        method: &str,
        url: &str,
        body: Vec<u8>,
        session: Option<&str>,
        more: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Response, Failed> {
        let mut headers = (*self.headers).clone();
        let mut put = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        put("accept", "application/json, text/event-stream");
        if !body.is_empty() {
            put("content-type", "application/json");
        }
        if let Some(session) = session {
            put("mcp-session-id", session);
        }
        for (name, value) in &more {
            if let Ok(value) = value.to_str() {
                put(name.as_str(), value);
            }
        }
        let request = Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers,
            body: body.into(),
            timeout: Some(self.time),
        };
        let sent = self.egress.fetch(&self.scope, request).await;
        sent.map_err(StreamableHttpError::Client)
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
    response
        .headers
        .iter()
        .find(named)
        .map(|(_, value)| value.as_str())
}

fn events(response: &Response) -> BoxStream<'static, Result<Sse, SseError>> {
    let body = response.body.clone();
    let whole = stream::once(async move { Ok::<_, std::io::Error>(body) });
    SseStream::from_bytes_stream(whole).boxed()
}

impl StreamableHttpClient for Guarded {
    type Error = egress::EgressError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let body = serde_json::to_vec(&message)?;
        let response = self
            .send("POST", &uri, body, session_id.as_deref(), custom_headers)
            .await?;
        match response.status {
            202 | 204 => return Ok(StreamableHttpPostResponse::Accepted),
            404 if session_id.is_some() => return Err(StreamableHttpError::SessionExpired),
            status if !(200..300).contains(&status) => {
                let why = format!("status {status}");
                return Err(StreamableHttpError::UnexpectedServerResponse(why.into()));
            }
            _ => {}
        }
        let session = header(&response, "mcp-session-id").map(str::to_owned);
        let kind = header(&response, "content-type")
            .unwrap_or_default()
            .to_owned();
        if kind.starts_with("text/event-stream") {
            return Ok(StreamableHttpPostResponse::Sse(events(&response), session));
        }
        if kind.starts_with("application/json") {
            let message = serde_json::from_slice(&response.body)?;
            return Ok(StreamableHttpPostResponse::Json(message, session));
        }
        Err(StreamableHttpError::UnexpectedContentType(Some(kind)))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let asked = self.send(
            "DELETE",
            &uri,
            Vec::new(),
            Some(&session_id),
            custom_headers,
        );
        asked.await.map(|_| ())
    }

    /// Nothing is pushed to a session this short.
    async fn get_stream(
        &self,
        _uri: Arc<str>,
        _session_id: Option<Arc<str>>,
        _last_event_id: Option<String>,
        _auth_header: Option<String>,
        _custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failed> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}
