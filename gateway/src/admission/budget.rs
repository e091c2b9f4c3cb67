//! One monthly budget of a tenant or key, over the ledger's book. It must not know whose budget it is.

use ledger::{BudgetBook, Month, Reservation};
use units::{Pico, Timestamp};

/// What is spent and reserved of one budget.
#[derive(Debug)]
pub(super) struct Budget(BudgetBook);

/// A budget as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetView {
    /// The month it is about.
    pub month: Month,
    /// What was settled.
    pub spent: Pico,
    /// What requests under way may still spend.
    pub reserved: Pico,
}

/// How many budgets are how far spent; each counts in all it belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// All.
    pub total: usize,
    /// Half of it or more.
    pub half: usize,
    /// Four fifths or more.
    pub four_fifths: usize,
    /// All of it.
    pub whole: usize,
}

impl BudgetUse {
    pub(super) fn count(&mut self, cap: Pico, spent: Pico) {
        self.total += 1;
        self.half += usize::from(reaches(spent, cap, 50));
        self.four_fifths += usize::from(reaches(spent, cap, 80));
        self.whole += usize::from(reaches(spent, cap, 100));
    }
}

/// Does an amount reach so many percent of a budget?
pub fn reaches(spent: Pico, cap: Pico, percent: u8) -> bool {
    let (spent, part) = (
        spent.get().checked_mul(100),
        cap.get().checked_mul(percent.into()),
    );
    // Beyond all money both are.
    spent.zip(part).is_none_or(|(spent, part)| spent >= part)
}

/// Why a budget does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBudget {
    /// What is spent leaves too little for the request until the month ends.
    Exhausted,
    /// The request alone may be dearer than the whole budget.
    TooDear,
    /// Requests under way hold what it needs; some of that may come back.
    Reserved,
}

impl Budget {
    /// The book of the month that holds `now`, with nothing spent.
    pub(super) fn new(now: Timestamp) -> Self {
        Self(BudgetBook::new(None, Month::of(now), Pico::ZERO))
    }

    /// Says whether `spent + reserved + amount` stays within the cap, and something is left of it at all: what is
    /// thought to be free may turn out dear. Reserves nothing.
    pub(super) fn check(
        &mut self,
        cap: Pico,
        amount: Pico,
        now: Timestamp,
    ) -> Result<(), NoBudget> {
        self.0.set_cap(Some(cap));
        let trial = self.0.reserve(Month::of(now), amount);
        let fits = trial.map(|trial| self.0.release(trial)).is_ok();
        let settled = self.0.spent().checked_add(amount);
        if self.0.spent() >= cap {
            Err(NoBudget::Exhausted)
        } else if fits {
            Ok(())
        } else if amount > cap {
            Err(NoBudget::TooDear)
        } else if settled.is_ok_and(|sum| sum <= cap) {
            Err(NoBudget::Reserved)
        } else {
            Err(NoBudget::Exhausted)
        }
    }

    /// Reserves an amount, whether the cap has it or not: the check came before. `None` for an amount beyond all money.
    pub(super) fn reserve(&mut self, amount: Pico, now: Timestamp) -> Option<Reservation> {
        self.0.set_cap(None);
        self.0.reserve(Month::of(now), amount).ok()
    }

    /// Ends a reservation with what was spent, even above what was reserved. A reservation of an earlier month was
    /// that month's affair and changes nothing here.
    pub(super) fn settle(&mut self, reservation: Reservation, spent: Pico) {
        // Only an amount below nothing or beyond 128 bits is refused; the book has released it then.
        self.0
            .settle(reservation, spent.max(Pico::ZERO))
            .unwrap_or_default();
    }

    /// Ends a reservation with nothing spent.
    pub(super) fn release(&mut self, reservation: Reservation) {
        self.0.release(reservation);
    }

    /// Learns from the ledger what was spent in a month; the larger figure counts, since the ledger lags behind.
    pub(super) fn restore(&mut self, month: Month, spent: Pico) {
        if month < self.0.month() {
            return;
        }
        let known = if month == self.0.month() {
            self.0.spent()
        } else {
            Pico::ZERO
        };
        let missing = spent.checked_sub(known).unwrap_or_default().max(Pico::ZERO);
        self.0.set_cap(None);
        if let Ok(reservation) = self.0.reserve(month, missing) {
            self.settle(reservation, missing);
        }
    }

    /// The budget in the month that holds `now`, or in a later one that it has begun already.
    pub(super) fn view(&self, now: Timestamp) -> BudgetView {
        let month = Month::of(now);
        if month > self.0.month() {
            return BudgetView {
                month,
                spent: Pico::ZERO,
                reserved: Pico::ZERO,
            };
        }
        let book = &self.0;
        BudgetView {
            month: book.month(),
            spent: book.spent(),
            reserved: book.reserved(),
        }
    }
}

#[cfg(test)]
mod tests;
