//! Experts that write, over HTTP: answers whole and in pieces, many at a time, abandoned, bounded and refused.

use std::time::Duration;

use openai_api::ChatChunk;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::client::{chat, chat_bytes, chat_with, connect};
use crate::house::{Shelf, ask, number, status, until};

fn write(text: &str, most: u64) -> Value {
    json!({
        "model": "writer", "max_tokens": most,
        "messages": [{"role": "user", "content": text}],
    })
}

fn content(answer: &Value) -> String {
    let content = &answer["choices"][0]["message"]["content"];
    content.as_str().expect("content").to_owned()
}

/// What a stream said, and its last usage.
fn told(events: &[String]) -> (String, Option<Value>) {
    let (done, chunks) = events.split_last().expect("events");
    assert_eq!(done, openai_api::sse::DONE_DATA);
    let (mut text, mut usage) = (String::new(), None);
    for data in chunks {
        let chunk: ChatChunk = serde_json::from_str(data).expect("a chunk");
        usage = usage.or(chunk.usage.map(|u| serde_json::to_value(u).expect("JSON")));
        for choice in chunk.choices {
            text.push_str(&choice.delta.content.unwrap_or_default());
        }
    }
    (text, usage)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_written_with_its_receipt() {
    let shelf = Shelf::of(&["tiny"]).with_writer("writer");
    let worker = shelf.serve().await;
    let address = worker.address();
    let whole = chat(address, &write("Hello.", 20)).await.ok();
    let usage = &whole["usage"];
    assert_eq!(whole["model"], "writer");
    let finish = whole["choices"][0]["finish_reason"].as_str();
    assert!(matches!(finish, Some("stop" | "length")), "{whole}");
    // One token for each byte and mark of the template's text; Jinja drops the line's end after the last.
    let prompt = "<user\nHello.><assistant".len();
    assert_eq!(
        number(&usage["prompt_tokens"]),
        u64::try_from(prompt).unwrap()
    );
    assert!(number(&usage["completion_tokens"]) <= 20);
    let receipt = &usage["moegate"];
    assert!(number(&receipt["device_ns"]) > 0 && number(&receipt["first_token_ns"]) > 0);
    // The same in pieces, and what the first one read need not be read again.
    let mut asked = write("Hello.", 20);
    asked["stream"] = json!(true);
    asked["stream_options"] = json!({"include_usage": true});
    let answer = chat(address, &asked).await;
    let (text, again) = told(&answer.events());
    let again = again.expect("usage");
    assert_eq!(text, content(&whole));
    assert_eq!(number(&again["prompt_tokens_details"]["cached_tokens"]), 16);
    assert_eq!(again["prompt_tokens"], usage["prompt_tokens"]);
    // Another tenant finds nothing of it.
    let other = chat_with(
        address,
        &[("x-moegate-tenant", "other")],
        &write("Hello.", 20),
    )
    .await;
    let other = other.ok();
    assert_eq!(
        number(&other["usage"]["prompt_tokens_details"]["cached_tokens"]),
        0
    );
    assert_eq!(content(&other), content(&whole));
    // Those that decide are beside it.
    chat(address, &ask("tiny", "colour", "the sea")).await.ok();
    let status = until(address, |s| number(&s["counters"]["completed"]) == 4).await;
    assert_eq!(number(&status["queue"]["running"]), 0);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_a_time_write_what_each_writes_alone() {
    let shelf = Shelf::of(&[]).with_writer("writer");
    let worker = shelf.serve().await;
    let address = worker.address();
    let texts: Vec<String> = (0..24)
        .map(|n| format!("{} question {n}", "long ".repeat(n)))
        .collect();
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(content(&chat(address, &write(text, 16)).await.ok()));
    }
    let together = texts.iter().enumerate().map(|(n, text)| {
        let body = write(text, 16);
        let tenant = format!("t{}", n % 3);
        tokio::spawn(async move {
            let answer = chat_with(address, &[("x-moegate-tenant", &tenant)], &body).await;
            content(&answer.ok())
        })
    });
    let together: Vec<_> = together.collect();
    for (found, expected) in together.into_iter().zip(alone) {
        assert_eq!(found.await.unwrap(), expected);
    }
    until(address, |s| number(&s["counters"]["completed"]) == 48).await;
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_are_kept() {
    let shelf = Shelf::of(&[]).with_writer("writer");
    let worker = shelf.serve().await;
    let address = worker.address();
    let with = |more: Value| {
        let mut body = write("Tell me.", 24);
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let plain = content(&chat(address, &with(json!({}))).await.ok());
    // Drawn with one seed twice, with another once.
    let hot = |seed: u64| with(json!({"temperature": 1.5, "seed": seed}));
    let first = content(&chat(address, &hot(1)).await.ok());
    assert_eq!(content(&chat(address, &hot(1)).await.ok()), first);
    assert_ne!(content(&chat(address, &hot(2)).await.ok()), first);
    // A stop string that is in the answer cuts it.
    let letters: Vec<char> = plain.chars().collect();
    let middle: String = letters[letters.len() / 2..].iter().take(2).collect();
    let cut = chat(address, &with(json!({"stop": [middle]}))).await.ok();
    let expected = plain.split(&middle).next().unwrap();
    assert_eq!(content(&cut), expected);
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    // A token that is worth nothing is never written, log probabilities are those of the network.
    let told = chat(address, &with(json!({"logprobs": true, "top_logprobs": 3})))
        .await
        .ok();
    let tokens = told["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap()
        .clone();
    assert!(!tokens.is_empty());
    for token in &tokens {
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        assert_eq!(top[0]["logprob"], token["logprob"]);
        assert!(token["logprob"].as_f64().unwrap() <= 0.0);
    }
    let only = chat(
        address,
        &with(json!({"logit_bias": {"65": 100}, "max_tokens": 5})),
    )
    .await
    .ok();
    assert_eq!(content(&only), "AAAAA");
    assert_eq!(only["choices"][0]["finish_reason"], "length");
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_refused() {
    let shelf = Shelf::of(&[]).with_writer("writer");
    let worker = shelf.serve().await;
    let address = worker.address();
    let with = |field: &str, value: Value| {
        let mut body = write("x", 4);
        body[field] = value;
        body
    };
    for (body, code, param) in [
        (
            write(&"x".repeat(600), 4),
            "context_length_exceeded",
            "messages",
        ),
        (
            with("stop", json!(["a", "b", "c", "d", "e"])),
            "invalid_value",
            "stop",
        ),
        (with("seed", json!("one")), "invalid_value", "seed"),
        (with("min_p", json!(2)), "invalid_value", "min_p"),
        (
            with("logit_bias", json!({"x": 1})),
            "invalid_value",
            "logit_bias",
        ),
        (
            with("logit_bias", json!({"1": 101})),
            "invalid_value",
            "logit_bias",
        ),
        (
            with("presence_penalty", json!(3)),
            "invalid_value",
            "presence_penalty",
        ),
    ] {
        let answer = chat(address, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        let (_, found, at) = answer.error();
        assert_eq!(
            (found.as_str(), at.as_deref()),
            (code, Some(param)),
            "{body}"
        );
    }
    // Too short a time is told as such.
    let late = chat_with(address, &[("x-moegate-deadline-ms", "0")], &write("x", 4)).await;
    assert_eq!(late.status, 504);
    chat(address, &write("x", 4)).await.ok();
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_leave_nothing_behind() {
    let shelf = Shelf::of(&[]).with_writer("writer");
    let worker = shelf.serve().await;
    let address = worker.address();
    let before = content(&chat(address, &write("The same as ever.", 24)).await.ok());
    let abandon = |n: u64| async move {
        let mut body = write(&format!("{n} {}", "and on ".repeat(20)), 300);
        body["stream"] = json!(n.is_multiple_of(2));
        let mut stream = connect(address).await;
        stream.write_all(&chat_bytes(&[], &body)).await.unwrap();
        if n.is_multiple_of(3) {
            let mut first = [0];
            let reading = tokio::io::AsyncReadExt::read(&mut stream, &mut first);
            drop(tokio::time::timeout(Duration::from_millis(n % 40), reading).await);
        }
    };
    let all: Vec<_> = (0..60).map(|n| tokio::spawn(abandon(n))).collect();
    for one in all {
        one.await.unwrap();
    }
    until(address, |s| {
        let queue = &s["queue"];
        number(&queue["waiting"]) + number(&queue["running"]) + number(&queue["delivering"]) == 0
    })
    .await;
    assert_eq!(
        content(&chat(address, &write("The same as ever.", 24)).await.ok()),
        before
    );
    let books = status(address).await;
    assert!(number(&books["counters"]["cancelled"]) > 0, "{books}");
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_that_is_writing_makes_no_room() {
    let shelf = Shelf::of(&["tiny"]).with_writer("writer");
    let mut config = shelf.config();
    // Room for either, not for both.
    let writer = decoder::fixture::parameters() * 4 + config.kv_bytes;
    config.limits.memory_bytes = (writer + 65_536).max(shelf.bytes("tiny") + 65_536);
    config.limits.memory_bytes = config
        .limits
        .memory_bytes
        .min(writer + shelf.bytes("tiny") - 1);
    let worker = crate::house::serve(config).await.unwrap();
    let address = worker.address();
    let long: Vec<_> = (0..4)
        .map(|n| {
            tokio::spawn(
                async move { chat(address, &write(&format!("go on {n}"), 200)).await.ok() },
            )
        })
        .collect();
    let short = chat(address, &ask("tiny", "colour", "the sea")).await;
    short.ok();
    for one in long {
        let answer = one.await.unwrap();
        assert!(number(&answer["usage"]["completion_tokens"]) > 0);
    }
    let books = status(address).await;
    let experts = books["experts"].as_array().unwrap();
    assert!(
        experts.iter().any(|e| number(&e["evictions"]) > 0),
        "{books}"
    );
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_gets_its_card_from_the_command_line() {
    let shelf = Shelf::of(&[]).with_writer("writer");
    let folder = shelf.folder("writer");
    let run = |more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_moegate-worker"))
            .arg("card")
            .arg(&folder)
            .args([
                "--id",
                "writer",
                "--domain",
                "test",
                "--base",
                "none",
                "--base-licence",
                "MIT",
            ])
            .args(more)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let (ok, said) = run(&[]);
    assert!(!ok && said.contains("--force"), "{said}");
    let (ok, said) = run(&["--force", "--output-tokens", "7"]);
    assert!(ok, "{said}");
    let architecture = shelf.card("writer").architecture.unwrap();
    assert_eq!(architecture.params, decoder::fixture::parameters());
    let (ok, said) = run(&["--force", "--context-tokens", "9999"]);
    assert!(!ok && said.contains("512"), "{said}");
    let worker = shelf.serve().await;
    let mut body = write("Hello.", 1);
    body.as_object_mut().unwrap().remove("max_tokens");
    let answer = chat(worker.address(), &body).await.ok();
    assert!(number(&answer["usage"]["completion_tokens"]) <= 7);
    worker.stop().await.unwrap();
    // What cannot be hosted is named: field, value, and what can be.
    let config = folder.join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("qwen2", "mamba")).unwrap();
    let (ok, said) = run(&["--force"]);
    assert!(
        !ok && said.contains("model_type is \"mamba\"") && said.contains("qwen3"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_weights_leave_the_others_be() {
    for (what, damage) in [
        ("the file ends before it", cut as fn(&std::path::Path)),
        ("not finite", nan),
        ("not a safetensors header", scramble),
    ] {
        let shelf = Shelf::of(&["tiny"]).with_writer("writer");
        damage(&shelf.folder("writer").join("model.safetensors"));
        let worker = shelf.serve().await;
        let address = worker.address();
        let refused = chat(address, &write("x", 4)).await;
        assert_eq!(refused.status, 503, "{what}");
        assert_eq!(refused.error().1, "expert_unavailable");
        let books = status(address).await;
        let experts = books["experts"].as_array().unwrap();
        let failure = experts[1]["failure"].as_str().unwrap();
        assert!(failure.contains(what), "{failure}");
        assert_eq!(experts[1]["healthy"], false);
        chat(address, &ask("tiny", "colour", "the sea")).await.ok();
        worker.stop().await.unwrap();
    }
}

fn cut(path: &std::path::Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 100]).unwrap();
}

fn nan(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(path, &bytes).unwrap();
}

fn scramble(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[8] = b'x';
    std::fs::write(path, &bytes).unwrap();
}
