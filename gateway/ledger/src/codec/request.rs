//! The request record with its decision.

use std::borrow::Cow;

use units::{DecisionId, Nanos, Pico, RequestId, ScenarioId, TenantId};

use super::{CodecError, Reader, Writer};
use crate::{Candidate, DecisionSummary, Ppm, RequestRecord, ScenarioSource, Tags};

const NAME: usize = 64;
const PRINCIPAL: usize = 128;
const CANDIDATES: usize = 32;

pub(super) fn write(w: &mut Writer<'_>, record: &RequestRecord) {
    w.uuid(record.request.uuid());
    w.text(record.tenant.as_str(), NAME);
    w.text(&record.principal, PRINCIPAL);
    w.text(record.scenario.as_str(), NAME);
    w.byte(record.scenario_source.code());
    w.option(record.decision.as_ref(), write_decision);
    w.option(record.answered_by.as_ref(), |w, id| {
        w.text(id.as_str(), NAME)
    });
    w.time(record.started);
    w.u64(record.total.get());
    w.u64(record.overhead.get());
    w.u64(record.http_status.into());
    w.byte(u8::from(record.streamed));
}

/// `tags` came before.
pub(super) fn read(r: &mut Reader<'_>, tags: Option<Tags>) -> Result<RequestRecord, CodecError> {
    Ok(RequestRecord {
        request: RequestId::from_uuid(r.uuid()?),
        tenant: r.id(TenantId::new)?,
        principal: r.shared_text()?,
        scenario: r.id(ScenarioId::new)?,
        scenario_source: r.coded("scenario source", ScenarioSource::from_code)?,
        decision: r.option(read_decision)?,
        answered_by: r.option(Reader::expert)?,
        started: r.time()?,
        total: Nanos::new(r.number()?),
        overhead: Nanos::new(r.number()?),
        http_status: r.number()?,
        streamed: r.byte()? == 1,
        tags,
    })
}

fn write_decision(w: &mut Writer<'_>, decision: &DecisionSummary) {
    w.uuid(decision.id.uuid());
    w.text(&decision.gate_version, NAME);
    w.text(&decision.reason, NAME);
    w.text(decision.chosen.as_str(), NAME);
    w.u64(decision.propensity.get().into());
    let kept = decision.candidates.len().min(CANDIDATES);
    w.u64(u64::try_from(kept).unwrap_or(0));
    for candidate in decision.candidates.iter().take(kept) {
        w.text(candidate.expert.as_str(), NAME);
        w.u64(candidate.quality.get().into());
        w.u64(candidate.propensity.get().into());
        w.option(candidate.cost, |w, cost| w.signed(cost.get()));
        w.nanos(candidate.latency);
    }
}

fn read_decision(r: &mut Reader<'_>) -> Result<DecisionSummary, CodecError> {
    Ok(DecisionSummary {
        id: DecisionId::from_uuid(r.uuid()?),
        gate_version: r.shared_text()?,
        reason: Cow::Owned(r.text()?.to_owned()),
        chosen: r.expert()?,
        propensity: Ppm::new(r.number()?),
        candidates: {
            let count = r.length()?;
            let list: Result<_, _> = (0..count).map(|_| read_candidate(r)).collect();
            list?
        },
    })
}

fn read_candidate(r: &mut Reader<'_>) -> Result<Candidate, CodecError> {
    Ok(Candidate {
        expert: r.expert()?,
        quality: Ppm::new(r.number()?),
        propensity: Ppm::new(r.number()?),
        cost: r.option(|r| r.signed().map(Pico::new))?,
        latency: r.nanos()?,
    })
}
