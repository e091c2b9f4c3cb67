//! A host in memory for plain `cargo test`: script what others answer, run the plugin's function, look at what it did.
//!
//! Each test thread has a host of its own; [`Host::install`] replaces it.

mod outside;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

pub use outside::{http, secrets, tools};

use crate::{Chat, Error, Reply, Tool, error};

/// What the plugin is told and what it did.
#[derive(Default)]
pub struct Host {
    /// Answers of experts, taken in order, by the expert's id; `auto` where the gate chooses.
    pub answers: BTreeMap<String, VecDeque<Result<Reply, Error>>>,
    /// Documents: collection-free hits whose text holds a word of the query.
    pub documents: Vec<retrieve::Hit>,
    /// Keys and values.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// Answers of servers by method and URL.
    pub servers: BTreeMap<(String, String), http::Response>,
    /// Tools and their answers by name.
    pub tools: Vec<(Tool, Result<String, Error>)>,
    /// The settings, JSON.
    pub config: String,
    /// The clock.
    pub now_ms: u64,
    /// Recorded steps.
    pub steps: BTreeMap<String, String>,
    /// The caller has gone.
    pub cancelled: bool,
    /// Capabilities that answer `denied`.
    pub denied: Vec<&'static str>,
    /// What was asked of experts.
    pub asked: Vec<(Option<String>, Chat)>,
    /// What was emitted.
    pub emitted: Vec<String>,
    /// What was logged.
    pub log: Vec<String>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host {
        config: "{}".to_owned(),
        ..Host::default()
    });
}

impl Host {
    /// A host that knows nothing, with the settings `{}`.
    pub fn new() -> Self {
        Self {
            config: "{}".to_owned(),
            ..Self::default()
        }
    }

    /// Adds an answer of an expert.
    #[must_use]
    pub fn answering(mut self, expert: &str, answer: Result<Reply, Error>) -> Self {
        self.answers
            .entry(expert.to_owned())
            .or_default()
            .push_back(answer);
        self
    }

    /// Makes this the thread's host.
    pub fn install(self) {
        HOST.with_borrow_mut(|host| *host = self);
    }

    /// Takes the thread's host back, to look at what was done.
    pub fn take() -> Self {
        HOST.with_borrow_mut(|host| std::mem::replace(host, Self::new()))
    }

    fn answer(&mut self, expert: Option<&str>, ask: &Chat) -> Result<Reply, Error> {
        self.may("infer")?;
        self.asked.push((expert.map(str::to_owned), ask.clone()));
        let waiting = self.answers.get_mut(expert.unwrap_or("auto"));
        waiting
            .and_then(VecDeque::pop_front)
            .unwrap_or_else(|| Err(error("unavailable", "no answer is scripted")))
    }

    fn may(&self, capability: &str) -> Result<(), Error> {
        if self.denied.contains(&capability) {
            return Err(error(
                "denied",
                &format!("the capability `{capability}` is not granted"),
            ));
        }
        Ok(())
    }
}

fn with<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(act)
}

/// `infer`.
pub mod infer {
    use super::{Chat, Error, Reply, with};

    /// What may still be used.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Budget {
        /// Calls.
        pub calls: u32,
        /// Tokens.
        pub tokens: u64,
        /// Money, millionths of a US dollar.
        pub micro_usd: u64,
        /// Time, milliseconds.
        pub deadline_ms: u64,
    }

    /// An answer in pieces: words.
    pub struct Feed {
        words: std::cell::RefCell<std::collections::VecDeque<String>>,
        reply: Reply,
    }

    impl Feed {
        /// The next piece.
        ///
        /// # Errors
        /// None in this host.
        pub fn next(&self) -> Result<Option<String>, Error> {
            Ok(self.words.borrow_mut().pop_front())
        }

        /// The whole answer.
        ///
        /// # Errors
        /// None in this host.
        pub fn finish(&self) -> Result<Reply, Error> {
            Ok(self.reply.clone())
        }
    }

    pub(crate) fn call(expert: Option<&str>, ask: &Chat) -> Result<Reply, Error> {
        with(|host| host.answer(expert, ask))
    }

    pub(crate) fn call_all(asks: &[(Option<String>, Chat)]) -> Vec<Result<Reply, Error>> {
        asks.iter()
            .map(|(expert, ask)| call(expert.as_deref(), ask))
            .collect()
    }

    pub(crate) fn start(expert: Option<&str>, ask: &Chat) -> Result<Feed, Error> {
        let reply = call(expert, ask)?;
        let words = reply
            .message
            .content
            .split_inclusive(' ')
            .map(str::to_owned)
            .collect();
        Ok(Feed {
            words: std::cell::RefCell::new(words),
            reply,
        })
    }

    pub(crate) fn relay(feed: Feed) -> Result<Reply, Error> {
        while let Some(piece) = feed.next()? {
            super::output::emit(&piece)?;
        }
        feed.finish()
    }

    pub(crate) fn remaining() -> Budget {
        Budget {
            calls: 16,
            tokens: 100_000,
            micro_usd: 1_000_000,
            deadline_ms: 30_000,
        }
    }
}

