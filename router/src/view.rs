//! A request as the router sees it: borrowed text and the few facts that limit the choice.

use units::{ExpertId, ScenarioId, TenantId, Tokens};

/// One request, borrowed from the gateway for the time of a decision.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// Whose request it is.
    pub tenant: &'a TenantId,
    /// The system (or developer) message; several are joined by the caller.
    pub system: Option<&'a str>,
    /// The conversation, oldest first. The last user turn is what is asked.
    pub turns: &'a [Turn<'a>],
    /// The scenario the client declared.
    pub scenario: Option<&'a ScenarioId>,
    /// The scenarios this tenant has; the guess is one of them. Empty: any the gate knows.
    pub scenarios: &'a [ScenarioId],
    /// The expert the client named instead of `auto`.
    pub pinned: Option<&'a ExpertId>,
    /// Input tokens as counted or estimated by the caller; `None`: four bytes a token.
    pub input_tokens: Option<Tokens>,
    /// The client's cap on output tokens.
    pub max_output_tokens: Option<Tokens>,
    /// The request offers tools.
    pub has_tools: bool,
    /// The request asks for JSON (`response_format`).
    pub wants_json: bool,
}

/// One message of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Who wrote it.
    pub role: Role,
    /// Its text; parts that are no text are left out.
    pub text: &'a str,
}

/// Who wrote a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The client's user.
    User,
    /// A model's earlier answer.
    Assistant,
    /// The result of a tool.
    Tool,
}

impl<'a> RequestView<'a> {
    /// A request of one user turn that limits nothing.
    pub fn of_turns(tenant: &'a TenantId, turns: &'a [Turn<'a>]) -> Self {
        Self {
            tenant,
            system: None,
            turns,
            scenario: None,
            scenarios: &[],
            pinned: None,
            input_tokens: None,
            max_output_tokens: None,
            has_tools: false,
            wants_json: false,
        }
    }

    /// Input tokens as given, or a quarter of the bytes, at least one.
    pub fn input_tokens(&self) -> Tokens {
        self.input_tokens.unwrap_or_else(|| {
            let system = self.system.map_or(0, str::len);
            let turns: usize = self.turns.iter().map(|turn| turn.text.len()).sum();
            Tokens::new(
                u64::try_from((system + turns).div_ceil(4))
                    .unwrap_or(u64::MAX)
                    .max(1),
            )
        })
    }

    /// What is asked: the last user turn, or the last turn where no user spoke.
    pub(crate) fn asked(&self) -> Option<(usize, Turn<'a>)> {
        let mut turns = self.turns.iter().copied().enumerate().rev();
        let by_user = turns.clone().find(|(_, turn)| turn.role == Role::User);
        by_user.or_else(|| turns.next())
    }
}
