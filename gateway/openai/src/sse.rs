//! Server-sent events: encoding of frames, and a decoder that takes bytes as they come.
//!
//! Grammar of the WHATWG HTML standard, "Server-sent events"; only `data` fields matter here.

use bytes::Bytes;
use serde::Serialize;

use crate::ApiError;

/// The frame that ends a stream.
pub const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// The data of the frame that ends a stream.
pub const DONE_DATA: &str = "[DONE]";

/// A frame with a JSON value as its data.
pub fn frame<T: Serialize>(value: &T) -> Result<Bytes, serde_json::Error> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut out, value)?;
    out.extend_from_slice(b"\n\n");
    Ok(Bytes::from(out))
}

/// A frame with data that is already JSON on one line.
pub fn raw_frame(data: &str) -> Bytes {
    let mut out = Vec::with_capacity(data.len().saturating_add(8));
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\n\n");
    Bytes::from(out)
}

/// The frame that tells of a failure in mid-stream: `data: {"error":{…}}`.
pub fn error_frame(error: &ApiError) -> Bytes {
    frame(&error.body()).unwrap_or(DONE)
}

/// Why a stream is no valid stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event is larger than the decoder's bound.
    #[error("an event is larger than {0} bytes")]
    TooLarge(usize),
    /// An event is not UTF-8.
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Takes bytes as they come and gives the data of whole events.
#[derive(Debug)]
pub struct SseDecoder {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    after_return: bool,
    bound: usize,
}

impl SseDecoder {
    /// A decoder that refuses events of more than `bound` bytes.
    pub fn new(bound: usize) -> Self {
        Self {
            line: Vec::new(),
            data: String::new(),
            has_data: false,
            after_return: false,
            bound,
        }
    }

    /// Takes more bytes and calls `each` with the data of every event they complete.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) -> Result<(), SseError> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(&mut each)?,
                _ => {
                    if self.line.len().saturating_add(self.data.len()) >= self.bound {
                        return Err(SseError::TooLarge(self.bound));
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, each: &mut impl FnMut(&str)) -> Result<(), SseError> {
        if self.line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                each(&self.data);
                self.data.clear();
            }
            return Ok(());
        }
        if let Some(rest) = self.line.strip_prefix(b"data") {
            let value = match rest {
                [] => Some(rest),
                [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
                _ => None,
            };
            if let Some(value) = value {
                let text = std::str::from_utf8(value).map_err(|_| SseError::NotUtf8)?;
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(text);
            }
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
