//! Cards as text and as files.

use std::path::Path;

use crate::check::check;
use crate::{CardError, ExpertCard};

/// The card's name inside an expert's folder.
pub const CARD_FILE: &str = "expert.toml";

impl ExpertCard {
    /// Reads and checks the `expert.toml` inside an expert's folder.
    pub fn read(folder: &Path) -> Result<Self, CardError> {
        let path = folder.join(CARD_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(source) => Err(CardError::Read { path, source }),
        }
    }

    /// Parses and checks a card's text; `path` only names it in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CardError> {
        let card: Self = toml::from_str(text).map_err(|error| CardError::Form {
            path: path.to_path_buf(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        card.checked(path)?;
        Ok(card)
    }

    /// Checks the card and writes it as `expert.toml` into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), CardError> {
        let path = folder.join(CARD_FILE);
        let text = self.to_toml(&path)?;
        std::fs::write(&path, text).map_err(|source| CardError::Write { path, source })
    }

    /// The checked card as TOML; `path` only names it in errors.
    pub fn to_toml(&self, path: &Path) -> Result<String, CardError> {
        self.checked(path)?;
        toml::to_string(self).map_err(|error| CardError::Form {
            path: path.to_path_buf(),
            message: error.to_string(),
        })
    }

    fn checked(&self, path: &Path) -> Result<(), CardError> {
        check(self).map_err(|breach| CardError::Field {
            path: path.to_path_buf(),
            key: breach.key,
            message: breach.message,
        })
    }
}
