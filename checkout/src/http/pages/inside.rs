//! What a visitor who is in checkout has: a session that goes on, and a hold.

use catalog::contract::ShowId;
use chrono::Utc;

use crate::{
    App, Error,
    hold::{self, Held, current},
    http::pages::{cookie, visitor::Visitor},
    session::{Session, open},
};

/// What the session holds: as Redis knows it, or as the browser's cookie remembers it should Redis
/// have forgotten.
pub async fn held(app: &App, visitor: &Visitor, session: &Session) -> Result<Option<Held>, Error> {
    if let Some(held) = current::current(app, session).await? {
        return Ok(Some(held));
    }
    let Some(token) = visitor.cookie(app, &cookie::HOLD.of(&session.show)) else { return Ok(None) };
    let known =
        hold::open_token(app, session, token).ok().filter(|hold| hold.expires_at > Utc::now());
    Ok(known.map(|hold| Held { token: token.to_owned(), hold }))
}

/// The visitor's session, neither run out nor ended, in a show that is sold.
pub async fn still_inside(app: &App, visitor: &Visitor, show: &ShowId) -> Result<Session, Error> {
    let session = visitor.session(app, show)?;
    open::ensure_open(app, &session).await?;
    app.offer_cache.of(&app.pool, show).await?.ensure_sold(Utc::now())?;
    Ok(session)
}
