//! Receipts and counters under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::chat;
use crate::house::{Shelf, ask, check, number, status, until};

const CLIENTS: usize = 8;
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn receipts_add_up_to_the_busy_time_and_the_books_balance_all_along() {
    let shelf = Shelf::of(&["one", "two"]);
    let worker = shelf.serve().await;
    let address = worker.address();
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let over = over.clone();
        async move {
            let (mut looks, mut last) = (0_u64, 0);
            while !over.load(Ordering::SeqCst) {
                let seen = status(address).await;
                check(&seen);
                let provisioned = number(&seen["counters"]["provisioned_ns"]);
                assert!(provisioned > last, "time goes on");
                (looks, last) = (looks + 1, provisioned);
            }
            looks
        }
    });
    let clients = (0..CLIENTS).map(|client| {
        tokio::spawn(async move {
            let mut receipts = 0;
            for turn in 0..EACH {
                let expert = ["one", "two"][(client + turn) % 2];
                let text = "a b c d e f g h i j ".repeat(1 + (client * turn) % 4);
                let answer = chat(address, &ask(expert, "mood", &text)).await.ok();
                receipts += number(&answer["usage"]["moegate"]["device_ns"]);
            }
            receipts
        })
    });
    let mut receipts = 0;
    for client in clients.collect::<Vec<_>>() {
        receipts += client.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    assert!(watch.await.unwrap() > 0);
    let books = until(address, |s| s["queue"]["delivering"] == 0).await;
    let counters = &books["counters"];
    assert_eq!(number(&counters["busy_ns"]), receipts);
    assert_eq!(number(&counters["device_ns"]["completed"]), receipts);
    let total = u64::try_from(CLIENTS * EACH).unwrap();
    assert_eq!(number(&counters["requests"]), total);
    assert_eq!(number(&counters["completed"]), total);
    assert!(number(&counters["steps"]) <= total);
    worker.stop().await.unwrap();
}
