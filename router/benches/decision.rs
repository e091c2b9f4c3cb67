//! Time of one whole decision (features, network, policy) for short, usual and long prompts: criterion's estimate, and
//! p50 and p99 over single decisions. Uses the shipped gate.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first failure and prints its figures"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use router::{
    Candidate, Captured, DecideError, Decision, Draw, Gate, Policy, RequestView, Role, Scratch,
    Turn, decide,
};
use units::{DecisionId, ExpertId, TenantId};

const SENTENCE: &str = "The bank's customer writes: my card payment of $12.50 was declined twice on \
    Monday, and Section 4.2 of the agreement says that fees are refunded within 30 days. ";

fn decisions(criterion: &mut Criterion) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gate"));
    let gate = Gate::load(folder).expect("the shipped gate loads");
    let tenant = TenantId::new("aurora-bank").expect("a name");
    let ids: Vec<ExpertId> = gate
        .manifest()
        .experts
        .iter()
        .map(|e| e.id.clone())
        .collect();
    let domains = gate.manifest().experts.iter().map(|e| e.domain.as_str());
    let candidates: Vec<_> = ids
        .iter()
        .zip(domains)
        .map(|(i, d)| Candidate::new(i, d))
        .collect();
    let policy = Policy::default();
    let mut scratch = Scratch::new();
    for (name, bytes) in [("200 B", 200), ("2 kB", 2_048), ("20 kB", 20_480)] {
        let text: String = SENTENCE.chars().cycle().take(bytes).collect();
        let turns = [Turn {
            role: Role::User,
            text: &text,
        }];
        let view = RequestView::of_turns(&tenant, &turns);
        let draw = Draw {
            id: DecisionId::from_uuid(uuid::Uuid::from_u128(1)),
            random: 0.5,
        };
        let mut once = || {
            let reading = gate.read(black_box(&view), &mut scratch);
            decide(&reading, black_box(&candidates), &policy, &draw)
        };
        measure(&format!("decision {name}"), &mut once);
        let mut noted = Scratch::new();
        let mut noting = || {
            // As in the gateway: a note of its own for each request.
            let mut note = Box::<Captured>::default();
            let reading = gate.read_noting(black_box(&view), &mut noted, &mut note);
            let decision = decide(&reading, black_box(&candidates), &policy, &draw);
            black_box(note);
            decision
        };
        measure(&format!("decision {name}, features noted"), &mut noting);
        let note = Captured::of(&view, 16, 18);
        println!("features of {name}: {} bytes", note.to_bytes().len());
        criterion.bench_function(&format!("decision {name}"), |b| b.iter(&mut once));
    }
}

/// p50 and p99 over single decisions.
fn measure(name: &str, once: &mut dyn FnMut() -> Result<Decision, DecideError>) {
    let mut times: Vec<u128> = (0..20_000)
        .map(|_| {
            let start = Instant::now();
            black_box(once()).expect("an expert is found");
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
    println!(
        "{name}: p50 {} ns, p99 {} ns over {} runs",
        at(50),
        at(99),
        times.len()
    );
}

criterion_group!(benches, decisions);
criterion_main!(benches);
