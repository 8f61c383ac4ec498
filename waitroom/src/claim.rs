//! Exchanging a place for a pass.

use admission::contract::{PassKeys, REDEEM_GRACE};
use chrono::{DateTime, Utc};

use crate::{
    error::Error,
    head::head_log::{Admitted, Standing},
    place::{PlaceClaims, ahead},
    room::live::Room,
};

/// A pass for a place that was let in.
pub struct Claimed {
    pub pass: String,
    pub show: String,
    pub expires_at: DateTime<Utc>,
}

/// Signs the pass of a place within its claim window. Everything in it follows from the place and
/// the heads, so asking again, of any instance, gives the same pass.
pub fn claim(
    room: &Room,
    keys: &PassKeys,
    claims: &PlaceClaims,
    now: DateTime<Utc>,
) -> Result<Claimed, Error> {
    if let Some(stop) = room.info().stop {
        return Err(Error::SaleStopped(stop));
    }
    let Admitted { at, claim_until } =
        match room.with_log(|log| log.standing(claims.place.lane, claims.place.offset)) {
            Standing::Waiting => {
                return Err(Error::NotYourTurn { retry_secs: retry_secs(room, claims) });
            }
            Standing::LongPast => return Err(Error::WindowMissed),
            Standing::Admitted(admitted) if admitted.claim_until <= now => {
                return Err(Error::WindowMissed);
            }
            Standing::Admitted(admitted) => admitted,
        };
    let expires_at = claim_until + REDEEM_GRACE;
    let show = room.info().show.clone();
    let pass = keys.sign(&claims.place, &show, at, expires_at).map_err(Error::Internal)?;
    metrics::counter!("fairgate_claimed_total", "room" => room.name.to_string()).increment(1);
    Ok(Claimed { pass, show, expires_at })
}

/// When asking again makes sense: sooner the closer the place is.
fn retry_secs(room: &Room, claims: &PlaceClaims) -> u64 {
    let document = room.document();
    let ahead = ahead(&claims.place, &document.head.lanes) as f64;
    let pace = document.head.pace_per_sec.unwrap_or(0.0).max(document.head.rate_per_sec).max(0.1);
    (ahead / pace / 4.0).ceil().clamp(1.0, 30.0) as u64
}
