//! As much HTTP/1.1 as a mock and a load driver need, at as little cost as can be.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest head that is read, in bytes.
const HEAD: usize = 64 << 10;

/// How a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// By its length.
    Known(usize),
    /// By chunks.
    Chunked,
}

/// Where a head ends and how long its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the head, the empty line included.
    pub bytes: usize,
    /// The body's length.
    pub length: Length,
    /// Does the sender close the connection after this message?
    pub close: bool,
}

/// Reads until a whole head lies in the buffer. `None` where the peer closed before one began.
///
/// # Errors
/// A head that is too long or has no sense, or a connection that broke.
pub async fn read_head<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
) -> io::Result<Option<Head>> {
    let mut seen = 0_usize;
    loop {
        let start = seen.saturating_sub(3);
        if let Some(at) = find(buffer.get(start..).unwrap_or_default(), b"\r\n\r\n") {
            let bytes = start + at + 4;
            return parse(buffer.get(..bytes).unwrap_or_default(), bytes).map(Some);
        }
        seen = buffer.len();
        if seen > HEAD {
            return Err(wrong("a head of more than 64 KiB"));
        }
        if from.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Reads until `bytes` lie in the buffer.
///
/// # Errors
/// The connection broke.
pub async fn read_up_to<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
    bytes: usize,
) -> io::Result<()> {
    while buffer.len() < bytes {
        if from.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Reads a chunked body to its end and gives its data to `each`, chunk by chunk.
///
/// # Errors
/// The connection broke or the chunks make no sense.
pub async fn read_chunks<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    loop {
        let line = loop {
            if let Some(at) = find(buffer, b"\r\n") {
                break at;
            }
            read_up_to(from, buffer, buffer.len() + 1).await?;
        };
        let size = buffer
            .get(..line)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok())
            .filter(|size| *size <= 64 << 20)
            .ok_or_else(|| wrong("a chunk without a size"))?;
        let data = line + 2;
        read_up_to(from, buffer, data + size + 2).await?;
        each(buffer.get(data..data + size).unwrap_or_default());
        buffer.advance(data + size + 2);
        if size == 0 {
            return Ok(());
        }
    }
}

fn parse(head: &[u8], bytes: usize) -> io::Result<Head> {
    let mut parsed = Head {
        bytes,
        length: Length::Known(0),
        close: false,
    };
    for line in head.split(|b| *b == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .filter(|length| *length <= 64 << 20)
                .ok_or_else(|| wrong("a length that is none"))?;
            parsed.length = Length::Known(length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            parsed.length = Length::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") {
            parsed.close = value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(parsed)
}

/// The place of `part` in `whole`.
pub fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|w| w == part)
}

/// An error of a peer that does not speak HTTP.
pub fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_and_chunks_are_read() {
        let mut from: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nnext";
        let mut buffer = BytesMut::new();
        let head = read_head(&mut from, &mut buffer).await.unwrap().unwrap();
        assert_eq!(head.length, Length::Chunked);
        buffer.advance(head.bytes);
        let mut data = Vec::new();
        let read = read_chunks(&mut from, &mut buffer, |d| data.extend_from_slice(d));
        read.await.unwrap();
        assert_eq!(
            (data.as_slice(), buffer.as_ref()),
            (&b"abcd"[..], &b"next"[..])
        );
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_an_error() {
        for text in [
            "GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost",
        ] {
            let mut from = text.as_bytes();
            assert!(
                read_head(&mut from, &mut BytesMut::new()).await.is_err(),
                "{text}"
            );
        }
        let mut from: &[u8] = b"zz\r\n";
        let mut buffer = BytesMut::new();
        let read = read_chunks(&mut from, &mut buffer, |_| ());
        assert!(read.await.is_err());
        let mut nothing: &[u8] = b"";
        assert_eq!(
            read_head(&mut nothing, &mut BytesMut::new()).await.unwrap(),
            None
        );
    }
}
