//! A tenant's tools, for plugins: read from the tenant's own file, called through the guarded way out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use egress::{BoundSecret, Egress, Scope, Secret};
use plugin_host::types::{Error, Tool};
use plugin_host::{Boxed, Tools};
use serde::Deserialize;
use tenant_tools::{Allowed, Function, FunctionForm, ToolError, ToolSet};
use units::TenantId;
use zeroize::Zeroizing;

/// A tenant's file of tools.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    functions: Vec<FunctionForm>,
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
        ToolSet::new(egress.clone(), functions).map_err(|why| why.to_string())
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
    scope: Scope,
}

impl Granted {
    /// For one call, with the tenant's secrets bound to the tools that use them.
    pub(super) fn new(
        tools: &Arc<ToolSet>,
        patterns: &[String],
        tenant: &TenantId,
        secrets: &BTreeMap<String, Zeroizing<String>>,
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
            scope: Scope::new(tenant.clone(), tools.origins(), bound)?,
            tools: Arc::clone(tools),
            allowed: Allowed::new(patterns.iter().cloned()),
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
        let all = self
            .tools
            .available(&self.allowed)
            .into_iter()
            .map(tool)
            .collect();
        Box::pin(async move { all })
    }

    fn call(&self, name: String, arguments: String) -> Boxed<'_, Result<String, Error>> {
        Box::pin(async move {
            let called = self
                .tools
                .call(&self.scope, &self.allowed, &name, &arguments)
                .await;
            called.map_err(|why| told(&why))
        })
    }
}
