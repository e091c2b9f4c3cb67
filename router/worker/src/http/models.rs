//! `GET /v1/models` and `GET /v1/models/{id}`: the hosted experts.

use axum::Json;
use axum::extract::{Path, State};
use openai_api::{Model, ModelList};

use super::App;
use super::refused::{Refused, no_such_model};
use crate::roster::Hosted;

pub(crate) async fn list(State(app): State<App>) -> Json<ModelList> {
    let models = app.roster.all().map(|(_, hosted)| model(hosted));
    Json(ModelList::new(models.collect()))
}

pub(crate) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Model>, Refused> {
    let found = app.roster.find(&id).map(|(_, hosted)| model(hosted));
    found.map(Json).ok_or_else(|| no_such_model(&id))
}

/// Cards tell no date of creation, so it is unknown.
fn model(hosted: &Hosted) -> Model {
    Model::new(hosted.card.id.as_str(), 0, "moegate")
}
