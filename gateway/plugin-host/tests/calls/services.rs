//! Capabilities in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use plugin_host::types::{Chat, Error, Message, Reply, Role, Usage};
use plugin_host::{
    Boxed, Caller, Context, Feed, Http, HttpAnswer, HttpAsk, Infer, Kv, Output, Remaining, Services,
};

/// The world of a call.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Props>);

#[derive(Default)]
struct Props {
    kv: Mutex<BTreeMap<String, Vec<u8>>>,
    emitted: Mutex<Vec<String>>,
    running: AtomicUsize,
    most: AtomicUsize,
    waiting: AtomicUsize,
}

impl Stage {
    pub(crate) fn services(&self) -> Services {
        Services {
            infer: Some(Arc::new(self.clone())),
            output: Some(Arc::new(self.clone())),
            kv: Some(Arc::new(self.clone())),
            http: Some(Arc::new(self.clone())),
            context: Some(Arc::new(self.clone())),
            ..Services::default()
        }
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn emitted(&self) -> Vec<String> {
        self.0.emitted.lock().unwrap().clone()
    }
}

fn reply(text: String) -> Reply {
    Reply {
        message: Message {
            role: Role::Assistant,
            content: text,
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: String::new(),
        },
        finish: "stop".to_owned(),
        usage: Usage {
            input_tokens: 1,
            output_tokens: 1,
        },
        extra: String::new(),
    }
}

impl Infer for Stage {
    fn call(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Reply, Error>> {
        Box::pin(async move {
            if expert.as_deref() == Some("never") {
                self.0.waiting.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            let now = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.0.running.fetch_sub(1, Ordering::SeqCst);
            let last = ask.messages.last().map_or("", |message| &message.content);
            Ok(reply(format!("echo: {last}")))
        })
    }

    fn start(&self, expert: Option<String>, ask: Chat) -> Boxed<'_, Result<Box<dyn Feed>, Error>> {
        Box::pin(async move {
            let whole = self.call(expert, ask).await?;
            let text = whole.message.content.clone();
            let pieces = text.split_inclusive(' ').map(str::to_owned).collect();
            Ok(Box::new(Words { pieces, whole }) as Box<dyn Feed>)
        })
    }

    fn remaining(&self) -> Remaining {
        Remaining {
            calls: 1,
            tokens: 1,
            micro_usd: 1,
            deadline_ms: 1,
        }
    }
}

struct Words {
    pieces: std::collections::VecDeque<String>,
    whole: Reply,
}

impl Feed for Words {
    fn next(&mut self) -> Boxed<'_, Result<Option<String>, Error>> {
        Box::pin(async { Ok(self.pieces.pop_front()) })
    }

    fn finish(self: Box<Self>) -> Boxed<'static, Result<Reply, Error>> {
        Box::pin(async { Ok(self.whole) })
    }
}

impl Output for Stage {
    fn emit(&self, text: String) -> Boxed<'_, Result<(), Error>> {
        self.0.emitted.lock().unwrap().push(text);
        Box::pin(async { Ok(()) })
    }
}

impl Kv for Stage {
    fn get(&self, key: String) -> Boxed<'_, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move { Ok(self.0.kv.lock().unwrap().get(&key).cloned()) })
    }

    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        _ttl_s: Option<u32>,
    ) -> Boxed<'_, Result<(), Error>> {
        self.0.kv.lock().unwrap().insert(key, value);
        Box::pin(async { Ok(()) })
    }

    fn swap(
        &self,
        _key: String,
        _old: Option<Vec<u8>>,
        _new: Vec<u8>,
    ) -> Boxed<'_, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }

    fn delete(&self, key: String) -> Boxed<'_, Result<(), Error>> {
        self.0.kv.lock().unwrap().remove(&key);
        Box::pin(async { Ok(()) })
    }

    fn keys(&self, _prefix: String, _limit: u32) -> Boxed<'_, Result<Vec<String>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Http for Stage {
    fn fetch(&self, _ask: HttpAsk) -> Boxed<'_, Result<HttpAnswer, Error>> {
        Box::pin(async {
            Ok(HttpAnswer {
                status: 204,
                headers: Vec::new(),
                body: Vec::new(),
            })
        })
    }
}

impl Context for Stage {
    fn who(&self) -> Caller {
        Caller {
            request_id: "r1".to_owned(),
            user: None,
            locale: None,
            extra: String::new(),
        }
    }

    fn config(&self) -> String {
        "{}".to_owned()
    }

    fn now_ms(&self) -> u64 {
        42
    }

    fn random(&self, count: u32) -> Vec<u8> {
        vec![4; usize::try_from(count).unwrap()]
    }
}
