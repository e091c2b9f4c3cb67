//! Tools that a tenant brings: HTTP functions with arguments under a JSON Schema and the tools of MCP
//! servers, called through `egress`.
//! It must not know of WebAssembly, of the gateway or of where secrets are kept.
//!
//! From the outside in: [`ToolSet`] lists and calls; [`Allowed`] is what one call is granted; a [`Function`] is checked
//! from a [`FunctionForm`], the form of configuration; an [`McpServer`] brings the tools that it lists.

mod allowed;
mod error;
mod function;
mod mcp;
mod tool_set;

pub use allowed::Allowed;
pub use error::ToolError;
pub use function::{Function, FunctionForm};
pub use mcp::{McpForm, McpServer};
pub use tool_set::{Sessions, Tool, ToolSet};
