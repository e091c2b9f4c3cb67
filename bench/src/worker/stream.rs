//! A client of one stream that notes when its tokens come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

/// What stands before the text of a frame; every token has text.
const TEXT: &[u8] = b"\"content\":\"";

/// When each token of an answer came, counted from `begun`.
pub(super) fn times(
    address: SocketAddr,
    prompt: &str,
    tokens: usize,
    begun: Instant,
) -> Result<Vec<Duration>> {
    let body = json!({
        "model": "bench", "stream": true, "max_tokens": tokens, "temperature": 0,
        "messages": [{"role": "user", "content": prompt}],
    })
    .to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: worker\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut times = Vec::with_capacity(tokens);
    let mut heard: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        heard.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let now = begun.elapsed();
        let mut from = 0;
        while let Some(at) = find(heard.get(from..).unwrap_or_default()) {
            let text = from + at + TEXT.len();
            // The frame that names the role has none.
            if heard.get(text).is_some_and(|first| *first != b'"') {
                times.push(now);
            }
            from = text;
        }
        // The end may be the beginning of another.
        let kept = heard.len().saturating_sub(TEXT.len()).max(from);
        heard.drain(..kept);
    }
    times.first().context("the worker wrote nothing")?;
    Ok(times)
}

fn find(bytes: &[u8]) -> Option<usize> {
    // The byte after it must be there, too.
    let long = bytes.windows(TEXT.len() + 1);
    long.into_iter().position(|window| window.starts_with(TEXT))
}
