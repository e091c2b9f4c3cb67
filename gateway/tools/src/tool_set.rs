//! The tools of one tenant.

use std::collections::BTreeMap;

use egress::{Egress, Origin, Scope};

use crate::{Allowed, Function, ToolError};

/// Bytes of arguments.
const ARGUMENTS: usize = 64 << 10;

/// The tools of one tenant.
#[derive(Debug)]
pub struct ToolSet {
    egress: Egress,
    functions: BTreeMap<String, Function>,
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

impl ToolSet {
    /// A set of functions with different names.
    pub fn new(egress: Egress, functions: Vec<Function>) -> Result<Self, ToolError> {
        let mut map = BTreeMap::new();
        for function in functions {
            let name = function.name().to_owned();
            if map.insert(name.clone(), function).is_some() {
                let why = "the name is taken".to_owned();
                return Err(ToolError::Form { tool: name, why });
            }
        }
        Ok(Self {
            egress,
            functions: map,
        })
    }

    /// The origins a scope must list for all tools to work.
    pub fn origins(&self) -> Vec<Origin> {
        self.functions
            .values()
            .map(|function| function.origin().clone())
            .collect()
    }

    /// The secrets that tools use, each with the origins it goes to.
    pub fn secrets(&self) -> BTreeMap<String, Vec<Origin>> {
        let mut all: BTreeMap<String, Vec<Origin>> = BTreeMap::new();
        for function in self.functions.values() {
            for name in function.secrets() {
                let origins = all.entry(name.to_owned()).or_default();
                if !origins.contains(function.origin()) {
                    origins.push(function.origin().clone());
                }
            }
        }
        all
    }

    /// The tools that are granted, by name.
    pub fn available(&self, allowed: &Allowed) -> Vec<Tool> {
        let granted = self.functions.values().filter(|f| allowed.admits(f.name()));
        granted.map(Function::tool).collect()
    }

    /// Calls a tool with arguments as a JSON object. `scope` says whose call it is and holds the secrets.
    pub async fn call(
        &self,
        scope: &Scope,
        allowed: &Allowed,
        name: &str,
        arguments: &str,
    ) -> Result<String, ToolError> {
        let function = self.functions.get(name).filter(|_| allowed.admits(name));
        let function = function.ok_or(ToolError::Denied)?;
        if arguments.len() > ARGUMENTS {
            return Err(ToolError::Arguments(format!("more than {ARGUMENTS} bytes")));
        }
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
}
