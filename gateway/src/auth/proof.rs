//! What is kept of a credential by who stays signed in: enough to ask later whether it still counts, and of no use
//! to a thief. It must not know of cookies.

use http::HeaderMap;
use units::Timestamp;

use super::error::{AuthError, Cause};
use super::keys::{self, KeyHash};
use super::{Authenticator, Principal, credential};

/// That a principal has shown a good credential.
#[derive(Debug, Clone)]
pub struct Proof(Shown);

#[derive(Debug, Clone)]
enum Shown {
    /// A key of ours, which may be withdrawn at any time.
    Key(KeyHash),
    /// A token, which counts until it ends as long as its tenant exists.
    Token {
        principal: Box<Principal>,
        ends: Timestamp,
    },
}

impl Authenticator {
    /// Says who sent the request, as `authenticate` does, for somebody who stays.
    pub fn sign_in(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(Principal, Proof), AuthError> {
        let text = credential::of(headers)?;
        if keys::is_key(text) {
            let hash = KeyHash::of(text);
            let (principal, _) = self.by_key(text, &hash, now)?;
            return Ok((principal, Proof(Shown::Key(hash))));
        }
        let issuer = self.issuer_of(text)?;
        self.look_for_new_keys(issuer, now);
        let (principal, ends) = self.by_token(issuer, text, now)?;
        let shown = Shown::Token {
            principal: Box::new(principal.clone()),
            ends,
        };
        Ok((principal, Proof(shown)))
    }

    /// Who the proof stands for now: with the roles of this moment, or nobody any more.
    pub fn again(&self, proof: &Proof, now: Timestamp) -> Result<Principal, AuthError> {
        match &proof.0 {
            Shown::Key(hash) => self.holder(&*self.keys.again(hash, now)?),
            Shown::Token { ends, .. } if *ends <= now => Err(AuthError::Expired),
            Shown::Token { principal, .. } => {
                if self.tenants.load().contains_key(&principal.tenant) {
                    Ok(Principal::clone(principal))
                } else {
                    Err(AuthError::Invalid(Cause::Tenant))
                }
            }
        }
    }
}
