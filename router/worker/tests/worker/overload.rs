//! Too much at once, deadlines, and clients that go away. Steps wait at a gate until the test has
//! seen what it wants to see.

use expert_worker::BatchLimits;

use crate::client::{chat, chat_bytes, chat_with, connect, read};
use crate::gate::{Order, gated};
use crate::house::{Shelf, ask, check, number, status, until};
use tokio::io::AsyncWriteExt;

fn waiting(count: u64) -> impl Fn(&serde_json::Value) -> bool {
    move |status| status["queue"]["waiting"] == count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_503_and_says_when_to_come_back() {
    let shelf = Shelf::of(&["tiny"]);
    let mut config = shelf.config();
    config.limits.queue = 1;
    let (worker, gate) = gated(config).await;
    let address = worker.address();
    let body = ask("tiny", "colour", "sky");
    let first = tokio::spawn({
        let body = body.clone();
        async move { chat(address, &body).await }
    });
    assert_eq!(gate.begun().await, 1);
    let second = tokio::spawn({
        let body = body.clone();
        async move { chat(address, &body).await }
    });
    until(address, waiting(1)).await;
    let refused = chat(address, &body).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.error().1, "overloaded");
    let ms: u64 = refused.header("retry-after-ms").unwrap().parse().unwrap();
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(ms > 0 && seconds == ms.div_ceil(1000));
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    gate.open(Order::Compute);
    first.await.unwrap().ok();
    gate.open(Order::Compute);
    second.await.unwrap().ok();
    let books = until(address, |s| s["counters"]["completed"] == 2).await;
    assert_eq!(books["counters"]["rejected"], 1);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_share_the_next_step_and_those_who_left_are_not_in_it() {
    let shelf = Shelf::of(&["tiny"]);
    let (worker, gate) = gated(shelf.config()).await;
    let address = worker.address();
    let body = ask("tiny", "colour", "sky");
    let first = tokio::spawn({
        let body = body.clone();
        async move { chat(address, &body).await }
    });
    assert_eq!(gate.begun().await, 1);
    let mut others = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(address).await;
        stream.write_all(&chat_bytes(&[], &body)).await.unwrap();
        others.push(stream);
    }
    until(address, waiting(4)).await;
    drop(others.pop());
    let books = until(address, waiting(3)).await;
    assert_eq!(books["counters"]["cancelled"], 1);
    assert_eq!(books["counters"]["device_ns"]["cancelled"], 0);
    gate.open(Order::Compute);
    first.await.unwrap().ok();
    assert_eq!(gate.begun().await, 3, "three share a step");
    gate.open(Order::Compute);
    let mut shares = Vec::new();
    for stream in others {
        let answer = read(stream).await.ok();
        shares.push(number(&answer["usage"]["moegate"]["device_ns"]));
    }
    // Equal texts weigh alike: shares differ by what is left of the division.
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(most - least <= 1, "{shares:?}");
    let books = until(address, |s| s["counters"]["completed"] == 4).await;
    assert_eq!(books["counters"]["steps"], 2);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_during_its_step_is_booked_with_its_device_time() {
    let shelf = Shelf::of(&["tiny"]);
    let (worker, gate) = gated(shelf.config()).await;
    let address = worker.address();
    let mut stream = connect(address).await;
    let bytes = chat_bytes(&[], &ask("tiny", "colour", "sky"));
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(gate.begun().await, 1);
    drop(stream);
    // The worker must have seen the end of that connection before the step ends: a second request
    // on a new connection comes after it.
    let waits = tokio::spawn(async move { chat(address, &ask("tiny", "colour", "sky")).await });
    until(address, waiting(1)).await;
    gate.open(Order::Compute);
    assert_eq!(gate.begun().await, 1);
    gate.open(Order::Compute);
    let kept = waits.await.unwrap().ok();
    let books = until(address, |s| s["queue"]["delivering"] == 0).await;
    let counters = &books["counters"];
    let ended = number(&counters["completed"]) + number(&counters["cancelled"]);
    assert_eq!(ended, 2);
    let device = &counters["device_ns"];
    assert_eq!(number(&device["unsettled"]), 0);
    assert_eq!(number(&counters["cancelled"]), 1, "{counters}");
    let mine = number(&kept["usage"]["moegate"]["device_ns"]);
    assert_eq!(number(&device["completed"]), mine);
    assert_eq!(
        number(&device["cancelled"]) + mine,
        number(&counters["busy_ns"])
    );
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_past_its_deadline_is_told_so_and_never_computed() {
    let shelf = Shelf::of(&["tiny"]);
    let (worker, gate) = gated(shelf.config()).await;
    let address = worker.address();
    let body = ask("tiny", "colour", "sky");
    let first = tokio::spawn({
        let body = body.clone();
        async move { chat(address, &body).await }
    });
    assert_eq!(gate.begun().await, 1);
    for ms in ["0", "20"] {
        let late = chat_with(address, &[("x-moegate-deadline-ms", ms)], &body).await;
        assert_eq!(late.status, 504);
        assert_eq!(late.error().1, "deadline_exceeded");
        assert_eq!(late.header("x-should-retry"), Some("false"));
    }
    let books = until(address, waiting(0)).await;
    assert_eq!(books["counters"]["timed_out"], 2);
    gate.open(Order::Compute);
    first.await.unwrap().ok();
    let books = until(address, |s| s["counters"]["completed"] == 1).await;
    assert_eq!(books["counters"]["steps"], 1);
    assert_eq!(books["counters"]["cancelled"], 0);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_step_fails_that_request_and_nothing_else() {
    let shelf = Shelf::of(&["tiny"]);
    let mut config = shelf.config();
    config.limits.batch = BatchLimits::of_members(1);
    let (worker, gate) = gated(config).await;
    let address = worker.address();
    let body = ask("tiny", "colour", "sky");
    for order in [Order::Panic, Order::Panic, Order::Compute] {
        gate.open(order);
    }
    for status in [500, 500, 200] {
        assert_eq!(chat(address, &body).await.status, status);
    }
    // Three in a row are too many: the expert is put aside, the worker lives.
    for _ in 0..3 {
        gate.open(Order::Panic);
        assert_eq!(chat(address, &body).await.error().1, "expert_failed");
    }
    let aside = chat(address, &body).await;
    assert_eq!(
        (aside.status, aside.error().1.as_str()),
        (503, "expert_unavailable")
    );
    assert!(aside.header("retry-after-ms").is_some());
    let books = status(address).await;
    check(&books);
    assert_eq!(books["experts"][0]["healthy"], false);
    assert!(
        books["experts"][0]["failure"]
            .as_str()
            .unwrap()
            .contains("as ordered")
    );
    assert_eq!(books["counters"]["failed"], 5);
    worker.stop().await.unwrap();
}
