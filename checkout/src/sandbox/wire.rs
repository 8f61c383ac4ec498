//! What the sandbox provider says and hears: the bodies of its API and of its webhooks.

use catalog::contract::{Currency, Money};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sandbox::intent::{IntentState, PayMethod};

/// `POST /sandbox/v1/intents`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewIntent {
    /// The merchant's own name for what is paid; comes back in every webhook.
    #[schema(example = "order 4711")]
    pub reference: String,
    /// In the currency's minor unit, above zero.
    #[schema(minimum = 1, example = 4_900)]
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Shown to the payer.
    #[serde(default)]
    pub description: String,
    /// Where the payer goes afterwards, at the merchant's own origin. `redirect_status` is added to
    /// its query.
    #[schema(format = "uri")]
    pub return_url: String,
}

impl NewIntent {
    pub fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}

/// One payment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Intent {
    /// Unguessable: whoever knows it may pay it.
    pub intent: String,
    pub reference: String,
    pub amount_minor: i64,
    #[schema(value_type = String)]
    pub currency: Currency,
    pub state: IntentState,
    /// Where the payer pays.
    pub pay_url: String,
}

/// `POST /sandbox/v1/intents/{intent}/confirm`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Confirm {
    pub method: PayMethod,
}

/// What confirming led to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Confirmed {
    pub intent: String,
    pub state: IntentState,
    /// Why this attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Where the payer approves the payment (3-D Secure).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_url: Option<String>,
}

/// The body of a webhook (Standard Webhooks).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookBody {
    /// `payment.succeeded`, `payment.failed` or `refund.succeeded`; more may come and are to be
    /// ignored.
    pub r#type: String,
    pub timestamp: DateTime<Utc>,
    pub data: EventData,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventData {
    pub intent: String,
    pub reference: String,
    pub amount_minor: i64,
    /// As the provider writes it.
    pub currency: String,
    /// `card_declined` or `authentication_failed`, for `payment.failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}
