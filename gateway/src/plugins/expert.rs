//! A plugin as the pool asks it: an expert of this process. Which version answers is decided per conversation.

use std::sync::Arc;

use bytes::Bytes;
use documents::Collection;
use expert_pool::{CallScope, LocalAnswer, LocalExpert};
use http::Request;
use http_body_util::{BodyExt, Full};
use ledger_store::{PluginQuota, PluginScope};
use openai_api::{ApiError, ChatRequest, ErrorKind, Role as ChatRole};
use plugin_host::types::{Chat, Message, Role};
use plugin_host::{Infer, Services};
use plugin_package::{Kind, digest};
use tokio::sync::mpsc;
use units::ExpertId;

use super::answer::{Answering, Call, Refusal, Run};
use super::context::Own;
use super::infer::Asking;
use super::keeping::{CEILING, Kept};
use super::output::{Pieces, WAITING};
use super::retrieve::Finding;
use super::tooling::Granted;
use super::web::Outside;
use super::{Installed, Plugins, Scope};

/// One plugin for every tenant that has it.
#[derive(Debug, Clone)]
pub struct PluginExpert {
    /// Its id as an expert.
    pub id: ExpertId,
    /// Where its versions are.
    pub plugins: Arc<Plugins>,
}

impl LocalExpert for PluginExpert {
    fn begin(&self, request: Request<Full<Bytes>>) -> Box<dyn LocalAnswer> {
        match self.start(request) {
            Ok(call) => Box::new(Answering::new(call)),
            Err(error) => Box::new(Refusal::new(&error)),
        }
    }
}

fn internal(why: &'static str) -> ApiError {
    tracing::error!(why, "a plugin cannot be asked");
    ApiError::new(
        500,
        ErrorKind::ServerError,
        "internal_error",
        "the gateway failed",
    )
}

fn invalid(code: &str, why: impl Into<String>) -> ApiError {
    ApiError::new(400, ErrorKind::InvalidRequestError, code, why)
}

impl PluginExpert {
    fn start(&self, request: Request<Full<Bytes>>) -> Result<Call, ApiError> {
        let scope = request
            .extensions()
            .get::<CallScope>()
            .and_then(CallScope::get::<Scope>);
        let scope = scope.ok_or_else(|| internal("a request without its scope"))?;
        // The body is whole already: there is nothing to wait for.
        let mut whole = request.into_body();
        let body = futures_util::FutureExt::now_or_never(whole.frame()).flatten();
        let body = body
            .and_then(Result::ok)
            .and_then(|frame| frame.into_data().ok())
            .unwrap_or_default();
        let chat: ChatRequest = serde_json::from_slice(&body)
            .map_err(|_| internal("the pool's request cannot be read"))?;
        let now = scope.app.clock.now();
        let (installed, shadow) = {
            let live = self.plugins.live();
            let versions = live.get(&scope.principal.tenant, &self.id);
            let versions = versions.ok_or_else(|| internal("a plugin of another tenant"))?;
            let installed = versions.of(|| conversation(&chat, &scope), now);
            (installed, versions.shadow(now))
        };
        let installed = installed.ok_or_else(|| {
            let why =
                "every version of this plugin has failed too often; it is left alone for a minute";
            ApiError::new(503, ErrorKind::ServerError, "plugin_open_circuit", why)
        })?;
        let call = self.call(&chat, &scope, &installed)?;
        // Only what a client asks has a shadow: what plugins ask each other would double at every depth.
        let shadow = shadow.filter(|_| scope.chain.is_empty() && !scope.shadow);
        let compare =
            shadow.and_then(|shadow| self.plugins.shadows.begin(self, &chat, &scope, &shadow));
        Ok(Call { compare, ..call })
    }

    /// Begins a call of one version.
    pub(super) fn call(
        &self,
        chat: &ChatRequest,
        scope: &Arc<Scope>,
        installed: &Arc<Installed>,
    ) -> Result<Call, ApiError> {
        let (sender, pieces) = mpsc::channel(WAITING);
        let services = self.services(scope, installed, sender);
        let (tenant, limits) = (&scope.principal.tenant, installed.limits);
        let plugin = &installed.plugin;
        let run = match installed.manifest.kind {
            Kind::Expert => Run::Expert(plugin.answer(tenant, asked(chat), limits, services)),
            Kind::Workflow => {
                let input = input(chat, installed)?;
                Run::Workflow(plugin.run(tenant, input, limits, services))
            }
        };
        Ok(Call {
            run,
            pieces,
            streams: chat.streams(),
            model: self.id.clone(),
            installed: Arc::clone(installed),
            scope: Arc::clone(scope),
            compare: None,
        })
    }

