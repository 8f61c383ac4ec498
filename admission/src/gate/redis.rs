//! The gate: one atomic Redis script per room, so that it works the same for one controller or
//! fifty.
//!
//! It holds only what can be rebuilt: the token bucket, the door clock, the pace, grants that were
//! not claimed yet, active sessions. A gate that finds itself empty, or older than what its caller
//! saw of it, begins anew: it grants nothing until the active sessions are registered again
//! ([`Gate::restore`]) and the controllers of all lanes have put back the grants they remember.

pub(crate) mod again;
pub(crate) mod ask;
pub(crate) mod direct;
mod direct_scripts;
mod grants;
mod seen;

use chrono::{DateTime, Utc};
use kit::redis::Redis;
use redis::{AsyncTypedCommands, RedisResult, Script};

use crate::{
    gate::no_show::AGE_ENDS_MS,
    head::LaneHead,
    place::{PlaceId, RoomName},
    signal::redis::SignalBoard,
};

use direct_scripts::DirectScripts;
use seen::Seen;

/// Nobody in one controller's lanes passes those in another's who joined more than this much
/// earlier. With the time that a head takes to be published, nobody is overtaken by more than a
/// quarter of a second.
pub const OVERTAKING_MS_MAX: i64 = 150;

/// How long the marks of those who left are kept after the last one.
const LEFT_KEPT_SECS: i64 = 7 * 24 * 3600;

/// A handle on all rooms' gates.
#[derive(Clone)]
pub struct Gate {
    redis: Redis,
    ask: Script,
    activate: Script,
    again: Script,
    begin: Script,
    give_back: Script,
    direct: DirectScripts,
    seen: Seen,
    forgets: bool,
}

/// Whether a session got a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Opened,
    /// No slot is free now.
    Full,
    /// The place's fan has left the line.
    Left,
}

/// Whether a slot is kept for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Yes,
    No,
    /// The gate was lost and not yet told what was granted.
    Unknown,
}

/// A session that is inside, for [`Gate::restore`].
#[derive(Debug, Clone)]
pub struct ActiveSession {
    pub session: String,
    pub expires_at: DateTime<Utc>,
}

/// A gate's counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateView {
    pub ready: bool,
    pub active: usize,
    pub unclaimed: usize,
    pub granted_total: i64,
}

impl Gate {
    pub fn new(redis: Redis) -> Self {
        Self::scripted(redis, |source| source)
    }

    /// For negative controls: the same gate with some of its scripts' lines replaced, each by
    /// another, so that a test can see the invariant checker object.
    #[doc(hidden)]
    pub fn broken(redis: Redis, lines: &[(&str, &str)]) -> Self {
        let replace = |source: String| {
            lines.iter().fold(source, |source, (line, by)| source.replace(line, by))
        };
        Self::scripted(redis, replace)
    }

    /// For negative controls: the same gate, which is given no grants back.
    #[doc(hidden)]
    pub fn forgetful(self) -> Self {
        Self { forgets: true, ..self }
    }

    fn scripted(redis: Redis, change: impl Fn(String) -> String) -> Self {
        let ages = AGE_ENDS_MS.map(|end_ms| end_ms.to_string()).join(", ");
        let script = |source: &str| {
            let common = include_str!("scripts/common.lua");
            Script::new(&change(format!("local ages_ms = {{ {ages} }}\n{common}\n{source}")))
        };
        Self {
            redis,
            ask: script(include_str!("scripts/ask.lua")),
            activate: script(include_str!("scripts/activate.lua")),
            again: script(include_str!("scripts/again.lua")),
            begin: script(include_str!("scripts/begin.lua")),
            give_back: script(include_str!("scripts/give_back.lua")),
            direct: DirectScripts::new(script),
            seen: Seen::default(),
            forgets: false,
        }
    }

    fn keys(&self, room: &str) -> [String; 3] {
        ["gate", "granted", "active"].map(|kind| self.redis.key(kind, room))
    }

    /// Where checkout's words about the same rooms are.
    pub(crate) fn signal_board(&self) -> SignalBoard {
        SignalBoard::new(self.redis.clone())
    }

    fn left_key(&self, room: &str, lane: i32) -> String {
        self.redis.key(&format!("left-{lane}"), room)
    }

    /// Where is marked who of a lane has come in.
    fn came_key(&self, room: &str, lane: i32) -> String {
        self.redis.key(&format!("came-{lane}"), room)
    }

