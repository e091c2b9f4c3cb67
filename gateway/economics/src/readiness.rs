//! Whether a scenario's data can carry an expert: three questions, each answered 0 to 4.
//!
//! Two questions are answered by people with evidence; how well outcomes come back is measured.

use serde::{Deserialize, Serialize};

use crate::EconomicsError;

/// An answer, 0 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

/// The three questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Are inputs, steps and outcome of each case there, with the right to use them?
    TaskPath,
    /// Is it known why each step was taken?
    ReasoningPath,
    /// Does the real outcome come back and join?
    ClosedLoop,
}

/// A scenario's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Answer to [`Question::TaskPath`].
    pub task_path: Level,
    /// Answer to [`Question::ReasoningPath`].
    pub reasoning_path: Level,
    /// Answer to [`Question::ClosedLoop`].
    pub closed_loop: Level,
}

/// What the ledger measures of the closed loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Requests old enough to have been judged.
    pub requests: u64,
    /// Of them, those whose outcome joined within the days that count.
    pub joined: u64,
    /// Of those, the ones whose outcome says why.
    pub with_reason: u64,
    /// Whether some requests are held out or routed at random, so that effects can be told.
    pub holdout: bool,
}

/// The shares of joined outcomes that make a level; a tenant's finance people may change them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopPolicy {
    /// From this share on, level 2.
    pub some: f64,
    /// From this share on, level 3; with reasons and a holdout, 4.
    pub most: f64,
    /// Share of joined outcomes that must say why for level 4.
    pub reasons: f64,
}

impl Default for LoopPolicy {
    fn default() -> Self {
        Self {
            some: 0.2,
            most: 0.9,
            reasons: 0.5,
        }
    }
}

impl Level {
    /// A level from 0 to 4.
    pub fn new(level: u8) -> Result<Self, EconomicsError> {
        if level <= 4 {
            return Ok(Self(level));
        }
        let (what, expected) = ("readiness", "a whole number from 0 to 4");
        Err(EconomicsError::BadNumber {
            what,
            expected,
            found: f64::from(level),
        })
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Level {
    type Error = EconomicsError;

    fn try_from(level: u8) -> Result<Self, EconomicsError> {
        Self::new(level)
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl Readiness {
    /// The question with the lowest answer, and that answer; of equal ones the first.
    pub fn weakest(&self) -> (Question, Level) {
        let answers = [
            (Question::TaskPath, self.task_path),
            (Question::ReasoningPath, self.reasoning_path),
            (Question::ClosedLoop, self.closed_loop),
        ];
        answers
            .into_iter()
            .fold((Question::TaskPath, self.task_path), |weakest, answer| {
                if answer.1 < weakest.1 {
                    answer
                } else {
                    weakest
                }
            })
    }
}

impl Feedback {
    /// The level of the closed loop: 0 where nothing joins, 1 below the first share of the policy.
    pub fn level(&self, policy: &LoopPolicy) -> Level {
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        let joined = share(self.joined, self.requests);
        let reasons = share(self.with_reason, self.joined);
        Level(match joined {
            joined if joined <= 0.0 => 0,
            joined if joined < policy.some => 1,
            joined if joined < policy.most => 2,
            _ if reasons >= policy.reasons && self.holdout => 4,
            _ => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Feedback, Level, LoopPolicy, Question, Readiness};

    #[test]
    fn the_closed_loop_is_measured() {
        let level = |joined, with_reason, holdout| {
            let feedback = Feedback {
                requests: 1_000,
                joined,
                with_reason,
                holdout,
            };
            feedback.level(&LoopPolicy::default()).number()
        };
        assert_eq!(level(0, 0, true), 0);
        assert_eq!(level(199, 199, true), 1);
        assert_eq!(level(200, 0, false), 2);
        assert_eq!(level(899, 899, true), 2);
        assert_eq!(level(900, 900, false), 3);
        assert_eq!(level(900, 449, true), 3);
        assert_eq!(level(900, 450, true), 4);
        let silent = Feedback {
            requests: 0,
            joined: 0,
            with_reason: 0,
            holdout: true,
        };
        assert_eq!(silent.level(&LoopPolicy::default()).number(), 0);
    }

    #[test]
    fn levels_have_a_range_and_the_weakest_is_named() {
        assert!(
            Level::new(5)
                .unwrap_err()
                .to_string()
                .contains("from 0 to 4")
        );
        let level = |n| Level::new(n).unwrap();
        let readiness = Readiness {
            task_path: level(3),
            reasoning_path: level(1),
            closed_loop: level(1),
        };
        assert_eq!(readiness.weakest(), (Question::ReasoningPath, level(1)));
    }
}
