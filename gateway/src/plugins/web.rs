//! Servers elsewhere and the secrets that go to them: what one call of a plugin may do outside.

use std::sync::Arc;
use std::time::Duration;

use egress::{
    BoundSecret, Egress, EgressError, Origin, PublicOnly, Request, Roots, Scope, Secret,
    SystemResolver,
};
use plugin_host::types::Error;
use plugin_host::{Boxed, Http, HttpAnswer, HttpAsk, Secrets};
use plugin_package::Capabilities;
use units::TenantId;

use super::secrets::Secrets as Values;

/// The way out, of all plugins.
pub(super) fn way_out() -> Option<Arc<Egress>> {
    let made = Egress::new::<PublicOnly>(
        Roots::Platform,
        Arc::new(SystemResolver),
        egress::Limits::default(),
    );
    made.map(Arc::new)
        .inspect_err(|why| tracing::error!(%why, "plugins cannot reach servers"))
        .ok()
}

/// One call's way out.
pub(super) struct Outside {
    egress: Arc<Egress>,
    scope: Scope,
}

fn told(why: &EgressError) -> Error {
    Error {
        code: why.code().to_owned(),
        message: why.to_string(),
        retry_after_ms: None,
    }
}

impl Outside {
    /// For one call: the origins and the secrets that the manifest names, where the tenant has such secrets.
    pub(super) fn new(
        egress: &Arc<Egress>,
        tenant: &TenantId,
        asked: &Capabilities,
        secrets: &Values,
    ) -> Result<Self, EgressError> {
        let origins = |hosts: &[String]| {
            hosts
                .iter()
                .map(|host| Origin::new(host))
                .collect::<Result<Vec<_>, _>>()
        };
        let reach = asked
            .http
            .as_ref()
            .map(|http| origins(&http.hosts))
            .transpose()?
            .unwrap_or_default();
        let mut bound = Vec::new();
        for (name, asked) in &asked.secrets {
            if let Some(value) = secrets.get(name) {
                bound.push(BoundSecret::new(
                    name,
                    Secret::new(value.to_string())?,
                    origins(&asked.hosts)?,
                )?);
            }
        }
        Ok(Self {
            egress: Arc::clone(egress),
            scope: Scope::new(tenant.clone(), reach, bound)?,
        })
    }
}

impl Http for Outside {
    fn fetch(&self, ask: HttpAsk) -> Boxed<'_, Result<HttpAnswer, Error>> {
        Box::pin(async move {
            let request = Request {
                method: ask.method,
                url: ask.url,
                headers: ask.headers,
                body: ask.body.into(),
                timeout: ask.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
            };
            let answer = self
                .egress
                .fetch(&self.scope, request)
                .await
                .map_err(|why| told(&why))?;
            Ok(HttpAnswer {
                status: answer.status,
                headers: answer.headers,
                body: answer.body.to_vec(),
            })
        })
    }
}

impl Secrets for Outside {
    fn handle(&self, name: &str) -> Result<String, Error> {
        self.scope.handle(name).map_err(|why| told(&why))
    }
}
