//! The worker's HTTP surface: the OpenAI API for its experts, and `/status` and `/health`.

mod answer_body;
mod attempt;
mod chat;
mod head;
mod models;
mod refused;
mod status;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use openai_api::{ApiError, ErrorKind};
use units::{Clock, IdSource, Timestamp};

use crate::roster::Roster;
use crate::scheduler::Scheduler;
use refused::Refused;

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct App {
    /// The hosted experts.
    pub roster: Arc<Roster>,
    /// The way to the device.
    pub scheduler: Arc<Scheduler>,
    /// The worker's clock, the same as the scheduler's.
    pub clock: Arc<dyn Clock>,
    /// Ids of attempts that come without one.
    pub ids: Arc<dyn IdSource>,
    /// The device, as `/status` names it.
    pub device: Arc<str>,
    /// When the worker started.
    pub started: Timestamp,
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
}

/// All routes. Every error carries the error object.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::one))
        .route("/status", get(status::status))
        .route("/health", get(status::health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

async fn unknown_path(uri: axum::http::Uri) -> Refused {
    let path: String = uri.path().chars().take(120).collect();
    let message = format!("there is no {path} here");
    ApiError::new(404, ErrorKind::InvalidRequestError, "unknown_path", message).into()
}

async fn wrong_method(method: axum::http::Method) -> Refused {
    let message = format!("{method} is not allowed here");
    ApiError::new(
        405,
        ErrorKind::InvalidRequestError,
        "method_not_allowed",
        message,
    )
    .into()
}
