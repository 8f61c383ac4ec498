//! Taking a place along to another device: a link that works once, for ten minutes.

use admission::contract::RoomName;
use chrono::{DateTime, TimeDelta, Utc};
use kit::{redis::Redis, token::SealRing};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{error::Error, place::PlaceClaims};

/// Binds links to their purpose: none opens as a place ticket, nor the other way round.
pub const PURPOSE: &str = "fairgate.place-link.v1";
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);
/// A used link is remembered a little longer than it is good, for clocks that differ.
const REMEMBERED_SECS: u64 = 660;

/// What a link seals.
#[derive(Serialize, Deserialize)]
struct LinkClaims {
    place: PlaceClaims,
    /// Until when it is good, in milliseconds since 1970.
    until_ms: i64,
    id: Uuid,
}

/// A link as it is handed out.
pub struct PlaceLink {
    pub link: String,
    pub expires_at: DateTime<Utc>,
}

/// Makes links and opens them. Nothing is kept of one before it is used.
pub struct PlaceLinks {
    keys: SealRing,
    redis: Redis,
}

impl PlaceLinks {
    pub fn new(keys: SealRing, redis: Redis) -> Self {
        Self { keys, redis }
    }

    /// # Errors
    /// When it cannot be sealed.
    pub fn make(&self, place: &PlaceClaims, now: DateTime<Utc>) -> Result<PlaceLink, Error> {
        let expires_at = now + GOOD_FOR;
        let until_ms = expires_at.timestamp_millis();
        let claims = LinkClaims { place: place.clone(), until_ms, id: Uuid::new_v4() };
        let link = self.keys.seal(&claims).map_err(Error::Internal)?;
        Ok(PlaceLink { link, expires_at })
    }

    /// The place of a link of `room`, to whoever uses it first. A `taker` whose answer was lost
    /// gets it again under the same id.
    ///
    /// # Errors
    /// [`Error::LinkInvalid`], [`Error::LinkExpired`], [`Error::TicketForeign`] where it is of
    /// another room, [`Error::LinkUsed`] by another taker, or Redis away: then it may be used by
    /// this one.
    pub async fn open(
        &self,
        room: &RoomName,
        link: &str,
        taker: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<PlaceClaims, Error> {
        let claims: LinkClaims = self.keys.open(link).map_err(|_| Error::LinkInvalid)?;
        if claims.until_ms <= now.timestamp_millis() {
            return Err(Error::LinkExpired);
        }
        if claims.place.place.room != *room {
            return Err(Error::TicketForeign);
        }
        let taker = taker.unwrap_or_else(Uuid::new_v4).simple().to_string();
        let before: Option<String> = redis::cmd("SET")
            .arg(self.redis.key("place-link", &claims.id.simple().to_string()))
            .arg(&taker)
            .arg("NX")
            .arg("GET")
            .arg("EX")
            .arg(REMEMBERED_SECS)
            .query_async(&mut self.redis.connection())
            .await?;
        if before.is_none_or(|before| before == taker) {
            Ok(claims.place)
        } else {
            Err(Error::LinkUsed)
        }
    }
}
