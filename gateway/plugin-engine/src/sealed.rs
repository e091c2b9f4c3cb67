//! Compiled code as it lies on disk: loading it runs it, and the runtime does not notice a changed byte, so a
//! message authentication code stands before it, keyed by a secret of this installation.

use std::fmt;

use wasmtime::Engine;
use wasmtime::component::Component;

/// SHA-256 of a component.
pub type Digest = [u8; 32];

const MAGIC: &[u8; 8] = b"MGCODE2\n";
const MAC_BYTES: usize = 32;

/// The installation's secret. Whoever has it can make code that the gateway runs.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// A key of 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// BLAKE3 with the key, which reads a megabyte in a fraction of a millisecond on any processor: SHA-256 takes several where
    /// the processor has no instructions for it.
    fn mac(&self, of: &Digest, tag: &str, code: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.0);
        mac.update(MAGIC);
        mac.update(of);
        mac.update(&tag.len().to_be_bytes());
        mac.update(tag.as_bytes());
        mac.update(code);
        mac.finalize()
    }
}

/// Why sealed code is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no sealed code at all.
    #[error("not sealed code")]
    Form,
    /// It was changed, made for another component or other settings, or sealed by somebody else.
    #[error("the seal does not fit: changed, or made for something else")]
    Seal,
    /// The seal fits but the runtime refuses the code: compile it again.
    #[error("the runtime refuses the code: {0}")]
    Refused(wasmtime::Error),
}

/// Code with its seal, for the component of that digest and the settings of that tag.
pub fn seal(key: &SealKey, of: &Digest, tag: &str, code: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAGIC.len() + MAC_BYTES + code.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(key.mac(of, tag, code).as_bytes());
    out.extend_from_slice(code);
    out
}

/// Loads sealed code that was made for the component of that digest.
///
/// # Errors
/// The seal does not fit, or the runtime refuses the code.
pub fn load(
    engine: &Engine,
    key: &SealKey,
    of: &Digest,
    tag: &str,
    sealed: &[u8],
) -> Result<Component, LoadError> {
    let rest = sealed.strip_prefix(MAGIC).ok_or(LoadError::Form)?;
    let (told, code) = rest
        .split_first_chunk::<MAC_BYTES>()
        .ok_or(LoadError::Form)?;
    // Hashes are compared in constant time.
    if key.mac(of, tag, code) != blake3::Hash::from_bytes(*told) {
        return Err(LoadError::Seal);
    }
    #[expect(
        unsafe_code,
        reason = "the bytes are those that this installation's compiler wrote: the code above has \
                  verified a MAC over exactly this slice, which nobody can change in between"
    )]
    let loaded = unsafe { Component::deserialize(engine, code) };
    loaded.map_err(LoadError::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Engine {
        Engine::new(&crate::running(
            crate::Metering::Time,
            &crate::PoolSize::default(),
        ))
        .unwrap()
    }

    #[test]
    fn what_is_changed_is_not_loaded() {
        let (engine, key, of) = (engine(), SealKey::new([7; 32]), [1; 32]);
        let sealed = seal(&key, &of, "tag", b"code");
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        let failed = |sealed: &[u8], key: &SealKey, of: &Digest, tag: &str| {
            load(&engine, key, of, tag, sealed).unwrap_err()
        };
        assert!(matches!(
            failed(&changed, &key, &of, "tag"),
            LoadError::Seal
        ));
        assert!(matches!(
            failed(&sealed, &key, &[2; 32], "tag"),
            LoadError::Seal
        ));
        assert!(matches!(
            failed(&sealed, &key, &of, "other"),
            LoadError::Seal
        ));
        let other = SealKey::new([8; 32]);
        assert!(matches!(
            failed(&sealed, &other, &of, "tag"),
            LoadError::Seal
        ));
        assert!(matches!(
            failed(b"MGCODE2\nshort", &key, &of, "tag"),
            LoadError::Form
        ));
        assert!(matches!(failed(b"", &key, &of, "tag"), LoadError::Form));
        // The seal fits, but this is no code.
        assert!(matches!(
            failed(&sealed, &key, &of, "tag"),
            LoadError::Refused(_)
        ));
    }
}
