//! An upstream that says exactly what a test wants it to say, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A listening upstream. Dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Answers the n-th request with the n-th of these bytes, later ones with the last.
    ///
    /// # Panics
    /// No port can be had.
    pub fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                if take_request(&mut stream).is_some() {
                    let at = counted.fetch_add(1, Ordering::AcqRel);
                    let answer = answers.get(at).or(answers.last());
                    // A gateway that hangs up first is part of some tests.
                    let _sent = stream.write_all(answer.map_or(&[], Vec::as_slice));
                }
            }
        });
        Self {
            address,
            stop,
            asked,
            thread: Some(thread),
        }
    }

    /// A `[[remotes]]` entry of a configuration that names it.
    pub fn remote(&self, id: &str) -> String {
        crate::mock::remote(id, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread from its wait for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the upstream of the test has panicked");
        }
    }
}

/// Reads one request to the end of its body.
fn take_request(stream: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|text| text.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            return Some(());
        }
    }
}

/// The bytes of an answer with a JSON body.
pub fn json(status: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A chat completion of ten tokens in and one out that says this.
pub fn says(text: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
    });
    json("200 OK", &body)
}

/// A chat completion that says it used so much.
pub fn completion(usage: &serde_json::Value) -> Vec<u8> {
    let body = serde_json::json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "yes"}}],
        "usage": usage,
    });
    json("200 OK", &body)
}
