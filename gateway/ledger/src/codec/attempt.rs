//! The attempt record.

use units::{
    AttemptId, AttemptStatus, DecisionId, PoolId, ProviderId, Purpose, Receipt, RequestId,
    ScenarioId, TenantId, TokenBuckets,
};

use super::{CodecError, Reader, Writer};
use crate::{AttemptRecord, Host, Tags};

const NAME: usize = 64;
const REPLICA: usize = 128;

pub(super) fn write(w: &mut Writer<'_>, record: &AttemptRecord) {
    w.uuid(record.request.uuid());
    w.text(record.tenant.as_str(), NAME);
    w.text(record.scenario.as_str(), NAME);
    w.text(record.expert.as_str(), NAME);
    w.byte(match record.host {
        Host::Pool(_) => 0,
        Host::Provider(_) => 1,
    });
    w.text(record.host.as_str(), NAME);
    w.option(record.replica.as_deref(), |w, name| w.text(name, REPLICA));
    w.time(record.started);
    w.time(record.finished);
    w.option(record.http_status, |w, status| w.u64(status.into()));
    w.option(record.decision, |w, id| w.uuid(id.uuid()));
    write_receipt(w, &record.receipt);
}

/// `tags` came before.
pub(super) fn read(r: &mut Reader<'_>, tags: Option<Tags>) -> Result<AttemptRecord, CodecError> {
    Ok(AttemptRecord {
        request: RequestId::from_uuid(r.uuid()?),
        tenant: r.id(TenantId::new)?,
        scenario: r.id(ScenarioId::new)?,
        expert: r.expert()?,
        host: match r.byte()? {
            0 => Host::Pool(r.id(PoolId::new)?),
            1 => Host::Provider(r.id(ProviderId::new)?),
            _ => return Err(CodecError::Value("host")),
        },
        replica: r.option(Reader::shared_text)?,
        started: r.time()?,
        finished: r.time()?,
        http_status: r.option(Reader::number)?,
        decision: r.option(|r| r.uuid().map(DecisionId::from_uuid))?,
        tags,
        receipt: read_receipt(r)?,
    })
}

fn write_receipt(w: &mut Writer<'_>, receipt: &Receipt) {
    w.uuid(receipt.attempt.uuid());
    w.byte(position(Purpose::ALL, &receipt.purpose));
    w.byte(position(AttemptStatus::ALL, &receipt.status));
    let tokens = &receipt.tokens;
    w.tokens(tokens.input_uncached);
    w.tokens(tokens.cache_read);
    w.tokens(tokens.cache_write);
    w.tokens(tokens.output_text);
    w.tokens(tokens.output_reasoning);
    w.nanos(receipt.device_ns);
    w.nanos(receipt.queue_ns);
    w.nanos(receipt.cpu_ns);
    w.option(receipt.fuel, Writer::u64);
    w.nanos(receipt.first_token_ns);
    w.nanos(receipt.total_ns);
}

fn read_receipt(r: &mut Reader<'_>) -> Result<Receipt, CodecError> {
    Ok(Receipt {
        attempt: AttemptId::from_uuid(r.uuid()?),
        purpose: r.coded("purpose", |at| Purpose::ALL.get(usize::from(at)).copied())?,
        status: r.coded("status", |at| {
            AttemptStatus::ALL.get(usize::from(at)).copied()
        })?,
        tokens: TokenBuckets {
            input_uncached: r.tokens()?,
            cache_read: r.tokens()?,
            cache_write: r.tokens()?,
            output_text: r.tokens()?,
            output_reasoning: r.tokens()?,
        },
        device_ns: r.nanos()?,
        queue_ns: r.nanos()?,
        cpu_ns: r.nanos()?,
        fuel: r.option(Reader::number)?,
        first_token_ns: r.nanos()?,
        total_ns: r.nanos()?,
    })
}

/// Variants are only ever added at the end, so a place in the list is a stable number.
fn position<T: PartialEq>(all: &[T], value: &T) -> u8 {
    let place = all.iter().position(|v| v == value);
    place
        .and_then(|at| u8::try_from(at).ok())
        .unwrap_or(u8::MAX)
}
