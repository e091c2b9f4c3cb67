//! The tools of one tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use egress::{Egress, Origin, Scope};
use tokio::sync::Mutex;

use crate::mcp::McpSession;
use crate::{Allowed, Function, McpServer, ToolError};

/// Bytes of arguments.
const ARGUMENTS: usize = 64 << 10;

/// The tools of one tenant.
#[derive(Debug)]
pub struct ToolSet {
    egress: Egress,
    functions: BTreeMap<String, Function>,
    servers: BTreeMap<String, McpServer>,
}

/// A tool as a plugin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// `server.tool` or a single word.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: String,
}

/// The MCP sessions of one call of a plugin, begun when they are needed. Dropping them ends them.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<BTreeMap<String, McpSession>>);

impl ToolSet {
    /// A set of functions and servers with different names.
    ///
    /// # Errors
    /// A name is taken.
    pub fn new(
        egress: Egress,
        functions: Vec<Function>,
        servers: Vec<McpServer>,
    ) -> Result<Self, ToolError> {
        let taken = |tool: &str| ToolError::Form {
            tool: tool.to_owned(),
            why: "the name is taken".to_owned(),
        };
        let mut named = BTreeMap::new();
        for server in servers {
            let name = server.name().to_owned();
            if named.insert(name.clone(), server).is_some() {
                return Err(taken(&name));
            }
        }
        let mut map = BTreeMap::new();
        for function in functions {
            let name = function.name().to_owned();
            // A server may list any name behind its own.
            let first = name.split('.').next().unwrap_or_default();
            if named.contains_key(first) || map.insert(name.clone(), function).is_some() {
                return Err(taken(&name));
            }
        }
        Ok(Self {
            egress,
            functions: map,
            servers: named,
        })
    }

    /// The origins a scope must list for all tools to work.
    pub fn origins(&self) -> Vec<Origin> {
        let functions = self.functions.values().map(Function::origin);
        let servers = self.servers.values().map(McpServer::origin);
        functions.chain(servers).cloned().collect()
    }

    /// The secrets that tools use, each with the origins it goes to.
    pub fn secrets(&self) -> BTreeMap<String, Vec<Origin>> {
        let functions = self.functions.values().map(|f| (f.secrets(), f.origin()));
        let servers = self.servers.values().map(|s| (s.secrets(), s.origin()));
        let mut all: BTreeMap<String, Vec<Origin>> = BTreeMap::new();
        for (names, origin) in functions.chain(servers) {
            for name in names {
                let origins = all.entry(name.to_owned()).or_default();
                if !origins.contains(origin) {
                    origins.push(origin.clone());
                }
            }
        }
        all
    }

    /// The tools that are granted, by name. A server that does not answer has none, and is told to `lost`.
    pub async fn available(
        &self,
        scope: &Arc<Scope>,
        sessions: &Sessions,
        allowed: &Allowed,
        mut lost: impl FnMut(&str, &ToolError),
    ) -> Vec<Tool> {
        let granted = self.functions.values().filter(|f| allowed.admits(f.name()));
        let mut all: Vec<Tool> = granted.map(Function::tool).collect();
        let mut open = sessions.0.lock().await;
        for (name, server) in &self.servers {
            // A server is asked only where one of its tools can be granted.
            if !allowed.admits_some(name) {
                continue;
            }
            match self.session(&mut open, server, scope).await {
                Ok(session) => {
                    let granted = session.tools().filter(|tool| allowed.admits(&tool.name));
                    all.extend(granted.cloned());
                }
                Err(why) => lost(name, &why),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Calls a tool with arguments as a JSON object. `scope` says whose call it is and holds the secrets.
    ///
    /// # Errors
    /// The tool is not granted, its arguments do not fit, or it gave no result.
    pub async fn call(
        &self,
        scope: &Arc<Scope>,
        sessions: &Sessions,
        allowed: &Allowed,
        name: &str,
        arguments: &str,
    ) -> Result<String, ToolError> {
        if !allowed.admits(name) {
            return Err(ToolError::Denied);
        }
        if arguments.len() > ARGUMENTS {
            return Err(ToolError::Arguments(format!("more than {ARGUMENTS} bytes")));
        }
        let Some(function) = self.functions.get(name) else {
            let (server, tool) = name.split_once('.').ok_or(ToolError::Denied)?;
            let server = self.servers.get(server).ok_or(ToolError::Denied)?;
            let mut open = sessions.0.lock().await;
            let session = self.session(&mut open, server, scope).await?;
            return session.call(tool, arguments).await;
        };
        let request = function.request(scope, arguments)?;
        let response = self.egress.fetch(scope, request).await?;
        if !(200..300).contains(&response.status) {
            return Err(ToolError::Status(response.status));
        }
        if response.body.len() > function.result_bytes() {
            return Err(ToolError::TooLarge(function.result_bytes()));
        }
        Ok(String::from_utf8_lossy(&response.body).into_owned())
    }

    /// The session with a server, begun where there is none.
    async fn session<'a>(
        &self,
        open: &'a mut BTreeMap<String, McpSession>,
        server: &McpServer,
        scope: &Arc<Scope>,
    ) -> Result<&'a McpSession, ToolError> {
        if !open.contains_key(server.name()) {
            let session = server.open(&self.egress, scope).await?;
            open.insert(server.name().to_owned(), session);
        }
        open.get(server.name()).ok_or(ToolError::Denied)
    }
}
