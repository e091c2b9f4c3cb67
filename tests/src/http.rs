//! A client that can be as rude as the tests need: bytes out, bytes in, over a plain socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for any byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status; 0 where the connection ended without an answer.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
///
/// # Panics
/// Nobody listens.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.set_nodelay(true).expect("nodelay");
    stream
}

/// Sends bytes on a new connection and reads one answer.
pub fn send(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = connect(address);
    // The gateway may answer and close before it has read everything.
    let _cut_short = stream.write_all(bytes);
    read(&mut stream)
}

/// The bytes of a request with its length.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// `GET` with a key.
pub fn get(address: SocketAddr, path: &str, key: Option<&str>) -> Reply {
    let authorization = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<(&str, &str)> = authorization
        .iter()
        .map(|value| ("authorization", value.as_str()))
        .collect();
    send(address, &request("GET", path, &headers, b""))
}

/// `POST` of JSON bytes with a key.
pub fn post(address: SocketAddr, path: &str, key: &str, body: &[u8]) -> Reply {
    let authorization = format!("Bearer {key}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    send(address, &request("POST", path, &headers, body))
}

/// A chat request with a key.
pub fn chat(address: SocketAddr, key: &str, body: &Value) -> Reply {
    post(
        address,
        "/v1/chat/completions",
        key,
        body.to_string().as_bytes(),
    )
}

/// Sends a chat request and leaves its answer to be read, or not.
///
/// # Panics
/// The gateway does not take the request.
pub fn begin_chat(address: SocketAddr, key: &str, body: &Value) -> TcpStream {
    let mut stream = connect(address);
    let bytes = chat_request(key, body);
    stream.write_all(&bytes).expect("the request is taken");
    stream
}

fn chat_request(key: &str, body: &Value) -> Vec<u8> {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    let path = "/v1/chat/completions";
    request("POST", path, &headers, body.to_string().as_bytes())
}

/// A chat request to a gateway that may be dead; `None` where nobody listens.
pub fn try_chat(address: SocketAddr, key: &str, body: &Value) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let bytes = chat_request(key, body);
    stream.write_all(&bytes).ok()?;
    Some(read(&mut stream))
}

/// `name=value` of a cookie that an answer sets.
///
/// # Panics
/// It sets no such cookie.
pub fn cookie(reply: &Reply, name: &str) -> String {
    let set = reply.headers.iter().filter(|(n, _)| n == "set-cookie");
    set.filter_map(|(_, value)| value.split(';').next())
        .find(|value| value.split('=').next() == Some(name))
        .unwrap_or_else(|| panic!("no {name} in {:?}", reply.headers))
        .to_owned()
}

/// Reads one answer, to the end of the connection where it has no length.
pub fn read(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer in time"),
            Err(_) => break,
        }
        if let Some(reply) = parse(&bytes)
            && whole(&reply, &bytes)
        {
            return decoded(reply);
        }
    }
    parse(&bytes).map_or(
        Reply {
            status: 0,
            headers: Vec::new(),
            body: bytes,
        },
        decoded,
    )
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Reply {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    })
}

fn whole(reply: &Reply, bytes: &[u8]) -> bool {
    match reply
        .header("content-length")
        .and_then(|text| text.parse::<usize>().ok())
    {
        Some(length) => reply.body.len() >= length,
        None => reply.header("transfer-encoding").is_some() && bytes.ends_with(b"0\r\n\r\n"),
    }
}

fn decoded(mut reply: Reply) -> Reply {
    if reply
        .header("transfer-encoding")
        .is_some_and(|value| value.contains("chunked"))
    {
        reply.body = joined(&reply.body);
    }
    reply
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).ok();
        let Some(size) = size.and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            break;
        };
        let rest = &chunks[end + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        if size == 0 || rest.len() < size + 2 {
            break;
        }
        chunks = &rest[size + 2..];
    }
    body
}