    /// What the tenant grants to this version, for this request.
    fn services(
        &self,
        scope: &Arc<Scope>,
        installed: &Arc<Installed>,
        sender: mpsc::Sender<String>,
    ) -> Services {
        let asked = &installed.manifest.capabilities;
        // A shadow reaches nothing outside.
        let outward = ["http", "secrets", "tools"];
        let granted = |name: &str| {
            installed.grants.contains(name) && !(scope.shadow && outward.contains(&name))
        };
        // What a shadow keeps is its own.
        let mut keeper = installed.manifest.name.to_string();
        if scope.shadow {
            keeper.push_str("+shadow");
        }
        let kept = |quota: PluginQuota| {
            Arc::new(Kept {
                store: Arc::clone(self.plugins.store()),
                own: PluginScope {
                    tenant: scope.principal.tenant.clone(),
                    plugin: keeper.clone(),
                },
                quota,
                scope: Arc::clone(scope),
            })
        };
        let quota = asked.kv.as_ref().map(|asked| PluginQuota {
            keys: asked.keys.min(CEILING.keys),
            bytes: asked.bytes.min(CEILING.bytes),
        });
        let infer = asked.infer.as_ref().filter(|_| granted("infer"));
        let output = asked.output && granted("output");
        let tenant = &scope.principal.tenant;
        let retrieve = asked
            .retrieve
            .as_ref()
            .filter(|_| granted("retrieve"))
            .map(|asked| {
                // Names that are none name no collection.
                let collections = asked
                    .collections
                    .iter()
                    .filter_map(|name| Collection::new(name).ok());
                Arc::new(Finding {
                    documents: self.plugins.documents().tenant(tenant),
                    collections: collections.collect(),
                }) as Arc<dyn plugin_host::Retrieve>
            });
        let outside = self
            .plugins
            .egress
            .as_ref()
            .filter(|_| granted("http") || granted("secrets"))
            .and_then(|egress| {
                let made = Outside::new(egress, tenant, asked, &installed.own.secrets);
                made.map(Arc::new)
                    .inspect_err(|why| tracing::warn!(%why, "a plugin cannot reach servers"))
                    .ok()
            });
        let tools = installed
            .own
            .tools
            .as_ref()
            .filter(|_| !asked.tools.is_empty() && granted("tools"))
            .and_then(|tools| {
                let made = Granted::new(tools, &asked.tools, tenant, &installed.own.secrets);
                let told =
                    |why: &egress::EgressError| tracing::warn!(%why, "a plugin cannot call tools");
                made.inspect_err(told)
                    .ok()
                    .map(|granted| Arc::new(granted) as Arc<dyn plugin_host::Tools>)
            });
        let http = outside
            .clone()
            .filter(|_| asked.http.is_some() && granted("http"));
        let secrets = outside.filter(|_| !asked.secrets.is_empty() && granted("secrets"));
        Services {
            infer: infer.map(|asked| {
                let asking = Asking::new(scope, &self.id, asked, installed.limits.infer_calls);
                Arc::new(asking) as Arc<dyn Infer>
            }),
            output: output.then(|| Arc::new(Pieces(sender)) as Arc<dyn plugin_host::Output>),
            kv: quota
                .filter(|_| granted("kv"))
                .map(|quota| kept(quota) as Arc<dyn plugin_host::Kv>),
            steps: (asked.steps && granted("steps"))
                .then(|| kept(CEILING) as Arc<dyn plugin_host::Steps>),
            retrieve,
            tools,
            http: http.map(|outside| outside as Arc<dyn plugin_host::Http>),
            secrets: secrets.map(|outside| outside as Arc<dyn plugin_host::Secrets>),
            context: Some(Arc::new(Own {
                scope: Arc::clone(scope),
                installed: Arc::clone(installed),
            })),
        }
    }
}

/// A number for a conversation: its tenant and how it began. All its requests are served by the same version.
fn conversation(chat: &ChatRequest, scope: &Scope) -> u64 {
    let first = chat
        .messages
        .iter()
        .find(|message| message.role == ChatRole::User);
    let text = first
        .and_then(|message| message.content.as_ref())
        .map(openai_api::Content::text);
    let text = text.as_deref().unwrap_or_default();
    // The same on every machine and in every version of this program.
    let whole = format!("{}\0{text}", scope.principal.tenant);
    let [a, b, c, d, e, f, g, h, ..] = digest(whole.as_bytes());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A workflow's input: the last thing the user said, JSON that fits its schema.
fn input(chat: &ChatRequest, installed: &Installed) -> Result<String, ApiError> {
    let text = chat.last_user_text();
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|why| {
        let what = "a workflow takes JSON: the last user message is none";
        invalid("invalid_input", format!("{what} ({why})")).with_param("messages")
    })?;
    if let Some(schema) = &installed.manifest.input {
        schema
            .check(&value)
            .map_err(|why| invalid("invalid_input", why.to_string()).with_param("messages"))?;
    }
    Ok(text.to_string())
}

/// The request in the words of the WIT package.
fn asked(chat: &ChatRequest) -> Chat {
    let role = |role: ChatRole| match role {
        ChatRole::Developer | ChatRole::System => Role::System,
        ChatRole::User => Role::User,
        ChatRole::Assistant => Role::Assistant,
        ChatRole::Tool | ChatRole::Function => Role::Tool,
    };
    let message = |message: &openai_api::Message| Message {
        role: role(message.role),
        content: message
            .content
            .as_ref()
            .map(|content| content.text().to_string())
            .unwrap_or_default(),
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: String::new(),
    };
    Chat {
        messages: chat.messages.iter().map(message).collect(),
        tools: Vec::new(),
        max_tokens: chat
            .output_bound()
            .and_then(|most| u32::try_from(most).ok()),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a temperature is between 0 and 2"
        )]
        temperature: chat.temperature.map(|t| t as f32),
        extra: String::new(),
    }
}
