//! Charges as a FOCUS 1.2 data set: the FinOps Open Cost and Usage Specification, with the split-cost columns of 1.3 and
//! our own under `x_`. It must not know of stores, of the command line or of prompts.
//!
//! From the outside in: [`Export`] takes charges and writes a file; [`COLUMNS`] is the table of columns, each with the
//! formula of its value beside its name.

mod cell;
mod column;
mod csv_file;
mod decimal;
mod error;
mod export;
mod line;
mod parquet_file;

pub use cell::{Cell, Kind};
pub use column::{COLUMNS, Column};
pub use decimal::Decimal;
pub use error::FocusError;
pub use export::{Export, Format, Summary};
pub use line::{Issuer, Line};
