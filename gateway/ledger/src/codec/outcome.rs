//! The outcome record.

use units::{RequestId, TenantId};

use super::{CodecError, Reader, Writer};
use crate::{OutcomeRecord, OutcomeSource, Ppm};

const NAME: usize = 64;
const KEY: usize = 128;

pub(super) fn write(w: &mut Writer<'_>, record: &OutcomeRecord) {
    w.uuid(record.request.uuid());
    w.text(record.tenant.as_str(), NAME);
    if let Some(score) = record.score {
        w.u64(score.get().into());
    }
    w.byte(record.source.code());
    w.option(record.label.as_deref(), |w, label| w.text(label, NAME));
    w.u64(record.comment_chars.into());
    w.text(&record.idempotency_key, KEY);
    w.time(record.at);
}

/// The kind of event says whether there is a score.
pub(super) fn read(r: &mut Reader<'_>, scored: bool) -> Result<OutcomeRecord, CodecError> {
    Ok(OutcomeRecord {
        request: RequestId::from_uuid(r.uuid()?),
        tenant: r.id(TenantId::new)?,
        score: match scored {
            true => Some(Ppm::new(r.number()?)),
            false => None,
        },
        source: r.coded("outcome source", OutcomeSource::from_code)?,
        label: r.option(Reader::shared_text)?,
        comment_chars: r.number()?,
        idempotency_key: r.shared_text()?,
        at: r.time()?,
    })
}
