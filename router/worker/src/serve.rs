//! A running worker: its listener, its connections, its device thread, and how all of them end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use models::{DeviceChoice, device_name};
use tch::Device;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use units::{Clock, IdSource};

use crate::device::DeviceThread;
use crate::engine::Engine;
use crate::http::{App, router};
use crate::roster::Roster;
use crate::scheduler::{Limits, Scheduler};
use crate::torch::{TorchEngine, Writing};
use crate::{WorkerError, events};

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Folders of the experts to host.
    pub experts: Vec<PathBuf>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Bounds of queue, steps and memory.
    pub limits: Limits,
    /// Threads that compute on a CPU; absent leaves it to libtorch.
    pub threads: Option<NonZeroUsize>,
    /// Bytes of keys and values of each expert that writes.
    pub kv_bytes: u64,
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
    /// How long a stop waits for what has begun.
    pub drain: Duration,
}

/// Connections open at once; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a connection may stay without a whole request head.
const HEAD_TIME: Duration = Duration::from_secs(75);

/// A running worker. Stop it with [`Worker::stop`].
#[derive(Debug)]
pub struct Worker {
    address: SocketAddr,
    scheduler: Arc<Scheduler>,
    device: DeviceThread,
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
    drain: Duration,
}

impl Worker {
    /// Loads the experts and starts to serve on libtorch. Ready when it returns.
    pub async fn start(
        config: WorkerConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, WorkerError> {
        let device = resolve(config.device)?;
        let (folders, threads) = (config.experts.clone(), config.threads);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let writing = Writing {
            threads: threads.map_or(cores, NonZeroUsize::get),
            kv_bytes: config.kv_bytes,
        };
        let engine = move || {
            // The count belongs to the thread that computes.
            if let Some(threads) = threads.and_then(|n| i32::try_from(n.get()).ok()) {
                tch::set_num_threads(threads);
            }
            TorchEngine::new(folders, device, writing)
        };
        Self::start_with(config, clock, ids, &device_name(device), engine).await
    }

    /// Like [`Worker::start`] on an engine of the caller's, made on the device thread.
    pub async fn start_with<E: Engine>(
        config: WorkerConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        device: &str,
        engine: impl FnOnce() -> E + Send + 'static,
    ) -> Result<Self, WorkerError> {
        let roster = Arc::new(Roster::read(&config.experts)?);
        let bytes: Vec<u64> = roster
            .all()
            .map(|(_, hosted)| hosted.expected_bytes(config.kv_bytes))
            .collect();
        let scheduler = Scheduler::new(config.limits, clock.clone(), bytes);
        let app = App {
            roster: roster.clone(),
            scheduler: scheduler.clone(),
            started: clock.now(),
            clock,
            ids,
            device: Arc::from(device),
            body_bytes: config.body_bytes,
        };
        let listener = listen(config.listen)?;
        let address = listener
            .local_addr()
            .map_err(|source| WorkerError::Listen {
                address: config.listen,
                source,
            })?;
        let device = DeviceThread::start(scheduler.clone(), roster.clone(), engine).await?;
        let worker = Self {
            address,
            scheduler,
            device,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            drain: config.drain,
        };
        worker.tasks.spawn(accept(
            listener,
            router(app),
            worker.tasks.clone(),
            worker.stop.clone(),
            worker.cut.clone(),
        ));
        events::listening(address, roster.all().count(), config.limits.queue);
        Ok(worker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its books.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// Stops: accepts no more, finishes what has begun, as long as the drain time lasts.
    pub async fn stop(self) -> Result<(), WorkerError> {
        self.stop.cancel();
        self.tasks.close();
        events::draining(self.tasks.len());
        if tokio::time::timeout(self.drain, self.tasks.wait())
            .await
            .is_err()
        {
            events::drain_cut(self.tasks.len());
            self.cut.cancel();
            self.tasks.wait().await;
        }
        self.scheduler.stop();
        self.device.ended().await?;
        events::stopped();
        Ok(())
    }
}

fn resolve(choice: DeviceChoice) -> Result<Device, WorkerError> {
    choice.resolve().map_err(|why| WorkerError::Device {
        device: choice.to_string(),
        why,
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, WorkerError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    bound.map_err(|source| WorkerError::Listen { address, source })
}

async fn accept(
    listener: TcpListener,
    router: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some((stream, place)) = next_connection(&listener, &places, &stop).await {
        let (router, stop, cut) = (router.clone(), stop.clone(), cut.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = serve_connection(stream, router, stop) => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn next_connection(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, Place)> {
    loop {
        let connection = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            connection = connection => connection?,
            () = stop.cancelled() => return None,
        };
        match accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Some((stream, place)),
            Err(error) => {
                events::accept_failed(&error);
                // Out of descriptors, most likely: let others finish first.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        events::connection_broke(&error);
    }
}
