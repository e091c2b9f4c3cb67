//! Streamed answers.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use expert_worker::http::{App, router};
use expert_worker::{DeviceThread, Roster, Scheduler, SystemClock, SystemIds, TorchEngine};
use http_body::Body as _;
use openai_api::ChatChunk;
use serde_json::{Value, json};
use tower::ServiceExt;
use units::{Clock, Receipt};

use crate::client::{chat, chat_with};
use crate::house::{Shelf, ask};

fn streamed(text: &str, usage: bool) -> Value {
    let mut request = ask("tiny", "colour", text);
    request["stream"] = json!(true);
    if usage {
        request["stream_options"] = json!({"include_usage": true});
    }
    request
}

fn chunks(events: &[String]) -> Vec<ChatChunk> {
    let (done, chunks) = events.split_last().expect("events");
    assert_eq!(done, openai_api::sse::DONE_DATA);
    chunks
        .iter()
        .map(|data| serde_json::from_str(data).expect("a chunk"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_what_the_whole_answer_says() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let whole = chat(worker.address(), &ask("tiny", "colour", "the sea"))
        .await
        .ok();
    let attempt = "0192f0c1-2345-7abc-8def-0123456789ab";
    let headers = [("x-moegate-attempt", attempt)];
    let answer = chat_with(worker.address(), &headers, &streamed("the sea", true)).await;
    let chunks = chunks(&answer.events());
    let (usage, chunks) = chunks.split_last().unwrap();
    assert!(
        chunks
            .iter()
            .all(|c| c.id == usage.id && c.object == ChatChunk::OBJECT)
    );
    let deltas: Vec<_> = chunks.iter().map(|c| &c.choices[0]).collect();
    assert_eq!(deltas[0].delta.role.as_deref(), Some("assistant"));
    let content: Vec<&str> = deltas
        .iter()
        .filter_map(|d| d.delta.content.as_deref())
        .collect();
    assert!(
        content.iter().filter(|c| !c.is_empty()).count() >= 2,
        "real pieces: {content:?}"
    );
    assert_eq!(whole["choices"][0]["message"]["content"], content.concat());
    let ends: Vec<_> = deltas.iter().filter_map(|d| d.finish_reason).collect();
    assert_eq!(ends, [openai_api::FinishReason::Stop]);
    assert_eq!(deltas.last().unwrap().finish_reason, Some(ends[0]));
    // The usage chunk is the last, has no choices, and carries the receipt.
    assert!(usage.choices.is_empty());
    let usage = usage.usage.as_ref().unwrap();
    assert_eq!(
        usage.prompt_tokens,
        whole["usage"]["prompt_tokens"].as_u64().unwrap()
    );
    assert_eq!(
        usage.completion_tokens,
        whole["usage"]["completion_tokens"].as_u64().unwrap()
    );
    let receipt: Receipt = usage.moegate.unwrap();
    assert_eq!(receipt.attempt.to_string(), attempt);
    assert!(receipt.total_ns.unwrap() >= receipt.first_token_ns.unwrap());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_comes_only_when_asked_for() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let answer = chat(worker.address(), &streamed("the sea", false)).await;
    let chunks = chunks(&answer.events());
    assert!(
        chunks
            .iter()
            .all(|c| c.usage.is_none() && c.choices.len() == 1)
    );
    worker.stop().await.unwrap();
}

/// The surface without a socket, so that a test can take an answer frame by frame.
async fn surface(folder: &Path) -> (App, DeviceThread) {
    let folders = vec![folder.to_path_buf()];
    let roster = Arc::new(Roster::read(&folders).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let limits = Shelf::of(&[]).config().limits;
    let bytes: Vec<u64> = roster
        .all()
        .map(|(_, hosted)| hosted.expected_bytes(0))
        .collect();
    let scheduler = Scheduler::new(limits, clock.clone(), bytes);
    let engine = move || TorchEngine::new(folders, tch::Device::Cpu, crate::gate::WRITING);
    let device = DeviceThread::start(scheduler.clone(), roster.clone(), engine)
        .await
        .unwrap();
    let app = App {
        roster,
        scheduler,
        started: clock.now(),
        clock,
        ids: Arc::new(SystemIds),
        device: Arc::from("cpu"),
        body_bytes: 1 << 16,
    };
    (app, device)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_midway_is_booked_as_cancelled() {
    let shelf = Shelf::of(&["tiny"]);
    let (app, device) = surface(&shelf.folder("tiny")).await;
    let scheduler = app.scheduler.clone();
    let mut taken_whole = 0;
    for frames in 0..20 {
        let request = Request::post("/v1/chat/completions")
            .body(Body::from(streamed("the sea", true).to_string()))
            .unwrap();
        let response = router(app.clone()).oneshot(request).await.unwrap();
        let mut body = response.into_body();
        for _ in 0..frames {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            if let Some(frame) = frame {
                assert!(frame.unwrap().into_data().unwrap().starts_with(b"data: "));
            }
        }
        taken_whole += u64::from(body.is_end_stream());
        drop(body);
        let books = scheduler.snapshot();
        assert_eq!(books.completed.count, taken_whole);
        assert_eq!(books.cancelled.count, frames + 1 - taken_whole);
        assert_eq!(books.unsettled.get(), 0);
        let booked = books.completed.device.get() + books.cancelled.device.get();
        assert_eq!(booked, books.busy.get());
    }
    assert!(
        (1..19).contains(&taken_whole),
        "some were cut and some were not: {taken_whole}"
    );
    scheduler.stop();
    device.ended().await.unwrap();
}
