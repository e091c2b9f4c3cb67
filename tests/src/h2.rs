//! Just enough HTTP/2 to speak to a server without TLS: frames out, frames in (RFC 9113).

use std::io::{Read, Write};
use std::net::TcpStream;

/// What every connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type: 0 is data, 1 a head, 4 settings.
    pub kind: u8,
    /// The stream it belongs to.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Data of an answer.
pub const DATA: u8 = 0;
/// Head of an answer.
pub const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Begins a connection and asks for a path on stream 1. `window` is how many bytes of an answer may be
/// sent before this side says more, which it never does.
///
/// # Panics
/// The connection breaks.
pub fn get(stream: &mut TcpStream, path: &str, window: u32) {
    let mut settings = vec![0, 4];
    settings.extend(window.to_be_bytes());
    // GET and http from the static table; path and authority as literals.
    let mut head = vec![
        0x82,
        0x86,
        0x04,
        u8::try_from(path.len()).expect("a short path"),
    ];
    head.extend_from_slice(path.as_bytes());
    head.extend([0x01, 4]);
    head.extend_from_slice(b"test");
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &settings));
    bytes.extend(frame(HEADERS, 0x5, 1, &head));
    stream.write_all(&bytes).expect("it takes a request");
}

/// The next frame; `None` where the connection ended.
pub fn read(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0_u8; 9];
    stream.read_exact(&mut head).ok()?;
    let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).ok()?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    Some(Frame {
        kind: head[3],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    })
}
