//! `plugin.toml`: what a plugin says of itself, what it asks for, and within which bounds.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{PluginName, Schema, SchemaError};

/// Longest manifest, bytes.
const MOST_BYTES: usize = 256 << 10;

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is too long.
    #[error("the manifest has more than {MOST_BYTES} bytes")]
    Size,
    /// A key is missing, unknown or of the wrong form; the message names it.
    #[error("plugin.toml: {0}")]
    Form(String),
    /// A value makes no sense.
    #[error("plugin.toml: {key}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A schema is refused.
    #[error("plugin.toml: {key}: {why}")]
    Schema {
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: SchemaError,
    },
}

/// What a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Answers a chat.
    Expert,
    /// Runs steps over JSON.
    Workflow,
}

/// A checked manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its name.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// The id of the publisher's key.
    pub publisher: String,
    /// What it exports.
    pub kind: Kind,
    /// The licence of its code, an SPDX expression.
    pub license: String,
    /// One sentence.
    pub description: String,
    /// Of an expert.
    pub expert: ExpertFacts,
    /// What it asks for; absent is denied.
    pub capabilities: Capabilities,
    /// The bounds it asks for.
    pub limits: AskedLimits,
    /// The schema of a tenant's settings.
    pub config: Option<Schema>,
    /// The schema of a workflow's input.
    pub input: Option<Schema>,
    /// The schema of a workflow's output.
    pub output: Option<Schema>,
    /// The same input gives the same output and fuel.
    pub deterministic: bool,
}

/// What the gate reads of an expert without running it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ExpertFacts {
    /// The field it knows.
    pub domain: Option<String>,
    /// Tasks it takes.
    pub tasks: Vec<String>,
    /// Languages, BCP 47.
    pub languages: Vec<String>,
    /// Longest prompt in tokens.
    pub context_tokens: Option<u32>,
    /// The expert that is asked where this one fails.
    pub fallback: Option<String>,
    /// The share of answers it expects to be accepted, 0 to 1.
    pub quality: Option<f32>,
}

/// What a plugin asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Capabilities {
    /// Other experts.
    pub infer: Option<InferAsked>,
    /// The caller's stream.
    pub output: bool,
    /// The tenant's documents.
    pub retrieve: Option<RetrieveAsked>,
    /// Keys and values.
    pub kv: Option<KvAsked>,
    /// Servers elsewhere.
    pub http: Option<HttpAsked>,
    /// Secrets by name, with the hosts they go to.
    pub secrets: BTreeMap<String, SecretAsked>,
    /// Patterns of tools.
    pub tools: Vec<String>,
    /// Recorded steps.
    pub steps: bool,
    /// WASI 0.2 without files, sockets and environment, for languages that cannot do without. Nobody needs to grant it: it holds
    /// no more than `context` and `trace` do.
    pub wasi: bool,
}

impl Capabilities {
    /// The names of all that is asked for, as a tenant grants them.
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            ("infer", self.infer.is_some()),
            ("output", self.output),
            ("retrieve", self.retrieve.is_some()),
            ("kv", self.kv.is_some()),
            ("http", self.http.is_some()),
            ("secrets", !self.secrets.is_empty()),
            ("tools", !self.tools.is_empty()),
            ("steps", self.steps),
        ];
        all.into_iter()
            .filter(|(_, asked)| *asked)
            .map(|(name, _)| name)
            .collect()
    }
}

/// Which experts, and how deep.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InferAsked {
    /// Ids; a `*` at the end stands for any rest.
    pub experts: Vec<String>,
    /// Plugins that may stand between the client and the expert, this one included.
    #[serde(default = "one")]
    pub max_depth: u32,
}

fn one() -> u32 {
    1
}

/// Which documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrieveAsked {
    /// Collections.
    pub collections: Vec<String>,
}

/// How much room.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvAsked {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Which servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAsked {
    /// Origins such as `https://api.acme.com`.
    pub hosts: Vec<String>,
}

/// Where a secret may go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretAsked {
    /// Origins.
    pub hosts: Vec<String>,
}

/// Bounds a plugin asks for; what is absent is the default. Tenant and host bound them again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AskedLimits {
    /// Linear memory, bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time, ms.
    pub cpu_ms: Option<u64>,
    /// Time on the clock, ms.
    pub wall_ms: Option<u64>,
    /// Calls of the host.
    pub host_calls: Option<u32>,
    /// Calls of experts.
    pub infer_calls: Option<u32>,
    /// Bytes of one call, and of the answer.
    pub call_bytes: Option<u64>,
    /// Bytes of the request.
    pub input_bytes: Option<u64>,
    /// Bytes emitted.
    pub output_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    plugin: PluginForm,
    #[serde(default)]
    expert: ExpertFacts,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    limits: AskedLimits,
    #[serde(default)]
    config: Option<SchemaForm>,
    #[serde(default)]
    input: Option<SchemaForm>,
    #[serde(default)]
    output: Option<SchemaForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginForm {
    name: PluginName,
    version: Version,
    publisher: String,
    kind: Kind,
    wit: String,
    license: String,
    description: String,
    #[serde(default)]
    deterministic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaForm {
    schema: serde_json::Value,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Names the key that is wrong and what was expected.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MOST_BYTES {
            return Err(ManifestError::Size);
        }
        let form: Form =
            toml::from_str(text).map_err(|why| ManifestError::Form(why.to_string()))?;
        let plugin = form.plugin;
        let value = |key, why: &str| ManifestError::Value {
            key,
            why: why.to_owned(),
        };
        if plugin.wit != "0.1" {
            return Err(value("plugin.wit", "this host speaks \"0.1\""));
        }
        if plugin.publisher.is_empty() || plugin.publisher.len() > 64 {
            return Err(value(
                "plugin.publisher",
                "expected the id of a key, 1 to 64 characters",
            ));
        }
        if plugin.description.is_empty() || plugin.description.len() > 400 {
            return Err(value(
                "plugin.description",
                "expected one sentence, 1 to 400 characters",
            ));
        }
        if plugin.kind == Kind::Expert && form.capabilities.steps {
            return Err(value("capabilities.steps", "only workflows record steps"));
        }
        let quality = form.expert.quality.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&quality) {
            return Err(value("expert.quality", "must be between 0 and 1"));
        }
        let hosts = form.capabilities.http.iter().flat_map(|http| &http.hosts);
        let secret = form
            .capabilities
            .secrets
            .values()
            .flat_map(|secret| &secret.hosts);
        if hosts
            .chain(secret)
            .any(|host| !host.starts_with("https://") || host.contains('*'))
        {
            return Err(value(
                "capabilities",
                "hosts are origins that begin with https:// and name one host",
            ));
        }
        let schema = |key, form: Option<SchemaForm>| {
            form.map(|form| Schema::new(form.schema))
                .transpose()
                .map_err(|why| ManifestError::Schema { key, why })
        };
        Ok(Self {
            name: plugin.name,
            version: plugin.version,
            publisher: plugin.publisher,
            kind: plugin.kind,
            license: plugin.license,
            description: plugin.description,
            expert: form.expert,
            capabilities: form.capabilities,
            limits: form.limits,
            config: schema("config.schema", form.config)?,
            input: schema("input.schema", form.input)?,
            output: schema("output.schema", form.output)?,
            deterministic: plugin.deterministic,
        })
    }
}

#[cfg(test)]
mod tests;
