//! Scheme, host and port that may be reached together.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::EgressError;

/// An `https` origin: host and port. Compared whole, without wildcards; an IP literal is one only if written so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// Parses `https://host[:port]`, nothing more.
    pub fn new(text: &str) -> Result<Self, EgressError> {
        let url = parse(text)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(EgressError::Url("an origin has no path, query or fragment"));
        }
        Self::of(&url)
    }

    pub(crate) fn of(url: &Url) -> Result<Self, EgressError> {
        let host = url.host().ok_or(EgressError::Url("no host"))?.to_owned();
        let port = url
            .port_or_known_default()
            .ok_or(EgressError::Url("no port"))?;
        if port == 0 {
            return Err(EgressError::Url("port 0"));
        }
        Ok(Self { host, port })
    }

    /// The host as a URL has it.
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands in the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            443 => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

impl FromStr for Origin {
    type Err = EgressError;
    fn from_str(text: &str) -> Result<Self, EgressError> {
        Self::new(text)
    }
}

/// A URL of `https` without user and password. What the parser normalises is what is sent.
pub(crate) fn parse(text: &str) -> Result<Url, EgressError> {
    if text
        .chars()
        .any(|c| c.is_ascii_control() || c == ' ' || c == '\\')
    {
        return Err(EgressError::Url(
            "control characters, spaces or backslashes",
        ));
    }
    let url = Url::parse(text).map_err(|_| EgressError::Url("cannot be parsed"))?;
    if url.scheme() != "https" {
        return Err(EgressError::Url("only https is allowed"));
    }
    if !url.username().is_empty() || url.password().is_some() || has_userinfo(text) {
        return Err(EgressError::Url("user and password are not allowed"));
    }
    Ok(url)
}

/// Also an empty user before `@`, which the parser drops.
fn has_userinfo(text: &str) -> bool {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}
