//! Against a server on loopback that speaks the chat API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use expert_card::{Choice, Label};
use serde_json::Value;

use super::{Cost, ask_all, teach};
use crate::answers::Answers;
use crate::data::{Row, TaskData};
use crate::recipe::{Remote, Source, Split, TaskRecipe};
use crate::teacher::Lesson;

const WAIT: Duration = Duration::from_millis(1);

fn lesson() -> Lesson {
    let label = |name: &str| Label {
        name: name.into(),
        answer: "Yes.".into(),
        threshold: None,
    };
    let row = |text: &str, label| Row {
        text: text.into(),
        labels: vec![label],
    };
    Lesson {
        answers: Answers {
            out_of_scope: None,
            none: None,
            labels: vec![label("up"), label("down")],
        },
        data: TaskData {
            train: vec![
                row("gold rises", 0),
                row("gold falls", 1),
                row("gold rises", 0),
            ],
            dev: vec![row("gold sinks", 1)],
            unlabelled: vec!["gold leaps".into()],
            sources: Vec::new(),
        },
    }
}

fn task() -> TaskRecipe {
    TaskRecipe {
        id: "gold".into(),
        title: "Gold".into(),
        answers: "gold.toml".into(),
        choice: Choice::One,
        out_of_scope_label: None,
        reject_cost: None,
        repeat: 1,
        source: Source {
            name: "own".into(),
            licence: "CC0".into(),
            file: "gold.csv".into(),
            text_column: "text".into(),
            label_column: "label".into(),
            split: Split::Column {
                column: "split".into(),
            },
        },
        extra: Vec::new(),
        unlabelled: Vec::new(),
        variants: 0,
        teachers: Vec::new(),
    }
}

fn remote(address: &str) -> Remote {
    Remote {
        weight: 1.0,
        trust: 0.9,
        endpoint: format!("http://{address}/v1"),
        model: "mock".into(),
        key_variable: None,
        licence: "none".into(),
        prompt: "Say one of: {labels}".into(),
        answer_tokens: 5,
        per_minute: 60_000,
        tries: 3,
        timeout_s: 20,
        input_price_micros: 1_000,
        output_price_micros: 2_000,
        currency: "USD".into(),
        most_micros: 1_000_000,
    }
}

