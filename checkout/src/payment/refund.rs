//! Money that goes back: asked for ([`request`]), and given back by the provider ([`repay`]).

use catalog::contract::{Money, ShowId};
use chrono::{DateTime, Utc};

use crate::order::{OrderId, state::OrderState};

pub mod repay;
pub mod request;

/// What became of asking for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAsked {
    /// It happens once the transaction is committed.
    Asked,
    /// Somebody asked before, and it is about to happen.
    AlreadyAsked,
    /// Only paid orders with tickets can be refunded; this one is in another state.
    NotRefundable(OrderState),
    Unknown,
}

/// Money that goes back, or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDetails {
    pub amount: Money,
    pub reason: String,
    pub requested_at: DateTime<Utc>,
    /// When the provider confirmed it.
    pub done_at: Option<DateTime<Utc>>,
    /// How often the provider did not do it.
    pub attempts: i32,
    /// When it is asked for, next or (where it is done) last.
    pub next_attempt_at: DateTime<Utc>,
    /// What the provider said the last time it did not do it, 300 characters at most. For staff,
    /// not for fans.
    pub last_fault: Option<String>,
}

impl RefundDetails {
    /// It is owed, and the provider did not do it though it was asked.
    pub fn is_failing(&self) -> bool {
        self.done_at.is_none() && self.last_fault.is_some()
    }
}

/// Money that is owed and that the provider did not give back though it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingRefund {
    pub order: OrderId,
    pub show: ShowId,
    /// What the provider calls the payment.
    pub payment_intent: String,
    pub amount: Money,
    /// Why it is owed.
    pub reason: String,
    pub requested_at: DateTime<Utc>,
    /// How often the provider was asked in vain.
    pub attempts: i32,
    /// When it is asked again.
    pub next_attempt_at: DateTime<Utc>,
    /// What the provider said the last time.
    pub last_fault: String,
}
