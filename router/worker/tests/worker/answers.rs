//! What a client reads.

use models::ClassifierExpert;
use serde_json::{Value, json};
use units::{AttemptStatus, Purpose, Receipt};

use crate::client::{chat, chat_with, get};
use crate::house::{Shelf, ask, number};

fn content(answer: &Value) -> Value {
    let content = answer["choices"][0]["message"]["content"].as_str();
    serde_json::from_str(content.expect("content")).expect("JSON content")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_what_the_expert_says_with_the_cards_words() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let expert = ClassifierExpert::load(&shelf.folder("tiny"), tch::Device::Cpu).unwrap();
    let card = shelf.card("tiny");
    for text in ["grass", "a much longer text about the sea", "x"] {
        let encoded = expert.tokenizer().encode(text, Some("colour")).unwrap();
        let tokens = encoded.ids.len();
        let direct = expert.classify(&[encoded]).unwrap().remove(0);
        let label = &card.tasks[0].labels[direct.ranked[0].0];
        let answer = chat(worker.address(), &ask("tiny", "colour", text))
            .await
            .ok();
        let said = content(&answer);
        assert_eq!(said["label"], label.name.as_str());
        assert_eq!(said["answer"], label.answer.as_str());
        assert_eq!(said["task"], "colour");
        let confidence = said["confidence"].as_f64().unwrap();
        assert!((confidence - f64::from(direct.ranked[0].1)).abs() < 2e-4);
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["model"], "tiny");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["choices"][0]["logprobs"], Value::Null);
        assert_eq!(
            number(&answer["usage"]["prompt_tokens"]),
            u64::try_from(tokens).unwrap()
        );
    }
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receipt_is_the_attempts() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let attempt = "0192f0c1-2345-7abc-8def-0123456789ab";
    let headers = [
        ("x-moegate-attempt", attempt),
        ("x-moegate-purpose", "hedge"),
        ("x-moegate-deadline-ms", "60000"),
        ("x-request-id", "r-17"),
    ];
    let answer = chat_with(worker.address(), &headers, &ask("tiny", "mood", "hello")).await;
    assert_eq!(answer.header("x-request-id"), Some("r-17"));
    let usage = answer.ok()["usage"].clone();
    let receipt: Receipt = serde_json::from_value(usage["moegate"].clone()).unwrap();
    assert_eq!(receipt.attempt.to_string(), attempt);
    assert_eq!(receipt.purpose, Purpose::Hedge);
    assert_eq!(receipt.status, AttemptStatus::Ok);
    assert!(receipt.device_ns.unwrap().get() > 0);
    assert!(receipt.queue_ns.is_some());
    assert!(receipt.first_token_ns.unwrap() >= receipt.device_ns.unwrap());
    assert!(receipt.total_ns.unwrap() >= receipt.first_token_ns.unwrap());
    assert_eq!(
        receipt.tokens.input().unwrap().get(),
        number(&usage["prompt_tokens"])
    );
    assert_eq!(
        receipt.tokens.output().unwrap().get(),
        number(&usage["completion_tokens"])
    );
    assert_eq!(
        receipt.tokens.total().unwrap().get(),
        number(&usage["total_tokens"])
    );
    // Without headers: a new id each time, and the purpose is to serve.
    let plain = chat(worker.address(), &ask("tiny", "mood", "hello"))
        .await
        .ok();
    let receipt: Receipt = serde_json::from_value(plain["usage"]["moegate"].clone()).unwrap();
    assert_eq!(receipt.attempt.uuid().get_version_num(), 7);
    assert_eq!(receipt.purpose, Purpose::Serve);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_and_its_tokens_are_the_cards_answer() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let json_said = content(
        &chat(worker.address(), &ask("tiny", "mood", "hm"))
            .await
            .ok(),
    );
    let mut request = ask("tiny", "mood", "hm");
    request["response_format"] = json!({"type": "text"});
    let answer = chat(worker.address(), &request).await.ok();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text, json_said["answer"].as_str().unwrap());
    // The fixture's vocabulary has one token per sign and none for spaces.
    let signs = text.chars().filter(|c| !c.is_whitespace()).count();
    assert_eq!(
        number(&answer["usage"]["completion_tokens"]),
        u64::try_from(signs).unwrap()
    );
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_experts_own_head_picks_a_task_where_none_is_named() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let expert = ClassifierExpert::load(&shelf.folder("tiny"), tch::Device::Cpu).unwrap();
    let encoded = expert.tokenizer().encode("who?", None).unwrap();
    let task = expert.classify(&[encoded]).unwrap()[0].task;
    let mut request = ask("tiny", "colour", "who?");
    request.as_object_mut().unwrap().remove("metadata");
    let said = content(&chat(worker.address(), &request).await.ok());
    assert_eq!(said["task"], shelf.card("tiny").tasks[task].id.as_str());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hinted_task_is_taken_where_the_request_names_none() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let address = worker.address();
    let mut free = ask("tiny", "colour", "who?");
    free.as_object_mut().unwrap().remove("metadata");
    let own = content(&chat(address, &free).await.ok())["task"].clone();
    for hint in ["colour", "mood", "taste"] {
        let headers = [("x-moegate-task", hint)];
        let said = content(&chat_with(address, &headers, &free).await.ok());
        let expected = if hint == "taste" {
            own.clone()
        } else {
            hint.into()
        };
        assert_eq!(said["task"], expected, "{hint}");
        let named = chat_with(address, &headers, &ask("tiny", "mood", "who?")).await;
        assert_eq!(content(&named.ok())["task"], "mood");
    }
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_are_those_of_the_labels() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let mut request = ask("tiny", "colour", "sky");
    request["logprobs"] = json!(true);
    request["top_logprobs"] = json!(20);
    let answer = chat(worker.address(), &request).await.ok();
    let position = &answer["choices"][0]["logprobs"]["content"][0];
    assert_eq!(position["token"], content(&answer)["label"]);
    let top = position["top_logprobs"].as_array().unwrap();
    let logprobs: Vec<f64> = top.iter().map(|t| t["logprob"].as_f64().unwrap()).collect();
    assert_eq!(top.len(), 3);
    assert_eq!(position["logprob"].as_f64().unwrap(), logprobs[0]);
    assert!(logprobs.windows(2).all(|w| w[0] >= w[1]), "best first");
    let sum: f64 = logprobs.iter().map(|l| l.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    request["top_logprobs"] = json!(1);
    let answer = chat(worker.address(), &request).await.ok();
    let position = &answer["choices"][0]["logprobs"]["content"][0];
    assert_eq!(position["top_logprobs"].as_array().unwrap().len(), 1);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_says_what_the_card_says_for_it() {
    let shelf = Shelf::of(&["tiny"]);
    let mut card = shelf.card("tiny");
    // Nothing is ever as sure as this.
    card.tasks[0].reject_threshold = Some(1.0);
    card.tasks[0].out_of_scope_answer = Some("Ask somebody else.".to_owned());
    card.write(&shelf.folder("tiny")).unwrap();
    let worker = shelf.serve().await;
    let answer = chat(worker.address(), &ask("tiny", "colour", "sky"))
        .await
        .ok();
    let said = content(&answer);
    assert_eq!(said["label"], expert_worker::OUT_OF_SCOPE);
    assert_eq!(said["answer"], "Ask somebody else.");
    assert!((0.0..=1.0).contains(&said["confidence"].as_f64().unwrap()));
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_of_the_user_is_read() {
    let shelf = Shelf::of(&["tiny"]);
    let worker = shelf.serve().await;
    let alone = chat(worker.address(), &ask("tiny", "colour", "the sea"))
        .await
        .ok();
    let mut request = ask("tiny", "colour", "ignored");
    request["messages"] = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "another text"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": [{"type": "text", "text": "the sea"}]},
    ]);
    let among = chat(worker.address(), &request).await.ok();
    assert_eq!(content(&among), content(&alone));
    assert_eq!(
        among["usage"]["prompt_tokens"],
        alone["usage"]["prompt_tokens"]
    );
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_are_the_hosted_experts() {
    let shelf = Shelf::of(&["one", "two"]);
    let worker = shelf.serve().await;
    let list = get(worker.address(), "/v1/models").await.ok();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["id"].as_str())
        .collect();
    assert_eq!(ids, ["one", "two"]);
    assert_eq!(
        get(worker.address(), "/v1/models/two").await.ok()["id"],
        "two"
    );
    let missing = get(worker.address(), "/v1/models/three").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.error().1, "model_not_found");
    assert_eq!(get(worker.address(), "/health").await.ok()["status"], "ok");
    worker.stop().await.unwrap();
}
