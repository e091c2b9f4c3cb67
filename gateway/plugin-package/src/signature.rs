//! What a publisher signs, and the signature: ed25519 over a canonical statement that binds the component's and the
//! manifest's digests.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::Manifest;

/// The one algorithm.
const ALGORITHM: &str = "ed25519";

/// Why a signature does not count, or a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("the package is not signed")]
    Missing,
    /// It is of another algorithm: nothing else is believed, however strong it is called.
    #[error("signatures are {ALGORITHM}; this one says {0:?}")]
    Algorithm(String),
    /// It is no signature file.
    #[error("plugin.sig: {0}")]
    Form(String),
    /// It stands for something else: manifest, component or calibration were changed, or another key signed.
    #[error("the signature does not fit the package")]
    Mismatch,
    /// No key.
    #[error("no ed25519 key: {0}")]
    Key(String),
}

/// SHA-256 of bytes.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What is signed: JSON with sorted keys, nothing that could be written in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(Vec<u8>);

impl Statement {
    /// The statement for a manifest with its text, its component and its calibration.
    pub fn of(
        manifest: &Manifest,
        text: &str,
        component: &[u8],
        calibration: Option<&[u8]>,
    ) -> Self {
        let hex = |bytes: &[u8]| hex::encode(digest(bytes));
        let statement = json!({
            "statement": "moegate-plugin/1",
            "name": manifest.name,
            "version": manifest.version.to_string(),
            "publisher": manifest.publisher,
            "kind": manifest.kind,
            "wit": "0.1",
            "component": hex(component),
            "manifest": hex(text.as_bytes()),
            "calibration": calibration.map(hex),
            "capabilities": manifest.capabilities,
            "limits": manifest.limits,
        });
        let mut text = String::new();
        canonical(&statement, &mut text);
        Self(text.into_bytes())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// JSON in one form: keys sorted, whatever order they came in, and no space.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// A publisher's key pair.
pub struct KeyPair {
    id: String,
    key: SigningKey,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    id: String,
    algorithm: String,
    secret: String,
}

impl KeyPair {
    /// A new pair.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate(id: &str) -> Result<Self, SignatureError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut()).map_err(|why| SignatureError::Key(why.to_string()))?;
        Ok(Self {
            id: id.to_owned(),
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// Reads a pair from its file.
    ///
    /// # Errors
    /// The file cannot be read or holds no key.
    pub fn load(path: &Path) -> Result<Self, SignatureError> {
        let wrong = |why: String| SignatureError::Key(format!("{}: {why}", path.display()));
        let text =
            Zeroizing::new(std::fs::read_to_string(path).map_err(|why| wrong(why.to_string()))?);
        let mut file: KeyFile =
            toml::from_str(&text).map_err(|why| wrong(why.message().to_owned()))?;
        if file.algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(file.algorithm));
        }
        let bytes = Zeroizing::new(
            hex::decode(file.secret.as_bytes()).map_err(|why| wrong(why.to_string()))?,
        );
        file.secret.zeroize();
        let seed = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| wrong("expected 32 bytes".to_owned()))?;
        Ok(Self {
            id: file.id,
            key: SigningKey::from_bytes(&Zeroizing::new(seed)),
        })
    }

    /// Writes the pair to a new file for its owner only.
    ///
    /// # Errors
    /// The file is there already or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SignatureError> {
        let wrong = |why: std::io::Error| SignatureError::Key(format!("{}: {why}", path.display()));
        let file = KeyFile {
            id: self.id.clone(),
            algorithm: ALGORITHM.to_owned(),
            secret: hex::encode(self.key.to_bytes()),
        };
        let text = Zeroizing::new(
            toml::to_string(&file).map_err(|why| SignatureError::Key(why.to_string()))?,
        );
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(wrong)?;
        out.write_all(text.as_bytes()).map_err(wrong)
    }

    /// The publisher's id of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half, hex.
    pub fn public(&self) -> String {
        hex::encode(self.key.verifying_key().to_bytes())
    }

    /// Signs a statement.
    pub fn sign(&self, statement: &Statement) -> Signature {
        Signature {
            algorithm: ALGORITHM.to_owned(),
            key: self.id.clone(),
            signature: hex::encode(self.key.sign(statement.bytes()).to_bytes()),
        }
    }
}

/// A detached signature: `plugin.sig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The algorithm's name.
    pub algorithm: String,
    /// The id of the key.
    pub key: String,
    /// 64 bytes, hex.
    pub signature: String,
}

impl Signature {
    /// Reads a signature file.
    ///
    /// # Errors
    /// It is none, or of another algorithm.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let read: Self =
            toml::from_str(text).map_err(|why| SignatureError::Form(why.message().to_owned()))?;
        if read.algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(read.algorithm));
        }
        Ok(read)
    }

    /// As it is written to a file.
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Does it stand for the statement, by that public key?
    ///
    /// # Errors
    /// It does not, or the key is none. Weak keys and signatures with more than one form are refused.
    pub fn verify(&self, statement: &Statement, public: &str) -> Result<(), SignatureError> {
        let bytes = hex::decode(public).map_err(|why| SignatureError::Key(why.to_string()))?;
        let bytes = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| SignatureError::Key("expected 32 bytes".to_owned()))?;
        let key =
            VerifyingKey::from_bytes(&bytes).map_err(|why| SignatureError::Key(why.to_string()))?;
        let signature =
            hex::decode(&self.signature).map_err(|why| SignatureError::Form(why.to_string()))?;
        let signature = ed25519_dalek::Signature::from_slice(&signature)
            .map_err(|why| SignatureError::Form(why.to_string()))?;
        key.verify_strict(statement.bytes(), &signature)
            .map_err(|_| SignatureError::Mismatch)
    }
}
