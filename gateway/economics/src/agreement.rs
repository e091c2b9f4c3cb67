//! How far a judge says what people say, on the cases that both have judged (Cohen 1960), and what people would say of all
//! the cases it judged.

use crate::EconomicsError;
use crate::prediction_powered::{self, Estimate, Labelled};

/// When a judge is worth listening to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgePolicy {
    /// Cases that people have judged too, at least.
    pub least_cases: u64,
    /// Agreement beyond chance, at least.
    pub least_kappa: f64,
}

impl Default for JudgePolicy {
    fn default() -> Self {
        Self {
            least_cases: 200,
            least_kappa: 0.6,
        }
    }
}

/// Cases that people and a judge judged, by what they say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Both accept.
    pub both: u64,
    /// Only people do.
    pub only_people: u64,
    /// Only the judge does.
    pub only_judge: u64,
    /// Neither does.
    pub neither: u64,
}

impl Agreement {
    /// All of them.
    pub const fn cases(&self) -> u64 {
        self.both
            .saturating_add(self.only_people)
            .saturating_add(self.only_judge)
            .saturating_add(self.neither)
    }

    /// Share of the cases on which they agree, 0 to 1; `None` without a case.
    pub fn observed(&self) -> Option<f64> {
        let alike = self.both.saturating_add(self.neither);
        (self.cases() > 0).then(|| alike as f64 / self.cases() as f64)
    }

    /// Cohen's kappa, `(observed - by chance) / (1 - by chance)`; `None` without a case, and where both say one thing of
    /// every case: then nothing can be told from chance.
    pub fn kappa(&self) -> Option<f64> {
        let observed = self.observed()?;
        let share = |count: u64| count as f64 / self.cases() as f64;
        let people = share(self.both.saturating_add(self.only_people));
        let judge = share(self.both.saturating_add(self.only_judge));
        let chance = people * judge + (1.0 - people) * (1.0 - judge);
        (chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
    }

    /// Is the judge worth listening to?
    pub fn is_believed(&self, policy: &JudgePolicy) -> bool {
        let kappa = self.kappa();
        self.cases() >= policy.least_cases && kappa.is_some_and(|k| k >= policy.least_kappa)
    }

    /// The share that people would accept, of cases of which the judge alone accepted `accepted` of `judged` and these are
    /// the ones that people have judged too.
    ///
    /// # Errors
    /// `TooFew` with less than two cases of either kind.
    pub fn corrected(&self, accepted: u64, judged: u64) -> Result<Estimate, EconomicsError> {
        let case = |human: f64, judge: f64, count: u64| {
            std::iter::repeat_n(
                Labelled { human, judge },
                usize::try_from(count).unwrap_or(0),
            )
        };
        let labelled: Vec<Labelled> = case(1.0, 1.0, self.both)
            .chain(case(1.0, 0.0, self.only_people))
            .chain(case(0.0, 1.0, self.only_judge))
            .chain(case(0.0, 0.0, self.neither))
            .collect();
        let value = |value: f64, count: u64| {
            std::iter::repeat_n(value, usize::try_from(count).unwrap_or(0))
        };
        let alone: Vec<f64> = value(1.0, accepted)
            .chain(value(0.0, judged.saturating_sub(accepted)))
            .collect();
        prediction_powered::mean(&alone, &labelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_by_its_textbook_vector() {
        // Fifty cases: 20 both, 15 neither, 5 and 10 apart: observed .7, by chance .5.
        let found = Agreement {
            both: 20,
            only_people: 5,
            only_judge: 10,
            neither: 15,
        };
        assert!((found.kappa().unwrap() - 0.4).abs() < 1e-12);
        assert!((found.observed().unwrap() - 0.7).abs() < 1e-12);
        assert!(!found.is_believed(&JudgePolicy::default()));
        let good = Agreement {
            both: 150,
            only_people: 8,
            only_judge: 7,
            neither: 85,
        };
        assert!(good.is_believed(&JudgePolicy::default()));
    }

    #[test]
    fn agreement_by_chance_is_none() {
        let one_thing = Agreement {
            both: 500,
            ..Agreement::default()
        };
        assert_eq!(one_thing.kappa(), None);
        assert!(!one_thing.is_believed(&JudgePolicy::default()));
        assert_eq!(Agreement::default().kappa(), None);
    }

    #[test]
    fn people_correct_a_judge_who_is_too_kind() {
        // People accept 60 % of what both judged; the judge accepts 80 % of everything.
        let found = Agreement {
            both: 120,
            only_people: 0,
            only_judge: 40,
            neither: 40,
        };
        let all = found.corrected(800, 1_000).unwrap();
        assert!((all.mean - 0.6).abs() < 1e-9, "{all:?}");
        let alone = (0.6f64 * 0.4 / 200.0).sqrt();
        assert!(all.error < alone, "{all:?}");
        assert!(Agreement::default().corrected(5, 10).is_err());
    }
}
