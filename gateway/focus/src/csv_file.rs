//! Rows as CSV (RFC 4180): a header, then one line for each row.

use std::io::Write;

use jiff::tz::TimeZone;
use units::Timestamp;

use crate::{COLUMNS, Cell};

/// A writer of CSV.
pub(crate) struct CsvFile<W: Write>(csv::Writer<W>);

impl<W: Write> CsvFile<W> {
    /// Writes the header.
    pub(crate) fn begin(to: W) -> Result<Self, csv::Error> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(COLUMNS.iter().map(|column| column.name))?;
        Ok(Self(writer))
    }

    pub(crate) fn write(&mut self, cells: &[Cell]) -> Result<(), csv::Error> {
        self.0.write_record(cells.iter().map(shown))
    }

    pub(crate) fn finish(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => harmless(text),
        Cell::Number(number) => number.to_string(),
        Cell::Time(at) => instant(*at),
    }
}

/// Text that a spreadsheet would take for a formula gets an apostrophe in front, which makes it text.
fn harmless(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// `YYYY-MM-DDTHH:mm:ssZ`.
pub(crate) fn instant(at: Timestamp) -> String {
    let seconds = jiff::Timestamp::from_second(at.unix_seconds()).unwrap_or_default();
    let civil = TimeZone::UTC.to_datetime(seconds);
    format!("{}Z", civil.strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_formula() {
        for text in ["=1+1", "+1", "-cmd", "@sum", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        assert_eq!(harmless("a=1"), "a=1");
        assert_eq!(harmless(""), "");
    }

    #[test]
    fn instants_are_of_whole_seconds_in_utc() {
        assert_eq!(
            instant(Timestamp::from_unix_seconds(0)),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            instant(Timestamp::from_unix_seconds(1_767_225_600)),
            "2026-01-01T00:00:00Z"
        );
    }
}
