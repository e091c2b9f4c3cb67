//! A whole answer: one JSON body, sent after the journal has it.

use std::sync::Arc;

use axum::body::Body;
use http::Response;
use serde_json::Value;

use super::{Asked, Ending, X_COST, X_EXPERT, failed};
use crate::api::{RequestContext, failure, header, respond};
use crate::app::App;

pub(super) async fn answer(
    app: &Arc<App>,
    context: &RequestContext,
    asked: Asked,
) -> Response<Body> {
    let Asked {
        slot,
        plan,
        scope,
        sample,
    } = asked;
    // Dropped while waiting, the pool calls `Slot::abandon`.
    let outcome = app.pool.call(plan).await;
    let Some(mut booking) = slot.take() else {
        return app.refuse(context, &failure::internal());
    };
    booking.add(outcome.attempts);
    match outcome.result {
        Ok(answer) => {
            let id = context.answer_id();
            let body = answer.body_for(answer.expert.as_str(), &id);
            let ending = Ending {
                http_status: 200,
                answered_by: Some(answer.expert.clone()),
            };
            let booked = booking.close(&ending);
            if !booked.recorded {
                return app.refuse(context, &failure::not_recorded());
            }
            if let Some(mut sample) = sample {
                sample.hear(&answer_text(&answer.body).unwrap_or_default());
                app.sampling.offer(sample.answered(&answer.expert));
            }
            let mut response = respond::json_bytes(context, body);
            let headers = response.headers_mut();
            headers.insert(X_EXPERT, header(answer.expert.as_str()));
            if let Some(cost) = booked.cost {
                headers.insert(X_COST, header(&cost.to_string()));
            }
            response
        }
        Err(why) => {
            let error = failed(&why, scope.as_ref());
            tracing::warn!(request = %context.id, %why, "no answer");
            booking.close(&Ending {
                http_status: error.status,
                answered_by: None,
            });
            app.refuse(context, &error)
        }
    }
}

/// The text of an answer's first choice.
pub fn answer_text(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = body.pointer("/choices/0/message/content")?;
    text.as_str().map(str::to_owned)
}
