//! Shops that join for their fans.

use axum::{extract::FromRequestParts, http::request::Parts};
use sqlx::PgPool;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{error::Error, room::live::Room};

/// A reseller's system. Whoever knows it by its key puts it among the request's extensions; it is
/// counted by its key and not by address, so it may join the lines of its own shows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    pub reseller: Uuid,
    /// Whether its key may sell.
    pub may_sell: bool,
}

/// Who joins: somebody by themselves, or a shop for them.
pub struct Joining(Option<Agent>);

impl<S: Send + Sync> FromRequestParts<S> for Joining {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Agent>().copied()))
    }
}

impl Joining {
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

/// Who sells a room's show, once it was asked. It never changes.
#[derive(Default)]
pub struct Seller(OnceCell<Option<Uuid>>);

impl Seller {
    async fn of(&self, show: &str, pool: &PgPool) -> Result<Option<Uuid>, Error> {
        let found = self.0.get_or_try_init(|| async {
            let seller = catalog::contract::seller(pool, show).await?.ok_or(Error::ShowUnknown)?;
            Ok::<_, Error>(seller.reseller)
        });
        found.await.copied()
    }
}
