//! What whoever writes the mails is told.

use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{store::turn_mail as store, turn_mail::keys::TurnMailKeys};

/// What a mail near the turn is written from. There is no `Debug`: it names a person.
pub struct TurnLetter {
    pub show: ShowId,
    pub address: String,
    /// BCP 47.
    pub language: String,
    /// Between when and when the turn is likely to come.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// The mail with this id; `None` where there is none to send any more: its fan took it back or
/// left, it was sent, it would come too late (a quarter of an hour after the turn was seen to be
/// near, or once it should have come), or the key that its address was sealed under is gone.
///
/// # Errors
/// The database's.
pub async fn turn_letter(
    pool: &PgPool,
    keys: &TurnMailKeys,
    id: Uuid,
) -> sqlx::Result<Option<TurnLetter>> {
    let Some(sealed) = store::letter(pool, id).await? else { return Ok(None) };
    let Some(address) = keys.open(&sealed.address_sealed) else {
        tracing::warn!(%id, "an address of somebody who waits was sealed under an unknown key");
        return Ok(None);
    };
    let (show, language) = (sealed.show, sealed.language);
    Ok(Some(TurnLetter { show, address, language, from: sealed.from, to: sealed.to }))
}
