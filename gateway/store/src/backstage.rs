//! Threads for work that nobody waits for: booking. They give way to those that answer requests, so that a batch of
//! rows is not what a request queues behind.

use std::io;
use std::thread::{self, JoinHandle};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::StoreError;

/// Niceness of these threads: beside a busy core they still get a quarter of it, so that booking keeps up.
const NICENESS: i32 = 5;

/// A thread with a runtime of its own. Its tasks end with it: at `close`, or when it is dropped.
#[derive(Debug)]
pub(crate) struct Backstage {
    handle: Handle,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Backstage {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                give_way();
                runtime.block_on(ended.cancelled());
            })?;
        Ok(Self {
            handle,
            end,
            thread: Some(thread),
        })
    }

    /// Where to start tasks on it.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the thread. To be called when its tasks have ended.
    pub(crate) fn close(&self) {
        self.end.cancel();
    }
}

impl Drop for Backstage {
    fn drop(&mut self) {
        self.end.cancel();
        // Waiting for itself would never end; a thread that panicked has nothing left to say.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ended = thread.join();
        }
    }
}

/// Opens a connection whose own thread gives way too: a thread inherits that of the one which starts it.
pub(crate) async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let (tell, told) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name("books-open".to_owned())
        .spawn(move || {
            give_way();
            // Nobody listens any more where opening was given up.
            let _heard = tell.send(runtime.block_on(options.connect()));
        })
        .map_err(sqlx::Error::Io)?;
    Ok(told.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
}

/// Lowers the calling thread's priority. A system that refuses leaves it as it was.
fn give_way() {
    // On Linux `None` is the calling thread, not its process.
    if let Err(why) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%why, "booking keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_threads_give_way_and_the_callers_does_not() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let stage = Backstage::start("books").unwrap();
        let (tell, told) = oneshot::channel();
        stage.handle().spawn(async move {
            let inner = tokio::task::spawn_blocking(niceness).await.unwrap();
            tell.send((niceness(), inner)).unwrap();
        });
        let there = told.blocking_recv().unwrap();
        // A run that is nicer already may not be made less so without privileges.
        assert!(there.0 == NICENESS || there.0 == before, "{there:?}");
        assert_eq!(there.0, there.1);
        assert_eq!(niceness(), before);
    }

    #[test]
    fn dropping_it_ends_its_tasks() {
        let stage = Backstage::start("books").unwrap();
        let (alive, gone) = oneshot::channel::<()>();
        stage.handle().spawn(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        drop(stage);
        assert!(gone.blocking_recv().is_err());
    }
}
