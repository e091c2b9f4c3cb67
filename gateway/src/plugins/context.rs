//! Who asks, the settings, the clock and randomness.

use std::sync::Arc;

use plugin_host::{Caller, Context};

use super::{Installed, Scope};

/// The context of one call.
pub(super) struct Own {
    pub(super) scope: Arc<Scope>,
    pub(super) installed: Arc<Installed>,
}

impl Context for Own {
    fn who(&self) -> Caller {
        Caller {
            request_id: self.scope.context.id.to_string(),
            // The key's id or a hash: never a person's name.
            user: Some(self.scope.principal.subject.to_string()),
            locale: None,
            extra: String::new(),
        }
    }

    fn config(&self) -> String {
        self.installed.config.clone()
    }

    fn now_ms(&self) -> u64 {
        let now = self.scope.app.clock.now().unix_nanos();
        u64::try_from(now.div_euclid(1_000_000)).unwrap_or(0)
    }

    fn random(&self, count: u32) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        rand::fill(bytes.as_mut_slice());
        bytes
    }
}
