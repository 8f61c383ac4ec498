//! All that other crates may use of admin.

use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    audit::{Deed, note},
    staff::Role,
    store,
};

/// Where support events go, keyed by the ticket.
pub const SUPPORT_TOPIC: &str = "support.events";

/// A record of `support.events`, as JSON. It carries nothing personal: [`answer`] has the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SupportEvent {
    /// An admin answered a fan.
    #[serde(rename = "support_answered.v1")]
    Answered { ticket: Uuid, message: Uuid, order: Uuid, at: DateTime<Utc> },
}

/// What an admin answered.
#[derive(Clone)]
pub struct Answer {
    pub ticket: Uuid,
    pub message: Uuid,
    pub order: Uuid,
    /// 1 to 4,000 characters.
    pub text: String,
    pub at: DateTime<Utc>,
}

/// The answer with this id; `None` where there is none, or where a fan wrote the message.
///
/// # Errors
/// The database's.
pub async fn answer(pool: &PgPool, message: Uuid) -> sqlx::Result<Option<Answer>> {
    store::support::answer(pool, message).await
}

/// Makes the first admin and gives the one-time password; `None` where there is an admin already.
///
/// # Errors
/// The database's, or an address that cannot be one.
pub async fn create_first_admin(pool: &PgPool, email: &str) -> anyhow::Result<Option<String>> {
    let email = crate::people::email(email).ok_or_else(|| anyhow::anyhow!("{email} is not an e-mail address"))?;
    let password = kit::password::generate();
    let hash = kit::password::hash(password.clone()).await?;
    let mut tx = pool.begin().await?;
    // Two set-ups at once make one admin.
    if !store::people::be_alone(&mut tx).await? || store::people::has_admin(&mut tx).await? {
        return Ok(None);
    }
    let user = Uuid::now_v7();
    let name = email.split('@').next().unwrap_or(&email);
    store::people::insert(&mut tx, user, &email, name, Role::Admin, &hash).await?;
    let deed = Deed::new("person.add", format!("person {email}")).after(json!({"role": Role::Admin}));
    note(&mut tx, "set-up", &RequestId::fresh(), &deed).await?;
    tx.commit().await?;
    Ok(Some(password))
}
