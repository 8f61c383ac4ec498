//! The gate: one atomic Redis script per room, so that it works the same for one controller or
//! fifty.
//!
//! It holds only what can be rebuilt: the token bucket, grants that were not claimed yet, active
//! sessions. A gate that finds itself empty grants nothing until the active sessions are registered
//! again ([`Gate::restore`]) and controllers have put back the grants they remember.

use chrono::{DateTime, Utc};
use kit::redis::Redis;
use redis::{AsyncTypedCommands, RedisResult, Script};

use crate::{
    gate::{GateSettings, claim_until, grant_until},
    lane::merge::Candidate,
    place::PlaceId,
};

/// How much of a second's rate may be let in at once after a pause. Small, so that any minute stays
/// within 1 % of the rate.
const BURST_SECS: f64 = 0.5;
/// Nobody in one controller's lanes passes those in another's who joined more than this much
/// earlier.
pub const OVERTAKING_MS_MAX: i64 = 1000;

/// A handle on all rooms' gates.
#[derive(Clone)]
pub struct Gate {
    redis: Redis,
    ask: Script,
    activate: Script,
}

/// Whether a session got a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Opened,
    /// No slot is free now.
    Full,
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

/// The gate's answer to a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// So many of the candidates, from the first, may come in.
    pub count: usize,
    /// Changes when the gate had to start anew.
    pub epoch: String,
    pub ready: bool,
}

