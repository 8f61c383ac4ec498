//! Releasing holds.

use redis::AsyncCommands;

use crate::{
    App, Error,
    hold::{
        Hold,
        current::{forget_open, note_released, open_hold, open_key},
        open_token, reserve,
    },
    session::signal::line_stock::note_unserved,
    session::{Session, SessionId, activity},
};

/// Releases a hold. One that ran out or became an order changes nothing.
///
/// # Errors
/// As [`open_token`].
pub async fn release(app: &App, session: &Session, token: &str) -> Result<(), Error> {
    let hold = open_token(app, session, token)?;
    note_released(app, &hold).await?;
    reserve::release_all(&app.redis, &hold).await?;
    if open_hold(app, session.session).await?.is_some_and(|open| open.hold == hold.hold) {
        forget_open(app, session.session).await?;
        note_unserved(app, &session.room, session.session).await;
        activity::holds_nothing(app, &session.room, session.session).await;
    }
    metrics::counter!("fairgate_holds_total", "outcome" => "given_back").increment(1);
    Ok(())
}

/// Gives the session's open hold back, if there is one.
pub async fn release_open(app: &App, session: SessionId) -> Result<(), Error> {
    let text: Option<String> =
        app.redis.connection().get_del(open_key(&app.redis, session)).await?;
    let Some(hold) = text.and_then(|text| serde_json::from_str::<Hold>(&text).ok()) else {
        return Ok(());
    };
    reserve::release_all(&app.redis, &hold).await
}
