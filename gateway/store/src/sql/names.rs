//! Interned names: each text once, a small integer everywhere else.

use std::collections::HashMap;

use ledger::Tags;
use units::IdError;

use super::link::{Link, query};
use crate::StoreError;

/// The number of no name.
pub(super) const NONE: i64 = 0;

/// Numbers seen by the writer. Names of a transaction count only once it is committed.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, i64>,
    fresh: HashMap<String, i64>,
}

impl Names {
    /// Past this many the cache starts anew: subjects of tokens may be many.
    const MOST: usize = 50_000;

    /// Forgets what a transaction that came to nothing has added.
    pub(super) fn begin(&mut self) {
        self.fresh.clear();
    }

    /// Keeps what a committed transaction has added.
    pub(super) fn commit(&mut self) {
        if self.known.len() > Self::MOST {
            self.known.clear();
        }
        self.known.extend(self.fresh.drain());
    }

    /// Makes sure `text` has a number.
    pub(super) async fn intern(
        &mut self,
        connection: &mut Link<'_>,
        text: &str,
    ) -> Result<i64, StoreError> {
        if let Some(id) = self.find(text) {
            return Ok(id);
        }
        query("INSERT INTO names (text) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(text)
            .execute(connection)
            .await?;
        let (id,): (i64,) = query("SELECT id FROM names WHERE text = $1")
            .bind(text)
            .fetch_one(connection)
            .await?;
        self.fresh.insert(text.to_owned(), id);
        Ok(id)
    }

    /// The number of a name that was interned before in this transaction.
    pub(super) fn get(&self, text: &str) -> Result<i64, StoreError> {
        self.find(text).ok_or(StoreError::Damaged("name"))
    }

    fn find(&self, text: &str) -> Option<i64> {
        self.known
            .get(text)
            .or_else(|| self.fresh.get(text))
            .copied()
    }
}

/// A stored name as tags.
pub(super) fn tags(text: &str) -> Result<Tags, StoreError> {
    Tags::parse(text).map_err(|_| StoreError::Damaged("tags"))
}

/// A stored name as an id.
pub(crate) fn parse<T>(
    text: &str,
    new: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, StoreError> {
    new(text).map_err(|_| StoreError::Damaged("name"))
}
