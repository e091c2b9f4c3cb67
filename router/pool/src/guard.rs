//! Tells every attempt of a request exactly once, also when nobody waits for the outcome any more.

use std::sync::Arc;

use crate::attempt::Attempt;
use crate::drain::{self, Left};
use crate::pool::Shared;
use crate::request::Form;
use crate::{AttemptError, AttemptReport, OnAbandon};

/// Holds a request's reports and its attempt under way.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    form: Form,
    reports: Vec<AttemptReport>,
    current: Option<Attempt>,
    on_abandon: Option<OnAbandon>,
    armed: bool,
}

impl Guard {
    pub(crate) fn new(shared: &Arc<Shared>, form: Form, on_abandon: Option<OnAbandon>) -> Self {
        Self {
            shared: Arc::clone(shared),
            form,
            reports: Vec::with_capacity(1),
            current: None,
            on_abandon,
            armed: true,
        }
    }

    /// Starts an attempt.
    pub(crate) fn begin(&mut self, attempt: Attempt) -> &mut Attempt {
        self.current.insert(attempt)
    }

    /// Ends the attempt under way.
    pub(crate) fn end(&mut self, result: Result<(), AttemptError>) {
        if let Some(attempt) = self.current.take() {
            self.reports.push(attempt.finish(result));
        }
    }

    /// The outcome is handed over: the reports so far, the attempt that goes on, and who is told
    /// of it if it is abandoned.
    pub(crate) fn release(mut self) -> (Vec<AttemptReport>, Option<Attempt>, Option<OnAbandon>) {
        self.armed = false;
        (
            std::mem::take(&mut self.reports),
            self.current.take(),
            self.on_abandon.take(),
        )
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let left = Left {
            reports: std::mem::take(&mut self.reports),
            attempt: self.current.take(),
            form: self.form,
            on_abandon: self.on_abandon.take(),
        };
        drain::abandon(&self.shared, left);
    }
}
