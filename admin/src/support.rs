//! Support requests: conversations about orders between fans and admins.

pub mod conversation;

use std::{fmt, str::FromStr};

use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use kit::{id::InvalidId, outbox::Topic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a fan may write about, and how it is called.
pub const TOPICS: [(&str, &str); 4] = [
    ("refund", "I want my money back"),
    ("tickets", "Something is wrong with my tickets"),
    ("payment", "Something went wrong with my payment"),
    ("other", "Something else"),
];
/// Messages of the fan in one request, at most.
pub const FAN_MESSAGES_MAX: i64 = 20;

/// How a topic is called; its id where it is unknown.
pub fn topic_words(topic: &str) -> &str {
    TOPICS.iter().find(|(id, _)| *id == topic).map_or(topic, |(_, words)| words)
}

kit::uuid_id!(/// A support request.
    SupportRequestId);

/// Whose turn it is in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum SupportStatus {
    /// A fan waits.
    Open,
    Answered,
    Closed,
}

/// As in the database and in JSON.
impl fmt::Display for SupportStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Closed => "closed",
        })
    }
}

impl FromStr for SupportStatus {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = [Self::Open, Self::Answered, Self::Closed];
        let known = known.into_iter().find(|status| status.to_string() == text);
        known.ok_or(InvalidId("state of a support request"))
    }
}

/// A conversation about an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SupportRequest {
    #[serde(rename = "ticket")]
    pub id: SupportRequestId,
    pub order: Uuid,
    pub show: ShowId,
    /// `refund`, `tickets`, `payment` or `other`.
    pub topic: String,
    #[schema(inline)]
    pub state: SupportStatus,
    pub opened_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What somebody wrote.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SupportMessage {
    pub message: Uuid,
    /// The e-mail address of the admin; absent where the fan wrote it.
    pub staff: Option<String>,
    pub text: String,
    pub at: DateTime<Utc>,
}

/// Where support events go, keyed by the support request.
pub const SUPPORT_TOPIC: &str = "support.events";
/// As the relay makes it.
pub const SUPPORT_EVENTS: Topic =
    Topic { name: SUPPORT_TOPIC, partitions: 2, retention_ms: "604800000", compacted: false };

/// A record of `support.events`, as JSON. It carries nothing personal:
/// [`crate::store::support::answer`] has the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SupportEvent {
    /// An admin answered a fan.
    #[serde(rename = "support_answered.v1")]
    Answered {
        #[serde(rename = "ticket")]
        request: SupportRequestId,
        message: Uuid,
        order: Uuid,
        at: DateTime<Utc>,
    },
}

/// What an admin answered.
#[derive(Clone)]
pub struct Answer {
    pub request: SupportRequestId,
    pub message: Uuid,
    pub order: Uuid,
    /// 1 to 4,000 characters.
    pub text: String,
    pub at: DateTime<Utc>,
}
