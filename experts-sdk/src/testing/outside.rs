//! Servers, secrets and tools of the host in memory.

/// `http`.
pub mod http {
    use crate::testing::with;
    use crate::{Error, error};

    /// A request.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Request {
        /// Method.
        pub method: String,
        /// URL.
        pub url: String,
        /// Headers.
        pub headers: Vec<(String, String)>,
        /// Body.
        pub body: Vec<u8>,
        /// Time, milliseconds.
        pub timeout_ms: Option<u32>,
    }

    /// An answer.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Response {
        /// Status.
        pub status: u16,
        /// Headers.
        pub headers: Vec<(String, String)>,
        /// Body.
        pub body: Vec<u8>,
    }

    pub(crate) fn fetch(ask: &Request) -> Result<Response, Error> {
        with(|host| {
            host.may("http")?;
            let known = host.servers.get(&(ask.method.clone(), ask.url.clone()));
            known
                .cloned()
                .ok_or_else(|| error("unavailable", "no such server is scripted"))
        })
    }
}

/// `secrets`.
pub mod secrets {
    use crate::Error;
    use crate::testing::with;

    pub(crate) fn handle(name: &str) -> Result<String, Error> {
        with(|host| {
            host.may("secrets")
                .map(|()| format!("{{{{secret:{name}:test}}}}"))
        })
    }
}

/// `tools`.
pub mod tools {
    use crate::testing::with;
    use crate::{Error, Tool, error};

    pub(crate) fn available() -> Vec<Tool> {
        with(|host| host.tools.iter().map(|(tool, _)| tool.clone()).collect())
    }

    pub(crate) fn call(name: &str, _arguments: &str) -> Result<String, Error> {
        with(|host| {
            host.may("tools")?;
            let tool = host.tools.iter().find(|(tool, _)| tool.name == name);
            tool.map_or_else(
                || Err(error("denied", "no such tool")),
                |(_, answer)| answer.clone(),
            )
        })
    }
}
