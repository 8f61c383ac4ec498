//! Redeeming a pass for a session.

use admission::contract::{Activation, GateState, Kept, Pass, PassError, PlaceId};
use catalog::contract::ShowId;
use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument;

use crate::{
    App, Error,
    session::signal::calls::CallKind,
    session::{OpenedSession, Session, activity, session_id},
    store::session::{self as store, NewSession},
};

/// For so long after its `exp` a pass is good at most, while its place has a grant: however long
/// the door was shut, an old pass opens nothing.
const KEPT_MAX: TimeDelta = TimeDelta::hours(1);

/// Redeems a pass. With the same `key` it can be repeated and gives the same session; without, or
/// with another one, a pass that was redeemed is used.
///
/// # Errors
/// The pass's faults, `pass-used`, `checkout-full`, `sale-closed`, `show-begun`, `sale-stopped`,
/// `show-withdrawn`.
pub async fn open(app: &App, pass: &str, key: Option<&str>) -> Result<OpenedSession, Error> {
    let pass = genuine(app, pass)?;
    let show: ShowId = pass.show.parse().map_err(|_| Error::ShowUnknown)?;
    let call = app.calls.begin(&pass.room, &show, CallKind::Redeem).of(&pass.place);
    let (own_app, own_key) = (app.clone(), key.map(str::to_owned));
    // Its own task: a caller who hangs up leaves no slot taken that nobody is in.
    let opening = async move { open_once(&own_app, pass, show, own_key.as_deref()).await };
    let opened = tokio::spawn(opening.in_current_span()).await.map_err(Error::internal).flatten();
    call.end(&opened);
    opened
}

/// A pass that is ours and whose time is not long over. Whether it is still good, the gate says
/// ([`ensure_good`]).
///
/// # Errors
/// The pass's faults.
pub fn genuine(app: &App, pass: &str) -> Result<Pass, PassError> {
    app.verifier.verify(pass, Utc::now() - KEPT_MAX)
}

/// Refuses a pass whose time is over, unless its place still has a grant: the door was shut then,
/// and the time to come in goes on; or unless it opened the session of this key, whose fan did not
/// hear of it.
async fn ensure_good(
    app: &App,
    pass: &Pass,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if pass.exp > now {
        return Ok(());
    }
    let kept = app.gate.keeps_slot(&pass.place).await?;
    if kept == Kept::Yes {
        return Ok(());
    }
    if key.is_some() {
        let known = store::of_place(&app.pool, &pass.place).await?;
        if known.is_some_and(|(known, _)| known == session_id(&pass.place, key)) {
            return Ok(());
        }
    }
    if kept == Kept::Unknown && !is_closed(app, &pass.room).await? {
        return Err(Error::Unavailable("the gate does not know yet whom it let in".to_owned()));
    }
    Err(PassError::Expired.into())
}

/// Whether a room is closed, or sleeps: nobody tells its gate any more what was granted.
async fn is_closed(app: &App, room: &str) -> Result<bool, Error> {
    let gate = admission::contract::gate(&app.pool, room).await?;
    Ok(gate.is_none_or(|gate| matches!(gate.state, GateState::Closed | GateState::Asleep)))
}

async fn open_once(
    app: &App,
    pass: Pass,
    show: ShowId,
    key: Option<&str>,
) -> Result<OpenedSession, Error> {
    let now = Utc::now();
    ensure_good(app, &pass, key, now).await?;
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
        Err(Error::CheckoutFull { .. }) => "full",
        Err(_) => "fault",
    };
    metrics::counter!("fairgate_sessions_total", "outcome" => name).increment(1);
    let session = outcome?;
    activity::touch(app, &session).await;
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
            // A gate that was lost does not know yet whose turn it keeps.
            let turn_kept = app.gate.keeps_slot(place).await? != Kept::No;
            return Err(Error::CheckoutFull { turn_kept });
        }
        Ok(Activation::Left) => {
            tx.rollback().await?;
            return Err(PassError::Expired.into());
        }
        Err(error) => {
            // Redis may have taken the slot without the answer reaching us.
            give_back(app, place, &id).await;
            return Err(error);
        }
    }
    if let Err(error) = store::opened_now(&mut tx, session.session).await {
        give_back(app, place, &id).await;
        return Err(error.into());
    }
    // A commit whose answer is lost may have happened, so the slot stays taken then, until the
    // session's expiry.
    tx.commit().await?;
    Ok(session.clone())
}

/// Takes a slot. The gate of a closed room, or of one that sleeps, that was lost with Redis is told
/// who is inside here and now: nobody else looks after it, and passes given before are good for a
/// while.
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
    if !is_closed(app, room).await? {
        return Ok(taken);
    }
    app.gate.restore(room, &store::active(&app.pool, room).await?).await?;
    Ok(app.gate.activate(place, session, expires_at, cap).await?)
}

async fn give_back(app: &App, place: &PlaceId, session: &str) {
    if let Err(error) = app.gate.give_back(place, session).await {
        tracing::warn!(%error, room = %place.room, "a slot was not given back; it comes free at \
            the session's expiry");
    }
}

/// Refuses a session that was ended. One that was not has called now.
pub async fn ensure_open(app: &App, session: &Session) -> Result<(), Error> {
    activity::touch(app, session).await;
    if store::is_open(&app.pool, session.session).await? {
        Ok(())
    } else {
        Err(Error::SessionEnded)
    }
}