impl Gate {
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            ask: Script::new(include_str!("scripts/ask.lua")),
            activate: Script::new(include_str!("scripts/activate.lua")),
        }
    }

    /// For negative controls: the same gate with one line of its scripts replaced, so that a test
    /// can see the invariant checker object.
    #[doc(hidden)]
    pub fn broken(redis: Redis, line: &str, by: &str) -> Self {
        let mend = |source: &str| Script::new(&source.replace(line, by));
        Self {
            redis,
            ask: mend(include_str!("scripts/ask.lua")),
            activate: mend(include_str!("scripts/activate.lua")),
        }
    }

    fn keys(&self, room: &str) -> [String; 3] {
        ["gate", "granted", "active"].map(|kind| self.redis.key(kind, room))
    }

    /// Asks how many of `candidates` may come in now, and reports the fronts of the caller's lanes.
    pub(crate) async fn ask(
        &self,
        settings: &GateSettings,
        fronts: &[(i32, Option<i64>)],
        candidates: &[Candidate],
    ) -> RedisResult<Grant> {
        let mut call = self.ask.prepare_invoke();
        for key in self.keys(&settings.room) {
            call.key(key);
        }
        let now = Utc::now();
        let kept = grant_until(claim_until(now, settings.claim_window_secs)) - now;
        call.arg(settings.rate_per_sec)
            .arg((settings.rate_per_sec * BURST_SECS).max(1.0))
            .arg(settings.max_active)
            .arg(kept.num_milliseconds())
            .arg(OVERTAKING_MS_MAX)
            .arg(settings.lanes)
            .arg(fronts.len());
        for (lane, front) in fronts {
            call.arg(lane).arg(front.unwrap_or(-1));
        }
        for candidate in candidates {
            call.arg(granted_member(candidate.lane, candidate.record.offset))
                .arg(candidate.record.joined_ms);
        }
        let (count, epoch, ready, _active, _unclaimed): (usize, String, i64, usize, usize) =
            call.invoke_async(&mut self.redis.connection()).await?;
        Ok(Grant { count, epoch, ready: ready == 1 })
    }

    /// Makes grants, (lane, offset), last until then, each; those that Redis lost are put back.
    pub(crate) async fn regrant(
        &self,
        room: &str,
        grants: impl Iterator<Item = ((i32, i64), DateTime<Utc>)>,
    ) -> RedisResult<()> {
        let members: Vec<(i64, String)> = grants
            .map(|((lane, offset), until)| (until.timestamp_millis(), granted_member(lane, offset)))
            .collect();
        if members.is_empty() {
            return Ok(());
        }
        let [_, granted, _] = self.keys(room);
        self.redis.connection().zadd_multiple(granted, &members).await?;
        Ok(())
    }

    /// Makes grants, (lane, offset), last until then at least, each, as far as they are there.
    pub(crate) async fn prolong(
        &self,
        room: &str,
        grants: impl Iterator<Item = ((i32, i64), DateTime<Utc>)>,
    ) -> RedisResult<()> {
        let [_, granted, _] = self.keys(room);
        let mut call = redis::cmd("ZADD");
        call.arg(granted).arg("XX").arg("GT");
        let mut some = false;
        for ((lane, offset), until) in grants {
            call.arg(until.timestamp_millis()).arg(granted_member(lane, offset));
            some = true;
        }
        if some { call.query_async(&mut self.redis.connection()).await } else { Ok(()) }
    }

    /// Makes all grants of a lane that are there last until then at least.
    pub(crate) async fn extend(
        &self,
        room: &str,
        lane: i32,
        until: DateTime<Utc>,
    ) -> RedisResult<()> {
        let [_, granted, _] = self.keys(room);
        let all: Vec<String> = self.redis.connection().zrange(&granted, 0, -1).await?;
        let places = all.iter().filter_map(|member| {
            let (of, offset) = member.split_once('.')?;
            Some((of.parse().ok()?, offset.parse().ok()?))
        });
        self.prolong(room, places.filter(|(of, _)| *of == lane).map(|place| (place, until))).await
    }

    /// Takes a slot for `session`: the grant of `place` if it still stands, else a free one under
    /// `max_active`.
    pub async fn activate(
        &self,
        place: &PlaceId,
        session: &str,
        expires_at: DateTime<Utc>,
        max_active: i32,
    ) -> RedisResult<Activation> {
        let mut call = self.activate.prepare_invoke();
        for key in self.keys(&place.room) {
            call.key(key);
        }
        // Within the room's own keys the room goes without saying.
        let member = granted_member(place.lane, place.offset);
        call.arg(member).arg(session).arg(expires_at.timestamp_millis()).arg(max_active);
        let opened: i64 = call.invoke_async(&mut self.redis.connection()).await?;
        Ok(if opened == 1 { Activation::Opened } else { Activation::Full })
    }

    /// Gives a session's slot back; doing so twice is the same as once.
    pub async fn release(&self, room: &str, session: &str) -> RedisResult<()> {
        let [_, _, active] = self.keys(room);
        self.redis.connection().zrem(active, session).await?;
        Ok(())
    }

    /// Whether this room's gate has yet to learn who is inside.
    pub async fn needs_restore(&self, room: &str) -> RedisResult<bool> {
        let [gate, ..] = self.keys(room);
        let ready: Option<String> = self.redis.connection().hget(gate, "ready").await?;
        Ok(ready.as_deref() != Some("1"))
    }

    /// Registers everybody who is inside and lets the gate grant again.
    pub async fn restore(&self, room: &str, sessions: &[ActiveSession]) -> RedisResult<()> {
        let [gate, _, active] = self.keys(room);
        let now = Utc::now();
        let mut pipe = redis::pipe();
        pipe.atomic();
        for chunk in sessions.chunks(500) {
            let members: Vec<(i64, &str)> = chunk
                .iter()
                .map(|session| (session.expires_at.timestamp_millis(), session.session.as_str()))
                .collect();
            pipe.zadd_multiple(&active, &members).ignore();
        }
        let micros = now.timestamp_micros().to_string();
        for (field, value) in
            [("epoch", micros.as_str()), ("tokens", "0"), ("at_us", micros.as_str())]
        {
            pipe.hset_nx(&gate, field, value).ignore();
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
                .zcount(&granted, now, "+inf")
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

fn granted_member(lane: i32, offset: i64) -> String {
    format!("{lane}.{offset}")
}
