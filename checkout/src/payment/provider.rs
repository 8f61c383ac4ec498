//! The one seam to payment providers. It has two sides: what we ask of a provider, and what its
//! webhooks tell us. Another provider is another variant here and nothing else.

use axum::http::HeaderMap;

use crate::{
    App,
    payment::{
        PaymentRequest, ProviderError, StartedPayment, WebhookError, WebhookEvent,
        sandbox::SandboxAdapter,
    },
};

/// A provider, by the name its webhooks come under.
pub enum Provider<'a> {
    Sandbox(SandboxAdapter<'a>),
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
    pub async fn start(&self, order: &PaymentRequest<'_>) -> Result<StartedPayment, ProviderError> {
        match self {
            Self::Sandbox(sandbox) => sandbox.start(order).await,
        }
    }

    /// Gives all of a payment's money back. Asking again changes nothing.
    pub async fn refund(&self, intent: &str) -> Result<(), ProviderError> {
        match self {
            Self::Sandbox(sandbox) => sandbox.refund(intent).await,
        }
    }

    /// Reads a webhook; `None` where what it tells does not concern us.
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
