//! Where the ledger and its journal live.

use std::fmt::{self, Debug, Formatter};
use std::path::PathBuf;

use serde::Deserialize;
use units::Currency;

/// Where the ledger and its journal live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder of the journal, of the files beside the books, and of the books where `url` is absent; made where it is
    /// missing.
    pub dir: PathBuf,
    /// Where the books are: `sqlite:` and a file, or `postgres://` and a server's address; absent: `moegate.sqlite` in
    /// `dir`. One with a password belongs in the environment, as `MOEGATE__STORE__URL`.
    pub url: Option<StoreUrl>,
    /// The currency of the books; absent: that of the price lists, where they are all of one.
    pub currency: Option<Currency>,
    /// Length of a pool window in seconds: how often idle cost is allocated. A divisor of 900.
    pub window_seconds: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("var"),
            url: None,
            currency: None,
            window_seconds: 900,
        }
    }
}

/// Where the books are.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    /// In a file.
    Sqlite(PathBuf),
    /// On a server; may hold a password.
    Postgres(String),
}

/// The address of a server stays out: it may hold a password.
impl Debug for StoreUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.debug_tuple("Postgres").finish_non_exhaustive(),
        }
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = &'static str;

    /// The address itself stays out of the error, too.
    fn try_from(url: String) -> Result<Self, Self::Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err("must name a file after sqlite:"),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url));
        }
        Err("must begin with sqlite: or postgres://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<StoreUrl, &'static str> {
        StoreUrl::try_from(url.to_owned())
    }

    #[test]
    fn a_url_says_which_database() {
        let file = Ok(StoreUrl::Sqlite(PathBuf::from("/var/books.sqlite")));
        assert_eq!(read("sqlite:/var/books.sqlite"), file);
        assert_eq!(read("sqlite:///var/books.sqlite"), file);
        let server = "postgres://moegate:hunter2@db/books";
        assert_eq!(read(server), Ok(StoreUrl::Postgres(server.to_owned())),);
        assert!(read("sqlite:").is_err() && read("mysql://db").is_err());
    }

    #[test]
    fn a_password_stays_out_of_what_is_shown() {
        let shown = format!("{:?}", read("postgres://moegate:hunter2@db/books"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
