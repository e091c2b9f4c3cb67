//! The journal's binary form of events: small, quick to write, the same for the same event.
//!
//! A group of events starts with the layout's number. Integers are LEB128 (signed ones zigzag), texts and
//! lists carry their length, options a 0 or 1, ids their 16 bytes. A new layout gets a new number;
//! old numbers stay readable.

mod attempt;
mod counters;
mod outcome;
mod reader;
mod request;
#[cfg(test)]
mod tests;
mod writer;

use reader::Reader;
use writer::Writer;

use crate::{LedgerEvent, Tags};

/// The layout written today.
const LAYOUT: u8 = 1;

/// Why bytes are no events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end inside an event.
    #[error("an event is cut short")]
    Short,
    /// Written by a newer Moegate: read it with that one.
    #[error("event layout {0} is unknown")]
    Layout(u8),
    /// A value no writer produces.
    #[error("an event holds an impossible {0}")]
    Value(&'static str),
}

const ATTEMPT: u8 = 1;
const REQUEST: u8 = 2;
const OUTCOME: u8 = 3;
const COUNTERS: u8 = 4;
/// A judgement that was asked for and did not come.
const MISSING: u8 = 5;
/// An attempt, and a request, with their tags before them.
const TAGGED_ATTEMPT: u8 = 6;
const TAGGED_REQUEST: u8 = 7;

/// Appends a group of events to `out`.
pub fn encode_events<'a>(events: impl IntoIterator<Item = &'a LedgerEvent>, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.byte(LAYOUT);
    for event in events {
        match event {
            LedgerEvent::Attempt(record) => {
                tagged(&mut writer, &record.tags, [ATTEMPT, TAGGED_ATTEMPT]);
                attempt::write(&mut writer, record);
            }
            LedgerEvent::Request(record) => {
                tagged(&mut writer, &record.tags, [REQUEST, TAGGED_REQUEST]);
                request::write(&mut writer, record);
            }
            LedgerEvent::Outcome(record) => {
                writer.byte(if record.score.is_some() {
                    OUTCOME
                } else {
                    MISSING
                });
                outcome::write(&mut writer, record);
            }
            LedgerEvent::Counters(record) => {
                writer.byte(COUNTERS);
                counters::write(&mut writer, record);
            }
        }
    }
}

/// The kind of an event without or with tags, and the tags.
fn tagged(writer: &mut Writer<'_>, tags: &Option<Tags>, [without, with]: [u8; 2]) {
    match tags {
        None => writer.byte(without),
        Some(tags) => {
            writer.byte(with);
            writer.text(tags.as_str(), Tags::LONGEST);
        }
    }
}

fn tags(reader: &mut Reader<'_>) -> Result<Tags, CodecError> {
    Tags::parse(reader.text()?).map_err(|_| CodecError::Value("tag"))
}

/// Reads a whole group of events back.
///
/// # Errors
/// `Short`, `Layout` or `Value`: nothing of the group is usable then.
pub fn decode_events(bytes: &[u8]) -> Result<Vec<LedgerEvent>, CodecError> {
    let mut reader = Reader::new(bytes);
    let layout = reader.byte()?;
    if layout != LAYOUT {
        return Err(CodecError::Layout(layout));
    }
    let mut events = Vec::new();
    while !reader.is_empty() {
        events.push(match reader.byte()? {
            ATTEMPT => LedgerEvent::Attempt(attempt::read(&mut reader, None)?),
            REQUEST => LedgerEvent::Request(request::read(&mut reader, None)?),
            TAGGED_ATTEMPT => {
                let tags = Some(tags(&mut reader)?);
                LedgerEvent::Attempt(attempt::read(&mut reader, tags)?)
            }
            TAGGED_REQUEST => {
                let tags = Some(tags(&mut reader)?);
                LedgerEvent::Request(request::read(&mut reader, tags)?)
            }
            OUTCOME => LedgerEvent::Outcome(outcome::read(&mut reader, true)?),
            MISSING => LedgerEvent::Outcome(outcome::read(&mut reader, false)?),
            COUNTERS => LedgerEvent::Counters(counters::read(&mut reader)?),
            _ => return Err(CodecError::Value("kind of event")),
        });
    }
    Ok(events)
}
