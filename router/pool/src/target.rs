//! Where an API listens: scheme, host, port and base path.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::uri::{PathAndQuery, Uri};

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address: expected http://host:port or https://host/path")]
pub struct TargetError {
    /// What was given, cut at 80 characters.
    pub text: String,
}

/// Where an API listens. A text without a scheme is taken as `http://`; a base path of nothing means
/// that the API is below `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    host: String,
    port: u16,
    base: String,
}

impl Target {
    /// The address, where the host is one and need not be resolved.
    pub fn fixed(&self) -> Option<SocketAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, self.port))
    }

    /// Is the connection encrypted?
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// The host, a name or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `host` header says them.
    pub(crate) fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// The path of an endpoint of the API, such as `chat/completions`.
    pub(crate) fn api(&self, endpoint: &str) -> Result<Uri, TargetError> {
        let base = if self.base.is_empty() {
            "/v1"
        } else {
            &self.base
        };
        self.path(&format!("{base}/{endpoint}"))
    }

    /// A path beside the API, such as `/status`.
    pub(crate) fn path(&self, path: &str) -> Result<Uri, TargetError> {
        PathAndQuery::from_str(path)
            .map(Uri::from)
            .map_err(|_| TargetError::of(path))
    }
}

impl TargetError {
    fn of(text: &str) -> Self {
        Self {
            text: text.chars().take(80).collect(),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::of(text);
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = whole.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().to_owned();
        let plain = uri.query().is_none() && !authority.as_str().contains('@');
        if host.is_empty() || !plain {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self {
            tls,
            host,
            port,
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        let worker: Target = "127.0.0.1:9100".parse().unwrap();
        assert_eq!(worker.fixed(), Some("127.0.0.1:9100".parse().unwrap()));
        assert_eq!(worker.api("models").unwrap().path(), "/v1/models");
        assert_eq!(worker.authority(), "127.0.0.1:9100");
        let remote: Target = "https://api.example.com/openai/v1/".parse().unwrap();
        assert_eq!((remote.tls(), remote.port()), (true, 443));
        assert_eq!(remote.fixed(), None);
        assert_eq!(remote.authority(), "api.example.com");
        assert_eq!(
            remote.api("chat/completions").unwrap().path(),
            "/openai/v1/chat/completions"
        );
        let six: Target = "http://[::1]:80".parse().unwrap();
        assert_eq!(six.fixed(), Some("[::1]:80".parse().unwrap()));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "ftp://a",
            "http://",
            "http://u:p@host",
            "http://a/?x=1",
            "a b",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
