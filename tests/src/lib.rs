//! What the whole-system tests share: starting the built binaries on free ports and talking to them.
//! It must not know how any crate works inside; it sees the system as a client and an operator do.
