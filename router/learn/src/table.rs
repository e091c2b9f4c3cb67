//! Outcomes in memory: texts, what is known of them, and what each expert did on them. Every way to learn and to measure
//! starts from this one form, whatever it was read from.

use router::Price;
use sha2::{Digest, Sha256};
use units::{ExpertId, Nanos, Pico, ScenarioId, Tokens};

/// Texts with the outcomes of every expert.
#[derive(Debug, Clone, Default)]
pub struct OutcomeTable {
    /// Name of the set; the gate's name.
    pub name: String,
    /// The experts, in the order of [`Row::outcomes`].
    pub experts: Vec<TableExpert>,
    /// Names of the slices: the domains of the gate.
    pub domains: Vec<String>,
    /// For each slice, the wider area it lies in; the stress tests leave out whole areas. Empty: each is its own.
    pub areas: Vec<String>,
    /// Names of the scenarios; empty where the set has none.
    pub scenarios: Vec<ScenarioId>,
    /// What was read.
    pub sources: Vec<TableSource>,
    /// The rows.
    pub rows: Vec<Row>,
    /// How a row's money comes about, in words.
    pub money: String,
}

/// One expert of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableExpert {
    /// Its id.
    pub id: ExpertId,
    /// The domain it is made for; one of the table's.
    pub domain: String,
    /// What its work costs today; all zero where that is not known.
    pub price: Price,
}

/// An input of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSource {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// SHA-256 of what was read, lower-case hex.
    pub sha256: String,
    /// Rows of it that one pass of training draws at most.
    pub cap: usize,
    /// Its rows, where it labels texts of other sources; else those of the table are counted.
    pub rows: Option<usize>,
}

/// What a row is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fold {
    /// Everything that is learned from rows is learned from these.
    Train,
    /// Early stop, mixing, calibration, thresholds, the cost weight.
    Tune,
    /// Figures.
    Report,
}

/// One text with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the user asks.
    pub text: String,
    /// What it is used for.
    pub fold: Fold,
    /// Position of its slice; `None`: of none, or not known.
    pub domain: Option<usize>,
    /// Position of its scenario; `None`: not known.
    pub scenario: Option<usize>,
    /// Of no expert's kind.
    pub outside: bool,
    /// Input tokens where they were counted.
    pub input: Option<Tokens>,
    /// Times that one pass draws it; 1: as often as the cap of its source lets it.
    pub times: usize,
    /// Position of its source.
    pub source: usize,
    /// What each expert did.
    pub outcomes: Vec<Outcome>,
}

/// What one expert did on one text. Unknown is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Quality of the answer in `[0, 1]`.
    pub quality: Option<f32>,
    /// The quality was assumed, not seen: it may teach, but is no evidence.
    pub assumed: bool,
    /// What the call cost.
    pub cost: Option<Pico>,
    /// Input tokens as this expert counts them.
    pub input: Option<Tokens>,
    /// Output tokens.
    pub output: Option<Tokens>,
    /// Time to answer.
    pub latency: Option<Nanos>,
}

impl Row {
    /// A row of a set of outcomes: drawn once, of the first source.
    pub fn new(text: String, fold: Fold, domain: Option<usize>, outcomes: Vec<Outcome>) -> Self {
        Self {
            text,
            fold,
            domain,
            scenario: None,
            outside: false,
            input: None,
            times: 1,
            source: 0,
            outcomes,
        }
    }

    /// Quality of an expert's answer, seen or assumed.
    pub fn quality(&self, expert: usize) -> Option<f32> {
        self.outcomes.get(expert)?.quality
    }

    /// Quality of an expert's answer where it was seen.
    pub fn evidence(&self, expert: usize) -> Option<f32> {
        let outcome = self.outcomes.get(expert)?;
        outcome.quality.filter(|_| !outcome.assumed)
    }

    /// Input tokens: as counted, or a quarter of the bytes.
    pub fn input_tokens(&self) -> Tokens {
        let guess = || {
            let bytes = u64::try_from(self.text.len()).unwrap_or(u64::MAX);
            Tokens::new(bytes.div_ceil(4).max(1))
        };
        self.input.unwrap_or_else(guess)
    }
}

