//! A fit's progress at a terminal: lines on stderr, and a bar with speed and time left.

use std::cell::RefCell;

use gate_learn::Watch;
use indicatif::{ProgressBar, ProgressStyle};

/// Draws one bar at a time.
#[derive(Debug, Default)]
pub struct Bar {
    bar: RefCell<Option<ProgressBar>>,
}

impl Watch for Bar {
    fn say(&self, line: &str) {
        crate::say(line);
    }

    fn begin(&self, part: &str, steps: usize) {
        let form = "{msg} {bar:30} {pos}/{len} {per_sec} {eta} left";
        let style = ProgressStyle::with_template(form);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(0)).with_style(style);
        *self.bar.borrow_mut() = Some(bar.with_message(part.to_owned()));
    }

    fn advance(&self, steps: usize) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.inc(u64::try_from(steps).unwrap_or(0));
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}
