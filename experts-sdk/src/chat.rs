//! Small makers of chats, replies and errors.

use serde::Serialize;

use crate::{Chat, Error, Message, Reply, Role, Usage};

fn message(role: Role, content: String) -> Message {
    Message {
        role,
        content,
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
        extra: String::new(),
    }
}

/// A chat of one user message, with a system message where there is one.
pub fn ask(system: Option<&str>, user: &str) -> Chat {
    let system = system.map(|text| message(Role::System, text.to_owned()));
    let mut messages: Vec<Message> = system.into_iter().collect();
    messages.push(message(Role::User, user.to_owned()));
    Chat {
        messages,
        tools: Vec::new(),
        max_tokens: None,
        temperature: None,
        extra: String::new(),
    }
}

/// What the user said last; empty where nobody did.
pub fn last_user_text(ask: &Chat) -> &str {
    let mut messages = ask.messages.iter().rev();
    messages
        .find(|message| message.role == Role::User)
        .map_or("", |message| &message.content)
}

/// A finished answer.
pub fn reply(text: impl Into<String>) -> Reply {
    Reply {
        message: message(Role::Assistant, text.into()),
        finish: "stop".to_owned(),
        usage: Usage {
            input_tokens: 0,
            output_tokens: 0,
        },
        extra: String::new(),
    }
}

/// A finished answer that is JSON.
///
/// # Errors
/// The value cannot be written as JSON.
pub fn reply_json(value: &impl Serialize) -> Result<Reply, Error> {
    let text = serde_json::to_string(value).map_err(|why| error("internal", &why.to_string()))?;
    Ok(reply(text))
}

/// An error with a code such as `invalid`, and words for the caller.
pub fn error(code: &str, message: &str) -> Error {
    Error {
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after_ms: None,
    }
}
