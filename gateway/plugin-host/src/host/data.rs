//! `retrieve`, `kv`, `http`, `secrets` and `steps`: what lies outside the guest.

use wasmtime::Result;

use super::granted;
use crate::bindings::{http, kv, retrieve, secrets, steps};
use crate::capability::{Hit, HttpAnswer, HttpAsk};
use crate::state::{Interface, State};
use crate::types::Error;

impl retrieve::Host for State {
    async fn search(
        &mut self,
        query: String,
        top_k: u32,
        filter: String,
    ) -> Result<Result<Vec<Hit>, Error>> {
        let service = granted!(self, retrieve, Interface::Retrieve);
        Ok(service.search(query, top_k, filter).await)
    }
}

impl kv::Host for State {
    async fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        let service = granted!(self, kv, Interface::Kv);
        Ok(service.get(key).await)
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_s: Option<u32>,
    ) -> Result<Result<(), Error>> {
        let service = granted!(self, kv, Interface::Kv);
        Ok(service.set(key, value, ttl_s).await)
    }

    async fn swap(
        &mut self,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<Result<bool, Error>> {
        let service = granted!(self, kv, Interface::Kv);
        Ok(service.swap(key, old, new).await)
    }

    async fn delete(&mut self, key: String) -> Result<Result<(), Error>> {
        let service = granted!(self, kv, Interface::Kv);
        Ok(service.delete(key).await)
    }

    async fn keys(&mut self, prefix: String, limit: u32) -> Result<Result<Vec<String>, Error>> {
        let service = granted!(self, kv, Interface::Kv);
        Ok(service.keys(prefix, limit).await)
    }
}

impl http::Host for State {
    async fn fetch(&mut self, ask: HttpAsk) -> Result<Result<HttpAnswer, Error>> {
        let service = granted!(self, http, Interface::Http);
        Ok(service.fetch(ask).await)
    }
}

impl secrets::Host for State {
    async fn handle(&mut self, name: String) -> Result<Result<String, Error>> {
        let service = granted!(self, secrets, Interface::Secrets);
        Ok(service.handle(&name))
    }
}

impl steps::Host for State {
    async fn recall(&mut self, key: String) -> Result<Result<Option<String>, Error>> {
        let service = granted!(self, steps, Interface::Steps);
        Ok(service.recall(key).await)
    }

    async fn record_step(&mut self, key: String, value: String) -> Result<Result<(), Error>> {
        let service = granted!(self, steps, Interface::Steps);
        Ok(service.record(key, value).await)
    }

    async fn cancelled(&mut self) -> Result<bool> {
        self.charge(Interface::Steps)?;
        Ok(self
            .services
            .steps
            .as_ref()
            .is_some_and(|service| service.cancelled()))
    }
}
