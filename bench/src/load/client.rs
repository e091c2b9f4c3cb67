//! One connection of the load driver.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http::{Length, find, read_chunks, read_head, read_up_to, wrong};

/// Sends one request after the other; connects again when it has to.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    input: BytesMut,
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    /// When the first event of a stream came.
    pub(crate) first_event: Option<Instant>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// An answer that is no stream.
    Whole,
    /// A stream with its last mark.
    Done,
    /// A stream that told of an error.
    Error,
    /// A stream without its last mark.
    Cut,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && matches!(self.end, End::Whole | End::Done)
    }

    pub(crate) fn outcome(&self) -> String {
        match self.end {
            End::Whole | End::Done => self.status.to_string(),
            End::Error => "stream_error".to_owned(),
            End::Cut => "stream_cut".to_owned(),
        }
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            input: BytesMut::with_capacity(16 << 10),
        }
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                self.input.clear();
                stream
            }
        };
        stream.write_all(request).await?;
        let head = read_head(&mut stream, &mut self.input)
            .await?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = self
            .input
            .get(9..12)
            .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
            .ok_or_else(|| wrong("no status"))?;
        self.input.advance(head.bytes);
        let cut;
        let reply = match head.length {
            Length::Known(length) => {
                read_up_to(&mut stream, &mut self.input, length).await?;
                self.input.advance(length);
                cut = false;
                Reply {
                    status,
                    first_event: None,
                    end: End::Whole,
                }
            }
            Length::Chunked => {
                let reply = self.events(&mut stream, status).await;
                cut = reply.end == End::Cut;
                reply
            }
        };
        if !head.close && !cut {
            self.stream = Some(stream);
        }
        Ok(reply)
    }

    async fn events(&mut self, stream: &mut TcpStream, status: u16) -> Reply {
        let mut first_event = None;
        let mut end = End::Cut;
        let each = |data: &[u8]| {
            if data.is_empty() {
                return;
            }
            first_event.get_or_insert_with(Instant::now);
            if find(data, b"data: {\"error\"").is_some() {
                end = End::Error;
            } else if find(data, b"data: [DONE]").is_some() && end == End::Cut {
                end = End::Done;
            }
        };
        // The answer had begun: one that breaks off was cut, not refused.
        if read_chunks(stream, &mut self.input, each).await.is_err() {
            end = End::Cut;
        }
        Reply {
            status,
            first_event,
            end,
        }
    }
}
