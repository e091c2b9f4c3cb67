//! Which addresses one process admits: chosen by a type in code, so that no file or manifest can change it.

use std::fmt::Debug;
use std::net::IpAddr;

use crate::{EgressError, check_address};

mod sealed {
    pub trait Sealed {}
}

/// Which addresses may be connected to. Sealed: there are the two of this crate.
pub trait Policy: sealed::Sealed + Debug {
    /// Refuses an address.
    fn check(address: IpAddr) -> Result<(), EgressError>;
}

/// Public unicast addresses: what a gateway runs with.
#[derive(Debug, Clone, Copy)]
pub enum PublicOnly {}

/// Also 127.0.0.0/8 and ::1, for tests with servers of their own. Never construct an [`crate::Egress`] with it elsewhere.
#[derive(Debug, Clone, Copy)]
pub enum LoopbackToo {}

impl sealed::Sealed for PublicOnly {}
impl sealed::Sealed for LoopbackToo {}

impl Policy for PublicOnly {
    fn check(address: IpAddr) -> Result<(), EgressError> {
        check_address(address)
    }
}

impl Policy for LoopbackToo {
    fn check(address: IpAddr) -> Result<(), EgressError> {
        if address.is_loopback() {
            return Ok(());
        }
        check_address(address)
    }
}
