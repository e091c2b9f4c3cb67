//! Workers for tests: folders of small experts, and a worker that serves them on port 0.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use expert_card::ExpertCard;
use expert_worker::{
    BatchLimits, Limits, SystemClock, SystemIds, Worker, WorkerConfig, WorkerError, WriteLimits,
};
use models::DeviceChoice;
use models::fixture::write_tiny_expert_as;
use serde_json::{Value, json};
use tempfile::TempDir;
use units::ExpertId;

use crate::client;

/// Expert folders that live as long as this.
#[derive(Debug)]
pub(crate) struct Shelf {
    root: TempDir,
    ids: Vec<String>,
}

impl Shelf {
    /// Small experts of these ids, each with weights of its own.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let root = TempDir::new().expect("a folder");
        for (seed, id) in (7..).zip(ids) {
            let expert = ExpertId::new(id).expect("an id");
            write_tiny_expert_as(&root.path().join(id), &expert, seed).expect("an expert");
        }
        Self {
            root,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    /// Adds a small expert that writes.
    pub(crate) fn with_writer(mut self, id: &str) -> Self {
        let folder = self.root.path().join(id);
        decoder::fixture::write(&folder, 7).expect("an expert");
        let card = ExpertCard {
            schema: expert_card::SCHEMA,
            id: ExpertId::new(id).expect("an id"),
            version: "0.0.1".to_owned(),
            name: "Tiny writer".to_owned(),
            domain: "test".to_owned(),
            kind: expert_card::ExpertKind::Model,
            summary: "Random weights: its words mean nothing.".to_owned(),
            licence: "Apache-2.0".to_owned(),
            limits: expert_card::Limits {
                context_tokens: decoder::fixture::CONTEXT,
            },
            architecture: Some(expert_card::Architecture {
                layers: 2,
                hidden: 32,
                vocab: decoder::fixture::VOCAB,
                params: decoder::fixture::parameters(),
                bytes: 4 * decoder::fixture::parameters(),
                dtype: expert_card::StoredType::F32,
            }),
            provenance: Some(expert_card::Provenance {
                base: "none".to_owned(),
                base_licence: "Apache-2.0".to_owned(),
                recipe: "random weights".to_owned(),
                seed: 7,
                data: Vec::new(),
                teachers: Vec::new(),
            }),
            writer: Some(expert_card::Writer {
                output_tokens: 24,
                int8: false,
            }),
            tasks: Vec::new(),
        };
        card.write(&folder).expect("a card");
        self.ids.push(id.to_owned());
        self
    }

    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.root.path().join(id)
    }

    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.ids.iter().map(|id| self.folder(id)).collect()
    }

    pub(crate) fn card(&self, id: &str) -> ExpertCard {
        ExpertCard::read(&self.folder(id)).expect("a card")
    }

    /// Bytes of one expert in memory.
    pub(crate) fn bytes(&self, id: &str) -> u64 {
        self.card(id).architecture.expect("an architecture").params * 4
    }

    pub(crate) fn config(&self) -> WorkerConfig {
        WorkerConfig {
            experts: self.folders(),
            device: DeviceChoice::Cpu,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            limits: Limits {
                queue: 64,
                batch: BatchLimits::of_members(8),
                memory_bytes: 1 << 30,
                write: WriteLimits {
                    sequences: 8,
                    step_tokens: 64,
                },
            },
            kv_bytes: 1 << 20,
            threads: std::num::NonZeroUsize::new(1),
            body_bytes: 64 * 1024,
            drain: Duration::from_secs(30),
        }
    }

    pub(crate) async fn serve(&self) -> Worker {
        serve(self.config()).await.expect("a worker")
    }
}

pub(crate) async fn serve(config: WorkerConfig) -> Result<Worker, WorkerError> {
    Worker::start(config, Arc::new(SystemClock::start()), Arc::new(SystemIds)).await
}

/// The body of a request for a task.
pub(crate) fn ask(model: &str, task: &str, text: &str) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "metadata": {"task": task},
    })
}

pub(crate) async fn status(address: SocketAddr) -> Value {
    client::get(address, "/status").await.ok()
}

/// Asks for `/status` until it is as wanted.
pub(crate) async fn until(address: SocketAddr, wanted: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let status = status(address).await;
            check(&status);
            if wanted(&status) {
                return status;
            }
        }
    };
    let minute = Duration::from_secs(60);
    tokio::time::timeout(minute, asking)
        .await
        .expect("the status that was waited for")
}

/// A number of a JSON value.
pub(crate) fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// The books of a `/status` must balance.
pub(crate) fn check(status: &Value) {
    let counters = &status["counters"];
    let of = |key: &str| number(&counters[key]);
    assert_eq!(
        of("busy_ns") + of("load_ns") + of("idle_ns"),
        of("provisioned_ns")
    );
    let device = counters["device_ns"].as_object().expect("device time");
    assert_eq!(device.values().map(number).sum::<u64>(), of("busy_ns"));
    let ends = ["rejected", "completed", "failed", "timed_out", "cancelled"];
    let ended: u64 = ends.iter().map(|key| of(key)).sum();
    let held = status["queue"].as_object().expect("the queue");
    assert_eq!(
        ended + held.values().map(number).sum::<u64>(),
        of("requests")
    );
    let loads = status["experts"].as_array().expect("experts").iter();
    let loads: u64 = loads.map(|expert| number(&expert["load_ns"])).sum();
    assert!(loads <= of("load_ns"));
}
