//! One connection of the mock.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::{Counters, MockConfig};
use crate::http::{Length, find, read_chunks, read_head, read_up_to};

const MODELS: &str = r#"{"object":"list","data":[{"id":"mock","object":"model","created":1700000000,"owned_by":"bench"}]}"#;
const REFUSAL: &str = r#"{"error":{"message":"refused on purpose","type":"server_error","param":null,"code":"mock"}}"#;
const LOST: &str = r#"{"error":{"message":"no such path","type":"invalid_request_error","param":null,"code":"not_found"}}"#;

/// Answers requests until the client closes.
pub(super) async fn serve(mut stream: TcpStream, config: MockConfig, counters: Arc<Counters>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (read, write) = stream.split();
    let mut connection = Connection {
        read,
        write,
        input: BytesMut::with_capacity(16 << 10),
        body: Vec::new(),
        output: Vec::with_capacity(16 << 10),
        config,
        counters,
    };
    // A peer that breaks off ends its own connection and nothing else.
    let _broken = connection.run().await;
}

struct Connection<'a> {
    read: ReadHalf<'a>,
    write: WriteHalf<'a>,
    input: BytesMut,
    body: Vec<u8>,
    output: Vec<u8>,
    config: MockConfig,
    counters: Arc<Counters>,
}

enum Path {
    Chat,
    Counts,
    Models,
    Health,
    Other,
}

impl Connection<'_> {
    async fn run(&mut self) -> io::Result<()> {
        while let Some(head) = read_head(&mut self.read, &mut self.input).await? {
            let path = self.path();
            self.input.advance(head.bytes);
            self.body.clear();
            match head.length {
                Length::Known(length) => {
                    read_up_to(&mut self.read, &mut self.input, length).await?;
                    let body = self.input.get(..length).unwrap_or_default();
                    self.body.extend_from_slice(body);
                    self.input.advance(length);
                }
                Length::Chunked => {
                    let body = &mut self.body;
                    let take = |data: &[u8]| body.extend_from_slice(data);
                    read_chunks(&mut self.read, &mut self.input, take).await?;
                }
            }
            match path {
                Path::Chat => self.chat().await?,
                Path::Counts => {
                    let counts = serde_json::to_string(&self.counters.read())?;
                    self.reply("200 OK", &counts).await?;
                }
                Path::Models => self.reply("200 OK", MODELS).await?,
                Path::Health => self.reply("200 OK", "{}").await?,
                Path::Other => self.reply("404 Not Found", LOST).await?,
            }
            if head.close {
                break;
            }
        }
        Ok(())
    }

    fn path(&self) -> Path {
        let head: &[u8] = &self.input;
        let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
        match line.split(|b| *b == b' ').nth(1).unwrap_or_default() {
            path if path.ends_with(b"/chat/completions") => Path::Chat,
            b"/mock/counts" => Path::Counts,
            path if path.ends_with(b"/models") => Path::Models,
            b"/health" => Path::Health,
            _ => Path::Other,
        }
    }

    async fn chat(&mut self) -> io::Result<()> {
        let number = self.counters.request();
        if fails(number, self.config.fail_ratio) {
            self.counters.refused();
            return self.reply("503 Service Unavailable", REFUSAL).await;
        }
        // A rough count, the same for the same bytes.
        let prompt = u64::try_from(self.body.len() / 4).unwrap_or(0);
        let streamed = find(&self.body, b"\"stream\":true").is_some()
            || find(&self.body, b"\"stream\": true").is_some();
        if streamed {
            return self.stream(number, prompt).await;
        }
        wait(self.config.delay).await;
        let completion = u64::from(self.config.tokens);
        self.output.clear();
        let text = "word ".repeat(usize::try_from(self.config.tokens).unwrap_or(0));
        let text = text.trim_end();
        let answer = format!(
            "{{\"id\":\"chatcmpl-{number}\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock\",\
             \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\",\"refusal\":null}},\
             \"logprobs\":null,\"finish_reason\":\"stop\"}}],\"usage\":{}}}",
            usage(prompt, completion)
        );
        self.reply("200 OK", &answer).await?;
        self.counters.answered(prompt, completion);
        Ok(())
    }

    async fn stream(&mut self, number: u64, prompt: u64) -> io::Result<()> {
        self.output.clear();
        self.output.extend_from_slice(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        );
        let tokens = u64::from(self.config.tokens);
        for token in 0..tokens {
            let pause = if token == 0 {
                self.config.first_token
            } else {
                self.config.token
            };
            if !pause.is_zero() && self.flush_and_wait(pause).await.is_err() {
                self.counters.aborted(token);
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let delta = match token {
                0 => "{\"role\":\"assistant\",\"content\":\"word\"}",
                _ => "{\"content\":\" word\"}",
            };
            self.chunk(number, delta, "null");
        }
        self.chunk(number, "{}", "\"stop\"");
        let usage = usage(prompt, tokens);
        self.event(format_args!(
            "{{\"id\":\"chatcmpl-{number}\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
             \"model\":\"mock\",\"choices\":[],\"usage\":{usage}}}"
        ));
        self.event(format_args!("[DONE]"));
        self.output.extend_from_slice(b"0\r\n\r\n");
        if self.write.write_all(&self.output).await.is_err() {
            self.counters.aborted(tokens);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.counters.answered(prompt, tokens);
        Ok(())
    }

    fn chunk(&mut self, number: u64, delta: &str, finish: &str) {
        self.event(format_args!(
            "{{\"id\":\"chatcmpl-{number}\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
             \"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
             \"finish_reason\":{finish}}}],\"usage\":null}}"
        ));
    }

    /// Appends one event as one chunk of the body.
    fn event(&mut self, data: std::fmt::Arguments<'_>) {
        let data = data.to_string();
        // `data: `, the data, two line ends.
        let length = data.len() + 8;
        // Writing to memory does not fail.
        let _written = write!(self.output, "{length:x}\r\ndata: {data}\n\n\r\n");
    }

    /// Sends what is ready and waits, with an ear for the client going away.
    async fn flush_and_wait(&mut self, pause: Duration) -> io::Result<()> {
        self.write.write_all(&self.output).await?;
        self.output.clear();
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            read = self.read.read_buf(&mut self.input) => match read? {
                0 => Err(io::ErrorKind::BrokenPipe.into()),
                _ => {
                    tokio::time::sleep(pause).await;
                    Ok(())
                }
            },
        }
    }

    async fn reply(&mut self, status: &str, body: &str) -> io::Result<()> {
        self.output.clear();
        write!(
            self.output,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.write.write_all(&self.output).await
    }
}

fn usage(prompt: u64, completion: u64) -> String {
    let total = prompt.saturating_add(completion);
    format!(
        "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total}}}"
    )
}

/// Does the request of this number fail? Spread evenly, the same in every run.
fn fails(number: u64, ratio: f64) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of requests, far below 2^52"
    )]
    let share = |n: u64| (n as f64 * ratio).floor();
    share(number + 1) > share(number)
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::fails;

    #[test]
    fn failures_are_spread_evenly() {
        for (ratio, expected) in [(0.0, 0), (0.25, 250), (1.0, 1_000)] {
            let failed = (0..1_000).filter(|n| fails(*n, ratio)).count();
            assert_eq!(failed, expected, "{ratio}");
        }
    }
}
