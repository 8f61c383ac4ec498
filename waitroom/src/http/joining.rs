//! Who joins.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use sqlx::PgPool;

use crate::{
    error::Error,
    line::{agent::Agent, keyed_join::JoinKey},
    room::live::Room,
};

/// Who joins: somebody by themselves, or a shop for them.
pub struct Joining(Option<Agent>);

impl<S: Send + Sync> FromRequestParts<S> for Joining {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Agent>().copied()))
    }
}

impl Joining {
    /// The key that they join with, if they sent one. Shops have keys of their own.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`].
    pub fn key(&self, room: &Room, headers: &HeaderMap) -> Result<Option<JoinKey>, Error> {
        let Some(header) = headers.get("idempotency-key") else { return Ok(None) };
        let key = header.to_str().unwrap_or_default().trim_matches('"');
        if !(1..=128).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::KeyInvalid);
        }
        let shop = self.0.map(|agent| agent.reseller.to_string()).unwrap_or_default();
        Ok(Some(JoinKey::new(room, &shop, key)))
    }

    /// Whether they may join the line of `room`. Only shops are looked up, once a room.
    ///
    /// # Errors
    /// [`Error::ScopeMissing`], [`Error::RoomForeign`], or the database's.
    pub async fn at(&self, room: &Room, pool: &PgPool) -> Result<(), Error> {
        let Some(agent) = self.0 else { return Ok(()) };
        if !agent.may_sell {
            return Err(Error::ScopeMissing);
        }
        let seller = room.seller.of(&room.info().show, pool).await?;
        if seller == Some(agent.reseller) { Ok(()) } else { Err(Error::RoomForeign) }
    }
}
