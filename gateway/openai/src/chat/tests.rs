use super::*;

fn refused(body: &str) -> String {
    ChatRequest::parse(body.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_request_keeps_what_it_does_not_read() {
    let body =
        r#"{"model":"auto","messages":[{"role":"user","content":"hi","name":"x"}],"seed":7}"#;
    let request = ChatRequest::parse(body.as_bytes()).unwrap();
    assert_eq!(request.last_user_text(), "hi");
    let again: Value = serde_json::to_value(&request).unwrap();
    assert_eq!(again, serde_json::from_str::<Value>(body).unwrap());
}

#[test]
fn bad_values_name_their_field() {
    let ok = r#"{"role":"user","content":"hi"}"#;
    for (body, param) in [
        (format!(r#"{{"messages":[{ok}]}}"#), "model"),
        (r#"{"model":"auto","messages":[]}"#.to_owned(), "messages"),
        (
            format!(r#"{{"model":"a","messages":[{ok}],"max_tokens":-1}}"#),
            "max_tokens",
        ),
        (
            format!(r#"{{"model":"a","messages":[{ok}],"max_tokens":99999999}}"#),
            "max_tokens",
        ),
        (format!(r#"{{"model":"a","messages":[{ok}],"n":2}}"#), "n:"),
        (
            r#"{"model":"a","messages":[{"role":"user","content":""}]}"#.to_owned(),
            "messages[0]",
        ),
        (
            format!(r#"{{"model":"a","messages":[{ok}],"stream_options":{{}}}}"#),
            "stream_options",
        ),
    ] {
        assert!(
            refused(&body).starts_with(param),
            "{body}: {}",
            refused(&body)
        );
    }
}

#[test]
fn wrong_types_and_deep_nesting_are_errors() {
    assert!(refused("{").contains("not a chat request"));
    assert!(refused(r#"{"model":"a","messages":"hi"}"#).contains("not a chat request"));
    assert!(
        refused(r#"{"model":"a","messages":[{"role":"king","content":"x"}]}"#).contains("king")
    );
    let deep = format!(
        r#"{{"model":"a","messages":[{{"role":"user","content":"x"}}],"x":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    assert!(refused(&deep).contains("recursion"));
    assert!(
        ChatRequest::parse(b"{\"model\":\"\xff\"}")
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[test]
fn parts_are_joined() {
    let body = r#"{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":"one"},
        {"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"two"}]}]}"#;
    assert_eq!(
        ChatRequest::parse(body.as_bytes())
            .unwrap()
            .last_user_text(),
        "one\ntwo"
    );
}
