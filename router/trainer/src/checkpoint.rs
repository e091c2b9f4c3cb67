//! Where a fit stands, kept in a file so that a killed run goes on as if nothing had happened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::optimizer::AdamW;
use crate::student::Student;
use crate::tensor_file;
use crate::train::Epoch;

/// Where checkpoints of one fit go, and how often.
#[derive(Debug)]
pub struct Checkpoints {
    path: PathBuf,
    key: String,
    every: Duration,
    last: Instant,
}

/// Where a fit stands besides its tensors.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Steps done.
    pub steps: usize,
    /// Sum of the losses of this pass.
    pub loss_sum: f64,
    /// Tokens of this pass.
    pub tokens: usize,
    /// Seconds spent on this pass.
    pub seconds: f64,
    /// Finished passes.
    pub history: Vec<Epoch>,
    /// The best dev score so far and its pass.
    pub best: Option<(f64, usize)>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    key: String,
    standing: Standing,
}

const NOW: &str = "now.";
const BEST: &str = "best.";
const MOMENT: &str = "moment.";

impl Checkpoints {
    /// Into a file; `key` says what is fitted to what, and a file of another key is refused.
    pub fn new(path: PathBuf, key: String, every: Duration) -> Self {
        let last = Instant::now();
        Self {
            path,
            key,
            every,
            last,
        }
    }

    /// Whether it is time for the next one.
    pub fn due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Writes one.
    pub fn save(
        &mut self,
        student: &Student,
        optimizer: &AdamW,
        best: Option<&HashMap<String, Tensor>>,
        standing: &Standing,
    ) -> Result<()> {
        let mut tensors = HashMap::new();
        let variables = student.variables.variables();
        let best = best.into_iter().flatten();
        tensors.extend(
            variables
                .iter()
                .map(|(name, t)| (format!("{NOW}{name}"), t.shallow_clone())),
        );
        tensors.extend(best.map(|(name, t)| (format!("{BEST}{name}"), t.shallow_clone())));
        let moments = optimizer.state()?.into_iter();
        tensors.extend(moments.map(|(name, t)| (format!("{MOMENT}{name}"), t)));
        let note = Note {
            key: self.key.clone(),
            standing: standing.clone(),
        };
        tensor_file::write(&self.path, &tensors, &note)?;
        self.last = Instant::now();
        Ok(())
    }

    /// Sets student and optimizer to what the file holds; gives where the fit stood and the best weights so far.
    /// `None` where there is no file.
    #[expect(clippy::type_complexity, reason = "a standing and its best weights")]
    pub fn resume(
        &self,
        student: &mut Student,
        optimizer: &mut AdamW,
    ) -> Result<Option<(Standing, Option<HashMap<String, Tensor>>)>> {
        let name = self.path.display();
        let Some((tensors, note)) = tensor_file::read::<Note>(&self.path)? else {
            return Ok(None);
        };
        ensure!(
            note.key == self.key,
            "{name}: is of another run; remove it to start anew"
        );
        let of = |prefix: &str| -> HashMap<String, Tensor> {
            let own = |(name, tensor): (&String, &Tensor)| {
                let name = name.strip_prefix(prefix)?;
                Some((name.to_owned(), tensor.shallow_clone()))
            };
            tensors.iter().filter_map(own).collect()
        };
        student.restore(&of(NOW))?;
        optimizer.restore(&of(MOMENT))?;
        let best = of(BEST);
        Ok(Some((note.standing, (!best.is_empty()).then_some(best))))
    }

    /// Removes the file: the fit is over.
    pub fn clear(&self) {
        // Absent is as good as removed, and one that stays is refused by its key.
        let _gone = std::fs::remove_file(&self.path);
    }
}
