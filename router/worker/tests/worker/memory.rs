//! Several experts under one memory budget.

use expert_worker::WorkerError;
use serde_json::Value;

use crate::client::chat;
use crate::house::{Shelf, ask, number, serve, status, until};

fn loaded(status: &Value) -> Vec<bool> {
    let experts = status["experts"].as_array().unwrap().iter();
    experts.map(|e| e["loaded"].as_bool().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_recently_used_expert_makes_room() {
    let shelf = Shelf::of(&["one", "two", "three"]);
    let mut config = shelf.config();
    config.limits.memory_bytes = shelf.bytes("one") * 5 / 2;
    let worker = serve(config).await.unwrap();
    let address = worker.address();
    // Every expert was loaded once at start, in order.
    assert_eq!(loaded(&status(address).await), [false, true, true]);
    for (expert, then) in [
        ("two", [false, true, true]),
        ("one", [true, true, false]),
        ("two", [true, true, false]),
        ("three", [false, true, true]),
    ] {
        chat(address, &ask(expert, "colour", "sky")).await.ok();
        assert_eq!(loaded(&status(address).await), then, "after {expert}");
    }
    let books = until(address, |s| s["queue"]["delivering"] == 0).await;
    let experts = books["experts"].as_array().unwrap();
    let of = |key: &str| experts.iter().map(|e| number(&e[key])).collect::<Vec<_>>();
    assert_eq!(of("loads"), [2, 1, 2]);
    assert_eq!(of("evictions"), [2, 0, 1]);
    assert_eq!(of("bytes"), vec![shelf.bytes("one"); 3]);
    assert_eq!(
        of("load_ns").iter().sum::<u64>(),
        number(&books["counters"]["load_ns"])
    );
    assert!(of("load_ns").iter().all(|ns| *ns > 0));
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_larger_than_the_budget_is_refused_at_start() {
    let shelf = Shelf::of(&["one"]);
    let mut config = shelf.config();
    config.limits.memory_bytes = shelf.bytes("one") - 1;
    let refused = serve(config).await.unwrap_err();
    assert!(matches!(refused, WorkerError::TooLarge { .. }));
    let message = refused.to_string();
    for part in ["one", &shelf.bytes("one").to_string(), "--memory-mb"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_folders_are_refused_at_start() {
    let shelf = Shelf::of(&["one"]);
    let mut config = shelf.config();
    config.experts = Vec::new();
    assert!(matches!(
        serve(config.clone()).await.unwrap_err(),
        WorkerError::NoExpert
    ));
    config.experts = vec![shelf.folder("nowhere")];
    assert!(matches!(
        serve(config.clone()).await.unwrap_err(),
        WorkerError::Card(_)
    ));
    config.experts = vec![shelf.folder("one"), shelf.folder("one")];
    let twice = serve(config).await.unwrap_err();
    assert!(twice.to_string().contains("same id"), "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_that_cannot_be_loaded_is_shown_and_the_others_serve() {
    let shelf = Shelf::of(&["good", "bad"]);
    let weights = shelf.folder("bad").join("model.safetensors");
    std::fs::write(&weights, b"no weights").unwrap();
    let worker = shelf.serve().await;
    let address = worker.address();
    chat(address, &ask("good", "colour", "sky")).await.ok();
    let refused = chat(address, &ask("bad", "colour", "sky")).await;
    assert_eq!(
        (refused.status, refused.error().1.as_str()),
        (503, "expert_unavailable")
    );
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    let books = until(address, |s| s["queue"]["delivering"] == 0).await;
    assert_eq!(books["experts"][0]["healthy"], true);
    assert_eq!(books["experts"][1]["healthy"], false);
    let failure = books["experts"][1]["failure"].as_str().unwrap();
    assert!(failure.contains("model.safetensors"), "{failure}");
    assert_eq!(books["counters"]["rejected"], 1);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_whose_files_vanish_fails_when_it_is_needed_again() {
    let shelf = Shelf::of(&["one", "two"]);
    let mut config = shelf.config();
    config.limits.memory_bytes = shelf.bytes("one") * 3 / 2;
    let worker = serve(config).await.unwrap();
    let address = worker.address();
    assert_eq!(loaded(&status(address).await), [false, true]);
    std::fs::remove_file(shelf.folder("one").join("model.safetensors")).unwrap();
    let refused = chat(address, &ask("one", "colour", "sky")).await;
    assert_eq!(
        (refused.status, refused.error().1.as_str()),
        (503, "expert_unavailable")
    );
    assert_eq!(status(address).await["experts"][0]["healthy"], false);
    chat(address, &ask("two", "colour", "sky")).await.ok();
    worker.stop().await.unwrap();
}