/// Answers one connection after the other with `script`, then with what the text deserves; tells each request.
fn serve(script: Vec<String>) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = sync_channel(64);
    std::thread::spawn(move || {
        let mut script = script.into_iter();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else {
                return;
            };
            let Some(request) = read_request(&mut stream) else {
                continue;
            };
            let text = request
                .pointer("/messages/1/content")
                .and_then(Value::as_str)
                .unwrap();
            let said = if text.contains("rises") || text.contains("leaps") {
                "Up."
            } else {
                "down"
            };
            let answer = script.next().unwrap_or_else(|| ok(said));
            if tell.send(request).is_err() {
                return;
            }
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (address, told)
}

fn read_request(stream: &mut TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn response(status: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{head}connection: close\r\n\r\n{body}"
    )
}

fn ok(said: &str) -> String {
    let body = format!(
        r#"{{"choices":[{{"message":{{"role":"assistant","content":"{said}"}}}}],"usage":{{"prompt_tokens":7,"completion_tokens":2}}}}"#
    );
    response("200 OK", "", &body)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_text_is_asked_once_and_every_answer_is_booked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.answers.jsonl");
    let (address, told) = serve(Vec::new());
    let said = teach(&task(), &lesson(), &remote(&address), &path).unwrap();
    let asked: Vec<Value> = told.try_iter().collect();
    assert_eq!(asked.len(), 4, "two of the rows are the same text");
    assert_eq!(asked[0]["messages"][0]["content"], "Say one of: up, down");
    assert_eq!(asked[0]["max_tokens"], 5);
    let up = said.train[0].as_ref().unwrap();
    assert!(up[0] > up[1] && said.train[2] == said.train[0]);
    assert_eq!(said.facts.dev_accuracy, Some(1.0));
    assert!(said.unlabelled[0].is_some());
    // 7 tokens at 1000 and 2 at 2000 micro-units per thousand: 11 each.
    let cost = said.facts.cost.unwrap();
    assert_eq!((cost.micros, cost.answers, cost.unknown), (44, 4, 0));
    assert_eq!((cost.input_tokens, cost.output_tokens), (28, 8));
    let receipts = lines(&folder.path().join("gold.answers.receipts.jsonl"));
    assert_eq!(receipts.len(), 4);
    assert!(
        receipts
            .iter()
            .all(|r| r["micros"] == 11 && r["text_sha256"].as_str().unwrap().len() == 64)
    );
    assert!(
        !std::fs::read_to_string(folder.path().join("gold.answers.receipts.jsonl"))
            .unwrap()
            .contains("gold")
    );
}

#[test]
fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.answers.jsonl");
    let busy = response("429 Too Many Requests", "retry-after: 0\r\n", "{}");
    let (address, told) = serve(vec![busy, response("503 Service Unavailable", "", "")]);
    ask_all(&task(), &lesson(), &remote(&address), &path, WAIT).unwrap();
    assert_eq!(told.try_iter().count(), 6);
    let receipts = lines(&folder.path().join("gold.answers.receipts.jsonl"));
    assert_eq!(receipts[0]["tries"], 3);

    let path = folder.path().join("second.answers.jsonl");
    let wrong = response("401 Unauthorized", "", "{\"error\":\"no key\"}");
    let (address, told) = serve(vec![wrong]);
    let error = ask_all(&task(), &lesson(), &remote(&address), &path, WAIT);
    let error = error.expect_err("401").to_string();
    assert!(error.contains("401") && error.contains("no key"), "{error}");
    assert_eq!(told.try_iter().count(), 1);

    let path = folder.path().join("third.answers.jsonl");
    let down = response("500 Internal Server Error", "", "");
    let (address, _told) = serve(vec![down; 3]);
    let error = ask_all(&task(), &lesson(), &remote(&address), &path, WAIT);
    let error = error.expect_err("three times 500").to_string();
    assert!(error.contains("3 times"), "{error}");
}

#[test]
fn a_cut_off_run_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.answers.jsonl");
    let down = response("404 Not Found", "", "gone");
    let (address, told) = serve(vec![ok("up"), ok("down"), down]);
    ask_all(&task(), &lesson(), &remote(&address), &path, WAIT).expect_err("404");
    assert_eq!(told.try_iter().count(), 3);
    // What a kill in the middle of a line leaves.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"{\"request\":{\"mess").unwrap();
    let cost = ask_all(&task(), &lesson(), &remote(&address), &path, WAIT).unwrap();
    let asked: Vec<Value> = told.try_iter().collect();
    assert_eq!(asked.len(), 2, "only the rows without an answer");
    assert_eq!((cost.answers, lines(&path).len()), (4, 4));
}

#[test]
fn no_request_is_sent_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.answers.jsonl");
    let (address, told) = serve(Vec::new());
    let mut remote = remote(&address);
    remote.most_micros = 20;
    let error = ask_all(&task(), &lesson(), &remote, &path, WAIT);
    let error = error.expect_err("two answers cost 22").to_string();
    assert!(
        error.contains("2 of 4") && error.contains("0.000022 USD"),
        "{error}"
    );
    assert_eq!(told.try_iter().count(), 2);
}

#[test]
fn an_answer_of_unknown_cost_is_counted_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.answers.jsonl");
    let body = r#"{"choices":[{"message":{"content":"up"}}]}"#;
    let (address, _told) = serve(vec![response("200 OK", "", body)]);
    let cost: Cost = ask_all(&task(), &lesson(), &remote(&address), &path, WAIT).unwrap();
    assert_eq!((cost.unknown, cost.micros), (1, 33));
    assert!(cost.shown().contains("unknown cost"), "{}", cost.shown());
}
