//! Values that guests may use but never see.

use http::HeaderValue;
use zeroize::{Zeroize, Zeroizing};

use crate::{EgressError, Origin};

/// What stands in the place of a secret's value in what a guest sees.
const REDACTED: &[u8] = b"[redacted]";

/// A secret's value: wiped when dropped, never printed (no `Debug`, no `Display`, no `Clone`).
#[expect(missing_debug_implementations, reason = "a secret is never printed")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes 8 to 4096 visible ASCII characters; shorter values could not be told from chance in a response.
    pub fn new(mut value: String) -> Result<Self, EgressError> {
        let fits = (8..=4096).contains(&value.len());
        if fits && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Ok(Self(Zeroizing::new(value)));
        }
        value.zeroize();
        Err(EgressError::Secret(
            "its value has 8 to 4096 visible ASCII characters",
        ))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Replaces the value, also as percent-encoded or JSON-escaped text.
    pub(crate) fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        let plain = self.0.as_bytes();
        let encoded = Zeroizing::new(percent(&self.0));
        let json = Zeroizing::new(self.0.replace('\\', "\\\\").replace('"', "\\\""));
        [plain, encoded.as_bytes(), json.as_bytes()]
            .into_iter()
            .fold(bytes, replace)
    }
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn replace(bytes: Vec<u8>, needle: &[u8]) -> Vec<u8> {
    let Some(&first) = needle.first() else {
        return bytes;
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some((&byte, tail)) = rest.split_first() {
        match rest.strip_prefix(needle) {
            Some(after) if byte == first => {
                out.extend_from_slice(REDACTED);
                rest = after;
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// A secret with the origins it may be sent to.
pub struct BoundSecret {
    name: String,
    value: Secret,
    origins: Vec<Origin>,
}

impl BoundSecret {
    /// Binds `value` to `origins`; the name is 1 to 64 of `a-z A-Z 0-9 - _ .`.
    pub fn new(name: &str, value: Secret, origins: Vec<Origin>) -> Result<Self, EgressError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(EgressError::Secret("its name has 1 to 64 of a-z 0-9 - _ ."));
        }
        Ok(Self {
            name: name.to_owned(),
            value,
            origins,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> &Secret {
        &self.value
    }

    pub(crate) fn is_for(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }
}

impl std::fmt::Debug for BoundSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BoundSecret({:?} for {:?})", self.name, self.origins)
    }
}

/// A header value that holds a secret, marked so that no library prints it.
pub(crate) fn sensitive(text: &Zeroizing<String>) -> Result<HeaderValue, EgressError> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| EgressError::Header("malformed value"))?;
    value.set_sensitive(true);
    Ok(value)
}
