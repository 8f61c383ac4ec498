//! All that other crates may use of admin.

use anyhow::Context;
use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;
use waitroom::contract::RoomChange;

use crate::{
    audit::{Actor, AuditEntry, note},
    people::{self, OneTime},
    rooms,
    staff::Role,
    store,
};

/// Whom the log names where nobody can be signed in yet.
const SET_UP: &str = "set-up";

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

/// How somebody gets into the console who has never been there.
pub struct FirstAdmin {
    pub email: String,
    /// Good for one sign-in within a day.
    pub password: String,
}

/// Makes the first admin and gives the one-time password. Where the only admin has not replaced
/// theirs yet, that admin gets another, for the first may be lost; `None` where an admin has chosen
/// a password.
///
/// # Errors
/// The database's, or an address that cannot be one.
pub async fn create_first_admin(pool: &PgPool, email: &str) -> anyhow::Result<Option<FirstAdmin>> {
    let email =
        people::email(email).ok_or_else(|| anyhow::anyhow!("{email} is not an e-mail address"))?;
    let new = OneTime::fresh().await?;
    let request = RequestId::fresh();
    let mut tx = pool.begin().await?;
    // Two set-ups at once make one admin.
    store::people::be_alone(&mut tx).await?;
    let email = match store::people::first_admins(&mut tx).await?.as_slice() {
        [] => {
            let name = email.split('@').next().unwrap_or(&email);
            let password = (new.hash.as_str(), new.ends_at);
            store::people::insert(&mut tx, Uuid::now_v7(), &email, name, Role::Admin, password)
                .await?;
            let deed = AuditEntry::new("person.add", format!("person {email}"))
                .after(json!({"role": Role::Admin}));
            note(&mut tx, Actor::at_shell(SET_UP), &request, &deed).await?;
            email
        }
        [only] if only.must_change_password => {
            people::replace(&mut tx, only, &new, Actor::at_shell(SET_UP), &request).await?;
            only.email.clone()
        }
        _ => return Ok(None),
    };
    tx.commit().await?;
    Ok(Some(FirstAdmin { email, password: new.password }))
}

/// Steers a room for somebody at a shell of this machine, with the entry in the audit log in the
/// same transaction.
///
/// # Errors
/// What is wrong with the change, in words, or the database's.
pub async fn change_room(
    pool: &PgPool,
    unix_user: &str,
    room: &str,
    change: &RoomChange,
) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    let who = format!("command line ({unix_user})");
    let made =
        rooms::change_in(&mut tx, Actor::at_shell(&who), room, change, None, &RequestId::fresh())
            .await;
    made.with_context(|| format!("changing room {room}"))?;
    tx.commit().await.context("changing the room")
}
