//! All that other crates may use of notifications.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::store;

/// Kafka consumer groups that turn events into letters, of `orders.events` and of `support.events`.
pub const GROUPS: [&str; 2] = ["notifications.orders", "notifications.support"];

/// A letter that nobody tries to send any more. It does not tell whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    pub letter: Uuid,
    /// `ticket`, `refund` or `support_answer`.
    pub kind: String,
    /// The order or the support message it is about.
    pub subject: Uuid,
    /// Why it was given up.
    pub reason: String,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}

/// Up to `limit` letters that were given up, the newest first.
///
/// # Errors
/// The database's.
pub async fn given_up(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<GivenUp>> {
    store::given_up(pool, limit).await
}

/// Lets the running senders try letters again that were given up, as if they were new: the one with
/// this id, or all. It is for after the cause is mended, such as a mail server that refused
/// everybody; what is refused again is given up again. Gives how many letters that are; letters
/// that were sent or still wait to be sent are none of them.
///
/// # Errors
/// The database's.
pub async fn retry_given_up(pool: &PgPool, letter: Option<Uuid>) -> sqlx::Result<u64> {
    store::retry_given_up(pool, letter).await
}
