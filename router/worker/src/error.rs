//! Why a worker cannot start or stop as it should.

use std::net::SocketAddr;
use std::path::PathBuf;

use expert_card::CardError;
use units::ExpertId;

/// Why a worker cannot start or stop as it should. Requests never see these.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Nothing to host: give `--expert`.
    #[error("no expert is given: a worker hosts at least one")]
    NoExpert,
    /// A card is wrong: correct the file it names.
    #[error(transparent)]
    Card(#[from] CardError),
    /// An expert cannot be hosted here.
    #[error("expert {expert} in {}: {why}", folder.display())]
    Expert {
        /// The expert.
        expert: ExpertId,
        /// Its folder.
        folder: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// An expert is larger than the memory budget: raise `--memory-mb`.
    #[error("expert {expert}: {why}; raise --memory-mb")]
    TooLarge {
        /// The expert.
        expert: ExpertId,
        /// Both sizes.
        why: crate::residency::TooLarge,
    },
    /// The device is not there: use another.
    #[error("device {device} cannot be used: {why}")]
    Device {
        /// What was asked for.
        device: String,
        /// What is missing.
        why: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start the device thread: {0}")]
    Thread(std::io::Error),
    /// The device thread ended before its time.
    #[error("the device thread has ended")]
    DeviceGone,
}
