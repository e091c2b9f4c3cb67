//! `infer`, `output` and `tools`: asking others, and telling the caller.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use wasmtime::Result;
use wasmtime::component::Resource;

use super::{FeedHandle, granted};
use crate::bindings::{infer, output, tools};
use crate::capability::Remaining;
use crate::state::{Interface, State, error};
use crate::types::{Chat, Error, Reply, Tool};

impl infer::Host for State {
    async fn call(&mut self, expert: Option<String>, ask: Chat) -> Result<Result<Reply, Error>> {
        let service = granted!(self, infer, Interface::Infer);
        Ok(service.call(expert, ask).await)
    }

    async fn call_all(
        &mut self,
        asks: Vec<(Option<String>, Chat)>,
    ) -> Result<Vec<Result<Reply, Error>>> {
        let count = u32::try_from(asks.len()).unwrap_or(u32::MAX);
        self.charge_many(Interface::Infer, count.max(1))?;
        let Some(service) = self.services.infer.clone() else {
            return Ok(asks
                .iter()
                .map(|_| Err(Interface::Infer.denied()))
                .collect());
        };
        let at_once = usize::try_from(self.limits.concurrent.max(1)).unwrap_or(1);
        let calls = asks.into_iter().map(|(expert, ask)| {
            let service = Arc::clone(&service);
            async move { service.call(expert, ask).await }
        });
        Ok(stream::iter(calls).buffered(at_once).collect().await)
    }

    async fn start(
        &mut self,
        expert: Option<String>,
        ask: Chat,
    ) -> Result<Result<Resource<FeedHandle>, Error>> {
        let service = granted!(self, infer, Interface::Infer);
        match service.start(expert, ask).await {
            Ok(feed) => self.hold(FeedHandle(feed)).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }

    async fn relay(&mut self, feed: Resource<FeedHandle>) -> Result<Result<Reply, Error>> {
        let output = granted!(self, output, Interface::Output);
        let mut feed = self.table.delete(feed)?.0;
        loop {
            match feed.next().await {
                Ok(Some(piece)) if !self.charge_output(piece.len()) => return Ok(Err(too_much())),
                Ok(Some(piece)) => {
                    if let Err(why) = output.emit(piece).await {
                        return Ok(Err(why));
                    }
                }
                Ok(None) => return Ok(feed.finish().await),
                Err(why) => return Ok(Err(why)),
            }
        }
    }

    async fn remaining(&mut self) -> Result<Remaining> {
        self.charge(Interface::Context)?;
        let nothing = Remaining {
            calls: 0,
            tokens: 0,
            micro_usd: 0,
            deadline_ms: 0,
        };
        Ok(self
            .services
            .infer
            .as_ref()
            .map_or(nothing, |service| service.remaining()))
    }
}

impl infer::HostFeed for State {
    async fn next(&mut self, feed: Resource<FeedHandle>) -> Result<Result<Option<String>, Error>> {
        self.charge(Interface::Context)?;
        Ok(self.table.get_mut(&feed)?.0.next().await)
    }

    async fn finish(&mut self, feed: Resource<FeedHandle>) -> Result<Result<Reply, Error>> {
        self.charge(Interface::Context)?;
        // The guest's handle stays valid; what is behind it has been read.
        let feed = std::mem::replace(self.table.get_mut(&feed)?, FeedHandle(Box::new(Read)));
        Ok(feed.0.finish().await)
    }

    async fn drop(&mut self, feed: Resource<FeedHandle>) -> Result<()> {
        self.table.delete(feed)?;
        Ok(())
    }
}

/// What is left of a feed that was finished.
struct Read;

impl crate::Feed for Read {
    fn next(&mut self) -> crate::Boxed<'_, Result<Option<String>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn finish(self: Box<Self>) -> crate::Boxed<'static, Result<Reply, Error>> {
        Box::pin(async { Err(error("invalid", "the feed was finished before")) })
    }
}

fn too_much() -> Error {
    error("limit", "more output than is allowed")
}

impl output::Host for State {
    async fn emit(&mut self, text: String) -> Result<Result<(), Error>> {
        let service = granted!(self, output, Interface::Output);
        if !self.charge_output(text.len()) {
            return Ok(Err(too_much()));
        }
        Ok(service.emit(text).await)
    }
}

impl tools::Host for State {
    async fn available(&mut self) -> Result<Vec<Tool>> {
        self.charge(Interface::Tools)?;
        match self.services.tools.clone() {
            Some(service) => Ok(service.available().await),
            None => Ok(Vec::new()),
        }
    }

    async fn call(&mut self, name: String, arguments: String) -> Result<Result<String, Error>> {
        let service = granted!(self, tools, Interface::Tools);
        Ok(service.call(name, arguments).await)
    }
}
