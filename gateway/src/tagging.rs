//! The tags of a request: those of its key or token, and those its metadata declares as far as the tenant's configuration
//! names them. So that no client fills the books with names, a tenant has a bound of distinct sets a day.

use std::collections::HashSet;

use ledger::{TagError, Tags};
use openai_api::{ApiError, ChatRequest};
use parking_lot::Mutex;
use std::collections::HashMap;
use units::{TenantId, Timestamp};

use crate::api::failure;
use crate::auth::Principal;
use crate::tenants::Tenant;

/// Distinct sets of tags that one gateway keeps for a tenant on one day of UTC.
const MOST: usize = 1_000;
const DAY: i64 = 86_400;

/// What each tenant's requests of the day were tagged with.
#[derive(Debug, Default)]
pub struct Tagging(Mutex<HashMap<TenantId, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    day: i64,
    sets: HashSet<Tags>,
    told: bool,
}

impl Tagging {
    /// The tags of a request. Past the bound of distinct ones, `other` stands for what the client declares.
    ///
    /// # Errors
    /// A declared value is no tag's.
    pub fn tags(
        &self,
        tenant: &Tenant,
        principal: &Principal,
        chat: &ChatRequest,
        now: Timestamp,
    ) -> Result<Option<Tags>, ApiError> {
        let declared = tenant.tags.iter().filter_map(|key| {
            let value = chat.metadata(key)?;
            Some((key.as_str(), value))
        });
        let fixed = principal.tags.iter().flat_map(Tags::pairs);
        let tags = Tags::new(declared.chain(fixed)).map_err(|why| match &why {
            TagError::Value(key) => {
                failure::bad_tag(&why.to_string()).with_param(format!("metadata.{key}"))
            }
            TagError::Key | TagError::TooMany => failure::bad_tag(&why.to_string()),
        })?;
        let Some(tags) = tags else { return Ok(None) };
        let day = now.unix_seconds().div_euclid(DAY);
        if self.keep(&principal.tenant, &tags, day) {
            Ok(Some(tags))
        } else {
            Ok(Some(tags.folded(principal.tags.as_ref())))
        }
    }

    fn keep(&self, tenant: &TenantId, tags: &Tags, day: i64) -> bool {
        let mut all = self.0.lock();
        let seen = match all.get_mut(tenant) {
            Some(seen) => seen,
            None => all.entry(tenant.clone()).or_default(),
        };
        if seen.day != day {
            *seen = Seen {
                day,
                ..Seen::default()
            };
        }
        if seen.sets.contains(tags) {
            return true;
        }
        if seen.sets.len() < MOST {
            return seen.sets.insert(tags.clone());
        }
        if !seen.told {
            seen.told = true;
            tracing::warn!(%tenant, most = MOST, "too many distinct tags today");
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_a_bound_for_each_tenant() {
        let tagging = Tagging::default();
        let tags = |n: usize| Tags::new([("n", n.to_string().as_str())]).unwrap().unwrap();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        for n in 0..MOST {
            assert!(tagging.keep(&a, &tags(n), 1));
        }
        assert!(!tagging.keep(&a, &tags(MOST), 1));
        assert!(tagging.keep(&a, &tags(3), 1), "known ones stay");
        assert!(tagging.keep(&b, &tags(MOST), 1), "others are not bound");
        assert!(tagging.keep(&a, &tags(MOST), 2), "a new day");
    }
}
