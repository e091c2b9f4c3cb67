//! A whole gateway: children, pool, journal, store, listener; started in that order, stopped in the
//! reverse one.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use units::{Clock, PoolId};

use crate::api;
use crate::app::{App, BuildError, Upkeep};
use crate::children::Children;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::pools::{self, PoolsError};
use crate::sampling::Checking;
use crate::server::{Server, ServerError};

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    app: Arc<App>,
    server: Server,
    operations: Option<Server>,
    children: Vec<(PoolId, Children)>,
    upkeep: Upkeep,
    checking: Checking,
    address: SocketAddr,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The experts.
    #[error(transparent)]
    Pools(#[from] PoolsError),
    /// The rest.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Gateway {
    /// Binds the port, starts children, opens journal and store, and waits for nothing else: `/ready`
    /// says when experts answer.
    ///
    /// # Errors
    /// Whatever keeps it from starting; what had started is stopped.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let server = Server::bind(&config.server).await?;
        let operations = Server::bind_operations(&config.server).await?;
        let address = server.address();
        let started = SystemClock::new().now();
        let children = pools::start_children(&config).await?;
        let experts = pools::expert_pools(&config, &children)?;
        let app = Arc::new(App::build(config, experts, started).await?);
        let upkeep = Upkeep::start(&app);
        let checking = Checking::start(&app);
        Ok(Self {
            app,
            server,
            operations,
            children,
            upkeep,
            checking,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators ask, if not there.
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(Server::address)
    }

    /// The shared state, for programs that run a gateway inside.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The children, with their addresses and first process ids.
    pub fn children(&self) -> impl Iterator<Item = &Children> {
        self.children.iter().map(|(_, children)| children)
    }

    /// Serves until `stop` is cancelled; then drains, moves the journal into the store and ends the
    /// children.
    pub async fn run(self, stop: CancellationToken) {
        let router = api::router(Arc::clone(&self.app));
        // Operators see the drain to its end.
        let drained = CancellationToken::new();
        let operations = async {
            if let Some(server) = self.operations {
                let router = api::operations(Arc::clone(&self.app));
                server.run(router, drained.clone()).await;
            }
        };
        let public = async {
            self.server.run(router, stop).await;
            drained.cancel();
        };
        tokio::join!(public, operations);
        self.checking.stop().await;
        self.upkeep.stop().await;
        self.app.pool.shutdown().await;
        self.app.recorder.shutdown().await;
        self.app.capture.shutdown().await;
        for (_, children) in &self.children {
            children.stop().await;
        }
        tracing::info!("stopped");
    }
}
