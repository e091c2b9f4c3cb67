//! One request and its response on one connection, driven by the task that asked: no task of its own.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::message::within;
use crate::{EgressError, Limits, Response, Scope};

/// hyper's smallest buffer for the head of a response.
const SMALLEST_HEAD: usize = 8192;

pub(crate) async fn exchange(
    stream: TlsStream<TcpStream>,
    message: http::Request<Full<Bytes>>,
    scope: &Scope,
    limits: &Limits,
) -> Result<Response, EgressError> {
    let (mut sender, driver) = http1::Builder::new()
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(SMALLEST_HEAD))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| EgressError::Connection("http"))?;
    let talk = async move {
        let answer = sender.send_request(message).await;
        read(
            answer.map_err(|_| EgressError::Connection("no response"))?,
            scope,
            limits,
        )
        .await
    };
    let mut talk = std::pin::pin!(talk);
    let mut driver = std::pin::pin!(driver);
    let mut driven = false;
    loop {
        tokio::select! {
            biased;
            result = &mut talk => return result,
            _ended = &mut driver, if !driven => driven = true,
        }
    }
}

async fn read(
    answer: http::Response<Incoming>,
    scope: &Scope,
    limits: &Limits,
) -> Result<Response, EgressError> {
    let (head, mut body) = answer.into_parts();
    let sizes = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    within("the response's headers", sizes.sum(), limits.header_bytes)?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| EgressError::Connection("broke off"))?;
        if let Ok(data) = frame.into_data() {
            within(
                "the response's body",
                bytes.len() + data.len(),
                limits.response_body,
            )?;
            bytes.extend_from_slice(&data);
        }
    }
    Response::shown(head.status.as_u16(), &head.headers, bytes, scope)
}
