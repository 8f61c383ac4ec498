//! What Redis remembers of a session's holds: the open one, and those that were given back.

use chrono::{Duration, Utc};
use kit::redis::Redis;
use redis::AsyncCommands;

use crate::{
    App, Error,
    hold::{Held, Hold, HoldId},
    session::{Session, SessionId},
};

fn released_key(redis: &Redis, hold: HoldId) -> String {
    redis.key("hold-given-back", &hold.to_string())
}

/// Notes for as long as its token is good that a hold was given back or replaced, so that it is not
/// taken for one that Redis lost.
pub async fn note_released(app: &App, hold: &Hold) -> Result<(), Error> {
    let ttl_ms = (hold.expires_at - Utc::now()).max(Duration::milliseconds(1)).num_milliseconds();
    let key = released_key(&app.redis, hold.hold);
    let () = app.redis.connection().pset_ex(key, 1, ttl_ms.unsigned_abs()).await?;
    Ok(())
}

/// Whether a hold was given back, or another took its place. Redis forgets it together with the
/// holds themselves; then a session still has one open order at most.
pub async fn is_given_up(app: &App, session: &Session, hold: HoldId) -> Result<bool, Error> {
    if app.redis.connection().exists(released_key(&app.redis, hold)).await? {
        return Ok(true);
    }
    Ok(current(app, session).await?.is_some_and(|open| open.hold.hold != hold))
}

pub fn open_key(redis: &Redis, session: SessionId) -> String {
    redis.key("session-hold", &session.to_string())
}

/// Notes the session's open hold and gives the one noted before.
pub async fn remember_open(app: &App, hold: &Hold) -> Result<Option<Hold>, Error> {
    let ttl_ms = (hold.expires_at - Utc::now()).max(Duration::milliseconds(1)).num_milliseconds();
    let text = serde_json::to_string(hold).map_err(Error::internal)?;
    let before: Option<String> = redis::cmd("SET")
        .arg(open_key(&app.redis, hold.session))
        .arg(text)
        .arg("PX")
        .arg(ttl_ms)
        .arg("GET")
        .query_async(&mut app.redis.connection())
        .await?;
    let before: Option<Hold> = before.and_then(|text| serde_json::from_str(&text).ok());
    Ok(before.filter(|before| before.hold != hold.hold))
}

pub async fn open_hold(app: &App, session: SessionId) -> Result<Option<Hold>, Error> {
    let text: Option<String> = app.redis.connection().get(open_key(&app.redis, session)).await?;
    let known = text.and_then(|text| serde_json::from_str::<Hold>(&text).ok());
    Ok(known.filter(|hold| hold.expires_at > Utc::now()))
}

/// The session's open hold with its token, for pages that lost it.
pub async fn current(app: &App, session: &Session) -> Result<Option<Held>, Error> {
    let Some(hold) = open_hold(app, session.session).await? else { return Ok(None) };
    Ok(Some(Held { token: app.hold_seal.seal(&hold)?, hold }))
}

/// No longer the session's open hold: it became an order.
pub async fn forget_open(app: &App, session: SessionId) -> Result<(), Error> {
    let () = app.redis.connection().del(open_key(&app.redis, session)).await?;
    Ok(())
}
