//! The sample of a worker's counters.

use units::{Nanos, PoolId};

use super::{CodecError, Reader, Writer};
use crate::PoolCounters;

const NAME: usize = 64;
const WORKER: usize = 128;

pub(super) fn write(w: &mut Writer<'_>, record: &PoolCounters) {
    w.text(record.pool.as_str(), NAME);
    w.text(&record.worker, WORKER);
    w.time(record.incarnation);
    w.time(record.at);
    for total in [record.provisioned, record.busy, record.load, record.idle] {
        w.u64(total.get());
    }
    w.u64(u64::try_from(record.load_by_expert.len()).unwrap_or(0));
    for (expert, load) in &record.load_by_expert {
        w.text(expert.as_str(), NAME);
        w.u64(load.get());
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<PoolCounters, CodecError> {
    Ok(PoolCounters {
        pool: r.id(PoolId::new)?,
        worker: r.shared_text()?,
        incarnation: r.time()?,
        at: r.time()?,
        provisioned: Nanos::new(r.number()?),
        busy: Nanos::new(r.number()?),
        load: Nanos::new(r.number()?),
        idle: Nanos::new(r.number()?),
        load_by_expert: {
            let count = r.length()?;
            let list: Result<_, _> = (0..count)
                .map(|_| Ok((r.expert()?, Nanos::new(r.number()?))))
                .collect();
            list?
        },
    })
}
