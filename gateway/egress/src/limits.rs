//! How much one request may take.

use std::time::Duration;

/// How much one request may take. All are ceilings of the host.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's body.
    pub request_body: usize,
    /// Bytes of a response's body.
    pub response_body: usize,
    /// Headers of a request or a response.
    pub headers: usize,
    /// Bytes of all headers of a request or a response. At least 8192 counts for responses.
    pub header_bytes: usize,
    /// Bytes of a URL.
    pub url: usize,
    /// From the start of the resolution to the last byte of the response.
    pub time: Duration,
    /// Requests in flight per tenant.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: 1 << 20,
            response_body: 1 << 20,
            headers: 64,
            header_bytes: 16 << 10,
            url: 8 << 10,
            time: Duration::from_secs(30),
            connections: 16,
        }
    }
}
