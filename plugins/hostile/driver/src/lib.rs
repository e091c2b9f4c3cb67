//! The guest of the attack suite: the last message names an attack, the guest tries it.

use experts_sdk::{
    Chat, Error, Reply, ask, context, error, http, infer, kv, last_user_text, output, reply,
    retrieve, secrets, tools, trace,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Attack {
    /// Never ends.
    Loop,
    /// Asks for memory until there is none.
    Memory,
    /// Grows memory again and again without using it.
    Grow,
    /// Fills memory again and again.
    Fill { bytes: usize },
    /// Calls itself without end.
    Stack,
    /// Panics with words.
    Panic { words: String },
    /// Calls the host that often.
    Calls { count: u32, of: String },
    /// One log line of that many bytes.
    Log { bytes: usize },
    /// That many lines.
    Lines { count: u32 },
    /// An answer of that many bytes.
    Answer { bytes: usize },
    /// Opens that many spans and keeps them.
    Handles { count: u32 },
    /// Asks an expert.
    Infer {
        expert: Option<String>,
        text: String,
    },
    /// Asks that many at once.
    InferAll {
        count: usize,
        expert: Option<String>,
        text: String,
    },
    /// Has an answer relayed.
    Relay {
        expert: Option<String>,
        text: String,
    },
    /// Fetches.
    Http {
        url: String,
        #[serde(default)]
        method: Option<String>,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        body: String,
        /// Names of secrets whose placeholders are put for `{name}` in URL, headers and body.
        #[serde(default)]
        secrets: Vec<String>,
    },
    /// Gives a secret's placeholder back, in the answer or in an error.
    Secret { name: String, by: String },
    /// Reads a key.
    KvGet { key: String },
    /// Writes a key.
    KvSet { key: String, value: String },
    /// Writes a value of that many bytes.
    KvFill { key: String, bytes: usize },
    /// Lists keys.
    KvKeys { prefix: String },
    /// Counts a key up by compare and set.
    KvCount { key: String },
    /// Searches.
    Retrieve { query: String, filter: String },
    /// Calls a tool.
    Tool { name: String, arguments: String },
    /// Lists tools.
    Tools,
    /// Emits that often, a piece of that many bytes.
    Emit { count: u32, bytes: usize },
    /// Who asks, what the settings are, the clock.
    Context,
    /// Refuses.
    Refuse { code: String, message: String },
}

/// Tries what the request says.
#[experts_sdk::expert]
pub fn answer(asked: Chat) -> Result<Reply, Error> {
    let attack = serde_json::from_str(last_user_text(&asked))
        .map_err(|why| error("invalid", &why.to_string()))?;
    act(attack).map(reply)
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[expect(unconditional_recursion, reason = "the attack")]
fn deeper(depth: u64) -> u64 {
    let room = [depth; 64];
    let room = std::hint::black_box(room);
    deeper(room[7].wrapping_add(1)).wrapping_add(room[9])
}

fn act(attack: Attack) -> Result<String, Error> {
    match attack {
        Attack::Loop => loop {
            std::hint::black_box(0);
        },
        Attack::Memory => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(std::hint::black_box(vec![1; 1 << 20]));
            }
        }
        Attack::Grow => loop {
            grow();
        },
        Attack::Fill { bytes } => {
            let mut held = vec![0_u8; bytes];
            loop {
                held.fill(std::hint::black_box(7));
            }
        }
        Attack::Stack => Ok(deeper(1).to_string()),
        Attack::Panic { words } => panic!("{words}"),
        Attack::Calls { count, of } => {
            for _ in 0..count {
                match of.as_str() {
                    "kv" => drop(kv::get("key")),
                    "http" => drop(http::fetch(&request("GET", "https://example.com/"))),
                    "infer" => drop(infer::call(None, &ask(None, "hello"))),
                    _ => drop(context::now_ms()),
                }
            }
            Ok(format!("{count} calls"))
        }
        Attack::Log { bytes } => {
            trace::log(trace::Level::Info, &text(bytes));
            Ok("logged".to_owned())
        }
        Attack::Lines { count } => {
            for at in 0..count {
                trace::log(trace::Level::Info, &format!("line {at}"));
            }
            Ok(format!("{count} lines"))
        }
        Attack::Answer { bytes } => Ok(text(bytes)),
        Attack::Handles { count } => {
            let spans: Vec<trace::Span> = (0..count)
                .map(|at| trace::Span::new(&format!("span {at}")))
                .collect();
            Ok(format!("{} spans", spans.len()))
        }
        Attack::Infer { expert, text } => {
            let answer = infer::call(expert.as_deref(), &ask(None, &text))?;
            Ok(answer.message.content)
        }
        Attack::InferAll {
            count,
            expert,
            text,
        } => {
            let asks: Vec<_> = (0..count)
                .map(|at| (expert.clone(), ask(None, &format!("{text} {at}"))))
                .collect();
            let answers = infer::call_all(&asks).into_iter();
            let said = answers.map(|answer| {
                answer.map_or_else(|why| format!("error {}", why.code), |a| a.message.content)
            });
            Ok(said.collect::<Vec<_>>().join("\n"))
        }
        Attack::Relay { expert, text } => {
            let feed = infer::start(expert.as_deref(), &ask(None, &text))?;
            Ok(infer::relay(feed)?.message.content)
        }
        Attack::Http {
            url,
            method,
            headers,
            body,
            secrets,
        } => fetch(&url, method, headers, &body, &secrets),
        Attack::Secret { name, by } => {
            let handle = secrets::handle(&name)?;
            match by.as_str() {
                "error" => Err(error("leak", &handle)),
                "log" => {
                    trace::log(trace::Level::Error, &handle);
                    Ok("logged".to_owned())
                }
                _ => Ok(handle),
            }
        }
        Attack::KvGet { key } => Ok(kv::get(&key)?.map_or_else(
            || "nothing".to_owned(),
            |value| String::from_utf8_lossy(&value).into_owned(),
        )),
        Attack::KvSet { key, value } => {
            kv::set(&key, value.as_bytes(), None).map(|()| "set".to_owned())
        }
        Attack::KvFill { key, bytes } => {
            kv::set(&key, &vec![7; bytes], None).map(|()| "set".to_owned())
        }
        Attack::KvKeys { prefix } => Ok(kv::keys(&prefix, 100)?.join(",")),
        Attack::KvCount { key } => loop {
            let old = kv::get(&key)?;
            let count: u64 = old
                .as_deref()
                .and_then(|v| std::str::from_utf8(v).ok()?.parse().ok())
                .unwrap_or(0);
            let next = (count + 1).to_string();
            if kv::swap(&key, old.as_deref(), next.as_bytes())? {
                return Ok(next);
            }
        },
        Attack::Retrieve { query, filter } => {
            let hits = retrieve::search(&query, 5, &filter)?.into_iter();
            Ok(hits
                .map(|hit| format!("{}: {}", hit.document, hit.text))
                .collect::<Vec<_>>()
                .join("\n"))
        }
        Attack::Tool { name, arguments } => tools::call(&name, &arguments),
        Attack::Tools => Ok(tools::available()
            .into_iter()
            .map(|tool| tool.name)
            .collect::<Vec<_>>()
            .join(",")),
        Attack::Emit { count, bytes } => {
            for at in 0..count {
                output::emit(&format!("{at}{}", text(bytes)))?;
            }
            Ok(format!("{count} pieces"))
        }
        Attack::Context => {
            let caller = context::who();
            let config: serde_json::Value = experts_sdk::config()?;
            Ok(serde_json::json!({
                "request": caller.request_id,
                "user": caller.user,
                "config": config,
                "now_ms": context::now_ms(),
                "random": context::random(4).len(),
            })
            .to_string())
        }
        Attack::Refuse { code, message } => Err(error(&code, &message)),
    }
}

#[cfg(target_arch = "wasm32")]
fn grow() {
    std::hint::black_box(core::arch::wasm32::memory_grow(0, 16));
}

#[cfg(not(target_arch = "wasm32"))]
fn grow() {}

fn request(method: &str, url: &str) -> http::Request {
    http::Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    }
}

fn fetch(
    url: &str,
    method: Option<String>,
    headers: Vec<(String, String)>,
    body: &str,
    names: &[String],
) -> Result<String, Error> {
    let mut handles = Vec::new();
    for name in names {
        handles.push((format!("{{{name}}}"), secrets::handle(name)?));
    }
    let put = |text: &str| {
        handles
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let answer = http::fetch(&http::Request {
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), put(value)))
            .collect(),
        body: put(body).into_bytes(),
        ..request(method.as_deref().unwrap_or("GET"), &put(url))
    })?;
    Ok(format!(
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    ))
}
