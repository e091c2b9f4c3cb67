//! Hard constraints: why a candidate may not be used, and which error to report where none may.

use units::Pico;

use crate::candidate::{Candidate, Capacity};
use crate::error::DecideError;
use crate::policy::Policy;
use crate::view::RequestView;

/// Why a candidate may not be used; later ones are nearer to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Barrier {
    Forbidden,
    Incapable(Ability),
    Context { needed: u64, limit: u64 },
    TooDear,
    Down,
    Full,
}

/// What a request asks beyond text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ability {
    Json,
    Tools,
}

impl Barrier {
    pub(super) fn is_capacity(self) -> bool {
        self == Self::Full
    }
}

/// What keeps a candidate from being used, if anything.
pub(super) fn barrier(
    view: &RequestView<'_>,
    candidate: &Candidate<'_>,
    policy: &Policy,
    cost: Pico,
) -> Option<Barrier> {
    if !policy.allows(candidate.expert) {
        return Some(Barrier::Forbidden);
    }
    if view.has_tools && !candidate.capabilities.tools {
        return Some(Barrier::Incapable(Ability::Tools));
    }
    if view.wants_json && !candidate.capabilities.json {
        return Some(Barrier::Incapable(Ability::Json));
    }
    let output = view.max_output_tokens.map_or(0, units::Tokens::get);
    let needed = view.input_tokens().get().saturating_add(output);
    if let Some(limit) = candidate.context_tokens.map(units::Tokens::get)
        && needed > limit
    {
        return Some(Barrier::Context { needed, limit });
    }
    if policy.max_cost.is_some_and(|most| cost > most) {
        return Some(Barrier::TooDear);
    }
    match candidate.capacity {
        Capacity::Open => None,
        Capacity::Full => Some(Barrier::Full),
        Capacity::Down => Some(Barrier::Down),
    }
}

/// The error for a request that no candidate may take: that of the candidate nearest to an answer.
pub(super) fn error_of(barriers: &[Barrier]) -> DecideError {
    match barriers.iter().max() {
        Some(Barrier::Full) => DecideError::NoCapacity,
        Some(Barrier::Down) => DecideError::Unavailable,
        Some(Barrier::TooDear) => DecideError::TooDear,
        Some(&Barrier::Context { needed, limit }) => DecideError::ContextTooLong { needed, limit },
        Some(Barrier::Incapable(Ability::Tools)) => DecideError::Incapable { what: "call tools" },
        Some(Barrier::Incapable(Ability::Json)) => DecideError::Incapable {
            what: "answer in JSON",
        },
        Some(Barrier::Forbidden) | None => DecideError::Forbidden,
    }
}
