//! The HTTP surface: routes, and what stands between bytes and the life of a request.

pub mod body;
mod chat;
mod context;
mod dashboard;

pub mod failure;
mod feedback;
mod health;
mod models;
pub mod respond;

pub use context::{ANSWER_PREFIX, RequestContext, header};
pub use models::{AUTO, WORKFLOW};

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, Response};

use crate::app::App;

/// Every route of the public listener.
pub fn router(app: Arc<App>) -> Router {
    let own = if app.config.server.operations.is_some() {
        Router::new()
    } else {
        operator_routes()
    };
    own.merge(public_routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

/// Every route of the operators' listener.
pub fn operations(app: Arc<App>) -> Router {
    operator_routes()
        .route("/health", get(health::health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

fn operator_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn public_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/v1/feedback", post(feedback::take))
        .route("/health", get(health::health))
        .merge(dashboard::routes())
}

async fn unknown_path(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    app.refuse(&app.context(&headers), &failure::unknown_path())
}

async fn wrong_method(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    app.refuse(&app.context(&headers), &failure::wrong_method())
}
