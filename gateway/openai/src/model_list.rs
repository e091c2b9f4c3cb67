//! `GET /v1/models` and `GET /v1/models/{id}`.

use serde::{Deserialize, Serialize};

/// The list of models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// `list`.
    pub object: String,
    /// The models the caller may use.
    pub data: Vec<Model>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// What goes into `model` of a request.
    pub id: String,
    /// `model`.
    pub object: String,
    /// Unix seconds; 0 where it is unknown.
    pub created: i64,
    /// Who provides it.
    pub owned_by: String,
}

impl ModelList {
    /// A list of models.
    pub fn new(data: Vec<Model>) -> Self {
        Self {
            object: "list".to_owned(),
            data,
        }
    }
}

impl Model {
    /// A model with an id, a creation time in Unix seconds and an owner.
    pub fn new(id: &str, created: i64, owned_by: &str) -> Self {
        Self {
            id: id.to_owned(),
            object: "model".to_owned(),
            created,
            owned_by: owned_by.to_owned(),
        }
    }
}