impl OutcomeTable {
    /// The rows of a fold.
    pub fn fold(&self, fold: Fold) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.fold == fold)
    }

    /// The same table with these rows.
    pub fn with_rows(&self, rows: Vec<Row>) -> Self {
        Self {
            name: self.name.clone(),
            experts: self.experts.clone(),
            domains: self.domains.clone(),
            areas: self.areas.clone(),
            scenarios: self.scenarios.clone(),
            sources: self.sources.clone(),
            money: self.money.clone(),
            rows,
        }
    }

    /// The same table with the outcomes of these experts only, in their order.
    pub fn with_experts(&self, kept: &[usize]) -> Self {
        let rows = self.rows.iter().map(|row| Row {
            outcomes: kept
                .iter()
                .map(|at| row.outcomes.get(*at).copied().unwrap_or_default())
                .collect(),
            ..row.clone()
        });
        Self {
            experts: kept
                .iter()
                .filter_map(|at| self.experts.get(*at).cloned())
                .collect(),
            ..self.with_rows(rows.collect())
        }
    }

    /// The area of a slice.
    pub fn area(&self, domain: usize) -> &str {
        let own = || self.domains.get(domain).map_or("", String::as_str);
        self.areas.get(domain).map_or_else(own, String::as_str)
    }

    /// Every area once, in order of appearance.
    pub fn area_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for at in 0..self.domains.len() {
            let area = self.area(at);
            if !names.contains(&area) {
                names.push(area);
            }
        }
        names
    }

    /// Position of a slice by its name, which is added where it is new.
    pub fn slice(&mut self, name: &str, area: &str) -> usize {
        let known = self.domains.iter().position(|domain| domain == name);
        known.unwrap_or_else(|| {
            self.domains.push(name.to_owned());
            self.areas.push(area.to_owned());
            self.domains.len() - 1
        })
    }

    /// Makes a scenario of every slice, and says of every row that it was declared: whoever asks within a task knows
    /// which, as a client does that names its scenario. The lookup that a gate is held against is told the same.
    pub fn declare_slices(&mut self) {
        let mut scenarios = vec![ScenarioId::unassigned()];
        let mut place = |name: &String| {
            let id = scenario_of(name)?;
            let known = scenarios.iter().position(|known| *known == id);
            Some(known.unwrap_or_else(|| {
                scenarios.push(id);
                scenarios.len() - 1
            }))
        };
        let places: Vec<Option<usize>> = self.domains.iter().map(&mut place).collect();
        for row in &mut self.rows {
            row.scenario = row.domain.and_then(|at| places.get(at).copied().flatten());
        }
        self.scenarios = scenarios;
    }

    /// The scenario that a row is declared to be of.
    pub fn declared(&self, row: &Row) -> Option<&ScenarioId> {
        let unassigned = ScenarioId::unassigned();
        let scenario = self.scenarios.get(row.scenario?)?;
        (*scenario != unassigned).then_some(scenario)
    }

    /// Sets what every call cost by today's prices, where tokens or a price by request say it.
    pub fn charge(&mut self) {
        let prices: Vec<Price> = self.experts.iter().map(|expert| expert.price).collect();
        for row in &mut self.rows {
            let guess = row.input_tokens();
            for (outcome, price) in row.outcomes.iter_mut().zip(&prices) {
                if *price != Price::default() && outcome.quality.is_some() {
                    let output = outcome.output.unwrap_or_default();
                    outcome.cost = Some(cost(price, outcome.input.unwrap_or(guess), output));
                }
            }
        }
    }

    /// One hash over all sources.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for source in &self.sources {
            hash.update(source.sha256.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Cost of a call by prices of tokens and of requests, in integers; device time is not among them.
pub fn cost(price: &Price, input: Tokens, output: Tokens) -> Pico {
    let part = |price: Pico, count: Tokens| price.get().saturating_mul(i128::from(count.get()));
    Pico::new(
        price
            .per_request
            .get()
            .saturating_add(part(price.per_input_token, input))
            .saturating_add(part(price.per_output_token, output)),
    )
}

/// A slice's name as the id of a scenario.
fn scenario_of(slice: &str) -> Option<ScenarioId> {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        plain @ ('a'..='z' | '0'..='9' | '-') => plain,
        _ => '-',
    };
    let id: String = slice.chars().map(letter).collect();
    ScenarioId::new(id.trim_matches('-')).ok()
}

/// The group of a text: the same for texts that share the first 200 letters and digits, so that a question and its
/// copies, or the questions about one passage, stay on one side of every split.
pub fn group(text: &str) -> u64 {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    let stem: String = letters.flat_map(char::to_lowercase).take(200).collect();
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(stem.as_bytes()).into();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
