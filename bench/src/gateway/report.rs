//! The figures of a comparison, as a table and as a file.

use std::fmt::Write;

use serde::Serialize;

use super::{GatewayPlan, Way};
use crate::load::LoadSummary;

/// What one round found about one server.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// CPU time of a request in microseconds at full load; absent for the mock itself.
    pub cpu_us: Option<f64>,
    /// The same at the common rate.
    pub paced_cpu_us: Option<f64>,
    /// As fast as answers come.
    pub loaded: LoadSummary,
    /// At the common rate, from when each request was due.
    pub paced: LoadSummary,
    /// One request at a time.
    pub single: LoadSummary,
}

/// The whole comparison. Every figure is a median over the rounds.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Requests of a round and server.
    pub requests: u64,
    /// Connections under load.
    pub concurrency: u32,
    /// Runtime threads of the gateway; nginx has one worker.
    pub threads: u32,
    /// Were the answers streamed?
    pub stream: bool,
    /// Length of the request's body in bytes.
    pub body_bytes: usize,
    /// The common rate, in requests a second.
    pub rate: u32,
    /// CPU time of a request through nginx at the common rate, in microseconds.
    pub nginx_cpu_us: f64,
    /// CPU time of a request through the gateway at the common rate, in microseconds.
    pub moegate_cpu_us: f64,
    /// The second over the first. Both do the same work in the same time, so that waking, batching and idling cost
    /// both alike.
    pub cpu_ratio: f64,
    /// CPU time of a request through nginx as fast as answers come, in microseconds.
    pub nginx_full_cpu_us: f64,
    /// CPU time of a request through the gateway as fast as answers come, in microseconds.
    pub moegate_full_cpu_us: f64,
    /// The second over the first. nginx then answers several times as many, and saves what waking costs.
    pub full_cpu_ratio: f64,
    /// What the gateway adds to the median time of a request, in microseconds.
    pub added_p50_us: f64,
    /// What it adds at the 99th percentile, in microseconds.
    pub added_p99_us: f64,
    /// What nginx adds to the median, in microseconds.
    pub nginx_added_p50_us: f64,
    /// What nginx adds at the 99th percentile, in microseconds.
    pub nginx_added_p99_us: f64,
    /// The gateway's resident memory before the load, in bytes.
    pub resident_idle: u64,
    /// And after it, in bytes.
    pub resident_loaded: u64,
    /// What `moegate ledger verify` said afterwards.
    pub booked: String,
    /// Every round straight to the mock.
    pub direct: Vec<Round>,
    /// Every round through nginx.
    pub nginx: Vec<Round>,
    /// Every round through the gateway.
    pub moegate: Vec<Round>,
}

impl Comparison {
    pub(super) fn new(plan: &GatewayPlan, resident_idle: u64) -> Self {
        Self {
            requests: plan.requests,
            concurrency: plan.concurrency,
            threads: plan.threads,
            stream: plan.stream,
            body_bytes: plan.body.len(),
            rate: plan.rate,
            nginx_cpu_us: 0.0,
            moegate_cpu_us: 0.0,
            cpu_ratio: 0.0,
            nginx_full_cpu_us: 0.0,
            moegate_full_cpu_us: 0.0,
            full_cpu_ratio: 0.0,
            added_p50_us: 0.0,
            added_p99_us: 0.0,
            nginx_added_p50_us: 0.0,
            nginx_added_p99_us: 0.0,
            resident_idle,
            resident_loaded: 0,
            booked: String::new(),
            direct: Vec::new(),
            nginx: Vec::new(),
            moegate: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, way: Way, round: Round) {
        match way {
            Way::Direct => self.direct.push(round),
            Way::Nginx => self.nginx.push(round),
            Way::Moegate => self.moegate.push(round),
        }
        let cpu = |rounds: &[Round]| median(rounds.iter().filter_map(|r| r.paced_cpu_us));
        let full = |rounds: &[Round]| median(rounds.iter().filter_map(|r| r.cpu_us));
        let p50 = |rounds: &[Round]| median(rounds.iter().map(|r| r.single.whole_us.p50));
        let p99 = |rounds: &[Round]| median(rounds.iter().map(|r| r.single.whole_us.p99));
        self.nginx_cpu_us = cpu(&self.nginx);
        self.moegate_cpu_us = cpu(&self.moegate);
        self.cpu_ratio = self.moegate_cpu_us / self.nginx_cpu_us.max(1e-9);
        self.nginx_full_cpu_us = full(&self.nginx);
        self.moegate_full_cpu_us = full(&self.moegate);
        self.full_cpu_ratio = self.moegate_full_cpu_us / self.nginx_full_cpu_us.max(1e-9);
        self.added_p50_us = p50(&self.moegate) - p50(&self.direct);
        self.added_p99_us = p99(&self.moegate) - p99(&self.direct);
        self.nginx_added_p50_us = p50(&self.nginx) - p50(&self.direct);
        self.nginx_added_p99_us = p99(&self.nginx) - p99(&self.direct);
    }

    /// The figures beside their bars.
    pub fn table(&self) -> String {
        let mib = |bytes: u64| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "bytes of memory, far below 2^52"
            )]
            let bytes = bytes as f64;
            bytes / 1_048_576.0
        };
        let loaded = |rounds: &[Round]| median(rounds.iter().map(|r| r.loaded.per_second));
        let rows = [
            ("common rate", f64::from(self.rate), "/s", None),
            ("CPU per request, nginx", self.nginx_cpu_us, "µs", None),
            ("CPU per request, gateway", self.moegate_cpu_us, "µs", None),
            ("gateway over nginx", self.cpu_ratio, "×", Some(4.0)),
            ("at full load, nginx", self.nginx_full_cpu_us, "µs", None),
            (
                "at full load, gateway",
                self.moegate_full_cpu_us,
                "µs",
                None,
            ),
            ("at full load, ratio", self.full_cpu_ratio, "×", None),
            ("added p50, nginx", self.nginx_added_p50_us, "µs", None),
            ("added p99, nginx", self.nginx_added_p99_us, "µs", None),
            ("added p50, gateway", self.added_p50_us, "µs", Some(150.0)),
            ("added p99, gateway", self.added_p99_us, "µs", Some(500.0)),
            ("memory idle", mib(self.resident_idle), "MiB", Some(40.0)),
            (
                "memory loaded",
                mib(self.resident_loaded),
                "MiB",
                Some(100.0),
            ),
            (
                "requests a second, direct",
                loaded(&self.direct),
                "/s",
                None,
            ),
            ("requests a second, nginx", loaded(&self.nginx), "/s", None),
            (
                "requests a second, gateway",
                loaded(&self.moegate),
                "/s",
                None,
            ),
        ];
        let mut table = String::new();
        for (name, value, unit, bar) in rows {
            let bar = bar.map_or_else(String::new, |bar: f64| {
                let held = if value <= bar { "held" } else { "MISSED" };
                format!("bar {bar} {unit}: {held}")
            });
            // Writing to a string does not fail.
            let _written = writeln!(table, "{name:<28}{value:>12.2} {unit:<5}{bar}");
        }
        table
    }
}

/// The middle value; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(a), Some(b)) if values.len().is_multiple_of(2) => (a + b) / 2.0,
        (_, Some(b)) => *b,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    #[expect(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
    fn the_middle_is_found() {
        assert_eq!(median([].into_iter()), 0.0);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
    }
}
