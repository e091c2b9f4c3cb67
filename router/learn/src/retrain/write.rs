//! Writes what was learned into a package: corrections into the wide part, counts into the experts.

use router::{Column, Package};

use super::{Lesson, place};
use crate::sparse::Sparse;

/// Adds each expert's correction to its quality.
pub(super) fn corrections(package: &mut Package, models: &[Sparse]) {
    for (expert, model) in models.iter().enumerate() {
        let column = Column::Quality.place(&package.manifest, expert);
        if let Some(bias) = package.weights.quality.bias.get_mut(expert) {
            *bias += model.bias;
        }
        let Some(wide) = &mut package.weights.wide else {
            continue;
        };
        let dense = wide.dense.get_mut(column).into_iter().flatten();
        for (weight, more) in dense.zip(&model.dense) {
            *weight += more;
        }
        let width = wide.scale.len();
        let unit = wide.scale.get(column).copied().unwrap_or(1.0);
        let values: Vec<f32> = wide
            .rows
            .chunks(width.max(1))
            .zip(&model.rows)
            .map(|(row, more)| row.get(column).map_or(0.0, |old| f32::from(*old) * unit) + more)
            .collect();
        let most = values
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        let unit = if most > 0.0 { most / 127.0 } else { 1.0 };
        if let Some(scale) = wide.scale.get_mut(column) {
            *scale = unit;
        }
        for (row, value) in wide.rows.chunks_mut(width.max(1)).zip(values) {
            if let Some(cell) = row.get_mut(column) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the quotient is within 127"
                )]
                let step = (value / unit).round().clamp(-127.0, 127.0) as i8;
                *cell = step;
            }
        }
    }
}

/// Adds the outcomes to the counts of the experts that were there before; of experts whose output was never counted, takes the mean.
pub(super) fn counts(package: &mut Package, lessons: &[&Lesson], before: usize) {
    let known = package.manifest.experts.len();
    let (mut seen, mut outputs) = (vec![0_u64; known], vec![(0.0_f32, 0_u64); known]);
    for lesson in lessons {
        let at = place(package, &lesson.expert);
        if let Some(n) = seen.get_mut(at) {
            *n += 1;
        }
        if let Some(((sum, n), tokens)) = outputs.get_mut(at).zip(lesson.output_tokens) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a logarithm needs no exact count"
            )]
            let log = (tokens as f32).ln_1p();
            *sum += log;
            *n += 1;
        }
    }
    for (at, entry) in package.manifest.experts.iter_mut().enumerate() {
        let n = seen.get(at).copied().unwrap_or(0);
        // An expert that was added counts its outcomes from the start.
        if at < before {
            entry.samples = entry.samples.saturating_add(n);
        }
        let (sum, n) = outputs.get(at).copied().unwrap_or((0.0, 0));
        if entry.output_samples == 0 && n > 0 {
            entry.output_samples = n;
            if let Some(bias) = package.weights.cost.bias.get_mut(at) {
                #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
                let mean = sum / n as f32;
                *bias = mean;
            }
        }
    }
}
