//! A plugin's pieces on their way to the client: a short queue, so that a client who does not read slows the plugin.

use plugin_host::types::Error;
use plugin_host::{Boxed, Output};
use tokio::sync::mpsc;

/// Pieces that wait for the client.
pub(super) const WAITING: usize = 8;

/// The plugin's end of the queue.
pub(super) struct Pieces(pub(super) mpsc::Sender<String>);

impl Output for Pieces {
    fn emit(&self, text: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            self.0.send(text).await.map_err(|_| Error {
                code: "cancelled".to_owned(),
                message: "the caller has gone".to_owned(),
                retry_after_ms: None,
            })
        })
    }
}
