//! People at the dashboard: a random cookie stands for somebody until it is idle or too old.

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use units::TenantId;

use crate::auth::Proof;

/// A session ends after this time without a page.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after this time in any case.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// Most sessions at a time; the least used are forgotten first.
const MOST: u64 = 10_000;

/// Hash of a cookie: the cookie itself is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CookieHash([u8; 32]);

/// One signed-in person. Pages show the tenant's rows and no others.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose figures are shown.
    pub tenant: TenantId,
    /// What they showed at the door; asked again for each page.
    pub proof: Proof,
    /// Sent with forms, so that no other site can post them.
    pub csrf: String,
}

/// All sessions of this process.
#[derive(Debug)]
pub struct Sessions {
    open: Cache<CookieHash, Session>,
}

impl Default for Sessions {
    fn default() -> Self {
        let open = Cache::builder()
            .max_capacity(MOST)
            .time_to_idle(IDLE)
            .time_to_live(LONGEST)
            .build();
        Self { open }
    }
}

fn hash(cookie: &str) -> CookieHash {
    CookieHash(Sha256::digest(cookie.as_bytes()).into())
}

/// 256 random bits as hexadecimal digits.
pub fn secret() -> String {
    let (a, b): (u128, u128) = (rand::random(), rand::random());
    format!("{a:032x}{b:032x}")
}

impl Sessions {
    /// Opens a session and gives its cookie.
    pub fn open(&self, tenant: TenantId, proof: Proof) -> String {
        let cookie = secret();
        let session = Session {
            tenant,
            proof,
            csrf: secret(),
        };
        self.open.insert(hash(&cookie), session);
        cookie
    }

    /// The session of a cookie.
    pub fn get(&self, cookie: &str) -> Option<Session> {
        self.open.get(&hash(cookie))
    }

    /// Ends a session.
    pub fn close(&self, cookie: &str) {
        self.open.invalidate(&hash(cookie));
    }
}
