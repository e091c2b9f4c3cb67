//! Services for a plugin on trial: they answer from a script, or with one error.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use plugin_host::types::{Chat, Error, Message, Reply, Role, Usage};
use plugin_host::{
    Boxed, Caller, Context, Feed, Http, HttpAnswer, HttpAsk, Infer, Kv, Output, Remaining,
    Retrieve, Secrets, Services, Steps, Tools,
};

pub(super) fn message(role: Role, text: &str) -> Message {
    Message {
        role,
        content: text.to_owned(),
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: String::new(),
    }
}

/// Services that answer from a script, or with one error.
#[derive(Default)]
pub(super) struct Stubs {
    /// Answers of experts, in order.
    pub(super) answers: Mutex<VecDeque<String>>,
    /// Documents that every search finds.
    pub(super) documents: Vec<String>,
    /// The settings, JSON.
    pub(super) config: Option<String>,
    /// What every call of a service is told instead.
    pub(super) failing: Option<&'static str>,
    /// Values and steps.
    pub(super) kept: Mutex<std::collections::BTreeMap<String, Vec<u8>>>,
    /// What was emitted.
    pub(super) emitted: Mutex<Vec<String>>,
}

impl Stubs {
    pub(super) fn services(self: &Arc<Self>) -> Services {
        let own = || Arc::clone(self);
        Services {
            infer: Some(own()),
            output: Some(own()),
            retrieve: Some(own()),
            kv: Some(own()),
            http: Some(own()),
            secrets: Some(own()),
            tools: Some(own()),
            steps: Some(own()),
            context: Some(own()),
        }
    }

    fn works(&self) -> Result<(), Error> {
        self.failing.map_or(Ok(()), |code| Err(error(code)))
    }

    fn answer(&self) -> Result<Reply, Error> {
        self.works()?;
        let text = self
            .answers
            .lock()
            .pop_front()
            .ok_or_else(|| error("unavailable"))?;
        Ok(Reply {
            message: message(Role::Assistant, &text),
            finish: "stop".to_owned(),
            usage: Usage {
                input_tokens: 1,
                output_tokens: 1,
            },
            extra: String::new(),
        })
    }
}

fn error(code: &str) -> Error {
    Error {
        code: code.to_owned(),
        message: format!("the stub says {code}"),
        retry_after_ms: None,
    }
}

impl Infer for Stubs {
    fn call(&self, _expert: Option<String>, _ask: Chat) -> Boxed<'_, Result<Reply, Error>> {
        Box::pin(async { self.answer() })
    }

    fn start(
        &self,
        _expert: Option<String>,
        _ask: Chat,
    ) -> Boxed<'_, Result<Box<dyn Feed>, Error>> {
        Box::pin(async {
            let whole = self.answer()?;
            Ok(Box::new(Once(Some(whole))) as Box<dyn Feed>)
        })
    }

    fn remaining(&self) -> Remaining {
        Remaining {
            calls: 16,
            tokens: 100_000,
            micro_usd: 1_000_000,
            deadline_ms: 30_000,
        }
    }
}

/// A feed of one piece.
struct Once(Option<Reply>);

impl Feed for Once {
    fn next(&mut self) -> Boxed<'_, Result<Option<String>, Error>> {
        let text = self
            .0
            .as_mut()
            .map(|reply| std::mem::take(&mut reply.message.content));
        Box::pin(async { Ok(text.filter(|text| !text.is_empty())) })
    }

    fn finish(self: Box<Self>) -> Boxed<'static, Result<Reply, Error>> {
        Box::pin(async { self.0.ok_or_else(|| error("invalid")) })
    }
}

impl Output for Stubs {
    fn emit(&self, text: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async {
            self.works()?;
            self.emitted.lock().push(text);
            Ok(())
        })
    }
}

impl Retrieve for Stubs {
    fn search(
        &self,
        _query: String,
        top_k: u32,
        _filter: String,
    ) -> Boxed<'_, Result<Vec<plugin_host::Hit>, Error>> {
        Box::pin(async move {
            self.works()?;
            let most = usize::try_from(top_k).unwrap_or(usize::MAX);
            let hit = |(at, text): (usize, &String)| plugin_host::Hit {
                document: format!("document-{at}"),
                chunk: "0".to_owned(),
                text: text.clone(),
                score: 1.0,
                metadata: "{}".to_owned(),
            };
            Ok(self
                .documents
                .iter()
                .enumerate()
                .take(most)
                .map(hit)
                .collect())
        })
    }
}

impl Kv for Stubs {
    fn get(&self, key: String) -> Boxed<'_, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move { self.works().map(|()| self.kept.lock().get(&key).cloned()) })
    }

    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        _ttl_s: Option<u32>,
    ) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            self.works()?;
            self.kept.lock().insert(key, value);
            Ok(())
        })
    }

    fn swap(
        &self,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Boxed<'_, Result<bool, Error>> {
        Box::pin(async move {
            self.works()?;
            let mut kept = self.kept.lock();
            let same = kept.get(&key) == old.as_ref();
            if same {
                kept.insert(key, new);
            }
            Ok(same)
        })
    }

    fn delete(&self, key: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            self.works()?;
            self.kept.lock().remove(&key);
            Ok(())
        })
    }

    fn keys(&self, prefix: String, limit: u32) -> Boxed<'_, Result<Vec<String>, Error>> {
        Box::pin(async move {
            self.works()?;
            let most = usize::try_from(limit).unwrap_or(usize::MAX);
            let kept = self.kept.lock();
            Ok(kept
                .keys()
                .filter(|key| key.starts_with(&prefix))
                .take(most)
                .cloned()
                .collect())
        })
    }
}

impl Http for Stubs {
    fn fetch(&self, _ask: HttpAsk) -> Boxed<'_, Result<HttpAnswer, Error>> {
        Box::pin(async { Err(error(self.failing.unwrap_or("unavailable"))) })
    }
}

impl Secrets for Stubs {
    fn handle(&self, name: &str) -> Result<String, Error> {
        self.works().map(|()| format!("{{{{secret:{name}:stub}}}}"))
    }
}

impl Tools for Stubs {
    fn available(&self) -> Boxed<'_, Vec<plugin_host::types::Tool>> {
        Box::pin(async { Vec::new() })
    }

    fn call(&self, _name: String, _arguments: String) -> Boxed<'_, Result<String, Error>> {
        Box::pin(async { Err(error(self.failing.unwrap_or("denied"))) })
    }
}

impl Steps for Stubs {
    fn recall(&self, key: String) -> Boxed<'_, Result<Option<String>, Error>> {
        Box::pin(async move {
            self.works()?;
            let kept = self.kept.lock().get(&format!("step {key}")).cloned();
            Ok(kept.map(|value| String::from_utf8_lossy(&value).into_owned()))
        })
    }

    fn record(&self, key: String, value: String) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            self.works()?;
            self.kept
                .lock()
                .insert(format!("step {key}"), value.into_bytes());
            Ok(())
        })
    }

    fn cancelled(&self) -> bool {
        false
    }
}

impl Context for Stubs {
    fn who(&self) -> Caller {
        Caller {
            request_id: "trial".to_owned(),
            user: None,
            locale: None,
            extra: String::new(),
        }
    }

    fn config(&self) -> String {
        self.config.clone().unwrap_or_else(|| "{}".to_owned())
    }

    fn now_ms(&self) -> u64 {
        1_790_000_000_000
    }

    fn random(&self, count: u32) -> Vec<u8> {
        vec![7; usize::try_from(count).unwrap_or(0)]
    }
}
