//! When each session made its last call: in Redis, room by room, so that all processes know, and
//! written seldom, for calls are many.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use admission::contract::RoomName;
use chrono::{DateTime, Utc};
use kit::redis::Redis;
use parking_lot::Mutex;
use redis::{AsyncTypedCommands, RedisResult};

use crate::{
    App,
    session::{Session, SessionId},
};

/// A session's calls are noted once in so many parts of the time after which it counts as idle.
const PARTS: u32 = 12;
/// Sessions of which a process remembers that it noted them, at most; the rest are noted each time.
const REMEMBERED_MAX: usize = 100_000;

/// When this process noted a call of each session last.
#[derive(Default)]
pub struct Activity(Mutex<HashMap<SessionId, Instant>>);

impl Activity {
    /// Whether a call is to be noted: none was within `pause`.
    fn is_due(&self, session: SessionId, pause: Duration) -> bool {
        let now = Instant::now();
        let mut noted = self.0.lock();
        if noted.get(&session).is_some_and(|at| now.saturating_duration_since(*at) < pause) {
            return false;
        }
        if noted.len() >= REMEMBERED_MAX {
            noted.retain(|_, at| now.saturating_duration_since(*at) < pause);
        }
        if noted.len() < REMEMBERED_MAX {
            noted.insert(session, now);
        }
        true
    }

    fn forget(&self, session: SessionId) {
        self.0.lock().remove(&session);
    }
}

/// So much later than its last call a session may be noted to have made it.
pub fn pause(app: &App) -> Duration {
    app.config.session_idle / PARTS
}

fn key(redis: &Redis, room: &RoomName) -> String {
    redis.key("session-calls", room)
}

/// Notes a call of a session. Where Redis is away, what it knew before counts, or that it knows
/// nothing, which ends nobody.
pub async fn touch(app: &App, session: &Session) {
    if app.activity.is_due(session.session, pause(app)) {
        busy_until(app, &session.room, session.session, Utc::now()).await;
    }
}

/// Notes that a session is at it until then, if it was not for longer: a fan who holds tickets need
/// not call.
pub async fn busy_until(app: &App, room: &RoomName, session: SessionId, until: DateTime<Utc>) {
    let mut call = redis::cmd("ZADD");
    call.arg(key(&app.redis, room)).arg("GT");
    call.arg(until.timestamp_millis()).arg(session.to_string());
    note(app, session, call).await;
}

/// Notes that a session gave back what it held, and that this was its last call.
pub async fn holds_nothing(app: &App, room: &RoomName, session: SessionId) {
    let mut call = redis::cmd("ZADD");
    call.arg(key(&app.redis, room)).arg(Utc::now().timestamp_millis()).arg(session.to_string());
    note(app, session, call).await;
}

async fn note(app: &App, session: SessionId, call: redis::Cmd) {
    let noted: RedisResult<()> = call.query_async(&mut app.redis.connection()).await;
    if let Err(error) = noted {
        tracing::debug!(%error, "a session's call was not noted");
        app.activity.forget(session);
    }
}

/// Forgets a session that has ended.
pub async fn forget(app: &App, room: &RoomName, session: SessionId) {
    app.activity.forget(session);
    if let Err(error) =
        app.redis.connection().zrem(key(&app.redis, room), session.to_string()).await
    {
        tracing::debug!(%error, "a session that has ended was not forgotten");
    }
}

/// When each of a room's sessions made its last call. Those of which nothing is known, Redis being
/// new, call now, so to say.
pub async fn last_calls(
    app: &App,
    room: &RoomName,
    sessions: &[SessionId],
) -> RedisResult<Vec<DateTime<Utc>>> {
    let (key, now) = (key(&app.redis, room), Utc::now());
    let mut asking = redis::pipe();
    for session in sessions {
        let session = session.to_string();
        asking.cmd("ZADD").arg(&key).arg("NX").arg(now.timestamp_millis()).arg(&session).ignore();
        asking.zscore(&key, &session);
    }
    let known: Vec<Option<f64>> = asking.query_async(&mut app.redis.connection()).await?;
    let at = |ms: f64| DateTime::from_timestamp_millis(ms as i64);
    Ok(known.into_iter().map(|ms| ms.and_then(at).unwrap_or(now)).collect())
}

/// Forgets calls of sessions that are over by now, whoever ended them.
pub async fn forget_before(app: &App, room: &RoomName, before: DateTime<Utc>) -> RedisResult<()> {
    let key = key(&app.redis, room);
    let before = before.timestamp_millis();
    app.redis.connection().zrembyscore(key, "-inf", before).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn calls_are_noted_seldom() {
        let activity = Activity::default();
        let (one, other) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        let long = Duration::from_secs(60);
        assert!(activity.is_due(one, long) && !activity.is_due(one, long));
        assert!(activity.is_due(other, long));
        assert!(activity.is_due(one, Duration::ZERO), "the pause is over");
        activity.forget(one);
        assert!(activity.is_due(one, long));
    }
}
