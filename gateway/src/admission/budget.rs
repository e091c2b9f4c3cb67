//! One monthly budget: what is spent, what is reserved, and the rule that keeps their sum below the cap plus one
//! reservation. It must not know whose budget it is.

use units::Pico;

use super::month::Month;

/// The book of one budget. Belongs to one month at a time and never goes back to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BudgetBook {
    month: Month,
    spent: Pico,
    reserved: Pico,
}

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

/// Why a budget does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBudget {
    /// Everything is spent until the month ends.
    Exhausted,
    /// The request alone is dearer than the whole budget.
    TooDear,
    /// What is left is reserved by requests under way; some of it may come back.
    Reserved,
}

/// A reservation; belongs to the month it was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reservation {
    month: Month,
    amount: Pico,
}

fn plus(a: Pico, b: Pico) -> Pico {
    Pico::new(a.get().saturating_add(b.get()))
}

fn minus(a: Pico, b: Pico) -> Pico {
    Pico::new(a.get().saturating_sub(b.get()))
}

impl BudgetBook {
    /// An empty book of a month.
    pub(super) const fn new(month: Month) -> Self {
        Self {
            month,
            spent: Pico::ZERO,
            reserved: Pico::ZERO,
        }
    }

    /// Opens a later month with nothing spent. An earlier month changes nothing: threads may pass each other at
    /// midnight, and what was spent in the new month must not be forgotten.
    pub(super) fn turn_to(&mut self, month: Month) {
        if month > self.month {
            *self = Self::new(month);
        }
    }

    /// Says whether the cap lets another reservation in. Reserves nothing.
    ///
    /// It does while `spent + reserved < cap`: the whole budget can be used, and what may be spent at worst stays below
    /// the cap plus this one reservation, however many requests come at once.
    pub(super) fn check(&self, cap: Pico, amount: Pico) -> Result<(), NoBudget> {
        if self.spent >= cap {
            Err(NoBudget::Exhausted)
        } else if amount > cap {
            Err(NoBudget::TooDear)
        } else if plus(self.spent, self.reserved) >= cap {
            Err(NoBudget::Reserved)
        } else {
            Ok(())
        }
    }

    /// Reserves an amount, whether it is there or not.
    pub(super) fn reserve(&mut self, amount: Pico) -> Reservation {
        self.reserved = plus(self.reserved, amount);
        Reservation {
            month: self.month,
            amount,
        }
    }

    /// Ends a reservation with what was spent of it: nothing, less, or more. What was reserved last month was paid
    /// from last month's budget, which is no longer here.
    pub(super) fn settle(&mut self, reservation: Reservation, spent: Pico) {
        if reservation.month == self.month {
            self.reserved = minus(self.reserved, reservation.amount);
            self.spent = plus(self.spent, spent);
        }
    }

    /// Learns from the ledger what was spent in a month; the larger figure counts, since the ledger lags behind.
    pub(super) fn restore(&mut self, month: Month, spent: Pico) {
        self.turn_to(month);
        if month == self.month {
            self.spent = self.spent.max(spent);
        }
    }

    /// The book as it stands.
    pub(super) const fn view(&self) -> BudgetView {
        BudgetView {
            month: self.month,
            spent: self.spent,
            reserved: self.reserved,
        }
    }
}

#[cfg(test)]
mod tests;