    /// Takes a slot for `session`: the grant of `place` if it still stands, else one that those who
    /// are expected leave free under `max_active`.
    ///
    /// # Errors
    /// Redis away; the slot may be taken.
    pub async fn activate(
        &self,
        place: &PlaceId,
        session: &str,
        expires_at: DateTime<Utc>,
        max_active: i32,
    ) -> RedisResult<Activation> {
        if place.is_direct() {
            return self.activate_direct(place, session, expires_at, max_active).await;
        }
        let mut call = self.activate.prepare_invoke();
        for key in self.keys(&place.room) {
            call.key(key);
        }
        call.key(self.left_key(&place.room, place.lane));
        call.key(self.came_key(&place.room, place.lane));
        call.arg(self.seen.of(&place.room)).arg(member(place.lane, place.offset));
        call.arg(place.offset).arg(session).arg(expires_at.timestamp_millis());
        call.arg(max_active).arg(LEFT_KEPT_SECS);
        let (opened, sequence): (i64, i64) =
            call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(&place.room, sequence);
        Ok(match opened {
            1 => Activation::Opened,
            0 => Activation::Full,
            _ => Activation::Left,
        })
    }

    /// Takes back what [`Gate::activate`] did for a session that did not open after all: the slot
    /// is free, and the place has its grant again. Doing so twice is the same as once.
    ///
    /// # Errors
    /// Redis away.
    pub async fn give_back(&self, place: &PlaceId, session: &str) -> RedisResult<()> {
        if place.is_direct() {
            return self.give_back_direct(place, session).await;
        }
        let mut call = self.give_back.prepare_invoke();
        for key in self.keys(&place.room) {
            call.key(key);
        }
        call.key(self.came_key(&place.room, place.lane));
        call.key(self.left_key(&place.room, place.lane));
        call.arg(member(place.lane, place.offset)).arg(place.offset).arg(session);
        let sequence: i64 = call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(&place.room, sequence);
        Ok(())
    }

    /// Whether a slot is kept for a place: it was let in, did not come yet, and its window and the
    /// time after it have not ended by the door clock.
    ///
    /// # Errors
    /// Redis away.
    pub async fn keeps_slot(&self, place: &PlaceId) -> RedisResult<Kept> {
        if place.is_direct() {
            // Its time is the wall's: it is good until it says, and no longer.
            return Ok(Kept::No);
        }
        let [gate, granted, _] = self.keys(&place.room);
        let lane = format!("lane:{}", place.lane);
        let mut known = redis::cmd("HMGET");
        known.arg(&gate).arg("door_ms").arg("sequence").arg("ready").arg(lane);
        type Known = (Option<f64>, Option<i64>, Option<i64>, Option<String>);
        let (ends_ms, (door_ms, sequence, ready, front)): (Option<f64>, Known) = redis::pipe()
            .zscore(granted, member(place.lane, place.offset))
            .add_command(known)
            .query_async(&mut self.redis.connection())
            .await?;
        let is_current = sequence.is_some_and(|at| at >= self.seen.of(&place.room));
        Ok(match ends_ms {
            Some(ends_ms) if is_current && ends_ms > door_ms.unwrap_or_default() => Kept::Yes,
            // A controller reports its lane's front once it has put its grants back.
            _ if !is_current || ready != Some(1) || front.is_none() => Kept::Unknown,
            _ => Kept::No,
        })
    }

    /// Notes that the fan of a place has left: nobody keeps a slot for it, now or when its turn
    /// comes. Doing so twice is the same as once.
    pub async fn leave(&self, place: &PlaceId) -> RedisResult<()> {
        if place.is_direct() {
            return self.leave_direct(place).await;
        }
        let [_, granted, _] = self.keys(&place.room);
        let left = self.left_key(&place.room, place.lane);
        let offset = usize::try_from(place.offset).unwrap_or_default();
        redis::pipe()
            .atomic()
            .setbit(&left, offset, true)
            .ignore()
            .expire(&left, LEFT_KEPT_SECS)
            .ignore()
            .zrem(granted, member(place.lane, place.offset))
            .ignore()
            .exec_async(&mut self.redis.connection())
            .await
    }

    /// How many of those who still wait behind these heads have left.
    ///
    /// # Errors
    /// Redis away.
    pub async fn left_behind(&self, room: &str, heads: &[LaneHead]) -> RedisResult<i64> {
        if heads.is_empty() {
            return Ok(0);
        }
        let mut asking = redis::pipe();
        for LaneHead { lane, head, .. } in heads {
            let marks = self.left_key(room, *lane);
            asking.cmd("BITCOUNT").arg(marks).arg(head).arg(-1).arg("BIT");
        }
        let left: Vec<i64> = asking.query_async(&mut self.redis.connection()).await?;
        Ok(left.iter().sum())
    }

