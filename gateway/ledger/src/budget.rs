//! Reserve before, settle after, release on failure: how a monthly budget is never overspent by requests
//! that run at the same time.

use units::{MoneyError, Pico};

use crate::Month;

/// Why a budget refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// What is left is less than what is asked for. Wait for the next month or raise the cap.
    #[error("budget is exhausted: {left} left of {cap}")]
    Exhausted {
        /// The cap of the month.
        cap: Pico,
        /// Cap less spent less reserved; never below nothing.
        left: Pico,
    },
    /// An amount below nothing, or one that does not fit.
    #[error("amount is out of range")]
    Amount,
}

impl From<MoneyError> for BudgetError {
    fn from(_: MoneyError) -> Self {
        Self::Amount
    }
}

/// The state of one budget in the current month: `spent + reserved <= cap` after every `reserve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetBook {
    cap: Option<Pico>,
    month: Month,
    spent: Pico,
    reserved: Pico,
}

/// An amount held back for one request. It can be neither copied nor made up: settling or releasing
/// consumes it, so each happens once. Whoever holds it must do one of the two, on drop at the latest.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reservation that is neither settled nor released blocks its part of the budget"]
pub struct Reservation {
    month: Month,
    amount: Pico,
}

impl Reservation {
    /// What is held back.
    pub const fn amount(&self) -> Pico {
        self.amount
    }

    /// The month that pays.
    pub const fn month(&self) -> Month {
        self.month
    }
}

impl BudgetBook {
    /// Opens the book of `month`, in which `spent` is gone already. No cap means no limit.
    pub const fn new(cap: Option<Pico>, month: Month, spent: Pico) -> Self {
        Self {
            cap,
            month,
            spent,
            reserved: Pico::ZERO,
        }
    }

    /// Holds back `amount` in `month`, or refuses. A later month starts with nothing spent.
    ///
    /// # Errors
    /// `Exhausted` when `spent + reserved + amount` would pass the cap; `Amount` below nothing.
    pub fn reserve(&mut self, month: Month, amount: Pico) -> Result<Reservation, BudgetError> {
        if amount.is_negative() {
            return Err(BudgetError::Amount);
        }
        self.turn_to(month);
        let reserved = self.reserved.checked_add(amount)?;
        let wanted = self.spent.checked_add(reserved)?;
        if let Some(cap) = self.cap.filter(|cap| wanted > *cap) {
            let left = self.left().unwrap_or(Pico::ZERO);
            return Err(BudgetError::Exhausted { cap, left });
        }
        self.reserved = reserved;
        Ok(Reservation {
            month: self.month,
            amount,
        })
    }

    /// Ends a reservation with what the request really cost, even above what was held back.
    ///
    /// # Errors
    /// `Amount` when the cost is below nothing or does not fit; the reservation is released then.
    pub fn settle(&mut self, reservation: Reservation, cost: Pico) -> Result<(), BudgetError> {
        let current = reservation.month == self.month;
        self.release(reservation);
        if cost.is_negative() {
            return Err(BudgetError::Amount);
        }
        if current {
            self.spent = self.spent.checked_add(cost)?;
        }
        Ok(())
    }

    /// Ends a reservation of a request that cost nothing.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the reservation is what makes it end once"
    )]
    pub fn release(&mut self, reservation: Reservation) {
        if reservation.month == self.month {
            // Every open reservation of the month is part of `reserved`: this cannot go below nothing.
            self.reserved = self
                .reserved
                .checked_sub(reservation.amount)
                .unwrap_or(Pico::ZERO);
        }
    }

    /// Changes the cap; what is reserved stays reserved.
    pub const fn set_cap(&mut self, cap: Option<Pico>) {
        self.cap = cap;
    }

    /// The month the book is in.
    pub const fn month(&self) -> Month {
        self.month
    }

    /// The cap.
    pub const fn cap(&self) -> Option<Pico> {
        self.cap
    }

    /// What is gone.
    pub const fn spent(&self) -> Pico {
        self.spent
    }

    /// What is held back.
    pub const fn reserved(&self) -> Pico {
        self.reserved
    }

    /// Cap less spent less reserved, never below nothing; `None` without a cap.
    pub fn left(&self) -> Option<Pico> {
        let cap = self.cap?;
        let left = cap
            .checked_sub(self.spent)
            .and_then(|rest| rest.checked_sub(self.reserved))
            .unwrap_or(Pico::ZERO);
        Some(left.max(Pico::ZERO))
    }

    /// Reservations of an earlier month stay with that month: they no longer weigh on this one.
    fn turn_to(&mut self, month: Month) {
        if month > self.month {
            self.month = month;
            self.spent = Pico::ZERO;
            self.reserved = Pico::ZERO;
        }
    }
}

#[cfg(test)]
mod tests;
