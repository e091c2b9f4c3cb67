//! The listener: HTTP/1.1 and HTTP/2 (prior knowledge, or ALPN under TLS) on one port, with time and
//! number of connections bounded, and a drain that lets running requests end.

mod tls;
mod watch;

pub use tls::{TlsError, acceptor};

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::config::ServerConfig;
use watch::{Verdict, Watch, WatchedBody, WatchedIo};

/// A bound listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptorDebug>,
    config: ServerConfig,
}

struct TlsAcceptorDebug(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// Why the listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {why}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The certificate or key is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// Binds the address of the configuration and reads its certificate.
    ///
    /// # Errors
    /// The address is taken or not allowed, or certificate and key are unusable.
    pub async fn bind(config: &ServerConfig) -> Result<Self, ServerError> {
        let tls = match &config.tls {
            Some(files) => Some(TlsAcceptorDebug(acceptor(files)?)),
            None => None,
        };
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|why| ServerError::Bind { address, why })?;
        Ok(Self {
            listener,
            tls,
            config: config.clone(),
        })
    }

    /// Binds the operators' listener, where the configuration has one.
    ///
    /// # Errors
    /// The address is taken or not allowed.
    pub async fn bind_operations(config: &ServerConfig) -> Result<Option<Self>, ServerError> {
        let Some(listen) = config.operations else {
            return Ok(None);
        };
        let own = ServerConfig {
            listen,
            tls: None,
            ..config.clone()
        };
        Self::bind(&own).await.map(Some)
    }

    /// The address that is really bound.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.config.listen)
    }

    /// Serves until `stop` is cancelled, then drains: no new connections, running requests end, and
    /// what is left after the drain time is cut off.
    pub async fn run(self, router: Router, stop: CancellationToken) {
        let connections = Arc::new(Semaphore::new(self.config.max_connections));
        let tasks = TaskTracker::new();
        let cut_off = CancellationToken::new();
        let builder = Arc::new(builder());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(&self.listener, &connections) => accepted,
            };
            let Some((stream, permit)) = accepted else {
                continue;
            };
            let connection = Connection {
                builder: Arc::clone(&builder),
                router: router.clone(),
                stop: stop.clone(),
                header_timeout: self.config.header_timeout(),
                idle_timeout: self.config.idle_timeout(),
                _permit: permit,
            };
            let tls = self.tls.as_ref().map(|tls| tls.0.clone());
            let cut_off = cut_off.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = cut_off.cancelled() => {}
                    () = connection.serve(stream, tls) => {}
                }
            });
        }
        drop(self.listener);
        tasks.close();
        let drained = tokio::time::timeout(self.config.drain_timeout(), tasks.wait()).await;
        if drained.is_err() {
            tracing::warn!(left = tasks.len(), "drain time is over");
            cut_off.cancel();
            tasks.wait().await;
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Heads are timed by `Watch`, which tells an idle connection from a slow head.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        // Without `pipeline_flush`: with it hyper buffers without a bound for a client that does not read.
        .max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(why) = stream.set_nodelay(true) {
                tracing::debug!(%why, "nodelay refused");
            }
            Some((stream, permit))
        }
        Err(why) => {
            // Out of file handles and the like: leave the others time to close.
            tracing::warn!(%why, "accept failed");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

struct Connection {
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    stop: CancellationToken,
    header_timeout: Duration,
    idle_timeout: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        match tls {
            None => self.speak(stream).await,
            Some(tls) => {
                match tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.speak(stream).await,
                    Ok(Err(why)) => tracing::debug!(%why, "tls handshake failed"),
                    Err(_) => tracing::debug!("tls handshake timed out"),
                }
            }
        }
    }

    async fn speak<S>(self, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Arc::new(Watch::new(self.header_timeout, self.idle_timeout));
        let io = TokioIo::new(WatchedIo::new(stream, Arc::clone(&watch)));
        let router = self.router;
        let service = service_fn(|request: Request<Incoming>| {
            let running = Watch::begin(&watch);
            let answer = router.clone().call(request.map(Body::new));
            async move {
                let Ok(answer): Result<Response<Body>, Infallible> = answer.await;
                Ok::<_, Infallible>(answer.map(|body| WatchedBody::new(body, running)))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let mut draining = false;
        let mut next_look = pin!(tokio::time::sleep_until(
            Instant::now() + self.header_timeout.min(self.idle_timeout)
        ));
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(why) = ended {
                        tracing::debug!(%why, "connection ended");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = next_look.as_mut() => match watch.look() {
                    Verdict::Close => return,
                    Verdict::LookAgain(wait) => next_look.as_mut().reset(Instant::now() + wait),
                },
            }
        }
    }
}
