//! Reads a form within the bounds of every body, and answers people with a page where that fails.

use axum::body::Body;
use axum::extract::{Form, FromRequest};
use axum::response::IntoResponse;
use http::{HeaderMap, Request, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::notice;
use crate::api::body;
use crate::app::App;

/// Largest form in bytes: a token and a key.
const LARGEST: usize = 32 << 10;

/// The head and the fields of a form, or the page that says why there are none.
pub(super) async fn read<T: DeserializeOwned>(
    app: &App,
    request: Request<Body>,
) -> Result<(HeaderMap, T), Box<Response<Body>>> {
    let bounds = body::Bounds {
        bytes: LARGEST,
        time: app.config.server.body_timeout(),
    };
    let (parts, body) = request.into_parts();
    let headers = parts.headers.clone();
    let refused = |status, why: &str| {
        let advice = "Please go back and try again.";
        Box::new(notice(app, None, status, why, advice))
    };
    let bytes = body::read(&headers, body, bounds).await.map_err(|why| {
        let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
        refused(status, "The form did not arrive as it should")
    })?;
    let whole = Request::from_parts(parts, Body::from(bytes));
    match Form::<T>::from_request(whole, &()).await {
        Ok(Form(fields)) => Ok((headers, fields)),
        Err(why) => {
            let status = match why.into_response().status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::BAD_REQUEST,
            };
            Err(refused(status, "This is not the form that was asked for"))
        }
    }
}