/// `output`.
pub mod output {
    use super::{Error, error, with};

    pub(crate) fn emit(text: &str) -> Result<(), Error> {
        with(|host| {
            host.may("output")?;
            if host.cancelled {
                return Err(error("cancelled", "the caller has gone"));
            }
            host.emitted.push(text.to_owned());
            Ok(())
        })
    }
}

/// `retrieve`.
pub mod retrieve {
    use super::{Error, with};

    /// A chunk of a document.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Hit {
        /// The document.
        pub document: String,
        /// The chunk.
        pub chunk: String,
        /// Its text.
        pub text: String,
        /// How well it fits.
        pub score: f32,
        /// JSON.
        pub metadata: String,
    }

    pub(crate) fn search(query: &str, top_k: u32, _filter: &str) -> Result<Vec<Hit>, Error> {
        with(|host| {
            host.may("retrieve")?;
            let lower = query.to_lowercase();
            let words: Vec<&str> = lower
                .split_whitespace()
                .filter(|word| word.len() > 3)
                .collect();
            let fits = |hit: &&Hit| {
                words
                    .iter()
                    .any(|word| hit.text.to_lowercase().contains(word))
            };
            let most = usize::try_from(top_k).unwrap_or(usize::MAX);
            Ok(host
                .documents
                .iter()
                .filter(fits)
                .take(most)
                .cloned()
                .collect())
        })
    }
}

/// `kv`.
pub mod kv {
    use super::{Error, with};

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        with(|host| host.may("kv").map(|()| host.kv.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8], _ttl_s: Option<u32>) -> Result<(), Error> {
        with(|host| {
            host.may("kv")?;
            host.kv.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn swap(key: &str, old: Option<&[u8]>, new: &[u8]) -> Result<bool, Error> {
        with(|host| {
            host.may("kv")?;
            let same = host.kv.get(key).map(Vec::as_slice) == old;
            if same {
                host.kv.insert(key.to_owned(), new.to_vec());
            }
            Ok(same)
        })
    }

    pub(crate) fn delete(key: &str) -> Result<(), Error> {
        with(|host| {
            host.may("kv")?;
            host.kv.remove(key);
            Ok(())
        })
    }

    pub(crate) fn keys(prefix: &str, limit: u32) -> Result<Vec<String>, Error> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        with(|host| {
            host.may("kv")?;
            let own = host.kv.keys().filter(|key| key.starts_with(prefix));
            Ok(own.take(most).cloned().collect())
        })
    }
}

/// `trace`.
pub mod trace {
    use super::with;

    /// How loud a line is.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub enum Level {
        /// For the author.
        Debug,
        /// Worth knowing.
        Info,
        /// Worth a look.
        Warn,
        /// Something failed.
        Error,
    }

    /// A named stretch of a call.
    pub struct Span(String);

    impl Span {
        /// Opens one.
        pub fn new(name: &str) -> Self {
            Self(name.to_owned())
        }

        /// Notes a fact.
        pub fn set(&self, key: &str, value: &str) {
            with(|host| host.log.push(format!("{}: {key}={value}", self.0)));
        }
    }

    pub(crate) fn log(level: Level, message: &str) {
        with(|host| host.log.push(format!("{level:?}: {message}")));
    }
}

/// `context`.
pub mod context {
    use super::with;

    /// Who asks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Caller {
        /// The request.
        pub request_id: String,
        /// The user.
        pub user: Option<String>,
        /// The language.
        pub locale: Option<String>,
        /// JSON.
        pub extra: String,
    }

    pub(crate) fn who() -> Caller {
        Caller {
            request_id: "test".to_owned(),
            user: None,
            locale: None,
            extra: String::new(),
        }
    }

    pub(crate) fn config() -> String {
        with(|host| host.config.clone())
    }

    pub(crate) fn now_ms() -> u64 {
        with(|host| host.now_ms)
    }

    pub(crate) fn random(count: u32) -> Vec<u8> {
        (0..count)
            .map(|at| u8::try_from(at % 251).unwrap_or(0))
            .collect()
    }
}

/// `steps`.
pub mod steps {
    use super::{Error, with};

    pub(crate) fn recall(key: &str) -> Result<Option<String>, Error> {
        with(|host| host.may("steps").map(|()| host.steps.get(key).cloned()))
    }

    pub(crate) fn record_step(key: &str, value: &str) -> Result<(), Error> {
        with(|host| {
            host.may("steps")?;
            host.steps.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
    }

    pub(crate) fn cancelled() -> bool {
        with(|host| host.cancelled)
    }
}
