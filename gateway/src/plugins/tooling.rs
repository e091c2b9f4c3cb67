//! A tenant's tools, for plugins: read from the tenant's own file, called through the guarded way out.

use std::path::Path;
use std::sync::Arc;

use egress::{BoundSecret, Egress, Scope, Secret};
use plugin_host::types::{Error, Tool};
use plugin_host::{Boxed, Tools};
use serde::Deserialize;
use tenant_tools::{
    Allowed, Function, FunctionForm, McpForm, McpServer, Sessions, ToolError, ToolSet,
};
use units::TenantId;

use super::secrets::Secrets;

/// A tenant's file of tools.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    functions: Vec<FunctionForm>,
    /// MCP servers.
    #[serde(default)]
    servers: Vec<McpForm>,
}

/// The tools of a tenant; `None` where it has none, or its file cannot be used, which is told.
pub(super) fn tools_of(path: &Path, egress: &Egress) -> Option<Arc<ToolSet>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return None,
        Err(why) => {
            tracing::error!(path = %path.display(), %why, "tools cannot be read");
            return None;
        }
    };
    let read = || -> Result<ToolSet, String> {
        let file: File = toml::from_str(&text).map_err(|why| why.message().to_owned())?;
        let functions = file
            .functions
            .into_iter()
            .map(Function::new)
            .collect::<Result<Vec<_>, _>>();
        let functions = functions.map_err(|why| why.to_string())?;
        let servers = file.servers.into_iter().map(McpServer::new);
        let servers = servers.collect::<Result<Vec<_>, _>>();
        let servers = servers.map_err(|why| why.to_string())?;
        ToolSet::new(egress.clone(), functions, servers).map_err(|why| why.to_string())
    };
    match read() {
        Ok(set) => Some(Arc::new(set)),
        Err(why) => {
            tracing::error!(path = %path.display(), why, "tools cannot be used");
            None
        }
    }
}

/// The tools that one call of a plugin is granted.
pub(super) struct Granted {
    tools: Arc<ToolSet>,
    allowed: Allowed,
    scope: Arc<Scope>,
    sessions: Sessions,
}

impl Granted {
    /// For one call, with the tenant's secrets bound to the tools that use them.
    pub(super) fn new(
        tools: &Arc<ToolSet>,
        patterns: &[String],
        tenant: &TenantId,
        secrets: &Secrets,
    ) -> Result<Self, egress::EgressError> {
        let mut bound = Vec::new();
        for (name, origins) in tools.secrets() {
            if let Some(value) = secrets.get(&name) {
                bound.push(BoundSecret::new(
                    &name,
                    Secret::new(value.to_string())?,
                    origins,
                )?);
            }
        }
        Ok(Self {
            scope: Arc::new(Scope::new(tenant.clone(), tools.origins(), bound)?),
            tools: Arc::clone(tools),
            allowed: Allowed::new(patterns.iter().cloned()),
            sessions: Sessions::default(),
        })
    }
}

fn told(why: &ToolError) -> Error {
    Error {
        code: why.code().to_owned(),
        message: why.to_string(),
        retry_after_ms: None,
    }
}

impl Tools for Granted {
    fn available(&self) -> Boxed<'_, Vec<Tool>> {
        let tool = |tool: tenant_tools::Tool| Tool {
            name: tool.name,
            description: tool.description,
            schema: tool.schema,
        };
        Box::pin(async move {
            let lost = |server: &str, why: &ToolError| {
                tracing::warn!(tenant = %self.scope.tenant(), server, why = why.code(), "tools of a server are lost");
            };
            let all = self
                .tools
                .available(&self.scope, &self.sessions, &self.allowed, lost)
                .await;
            all.into_iter().map(tool).collect()
        })
    }

    fn call(&self, name: String, arguments: String) -> Boxed<'_, Result<String, Error>> {
        Box::pin(async move {
            let called = self
                .tools
                .call(
                    &self.scope,
                    &self.sessions,
                    &self.allowed,
                    &name,
                    &arguments,
                )
                .await;
            called.map_err(|why| told(&why))
        })
    }
}
