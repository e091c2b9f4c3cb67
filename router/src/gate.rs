//! The gate: loads its package and reads a request into scenario, domain, out-of-distribution and, for each expert,
//! quality, output tokens and latency.

mod bags;
mod lookup;
mod network;
mod reading;
mod wide;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use units::{ExpertId, ScenarioId};

use crate::captured::{Captured, Noting};
use crate::error::GateError;
use crate::package::{HIDDEN, Manifest, Package, Platt, Weights};
use crate::view::RequestView;
pub(crate) use bags::Bags;
use lookup::Lookup;
pub(crate) use network::{Input, bag_factor, gradient, input_of};
pub use reading::{Prediction, Reading, interval};
pub use wide::Column;
pub(crate) use wide::WideSums;

/// A loaded gate. Immutable: a new gate is a new value, swapped in whole.
#[derive(Debug)]
pub struct Gate {
    version: Arc<str>,
    manifest: Manifest,
    weights: Weights,
    lookup: Lookup,
    platts: Vec<Platt>,
    domains: Vec<Arc<str>>,
    experts: HashMap<ExpertId, usize>,
    unassigned: usize,
}

/// Memory that one thread reuses from request to request, so that reading allocates nothing.
#[derive(Debug)]
pub struct Scratch {
    hidden: [f32; HIDDEN],
    domains: Vec<f32>,
    scenarios: Vec<f32>,
    wide: WideSums,
    bytes_log: f32,
}

impl Scratch {
    /// Empty memory; it grows at the first request.
    pub const fn new() -> Self {
        Self {
            hidden: [0.0; HIDDEN],
            domains: Vec::new(),
            scenarios: Vec::new(),
            wide: WideSums::new(),
            bytes_log: 0.0,
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// Loads and checks the package in a folder.
    pub fn load(folder: &Path) -> Result<Self, GateError> {
        let (package, digest) = Package::read(folder)?;
        Ok(Self::new(package, &digest))
    }

    /// A gate from the bytes of its two files; `folder` only names them in errors.
    pub fn parse(folder: &Path, json: &[u8], tensors: &[u8]) -> Result<Self, GateError> {
        Ok(Self::new(Package::parse(folder, json, tensors)?, "bytes"))
    }

    /// A gate from a package in memory, checked as if it were read from a file.
    pub fn from_package(package: &Package) -> Result<Self, GateError> {
        let folder = Path::new("memory");
        let (json, tensors) = package.to_bytes(folder)?;
        Ok(Self::new(
            Package::parse(folder, &json, &tensors)?,
            "memory",
        ))
    }

    /// A gate from a package in memory, under a version of the caller's.
    ///
    /// # Errors
    /// As if it were read from a file.
    pub fn from_package_as(package: &Package, version: &str) -> Result<Self, GateError> {
        let mut gate = Self::from_package(package)?;
        gate.version = Arc::from(version);
        Ok(gate)
    }

    /// `package` has been checked.
    fn new(package: Package, digest: &str) -> Self {
        let Package { manifest, weights } = package;
        let version = Arc::from(format!("{}@{}+{digest}", manifest.name, manifest.version));
        let calibration = &manifest.calibration;
        let platt_of = |name| calibration.domains.get(name).copied();
        let platts = manifest
            .domains
            .iter()
            .map(|d| platt_of(d).unwrap_or(calibration.global));
        let experts = manifest
            .experts
            .iter()
            .enumerate()
            .map(|(at, e)| (e.id.clone(), at));
        let unassigned = ScenarioId::unassigned();
        Self {
            version,
            lookup: Lookup::new(&manifest),
            platts: platts.collect(),
            domains: manifest
                .domains
                .iter()
                .map(|name| Arc::from(name.as_str()))
                .collect(),
            experts: experts.collect(),
            unassigned: manifest
                .scenarios
                .iter()
                .position(|s| *s == unassigned)
                .unwrap_or(0),
            manifest,
            weights,
        }
    }

    /// Name, version and hash, such as `demo@0.1.0+3f2a91c04b77`.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// What `gate.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Reads one request: features, hidden layer, scenario, domain and out-of-distribution heads.
    pub fn read<'a>(&'a self, view: &RequestView<'a>, scratch: &'a mut Scratch) -> Reading<'a> {
        let mut bags = Bags::new(&self.weights, &self.manifest.features, &mut scratch.wide);
        let outline = crate::features::extract(view, &mut bags);
        let digest = bags.digest();
        let input = input_of(&self.weights, &mut bags, outline);
        self.finish(view, scratch, &input, digest)
    }

    /// Reads as [`Gate::read`] does and notes what it read, without the text.
    pub fn read_noting<'a>(
        &'a self,
        view: &RequestView<'a>,
        scratch: &'a mut Scratch,
        note: &mut Captured,
    ) -> Reading<'a> {
        let bags = Bags::new(&self.weights, &self.manifest.features, &mut scratch.wide);
        note.begin(&self.manifest.features);
        let mut noting = Noting { sink: bags, note };
        let outline = crate::features::extract(view, &mut noting);
        let Noting {
            sink: mut bags,
            note,
        } = noting;
        (note.dense, note.digest) = (outline.dense, bags.digest());
        let digest = note.digest;
        let input = input_of(&self.weights, &mut bags, outline);
        self.finish(view, scratch, &input, digest)
    }

    /// Reads a request again from what was noted of it; `view` says all but the text. `None` where the note is of
    /// smaller tables than this gate's.
    pub fn recall<'a>(
        &'a self,
        note: &Captured,
        view: &RequestView<'a>,
        scratch: &'a mut Scratch,
    ) -> Option<Reading<'a>> {
        let mut bags = Bags::new(&self.weights, &self.manifest.features, &mut scratch.wide);
        bags.recall(note, &self.manifest.features)?;
        let outline = crate::features::Outline { dense: note.dense };
        let input = input_of(&self.weights, &mut bags, outline);
        Some(self.finish(view, scratch, &input, note.digest))
    }

    fn finish<'a>(
        &'a self,
        view: &RequestView<'a>,
        scratch: &'a mut Scratch,
        input: &Input,
        digest: u32,
    ) -> Reading<'a> {
        scratch.bytes_log = network::numbers(input).first().copied().unwrap_or(0.0);
        network::hidden(&self.weights, input, &mut scratch.hidden);
        if let Some(wide) = &self.weights.wide {
            scratch.wide.finish(wide, network::numbers(input));
        }
        network::softmax(
            &self.weights.domain,
            &scratch.hidden,
            scratch.wide.domains(&self.manifest),
            &mut scratch.domains,
        );
        network::softmax(
            &self.weights.scenario,
            &scratch.hidden,
            &[],
            &mut scratch.scenarios,
        );
        let ood = network::sigmoid(network::output(&self.weights.ood, 0, &scratch.hidden));
        Reading::new(self, *view, scratch, ood, digest)
    }
}
