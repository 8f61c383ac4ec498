//! Ending a session.

use crate::{App, Error, hold::release, session::SessionId, store::session as store};

/// Ends a session: what it holds goes back and its slot goes to the next fan. Doing so again
/// changes nothing.
///
/// # Errors
/// Postgres or Redis away. The slot then comes free at the session's expiry.
pub async fn end(app: &App, session: SessionId) -> Result<(), Error> {
    // Postgres first: a slot must not be given on while the books still count the session.
    let room = store::end(&app.pool, session).await?;
    if let Err(error) = release::release_open(app, session).await {
        tracing::warn!(%error, "a hold was not given back; it runs out by itself");
    }
    if let Some(room) = room {
        app.gate.release(&room, &session.to_string()).await?;
    }
    Ok(())
}
