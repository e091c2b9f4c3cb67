//! What a plugin keeps between calls, and the recorded steps of a workflow's run.

use std::sync::Arc;

use ledger_store::{
    PluginQuota, PluginScope, PluginStore, PluginWrite, StepRecord, StoreError, Written,
};
use plugin_host::types::Error;
use plugin_host::{Boxed, Kv, Steps};
use units::Nanos;

use super::Scope;

/// What no plugin keeps more of.
pub(super) const CEILING: PluginQuota = PluginQuota {
    keys: 10_000,
    bytes: 16 << 20,
};
/// Longest key, and longest step, bytes.
const MOST_KEY: usize = 512;

/// The values and steps of one plugin of one tenant, during one request.
pub(super) struct Kept {
    pub(super) store: Arc<dyn PluginStore>,
    pub(super) own: PluginScope,
    pub(super) quota: PluginQuota,
    pub(super) scope: Arc<Scope>,
}

fn error(code: &str, message: &str) -> Error {
    Error {
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after_ms: None,
    }
}

fn away(why: &StoreError) -> Error {
    tracing::warn!(%why, "the store of plugins does not answer");
    error("unavailable", "the store does not answer")
}

fn checked(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > MOST_KEY {
        return Err(error("invalid", "a key has 1 to 512 bytes"));
    }
    Ok(())
}

impl Kept {
    async fn write(&self, write: PluginWrite) -> Result<Written, Error> {
        checked(&write.key)?;
        let now = self.scope.app.clock.now();
        let written = self
            .store
            .write(self.own.clone(), write, self.quota, now)
            .await;
        match written.map_err(|why| away(&why))? {
            Written::Full => Err(error("quota", "the plugin may keep no more")),
            other => Ok(other),
        }
    }
}

impl Kv for Kept {
    fn get(&self, key: String) -> Boxed<'_, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move {
            checked(&key)?;
            let now = self.scope.app.clock.now();
            self.store
                .value(self.own.clone(), key, now)
                .await
                .map_err(|why| away(&why))
        })
    }

    fn set(&self, key: String, value: Vec<u8>, ttl_s: Option<u32>) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            let seconds = |ttl: u32| Nanos::new(u64::from(ttl).saturating_mul(1_000_000_000));
            let now = self.scope.app.clock.now();
            self.write(PluginWrite {
                key,
                value: Some(value),
                expires: ttl_s.map(|ttl| now.saturating_add(seconds(ttl))),
                only_if: None,
            })
            .await
            .map(|_| ())
        })
    }

    fn swap(
        &self,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Boxed<'_, Result<bool, Error>> {
        Box::pin(async move {
            let write = PluginWrite {
                key,
                value: Some(new),
                expires: None,
                only_if: Some(old),
            };
            self.write(write)
                .await
                .map(|written| written == Written::Done)
        })
    }

    fn delete(&self, key: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            let write = PluginWrite {
                key,
                value: None,
                expires: None,
                only_if: None,
            };
            self.write(write).await.map(|_| ())
        })
    }

    fn keys(&self, prefix: String, limit: u32) -> Boxed<'_, Result<Vec<String>, Error>> {
        Box::pin(async move {
            let now = self.scope.app.clock.now();
            let keys = self
                .store
                .keys(self.own.clone(), prefix, limit.min(1_000), now)
                .await;
            keys.map_err(|why| away(&why))
        })
    }
}

impl Steps for Kept {
    fn recall(&self, key: String) -> Boxed<'_, Result<Option<String>, Error>> {
        Box::pin(async move {
            checked(&key)?;
            let step = self
                .store
                .step(self.own.clone(), self.scope.run.clone(), key)
                .await;
            step.map_err(|why| away(&why))
        })
    }

    fn record(&self, key: String, value: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            checked(&key)?;
            let step = StepRecord {
                scope: self.own.clone(),
                run: self.scope.run.clone(),
                key,
                value,
                at: self.scope.app.clock.now(),
                request: self.scope.context.id,
            };
            self.store.record_step(step).await.map_err(|why| away(&why))
        })
    }

    fn cancelled(&self) -> bool {
        // A call whose caller has gone is dropped: who can ask is still wanted, unless time is up.
        self.scope.context.left(self.scope.app.clock.as_ref()) == Nanos::ZERO
    }
}
