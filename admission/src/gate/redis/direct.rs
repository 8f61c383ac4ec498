//! Letting fans straight into rooms that sleep, counted against cap and threshold. A room has one
//! counter, and whether it sleeps is decided there: a script that wakes it lets nobody in any more
//! who asks for the same sleep.

use chrono::{DateTime, Utc};
use redis::RedisResult;

use super::{Activation, Gate, member};
use crate::{
    gate::{REDEEM_GRACE, grant_lasts_ms},
    place::{PlaceId, RoomName},
};

/// Of those who may come in a second before the room wakes, so many seconds' may come at once.
const BURST_SECS: i32 = 4;
/// A gate that was lost, or never used, does not know who is inside: until it is told, it lets in
/// so many at most.
const UNKNOWN_MAX: i32 = 20;
/// Passes of places that were given up are over by then.
const LEFT_KEPT_SECS: i64 = 86_400;

/// What a room that sleeps allows, as far as the caller knows.
#[derive(Debug, Clone)]
pub struct DirectPass<'a> {
    pub room: &'a RoomName,
    /// How often it woke before.
    pub waking: i32,
    /// Sessions in checkout at once, at most.
    pub max_active: i32,
    /// It wakes at so many inside, those counted who may still come.
    pub wake_active: i32,
    /// It wakes where more than so many come a second, for four seconds.
    pub wake_per_sec: f64,
    /// How long a fan may take to come.
    pub claim_window_secs: i32,
}

/// Whether a fan goes straight in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Straight {
    /// With this place, given at that moment.
    In { place: PlaceId, at: DateTime<Utc> },
    /// The room wakes: this caller, or another before it, crossed the threshold.
    Wakes,
}

impl Gate {
    fn direct_keys(&self, room: &str) -> [String; 2] {
        ["direct", "left-direct"].map(|kind| self.redis.key(kind, room))
    }

    /// Lets somebody straight in, or wakes the room.
    ///
    /// # Errors
    /// Redis away: nobody was let in of whom the caller knows.
    pub async fn pass_straight(&self, asked: &DirectPass<'_>) -> RedisResult<Straight> {
        let mut call = self.direct.direct.prepare_invoke();
        for key in self.keys(asked.room) {
            call.key(key);
        }
        let [direct, _] = self.direct_keys(asked.room);
        let grace_ms = REDEEM_GRACE.as_millis() as i64;
        let pass_ms = i64::from(asked.claim_window_secs) * 1000 + grace_ms;
        call.key(direct).arg(self.seen.of(asked.room)).arg(asked.waking).arg(asked.max_active);
        call.arg(asked.wake_active).arg(asked.wake_per_sec).arg(BURST_SECS).arg(pass_ms);
        call.arg(grant_lasts_ms(asked.claim_window_secs)).arg(UNKNOWN_MAX);
        let (outcome, number, at_ms, sequence): (i64, i64, i64, i64) =
            call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(asked.room, sequence);
        Ok(match outcome {
            1 => Straight::In {
                place: PlaceId::direct(asked.room.clone(), number),
                at: DateTime::from_timestamp_millis(at_ms).unwrap_or_default(),
            },
            _ => Straight::Wakes,
        })
    }

    /// Notes that a room woke so often by now: whoever has not heard of it lets nobody in.
    ///
    /// # Errors
    /// Redis away.
    pub async fn note_woken(&self, room: &RoomName, waking: i32) -> RedisResult<()> {
        let mut call = self.direct.woken.prepare_invoke();
        for key in self.keys(room) {
            call.key(key);
        }
        call.arg(self.seen.of(room)).arg(waking);
        let sequence: i64 = call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(room, sequence);
        Ok(())
    }

    pub(super) async fn activate_direct(
        &self,
        place: &PlaceId,
        session: &str,
        expires_at: DateTime<Utc>,
        max_active: i32,
    ) -> RedisResult<Activation> {
        let mut call = self.direct.activate.prepare_invoke();
        for key in self.keys(&place.room).into_iter().chain(self.direct_keys(&place.room)) {
            call.key(key);
        }
        call.arg(self.seen.of(&place.room)).arg(direct_member(place)).arg(session);
        call.arg(expires_at.timestamp_millis()).arg(max_active);
        let (opened, sequence): (i64, i64) =
            call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(&place.room, sequence);
        Ok(match opened {
            1 => Activation::Opened,
            0 => Activation::Full,
            _ => Activation::Left,
        })
    }

    pub(super) async fn give_back_direct(&self, place: &PlaceId, session: &str) -> RedisResult<()> {
        let mut call = self.direct.give_back.prepare_invoke();
        for key in self.keys(&place.room).into_iter().chain(self.direct_keys(&place.room)) {
            call.key(key);
        }
        call.arg(direct_member(place)).arg(session).arg(REDEEM_GRACE.as_millis() as i64);
        let sequence: i64 = call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(&place.room, sequence);
        Ok(())
    }

    pub(super) async fn leave_direct(&self, place: &PlaceId) -> RedisResult<()> {
        let [_, granted, _] = self.keys(&place.room);
        let [direct, left] = self.direct_keys(&place.room);
        let member = direct_member(place);
        redis::pipe()
            .atomic()
            .sadd(&left, &member)
            .ignore()
            .expire(&left, LEFT_KEPT_SECS)
            .ignore()
            .zrem(granted, &member)
            .ignore()
            .zrem(direct, &member)
            .ignore()
            .exec_async(&mut self.redis.connection())
            .await
    }
}

/// A direct place within its room's keys: as the script that gave it wrote it.
fn direct_member(place: &PlaceId) -> String {
    if place.is_direct() {
        format!("direct.{}", place.offset)
    } else {
        member(place.lane, place.offset)
    }
}
