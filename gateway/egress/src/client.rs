//! One request, from the first check to the last byte.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::exchange::exchange;
use crate::message::Checked;
use crate::places::Places;
use crate::{EgressError, Limits, Origin, Policy, Request, Resolve, Response, Roots, Scope};

/// How many addresses of a name are tried.
const TRIES: usize = 4;

/// Sends requests of guests. One per process; cheap to share.
#[derive(Debug, Clone)]
pub struct Egress {
    resolver: Arc<dyn Resolve>,
    connector: Tls,
    limits: Limits,
    places: Arc<Places>,
    admits: fn(IpAddr) -> Result<(), EgressError>,
}

#[derive(Clone)]
struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Egress {
    /// Reaches what `P` admits: [`crate::PublicOnly`] in every gateway.
    pub fn new<P: Policy>(
        roots: Roots,
        resolver: Arc<dyn Resolve>,
        limits: Limits,
    ) -> Result<Self, EgressError> {
        Ok(Self {
            resolver,
            connector: Tls(TlsConnector::from(roots.config()?)),
            limits,
            places: Arc::default(),
            admits: P::check,
        })
    }

    /// Sends one request and reads the whole response. Dropping the future closes the connection.
    pub async fn fetch(&self, scope: &Scope, request: Request) -> Result<Response, EgressError> {
        let time = request
            .timeout
            .map_or(self.limits.time, |asked| asked.min(self.limits.time));
        let checked = request.check(scope, &self.limits)?;
        let _place = self.places.take(scope.tenant(), self.limits.connections)?;
        tokio::time::timeout(time, Box::pin(self.send(scope, checked)))
            .await
            .map_err(|_| EgressError::Timeout)?
    }

    async fn send(&self, scope: &Scope, checked: Checked) -> Result<Response, EgressError> {
        let stream = self.connect(&checked.origin).await?;
        exchange(stream, checked.message, scope, &self.limits).await
    }

    async fn connect(&self, origin: &Origin) -> Result<TlsStream<TcpStream>, EgressError> {
        let stream = dial(&self.addresses(origin).await?).await?;
        let name = match origin.host() {
            Host::Domain(name) => ServerName::try_from(name.clone())
                .map_err(|_| EgressError::Url("the host is no server name"))?,
            Host::Ipv4(v4) => ServerName::from(IpAddr::V4(*v4)),
            Host::Ipv6(v6) => ServerName::from(IpAddr::V6(*v6)),
        };
        let connector = &self.connector.0;
        connector
            .connect(name, stream)
            .await
            .map_err(|_| EgressError::Connection("tls"))
    }

    /// The addresses of an origin; one that may not be reached spoils them all.
    async fn addresses(&self, origin: &Origin) -> Result<Vec<SocketAddr>, EgressError> {
        let found = match origin.host() {
            Host::Ipv4(v4) => vec![IpAddr::V4(*v4)],
            Host::Ipv6(v6) => vec![IpAddr::V6(*v6)],
            Host::Domain(name) => {
                let resolving = self.resolver.resolve(name);
                resolving.await.map_err(|_| EgressError::Resolve)?
            }
        };
        if found.is_empty() {
            return Err(EgressError::Resolve);
        }
        for address in &found {
            (self.admits)(*address)?;
        }
        let socket = |address| SocketAddr::new(address, origin.port());
        Ok(found.into_iter().map(socket).collect())
    }
}

async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, EgressError> {
    for address in addresses.iter().take(TRIES) {
        let Ok(stream) = TcpStream::connect(address).await else {
            continue;
        };
        let quick = stream.set_nodelay(true);
        let exact = stream.peer_addr().is_ok_and(|peer| peer == *address);
        if quick.is_ok() && exact {
            return Ok(stream);
        }
    }
    Err(EgressError::Connection("connect"))
}
