//! Hosts model experts on one device and answers for them over the OpenAI API, with a receipt per
//! answer. It must not know tenants, prices, budgets or the ledger, nor which expert is right for a
//! request.
//!
//! A request is read and encoded on the server's threads ([`http`]), waits in the one queue of the
//! [`Scheduler`], and is computed in a step with others of its expert by the [`DeviceThread`],
//! which alone touches libtorch. Every nanosecond of the device is booked.

mod answer;
mod args;
mod batch;
mod card;
mod clock;
mod device;
mod device_clock;
mod engine;
mod error;
mod events;
pub mod http;
mod job;
mod queue;
mod residency;
mod roster;
mod scheduler;
mod serve;
mod tally;
mod torch;
mod writing;

pub use answer::OUT_OF_SCOPE;
pub use args::{Args, Command, ServeArgs};
pub use batch::BatchLimits;
pub use card::CardArgs;
pub use clock::{SystemClock, SystemIds};
pub use device::DeviceThread;
pub use engine::{Engine, EngineError, Loaded, Reader, Slot, Tokenizer};
pub use error::WorkerError;
pub use job::{Delivery, Done, Failure, Refusal, Reply};
pub use residency::TooLarge;
pub use roster::{Hosted, Roster};
pub use scheduler::{Limits, Scheduler};
pub use serve::{Worker, WorkerConfig};
pub use tally::{Ended, ExpertSnapshot, Snapshot};
pub use torch::{TorchEngine, Writing};
pub use writing::{Event, Finish, Prompt, Told, WriteLimits, Written};
