//! Keys and values of tokens that were read, in pages of 16. Whose page is whose, and when one is free, is the caller's to
//! know; a page may stand in several sequences as long as none of them writes it.

use crate::{DecoderConfig, DecoderError};

/// Tokens of a page.
pub const PAGE: usize = 16;

/// The pages of one network.
#[derive(Debug)]
pub struct KvCache {
    kv_heads: usize,
    dim: usize,
    pages: usize,
    /// By layer: of each page and head the values of 16 keys, those of one place side by side.
    keys: Vec<Vec<f32>>,
    /// By layer: of each page and head 16 values, one after the other.
    values: Vec<Vec<f32>>,
}

impl KvCache {
    /// So many pages. Memory is taken when they are written first.
    pub fn new(config: &DecoderConfig, pages: usize) -> Self {
        let values = pages * config.kv_heads * config.head_dim * PAGE;
        let layers = || (0..config.layers).map(|_| vec![0.0; values]).collect();
        Self {
            kv_heads: config.kv_heads,
            dim: config.head_dim,
            pages,
            keys: layers(),
            values: layers(),
        }
    }

    /// Bytes of one page, over all layers.
    pub fn page_bytes(config: &DecoderConfig) -> u64 {
        let values = 2 * config.layers * config.kv_heads * config.head_dim * PAGE;
        u64::try_from(values * 4).unwrap_or(u64::MAX)
    }

    /// How many pages there are.
    pub const fn pages(&self) -> usize {
        self.pages
    }

    /// Refuses a list of pages that is too short for so many tokens, or names one that does not exist.
    pub(crate) fn check(&self, pages: &[u32], tokens: usize) -> Result<(), DecoderError> {
        let known = |page: &u32| usize::try_from(*page).is_ok_and(|page| page < self.pages);
        if pages.len() * PAGE < tokens || !pages.iter().all(known) {
            return Err(DecoderError::Input(
                "a sequence has not the pages for its tokens",
            ));
        }
        Ok(())
    }

    /// Keeps the key and the value of one token, each of all heads.
    pub(crate) fn write(
        &mut self,
        layer: usize,
        pages: &[u32],
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let slot = position % PAGE;
        let Some(page) = at(pages, position / PAGE) else {
            return;
        };
        let each = self.dim * PAGE;
        let base = page * self.kv_heads * each;
        let keys = self
            .keys
            .get_mut(layer)
            .and_then(|keys| keys.get_mut(base..));
        for (into, key) in keys
            .unwrap_or_default()
            .chunks_mut(each)
            .zip(key.chunks(self.dim))
        {
            for (into, value) in into.iter_mut().skip(slot).step_by(PAGE).zip(key) {
                *into = *value;
            }
        }
        let values = self
            .values
            .get_mut(layer)
            .and_then(|values| values.get_mut(base..));
        for (into, value) in values
            .unwrap_or_default()
            .chunks_mut(each)
            .zip(value.chunks(self.dim))
        {
            if let Some(into) = into.get_mut(slot * self.dim..(slot + 1) * self.dim) {
                into.copy_from_slice(value);
            }
        }
    }

    /// Keys and values of one head in the page that stands at `place` of a list.
    pub(crate) fn page<'a>(
        &'a self,
        layer: usize,
        pages: &[u32],
        place: usize,
        head: usize,
    ) -> (&'a [f32], &'a [f32]) {
        let each = self.dim * PAGE;
        let base = at(pages, place).unwrap_or(0) * self.kv_heads * each + head * each;
        let part = |all: Option<&'a Vec<f32>>| all.and_then(|all| all.get(base..base + each));
        let (keys, values) = (part(self.keys.get(layer)), part(self.values.get(layer)));
        (keys.unwrap_or_default(), values.unwrap_or_default())
    }
}

fn at(pages: &[u32], place: usize) -> Option<usize> {
    pages
        .get(place)
        .and_then(|page| usize::try_from(*page).ok())
}
