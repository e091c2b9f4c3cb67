//! `GET /v1/models` and `GET /v1/models/{id}`: what the caller may put into `model`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, Response};
use openai_api::{ApiError, Model, ModelList};

use super::{failure, respond};
use crate::app::App;
use crate::auth::Principal;

/// The name that lets the gate decide.
pub const AUTO: &str = "auto";
/// What precedes the name of a workflow.
pub const WORKFLOW: &str = "workflow/";
const OWNER: &str = "moegate";

/// The list.
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    let context = app.context(&headers);
    match app.authenticate(&headers, &context) {
        Ok(principal) => respond::ok(&context, &ModelList::new(visible(&app, &principal))),
        Err(error) => app.refuse(&context, &error),
    }
}

/// One of the list.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response<Body> {
    let context = app.context(&headers);
    // What is no text names no model.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let found = app
        .authenticate(&headers, &context)
        .and_then(|who| find(&app, &who, &id));
    match found {
        Ok(model) => respond::ok(&context, &model),
        Err(error) => app.refuse(&context, &error),
    }
}

fn find(app: &App, principal: &Principal, id: &str) -> Result<Model, ApiError> {
    visible(app, principal)
        .into_iter()
        .find(|model| model.id == id)
        .ok_or_else(|| failure::unknown_model(id))
}

/// `auto` and the experts that tenant and key allow; no `auto` where nothing is allowed.
fn visible(app: &App, principal: &Principal) -> Vec<Model> {
    let catalog = app.catalog.load();
    let mut models: Vec<Model> = catalog
        .experts()
        .iter()
        .filter(|expert| expert.is_usable_by(principal))
        .map(|expert| Model::new(&expert.model(), 0, &expert.owner))
        .collect();
    if !models.is_empty() {
        models.insert(0, Model::new(AUTO, 0, OWNER));
    }
    models
}
