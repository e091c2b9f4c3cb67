//! The worker driven from outside over HTTP, on libtorch, with small experts of random weights.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test is built from fails the test by panicking"
)]

#[path = "worker/answers.rs"]
mod answers;
#[path = "worker/bad_input.rs"]
mod bad_input;
#[path = "worker/books.rs"]
mod books;
#[path = "worker/client.rs"]
mod client;
#[path = "worker/gate.rs"]
mod gate;
#[path = "worker/house.rs"]
mod house;
#[path = "worker/memory.rs"]
mod memory;
#[path = "worker/overload.rs"]
mod overload;
#[path = "worker/process.rs"]
mod process;
#[path = "worker/streams.rs"]
mod streams;
#[path = "worker/writers.rs"]
mod writers;
