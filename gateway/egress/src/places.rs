//! How many requests each tenant has in flight.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use units::TenantId;

use crate::EgressError;

/// Requests in flight by tenant. A tenant without any has no entry.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<TenantId, usize>>);

/// One request in flight; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    tenant: TenantId,
}

impl Places {
    pub(crate) fn take(
        self: &Arc<Self>,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Place, EgressError> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = map.get(tenant).copied().unwrap_or(0);
        if taken >= limit {
            return Err(EgressError::Busy(limit));
        }
        map.insert(tenant.clone(), taken + 1);
        Ok(Place {
            places: Arc::clone(self),
            tenant: tenant.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut map = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        match map.get_mut(&self.tenant) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => {
                map.remove(&self.tenant);
            }
        }
    }
}
