//! `POST /v1/chat/completions`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};

use crate::app::App;
use crate::request::{self, NoAnswer};

/// Whole or streamed, as the body says.
pub(super) async fn completions(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let context = app.context(&parts.headers);
    match request::serve(&app, &context, &parts.headers, body).await {
        Ok(response) => response,
        Err(NoAnswer::Response(response)) => *response,
        Err(NoAnswer::Error(error)) => app.refuse(&context, &error),
    }
}
