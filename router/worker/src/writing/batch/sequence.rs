//! One sequence that is being written.

use decoder::{Drawn, PAGE, Pieces, Sampler, Text};
use units::{AttemptStatus, Nanos};

use crate::job::Failure;
use crate::writing::job::{Closing, Event, Finish, Last, Told, WriteJob, ended};
use crate::writing::pages::Pages;

#[derive(Debug)]
pub(super) struct Sequence {
    job: WriteJob,
    /// The prompt, then what was written.
    pub(super) tokens: Vec<u32>,
    /// Tokens whose keys and values stand in the pages.
    pub(super) read: usize,
    pub(super) pages: Vec<u32>,
    /// Pages that others may find.
    known: usize,
    /// Tokens of the prompt that need not be read, when it ran first.
    cached: Option<usize>,
    sampler: Sampler,
    pieces: Pieces,
    pub(super) started: Option<Nanos>,
    pub(super) spent: Nanos,
    over: Option<Over>,
}

#[derive(Debug)]
enum Over {
    Whole(Finish),
    Failed(AttemptStatus, Failure),
}

impl Sequence {
    pub(super) fn new(mut job: WriteJob, text: Text) -> Self {
        let tokens = std::mem::take(&mut job.prompt.tokens);
        let stops = std::mem::take(&mut job.prompt.stops);
        Self {
            sampler: Sampler::new(job.prompt.sampling.clone(), &tokens),
            pieces: Pieces::new(text, stops),
            tokens,
            read: 0,
            pages: Vec::new(),
            known: 0,
            cached: None,
            started: None,
            spent: Nanos::ZERO,
            over: None,
            job,
        }
    }

    /// Tokens to be read before another can be written.
    pub(super) fn unread(&self) -> usize {
        self.tokens.len().saturating_sub(self.read)
    }

    /// Will it leave?
    pub(super) const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// How it ended by itself.
    pub(super) fn ended(&self, now: Nanos) -> Option<AttemptStatus> {
        ended(&self.job.events, self.job.deadline, now)
    }

    /// The same, come to nothing.
    pub(super) fn failed(mut self, status: AttemptStatus, failure: Failure) -> Self {
        self.over = Some(Over::Failed(status, failure));
        self
    }

    /// Takes the pages that hold its beginning already. The last token is read in any case: what follows is drawn from it.
    pub(super) fn find(&mut self, pages: &mut Pages) {
        let last = self.tokens.len().saturating_sub(1);
        let beginning = self.tokens.get(..last).unwrap_or_default();
        self.pages = pages.find(&self.job.prompt.tenant, beginning);
        self.known = self.pages.len();
        self.read = self.pages.len() * PAGE;
        self.cached.get_or_insert(self.read);
    }

    /// Gives its pages back; it would have to read everything again.
    pub(super) fn give_back(&mut self, pages: &mut Pages) {
        // The last first, so that what rests longest is the end of a sequence.
        for page in self.pages.drain(..).rev() {
            pages.give_back(page);
        }
        (self.read, self.known) = (0, 0);
    }

    /// Lets others find the pages that are full.
    pub(super) fn make_known(&mut self, pages: &mut Pages) {
        let full = self.tokens.get(..self.read).unwrap_or_default();
        let full = full.as_chunks::<PAGE>().0.iter().zip(&self.pages);
        for (at, (tokens, page)) in full.enumerate().skip(self.known) {
            let before = at.checked_sub(1).and_then(|at| self.pages.get(at));
            pages.know(&self.job.prompt.tenant, before.copied(), *page, *tokens);
            self.known = at + 1;
        }
    }

    /// Draws the next token and tells what it gave.
    pub(super) fn draw(&mut self, logits: &[f32], text: &Text, context: usize) {
        let Ok(drawn) = self.sampler.draw(logits, None) else {
            self.over = Some(Over::Failed(AttemptStatus::Failed, Failure::Expert));
            return;
        };
        self.tokens.push(drawn.token);
        let written = self.tokens.len().saturating_sub(self.job.prompt_tokens);
        if text.ends(drawn.token) {
            self.end(Finish::Stop);
            return;
        }
        let piece = self.pieces.push(drawn.token);
        self.tell(piece.text, told(&drawn, text));
        if piece.stopped {
            self.over = Some(Over::Whole(Finish::Stop));
        } else if written >= self.job.prompt.most || self.tokens.len() >= context {
            self.end(Finish::Length);
        }
    }

    /// Tells the rest of the text.
    fn end(&mut self, finish: Finish) {
        let piece = self.pieces.finish();
        let finish = if piece.stopped { Finish::Stop } else { finish };
        self.tell(piece.text, None);
        self.over = Some(Over::Whole(finish));
    }

    fn tell(&self, text: String, told: Option<Told>) {
        if !text.is_empty() || told.is_some() {
            // The channel has room for every token; a client that went away is found before the next step.
            drop(self.job.events.try_send(Event::Piece { text, told }));
        }
    }

    /// What is booked and told of it, if it is over.
    pub(super) fn closing(self) -> Option<Closing> {
        let prompt = self.job.prompt_tokens;
        let count = |tokens: usize| u64::try_from(tokens).unwrap_or(u64::MAX);
        let cached = self.cached.unwrap_or(0);
        let (status, last) = match self.over? {
            Over::Failed(status, failure) => (status, Last::Failed(failure)),
            Over::Whole(finish) => (
                AttemptStatus::Ok,
                Last::Whole {
                    finish,
                    read: count(prompt.saturating_sub(cached)),
                    cached: count(cached),
                    tokens: count(self.tokens.len().saturating_sub(prompt)),
                    queue: self.started.map_or(Nanos::ZERO, |started| {
                        started.saturating_sub(self.job.arrived)
                    }),
                },
            ),
        };
        Some(Closing {
            status,
            spent: self.spent,
            deadline: self.job.deadline,
            events: self.job.events,
            last,
        })
    }
}

fn told(drawn: &Drawn, text: &Text) -> Option<Told> {
    let top = drawn
        .top
        .iter()
        .map(|(token, logprob)| (text.token(*token), *logprob));
    Some(Told {
        token: text.token(drawn.token),
        logprob: drawn.logprob?,
        top: top.collect(),
    })
}
