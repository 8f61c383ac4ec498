//! Redeeming a pass for a session.

use admission::contract::{Activation, GateState, PlaceId, RoomName};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};

use crate::{
    App, Error,
    session::{OpenedSession, Session, session_id},
    store::session::{self as store, NewSession},
};

/// Redeems a pass. With the same `key` it can be repeated and gives the same session; without, or
/// with another one, a pass that was redeemed is used.
///
/// # Errors
/// The pass's faults, `pass-used`, `checkout-full`, `sale-closed`, `show-begun`, `sale-stopped`,
/// `show-withdrawn`.
pub async fn open(app: &App, pass: &str, key: Option<&str>) -> Result<OpenedSession, Error> {
    let now = Utc::now();
    let pass = app.verifier.verify(pass, now)?;
    let show: ShowId = pass.show.parse().map_err(|_| Error::ShowUnknown)?;
    // The pass stays good: should the sale go on in time, it opens a session then.
    app.offer_cache.of(&app.pool, &show).await?.ensure_sold(now)?;
    let cap = app.cap_cache.max_active(&app.pool, &pass.room).await?.ok_or(Error::SaleClosed)?;
    // Whole milliseconds are what the gate keeps.
    let expires_ms = now.timestamp_millis() + app.config.session_ttl.as_millis() as i64;
    let expires_at = DateTime::from_timestamp_millis(expires_ms).unwrap_or(now);
    let session =
        Session { session: session_id(&pass.place, key), show, room: pass.room, expires_at };

    let outcome = redeem(app, &session, &pass.place, cap).await;
    let name = match &outcome {
        Ok(_) => "opened",
        Err(Error::PassUsed) => "used",
        Err(Error::CheckoutFull) => "full",
        Err(_) => "fault",
    };
    metrics::counter!("fairgate_sessions_total", "outcome" => name).increment(1);
    let session = outcome?;
    Ok(OpenedSession { token: app.session_seal.seal(&session)?, session })
}

async fn redeem(app: &App, session: &Session, place: &PlaceId, cap: i32) -> Result<Session, Error> {
    let id = session.session.to_string();
    let mut tx = app.pool.begin().await?;
    let (room, show, expires_at) = (&session.room, &session.show, session.expires_at);
    if !store::claim(
        &mut tx,
        &NewSession { session: session.session, place, room, show, expires_at, cap },
    )
    .await?
    {
        tx.rollback().await?;
        return match store::of_place(&app.pool, place).await? {
            Some((known, expires_at)) if known == session.session => {
                Ok(Session { expires_at, ..session.clone() })
            }
            _ => Err(Error::PassUsed),
        };
    }
    // The row is claimed first: of many redemptions at once, one gets as far as taking a slot.
    match activate(app, place, &id, expires_at, cap).await {
        Ok(Activation::Opened) => {}
        Ok(Activation::Full) => {
            tx.rollback().await?;
            return Err(Error::CheckoutFull);
        }
        Err(error) => {
            tx.rollback().await?;
            // Redis may have taken the slot without the answer reaching us.
            release(app, room, &id).await;
            return Err(error);
        }
    }
    if let Err(error) = store::opened_now(&mut tx, session.session).await {
        tx.rollback().await?;
        release(app, room, &id).await;
        return Err(error.into());
    }
    // A commit whose answer is lost may have happened, so the slot stays taken then, until the
    // session's expiry.
    tx.commit().await?;
    Ok(session.clone())
}

/// Takes a slot. The gate of a closed room that was lost with Redis is told who is inside here and
/// now: nobody else looks after it, and passes given before are good for a while.
async fn activate(
    app: &App,
    place: &PlaceId,
    session: &str,
    expires_at: DateTime<Utc>,
    cap: i32,
) -> Result<Activation, Error> {
    let room = &place.room;
    let taken = app.gate.activate(place, session, expires_at, cap).await?;
    if taken != Activation::Full || !app.gate.needs_restore(room).await? {
        return Ok(taken);
    }
    let gate = admission::contract::gate(&app.pool, room).await?;
    if gate.is_none_or(|gate| gate.state != GateState::Closed) {
        return Ok(taken);
    }
    app.gate.restore(room, &store::active(&app.pool, room).await?).await?;
    Ok(app.gate.activate(place, session, expires_at, cap).await?)
}

async fn release(app: &App, room: &RoomName, session: &str) {
    if let Err(error) = app.gate.release(room, session).await {
        tracing::warn!(%error, %room, "a slot was not given back; it comes free at the session's \
            expiry");
    }
}

/// Refuses a session that was ended.
pub async fn ensure_open(app: &App, session: &Session) -> Result<(), Error> {
    if store::is_open(&app.pool, session.session).await? {
        Ok(())
    } else {
        Err(Error::SessionEnded)
    }
}
