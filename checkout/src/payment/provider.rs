//! The one seam to payment providers. It has two sides: what we ask of a provider, and what its
//! webhooks tell us. Another provider is another variant here and nothing else.

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::App;
use crate::payment::sandbox::SandboxAdapter;

/// A provider, by the name its webhooks come under.
pub enum Provider<'a> {
    Sandbox(SandboxAdapter<'a>),
}

/// A payment to be made for an order.
#[derive(Debug)]
pub struct Order<'a> {
    pub order_id: Uuid,
    pub amount_minor: i64,
    pub currency: &'a str,
    /// Shown to the payer.
    pub description: &'a str,
    /// Where the payer goes afterwards.
    pub return_url: &'a str,
}

/// A payment that waits for its payer.
#[derive(Debug)]
pub struct Started {
    pub intent: String,
    pub pay_url: String,
}

/// What a webhook tells, whoever sent it.
#[derive(Debug)]
pub struct WebhookEvent {
    pub webhook_id: String,
    pub order_id: Uuid,
    pub intent: String,
    pub amount_minor: i64,
    pub currency: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Paid,
    /// With the provider's id of the fault.
    Failed(String),
    Refunded,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
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

impl<'a> Provider<'a> {
    /// The provider that new payments are made with.
    pub fn current(app: &'a App) -> Self {
        Self::Sandbox(SandboxAdapter::new(app))
    }

    /// The provider whose webhooks come under `name`.
    pub fn named(app: &'a App, name: &str) -> Option<Self> {
        (name == "sandbox").then(|| Self::current(app))
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
        }
    }

    /// Makes a payment for an order. Asking again gives the same one.
    pub async fn start(&self, order: &Order<'_>) -> Result<Started, Fault> {
        match self {
            Self::Sandbox(sandbox) => sandbox.start(order).await,
        }
    }

    /// Gives all of a payment's money back. Asking again changes nothing.
    pub async fn refund(&self, intent: &str) -> Result<(), Fault> {
        match self {
            Self::Sandbox(sandbox) => sandbox.refund(intent).await,
        }
    }

    /// Reads a webhook; `None` is event of a kind that does not concern us.
    pub fn event(
        &self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        match self {
            Self::Sandbox(sandbox) => sandbox.event(headers, body),
        }
    }
}