    /// Those of `rooms` in which fans wait, or were let in and did not come yet: their controllers
    /// wait for what checkout has to say.
    ///
    /// # Errors
    /// Redis away.
    pub async fn busy(&self, rooms: &[RoomName]) -> RedisResult<Vec<RoomName>> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let mut asking = redis::pipe();
        for room in rooms {
            let [gate, ..] = self.keys(room);
            asking.hget(gate, "busy_until");
        }
        let until: Vec<Option<i64>> = asking.query_async(&mut self.redis.connection()).await?;
        let now = Utc::now().timestamp_millis();
        let is_busy = |(_, until): &(&RoomName, Option<i64>)| until.is_some_and(|at| at > now);
        Ok(rooms.iter().zip(until).filter(is_busy).map(|(room, _)| room.clone()).collect())
    }

    /// Gives a session's slot back; doing so twice is the same as once.
    pub async fn release(&self, room: &str, session: &str) -> RedisResult<()> {
        let [_, _, active] = self.keys(room);
        self.redis.connection().zrem(active, session).await?;
        Ok(())
    }

    /// Those of `rooms` whose gates have yet to learn who is inside.
    ///
    /// # Errors
    /// Redis away.
    pub async fn unrestored(&self, rooms: &[RoomName]) -> RedisResult<Vec<RoomName>> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let mut asking = redis::pipe();
        for room in rooms {
            let [gate, ..] = self.keys(room);
            asking.cmd("HMGET").arg(gate).arg("ready").arg("sequence");
        }
        let found: Vec<(Option<String>, Option<i64>)> =
            asking.query_async(&mut self.redis.connection()).await?;
        let is_unrestored = |room: &RoomName, ready: Option<String>, sequence: Option<i64>| {
            let is_old = sequence.is_none_or(|sequence| sequence < self.seen.of(room));
            ready.as_deref() != Some("1") || is_old
        };
        let all = rooms.iter().zip(found);
        let unrestored =
            all.filter(|(room, (ready, sequence))| is_unrestored(room, ready.clone(), *sequence));
        Ok(unrestored.map(|(room, _)| room.clone()).collect())
    }

    /// Whether this room's gate has yet to learn who is inside.
    ///
    /// # Errors
    /// Redis away.
    pub async fn needs_restore(&self, room: &RoomName) -> RedisResult<bool> {
        Ok(!self.unrestored(std::slice::from_ref(room)).await?.is_empty())
    }

    /// Registers everybody who is inside and lets the gate grant again, as soon as the controllers
    /// have told what they know.
    pub async fn restore(&self, room: &str, sessions: &[ActiveSession]) -> RedisResult<()> {
        let [gate, _, active] = self.keys(room);
        let mut begin = self.begin.prepare_invoke();
        for key in self.keys(room) {
            begin.key(key);
        }
        begin.arg(self.seen.of(room));
        let sequence: i64 = begin.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(room, sequence);
        let mut pipe = redis::pipe();
        pipe.atomic();
        for chunk in sessions.chunks(500) {
            let members: Vec<(i64, &str)> = chunk
                .iter()
                .map(|session| (session.expires_at.timestamp_millis(), session.session.as_str()))
                .collect();
            pipe.zadd_multiple(&active, &members).ignore();
        }
        pipe.hset(&gate, "ready", 1).ignore();
        pipe.exec_async(&mut self.redis.connection()).await
    }

    /// The gate's counters now.
    pub async fn view(&self, room: &str) -> RedisResult<GateView> {
        let [gate, granted, active] = self.keys(room);
        let now = Utc::now().timestamp_millis();
        let (ready, granted_total, unclaimed, active): (Option<i64>, Option<i64>, usize, usize) =
            redis::pipe()
                .hget(&gate, "ready")
                .hget(&gate, "granted_total")
                .zcard(&granted)
                .zcount(&active, now, "+inf")
                .query_async(&mut self.redis.connection())
                .await?;
        Ok(GateView {
            ready: ready == Some(1),
            active,
            unclaimed,
            granted_total: granted_total.unwrap_or(0),
        })
    }
}

/// A place within its room's keys, where the room goes without saying.
pub(super) fn member(lane: i32, offset: i64) -> String {
    format!("{lane}.{offset}")
}
