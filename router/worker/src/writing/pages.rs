//! Whose page is whose: pages of keys and values under a fixed bound, with those of earlier prompts kept as long as there
//! is room. What was kept is found by the tenant that read it and the very tokens, never by another.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use decoder::PAGE;

/// What was read before a page, and in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Known {
    tenant: Arc<str>,
    /// The page before, and what it was then.
    before: Option<(u32, u64)>,
    tokens: [u32; PAGE],
}

#[derive(Debug, Default, Clone)]
struct Page {
    /// Sequences that read it.
    readers: u32,
    /// Another content, another number.
    content: u64,
    known: Option<Known>,
    /// When it was last given back.
    rested: u64,
}

/// The pages of one expert.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    free: Vec<u32>,
    known: HashMap<Known, u32>,
    /// Pages nobody reads, which are kept, by when they were given back.
    resting: BTreeMap<u64, u32>,
    clock: u64,
}

impl Pages {
    /// So many, all free.
    pub(crate) fn new(count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            pages: (0..count).map(|_| Page::default()).collect(),
            free: (0..count).rev().collect(),
            known: HashMap::new(),
            resting: BTreeMap::new(),
            clock: 0,
        }
    }

    /// Pages that can be had.
    pub(crate) fn available(&self) -> usize {
        self.free.len().saturating_add(self.resting.len())
    }

    /// All of them.
    #[cfg(test)]
    pub(crate) const fn count(&self) -> usize {
        self.pages.len()
    }

    /// A page to write; of those that are kept, the one that rested longest is given up for it. `None`: there is none.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let page = match self.free.pop() {
            Some(page) => page,
            None => {
                let (_, page) = self.resting.pop_first()?;
                self.forget(page);
                page
            }
        };
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        if let Some(own) = self.get_mut(page) {
            own.readers = 1;
            own.content = clock;
        }
        Some(page)
    }

    /// Whole pages of the beginning of some tokens that the tenant had read before. They are the caller's to give back.
    pub(crate) fn find(&mut self, tenant: &Arc<str>, tokens: &[u32]) -> Vec<u32> {
        let mut found = Vec::new();
        let mut before = None;
        for tokens in tokens.as_chunks::<PAGE>().0 {
            let known = Known {
                tenant: Arc::clone(tenant),
                before,
                tokens: *tokens,
            };
            let Some(page) = self.known.get(&known).copied() else {
                break;
            };
            let Some(own) = self.get_mut(page) else { break };
            own.readers = own.readers.saturating_add(1);
            before = Some((page, own.content));
            let rested = own.rested;
            self.resting.remove(&rested);
            found.push(page);
        }
        found
    }

    /// Says that a page, the one after `before` of a sequence, is full of these tokens: it may be found from now on.
    pub(crate) fn know(
        &mut self,
        tenant: &Arc<str>,
        before: Option<u32>,
        page: u32,
        tokens: [u32; PAGE],
    ) {
        let before = before.map(|page| (page, self.get_mut(page).map_or(0, |p| p.content)));
        let known = Known {
            tenant: Arc::clone(tenant),
            before,
            tokens,
        };
        if self.known.contains_key(&known) {
            return;
        }
        if let Some(own) = self.get_mut(page).filter(|own| own.known.is_none()) {
            own.known = Some(known.clone());
            self.known.insert(known, page);
        }
    }

    /// Gives a page back.
    pub(crate) fn give_back(&mut self, page: u32) {
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        let Some(own) = self.get_mut(page) else {
            return;
        };
        own.readers = own.readers.saturating_sub(1);
        if own.readers > 0 {
            return;
        }
        if own.known.is_some() {
            own.rested = clock;
            self.resting.insert(clock, page);
        } else {
            self.free.push(page);
        }
    }

    fn forget(&mut self, page: u32) {
        let known = self.get_mut(page).and_then(|own| own.known.take());
        if let Some(known) = known {
            self.known.remove(&known);
        }
    }

    fn get_mut(&mut self, page: u32) -> Option<&mut Page> {
        let page = usize::try_from(page).ok()?;
        self.pages.get_mut(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(of: u32) -> [u32; PAGE] {
        [of; PAGE]
    }

    #[test]
    fn what_was_read_is_found_by_its_tenant_alone() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut pages = Pages::new(4);
        let first = pages.take().unwrap();
        let second = pages.take().unwrap();
        pages.know(&a, None, first, full(1));
        pages.know(&a, Some(first), second, full(2));
        let tokens = [full(1), full(2), full(3)].concat();
        assert!(pages.find(&b, &tokens).is_empty());
        assert_eq!(pages.find(&a, &tokens), [first, second]);
        assert_eq!(pages.find(&a, &tokens[..20]), [first]);
        // The same tokens after others are something else.
        assert!(pages.find(&a, &[full(2), full(1)].concat()).is_empty());
        for page in [first, second, first, second, first] {
            pages.give_back(page);
        }
        assert_eq!(pages.available(), 4);
        // They rest, and are found again.
        assert_eq!(pages.find(&a, &tokens), [first, second]);
        pages.give_back(second);
        pages.give_back(first);
        // Until their room is needed: the one that rested longest goes first, and what stood after it is found no more.
        let taken: Vec<u32> = (0..3).map(|_| pages.take().unwrap()).collect();
        assert!(taken.contains(&second) && !taken.contains(&first));
        assert_eq!(pages.find(&a, &tokens), [first]);
        pages.give_back(first);
        assert!(pages.take().is_some());
        assert!(pages.find(&a, &tokens).is_empty());
        assert_eq!(
            (pages.take(), pages.available(), pages.count()),
            (None, 0, 4)
        );
    }

    #[test]
    fn a_page_that_is_another_now_leads_nowhere() {
        let a: Arc<str> = "a".into();
        let mut pages = Pages::new(2);
        let (first, second) = (pages.take().unwrap(), pages.take().unwrap());
        pages.know(&a, None, first, full(1));
        pages.know(&a, Some(first), second, full(2));
        pages.give_back(first);
        // `first` is written anew with the same tokens: it is not what stood before `second`.
        let again = pages.take().unwrap();
        assert_eq!(again, first);
        pages.know(&a, None, again, full(1));
        assert_eq!(pages.find(&a, &[full(1), full(2)].concat()), [first]);
    }
}
