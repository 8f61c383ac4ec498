//! Exchanging a place for a pass.

use admission::contract::{Gate, Kept, PassKeys, PlaceId, REDEEM_GRACE, SecondGrant};
use catalog::contract::ShowId;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::Error,
    head::head_log::{Admitted, Standing},
    place::{
        PlaceClaims, ahead,
        standing::{RESUME_WITHIN, gives_second_turns, straight_in},
    },
    room::live::Room,
};

/// Whoever asks before the draw is made asks again after so long.
const DRAW_RETRY_SECS: u64 = 5;

/// A pass for a place that was let in.
pub struct Claimed {
    pub pass: String,
    pub show: ShowId,
    pub expires_at: DateTime<Utc>,
}

/// Signs the pass of a place within its claim window. Everything in it follows from the place and
/// the heads, so asking again, of any instance, gives the same pass: one that is good for longer
/// where the window became longer because the door was shut.
pub fn claim(
    room: &Room,
    keys: &PassKeys,
    claims: &PlaceClaims,
    now: DateTime<Utc>,
) -> Result<Claimed, Error> {
    let admitted = admitted(room, claims, now)?.ok_or(Error::WindowMissed)?;
    if admitted.is_over {
        return Err(Error::WindowMissed);
    }
    sign(room, keys, &room.turn(&claims.place), (admitted.at, admitted.claim_until))
}

/// The pass of a place that missed its window not long ago, by a second grant of the gate, of which
/// it has one. It is good for a window that begins with the grant.
///
/// # Errors
/// Those of [`claim`]; [`Error::ResumeNotNow`] where the gate has none to give at this moment.
pub async fn resume(
    room: &Room,
    keys: &PassKeys,
    gate: &Gate,
    claims: &PlaceClaims,
    now: DateTime<Utc>,
) -> Result<Claimed, Error> {
    let missed = admitted(room, claims, now)?.ok_or(Error::WindowMissed)?;
    let (info, first) = (room.info(), (missed.at, missed.claim_until));
    let turn = room.turn(&claims.place);
    if !missed.is_over {
        return sign(room, keys, &turn, first);
    }
    let window = TimeDelta::seconds(info.claim_window_secs.into());
    if now >= missed.claim_until + RESUME_WITHIN {
        return Err(Error::WindowMissed);
    }
    let gives = gives_second_turns(&info, &room.document().head);
    if claims.place.is_direct() {
        return Err(Error::WindowMissed);
    }
    // Where nobody may be in checkout the gate gives no new one, and tells of one that it gave: its
    // answer may have been lost.
    let max_active = if gives { info.max_active } else { 0 };
    match gate.grant_again(&turn, max_active).await? {
        SecondGrant::NotNow => Err(Error::ResumeNotNow),
        SecondGrant::Came => Err(Error::WindowMissed),
        // While the door is shut, its time stands still.
        SecondGrant::Since(at)
            if at + window <= now && gate.keeps_slot(&turn).await? != Kept::Yes =>
        {
            Err(Error::WindowMissed)
        }
        SecondGrant::Since(at) => {
            metrics::counter!("fairgate_resumed_total", "room" => room.name.to_string())
                .increment(1);
            sign(room, keys, &turn, (at, at + window))
        }
    }
}

/// When a place was let in; `None` where that is too long ago to know.
fn admitted(
    room: &Room,
    claims: &PlaceClaims,
    now: DateTime<Utc>,
) -> Result<Option<Admitted>, Error> {
    let info = room.info();
    if let Some(stop) = info.stop {
        return Err(Error::SaleStopped(stop));
    }
    if info.has_begun {
        return Err(Error::RoomClosed);
    }
    if claims.place.is_direct() {
        return Ok(Some(straight_in(&info, claims, now)));
    }
    if room.is_stale() {
        return Err(Error::Stale);
    }
    if room.has_left(&claims.place) {
        return Err(Error::PlaceLeft);
    }
    if info.awaits_draw() {
        return Err(Error::NotYourTurn { retry_secs: DRAW_RETRY_SECS });
    }
    let turn = room.turn(&claims.place);
    match room.with_log(|log| log.standing(turn.lane, turn.offset, now)).in_phase(info.phase, now) {
        Standing::Waiting => Err(Error::NotYourTurn { retry_secs: retry_secs(room, claims) }),
        Standing::LongPast => Ok(None),
        Standing::Admitted(admitted) => Ok(Some(admitted)),
    }
}

fn sign(
    room: &Room,
    keys: &PassKeys,
    place: &PlaceId,
    (at, claim_until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Claimed, Error> {
    let expires_at = claim_until + REDEEM_GRACE;
    let show = room.info().show.clone();
    let pass = keys.sign(place, &show, at, expires_at).map_err(Error::Internal)?;
    metrics::counter!("fairgate_claimed_total", "room" => room.name.to_string()).increment(1);
    Ok(Claimed { pass, show, expires_at })
}

/// When asking again makes sense: sooner the closer the place is.
fn retry_secs(room: &Room, claims: &PlaceClaims) -> u64 {
    let document = room.document();
    let ahead = ahead(&room.turn(&claims.place), &document.head.lanes) as f64;
    let pace = document.head.pace_per_sec.unwrap_or(0.0).max(document.head.rate_per_sec).max(0.1);
    (ahead / pace / 4.0).ceil().clamp(1.0, 30.0) as u64
}
