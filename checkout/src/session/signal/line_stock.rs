//! What a room's controller needs to know of stock beyond what is left: how many fans inside have
//! found something, and how much one takes.

use admission::contract::RoomName;
use chrono::{DateTime, Utc};
use redis::AsyncTypedCommands;

use crate::{App, hold::Hold, session::SessionId};

/// Before anybody took anything, one is taken to take so many; it counts as much as so many fans.
const PRIOR_PER_FAN: f64 = 2.0;
const PRIOR_FANS: f64 = 5.0;
/// How long is remembered what fans of a room took, in seconds.
const TOOK_KEPT: i64 = 24 * 3600;

/// How a room's fans are served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// Sessions that hold or ordered something, or found too little.
    pub sessions: i64,
    /// Tickets that one fan takes, on average of all who took some.
    pub per_fan: f64,
}

fn served_key(app: &App, room: &RoomName) -> String {
    app.redis.key("served", room)
}

fn took_key(app: &App, room: &RoomName) -> String {
    app.redis.key("took", room)
}

/// Notes that a session, which lasts until then, took tickets, in the place of those of an earlier
/// hold: none is kept for it any more, even after it let what it held run out. Whoever gives a hold
/// back and takes another counts twice.
pub async fn note_took(
    app: &App,
    room: &RoomName,
    hold: &Hold,
    earlier: Option<&Hold>,
    until: DateTime<Utc>,
) {
    let tickets =
        |hold: &Hold| hold.parts().map(|(_, quantity, _)| i64::from(quantity)).sum::<i64>();
    let took = took_key(app, room);
    let noted = redis::pipe()
        .zadd(served_key(app, room), hold.session.to_string(), until.timestamp_millis())
        .ignore()
        .hincr(&took, "tickets", tickets(hold) - earlier.map_or(0, tickets))
        .ignore()
        .hincr(&took, "fans", i64::from(earlier.is_none()))
        .ignore()
        .expire(&took, TOOK_KEPT)
        .ignore()
        .exec_async(&mut app.redis.connection())
        .await;
    if let Err(error) = noted {
        tracing::debug!(%error, "what a session took is not counted");
    }
}

/// Notes that a session ordered something, or found too little, until then. What Redis loses counts
/// as not served: fewer are let in.
pub async fn note_served(app: &App, room: &RoomName, session: SessionId, until: DateTime<Utc>) {
    let key = served_key(app, room);
    let noted =
        app.redis.connection().zadd(key, session.to_string(), until.timestamp_millis()).await;
    if let Err(error) = noted {
        tracing::debug!(%error, "a session counts as not served");
    }
}

/// Notes that a session holds nothing any more and has no order, or has ended.
pub async fn note_unserved(app: &App, room: &RoomName, session: SessionId) {
    let gone = app.redis.connection().zrem(served_key(app, room), session.to_string()).await;
    if let Err(error) = gone {
        tracing::debug!(%error, "a session counts as served until it ends");
    }
}

/// How a room's fans are served now.
///
/// # Errors
/// Redis away.
pub async fn served(app: &App, room: &RoomName) -> redis::RedisResult<Served> {
    let (key, now) = (served_key(app, room), Utc::now().timestamp_millis());
    let took = took_key(app, room);
    let (sessions, tickets, fans): (i64, Option<i64>, Option<i64>) = redis::pipe()
        .zrembyscore(&key, "-inf", now)
        .ignore()
        .zcard(&key)
        .hget(&took, "tickets")
        .hget(&took, "fans")
        .query_async(&mut app.redis.connection())
        .await?;
    Ok(Served { sessions, per_fan: per_fan(tickets.unwrap_or(0), fans.unwrap_or(0)) })
}

/// Pure.
fn per_fan(tickets: i64, fans: i64) -> f64 {
    let took = tickets.max(0) as f64 + PRIOR_PER_FAN * PRIOR_FANS;
    (took / (fans.max(0) as f64 + PRIOR_FANS)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_takes_what_fans_took() {
        assert_eq!(per_fan(0, 0), PRIOR_PER_FAN, "nobody knows yet");
        assert!((2.1..2.2).contains(&per_fan(3, 1)));
        assert!((3.9..4.0).contains(&per_fan(2_000, 500)));
        assert_eq!(per_fan(1, 100), 1.0, "nobody buys less than one");
    }
}
