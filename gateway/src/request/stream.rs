//! A streamed answer: frames pass through as they come; the journal has the receipts before the last
//! frame leaves; whatever ends the stream, the booking is closed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use expert_pool::{AttemptReport, ExpertStream, StreamEvent};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use openai_api::sse;
use serde_json::Value;
use units::{AttemptStatus, ExpertId};

use super::{Asked, Ending, Slot, X_EXPERT, failed};
use crate::api::{RequestContext, failure, header, respond};
use crate::app::App;
use crate::sampling::Sample;

pub(super) async fn answer(
    app: &Arc<App>,
    context: &RequestContext,
    asked: Asked,
    wants_usage: bool,
) -> Response<Body> {
    let Asked {
        slot,
        plan,
        scope,
        sample,
    } = asked;
    let outcome = app.pool.stream(plan).await;
    slot.add(outcome.attempts);
    let stream = match outcome.result {
        Ok(stream) => stream,
        Err(why) => {
            let error = failed(&why, scope.as_ref());
            tracing::warn!(request = %context.id, %why, "no stream");
            if let Some(booking) = slot.take() {
                booking.close(&Ending {
                    http_status: error.status,
                    answered_by: None,
                });
            }
            return app.refuse(context, &error);
        }
    };
    let expert = stream.expert().clone();
    let relay = Relay {
        id: context.answer_id(),
        wants_usage,
        expert: expert.clone(),
        stream: Some(stream),
        slot,
        sample: sample.map(|sample| (sample, Arc::clone(app))),
        usage: None,
        last: VecDeque::new(),
    };
    let frames = futures_util::stream::unfold(relay, |mut relay| async move {
        let frame = relay.next().await?;
        Some((Ok::<Bytes, Infallible>(frame), relay))
    });
    let mut response = Response::new(Body::from_stream(frames));
    respond::own_headers(context, &mut response);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_EXPERT, header(expert.as_str()));
    response
}

/// Carries frames from the expert to the client. Dropped with its stream, the pool calls
/// `Slot::abandon` with what was seen.
struct Relay {
    id: String,
    wants_usage: bool,
    expert: ExpertId,
    stream: Option<ExpertStream>,
    slot: Slot,
    /// The answer is to be checked, by whom it is told here.
    sample: Option<(Sample, Arc<App>)>,
    /// The usage chunk waits for the journal, as the last frames do.
    usage: Option<Bytes>,
    last: VecDeque<Bytes>,
}

impl Relay {
    async fn next(&mut self) -> Option<Bytes> {
        while let Some(stream) = self.stream.as_mut() {
            match stream.next().await {
                Some(StreamEvent::Frame(frame)) if frame.is_usage_only() => {
                    if self.wants_usage {
                        self.usage = Some(frame.event_for(self.expert.as_str(), &self.id));
                    }
                }
                Some(StreamEvent::Frame(frame)) => {
                    if let Some((sample, _)) = &mut self.sample {
                        sample.hear(&piece(frame.data()));
                    }
                    return Some(frame.event_for(self.expert.as_str(), &self.id));
                }
                Some(StreamEvent::End(report)) => {
                    self.stream = None;
                    self.end(*report);
                }
                None => self.stream = None,
            }
        }
        self.last.pop_front()
    }

    /// Records the request, then lines up the frames that end the stream.
    fn end(&mut self, report: AttemptReport) {
        let whole = report.status == AttemptStatus::Ok;
        let timed_out = report.status == AttemptStatus::TimedOut;
        let Some(mut booking) = self.slot.take() else {
            return;
        };
        booking.add([report]);
        let broke = match (whole, timed_out) {
            (true, _) => None,
            (false, true) => Some(failure::deadline()),
            (false, false) => Some(failure::broken_stream()),
        };
        let booked = booking.close(&Ending {
            http_status: broke.as_ref().map_or(200, |error| error.status),
            answered_by: broke.is_none().then(|| self.expert.clone()),
        });
        let unrecorded = (!booked.recorded).then(failure::not_recorded);
        if let Some(error) = broke.or(unrecorded) {
            self.last.push_back(sse::error_frame(&error));
            return;
        }
        if let Some((sample, app)) = self.sample.take() {
            app.sampling.offer(sample.answered(&self.expert));
        }
        self.last.extend(self.usage.take());
        self.last.push_back(sse::DONE);
    }
}

/// The text that a frame adds to the first choice.
fn piece(frame: &[u8]) -> String {
    let frame: Value = serde_json::from_slice(frame).unwrap_or_default();
    let text = frame.pointer("/choices/0/delta/content");
    text.and_then(Value::as_str).unwrap_or_default().to_owned()
}
