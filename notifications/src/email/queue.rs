//! Emails on their way: those that wait to be sent, and those that were given up.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// An email that somebody is to send now.
pub struct DueEmail {
    pub id: Uuid,
    pub kind: String,
    pub subject: Uuid,
    pub request_id: String,
    /// With this one.
    pub attempts: i32,
    /// When it was added, or given another chance.
    pub since: DateTime<Utc>,
}

/// How much is not sent yet.
pub struct Backlog {
    pub emails: i64,
    /// Age of the oldest; 0 without any.
    pub oldest_secs: f64,
}

/// An email that nobody tries to send any more. It does not tell whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUpEmail {
    pub id: Uuid,
    /// `ticket`, `refund`, `support_answer` or `order_link`.
    pub kind: String,
    /// The order or the support message it is about.
    pub subject: Uuid,
    /// Why it was given up.
    pub reason: String,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}
