//! Ending a session.

use admission::contract::RoomName;

use crate::{
    App, Error,
    hold::{current::open_hold, release},
    session::signal::line_stock::note_unserved,
    session::{SessionId, activity},
    store::session as store,
};

/// Ends a session: what it holds goes back and its slot goes to the next fan. Doing so again
/// changes nothing.
///
/// # Errors
/// Postgres or Redis away. The slot then comes free at the session's expiry.
pub async fn end(app: &App, session: SessionId) -> Result<(), Error> {
    // Postgres first: a slot must not be given on while the books still count the session.
    match store::end(&app.pool, session).await? {
        Some(room) => give_on(app, session, &room).await,
        None => Ok(()),
    }
}

/// Ends a session that has no order which is open or paid. Gives whether it did.
///
/// # Errors
/// As [`end`].
pub async fn end_unused(app: &App, session: SessionId) -> Result<bool, Error> {
    match store::end_unused(&app.pool, session).await? {
        Some(room) => give_on(app, session, &room).await.map(|()| true),
        None => Ok(false),
    }
}

/// Ends the session of an order that ran out, unless its fan holds something else by now.
///
/// # Errors
/// As [`end`].
pub async fn end_abandoned(app: &App, session: SessionId) -> Result<bool, Error> {
    if open_hold(app, session).await?.is_some() {
        return Ok(false);
    }
    end_unused(app, session).await
}

async fn give_on(app: &App, session: SessionId, room: &RoomName) -> Result<(), Error> {
    if let Err(error) = release::release_open(app, session).await {
        tracing::warn!(%error, "a hold was not given back; it runs out by itself");
    }
    app.gate.release(room, &session.to_string()).await?;
    note_unserved(app, room, session).await;
    activity::forget(app, room, session).await;
    Ok(())
}
