//! Payments: starting one for an order, and acting on what the provider says about it.
//!
//! Money is believed only when a signed webhook says so. No lock and no transaction is held across
//! a call to a provider.

use catalog::contract::{Currency, Money};

use crate::{error::Error, order::OrderId};

pub mod config;
pub mod decision;
pub mod provider;
pub mod refund;
pub mod sandbox;
pub mod settle;
pub mod start;

impl From<ProviderError> for Error {
    fn from(fault: ProviderError) -> Self {
        match fault {
            ProviderError::Away(cause) => Self::PaymentProviderAway(cause),
            ProviderError::Refused(_) => Self::Internal(anyhow::Error::new(fault)),
        }
    }
}

/// A payment to be made for an order.
#[derive(Debug)]
pub struct PaymentRequest<'a> {
    pub order_id: OrderId,
    pub amount: Money,
    /// Shown to the payer.
    pub description: &'a str,
    /// Where the payer goes afterwards.
    pub return_url: &'a str,
}

/// A payment that waits for its payer.
#[derive(Debug)]
pub struct StartedPayment {
    pub intent: String,
    pub pay_url: String,
}

/// What a webhook tells, whoever sent it.
#[derive(Debug)]
pub struct WebhookEvent {
    pub webhook_id: String,
    pub order_id: OrderId,
    pub intent: String,
    pub amount_minor: i64,
    /// `None` where what the provider says is no currency.
    pub currency: Option<Currency>,
    pub kind: WebhookEventKind,
}

impl WebhookEvent {
    /// The money it is about; `None` where its currency is none.
    pub fn amount(&self) -> Option<Money> {
        Some(Money::new(self.amount_minor, self.currency?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEventKind {
    Paid,
    /// With the provider's id of the fault.
    Failed(String),
    Refunded,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No answer, or one that says "later".
    #[error("the payment provider is away: {0}")]
    Away(String),
    /// It will not do so however often it is asked.
    #[error("the payment provider refused: {0}")]
    Refused(String),
}

/// Why a webhook was not read.
#[derive(Debug)]
pub enum WebhookError {
    /// Not signed by the provider, not signed just now, or changed since. The text is for the log.
    Signature(String),
    Body(kit::problem::Problem),
}
