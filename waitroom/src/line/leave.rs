//! Leaving a line on purpose: the place is marked in the gate, so that the line passes over it, and
//! a slot that it was granted is free at once.

use admission::contract::{Draw, Gate, PlaceId, RoomName};
use kit::redis::Redis;
use redis::{AsyncTypedCommands, RedisResult};

use crate::{
    line::left::LeftPlaces,
    room::live::{Room, rooms::Rooms},
};

/// Longer than anybody waits for a draw.
const ENTRIES_KEPT_SECS: i64 = 30 * 86_400;

/// The marks of those who left, in Redis, for gate and instances alike.
#[derive(Clone)]
pub struct LeftMarks {
    redis: Redis,
    gate: Gate,
}

impl LeftMarks {
    pub fn new(redis: Redis, gate: Gate) -> Self {
        Self { redis, gate }
    }

    fn lane_key(&self, room: &RoomName, lane: i32) -> String {
        self.redis.key(&format!("left-{lane}"), room)
    }

    /// Counts the marks, so that instances know when to read them.
    fn version_key(&self, room: &RoomName) -> String {
        self.redis.key("left-version", room)
    }

    fn entries_key(&self, room: &RoomName, lane: i32) -> String {
        self.redis.key(&format!("left-entries-{lane}"), room)
    }

    /// Marks a place as left and takes back what it was granted. Twice is the same as once.
    ///
    /// # Errors
    /// Redis away: whether it is marked is not known; doing it again makes sure.
    pub async fn leave(&self, room: &Room, place: &PlaceId) -> RedisResult<()> {
        if place.is_direct() {
            return self.gate.leave(place).await;
        }
        // Before the draw nobody has a turn.
        let awaits_draw = room.info().awaits_draw();
        let turn = room.turn(place);
        let left =
            if awaits_draw { self.mark_entry(place).await } else { self.gate.leave(&turn).await };
        // Instances read the marks when this count changes. Where the answer was lost, the mark may
        // be there all the same.
        let told = self.redis.connection().incr(self.version_key(&place.room), 1).await;
        left.and(told.map(drop))?;
        if awaits_draw {
            room.mark_left_entry(place)
        } else {
            room.mark_left_at(&turn)
        }
        Ok(())
    }

    async fn mark_entry(&self, place: &PlaceId) -> RedisResult<()> {
        let key = self.entries_key(&place.room, place.lane);
        let offset = usize::try_from(place.offset).unwrap_or_default();
        redis::pipe()
            .setbit(&key, offset, true)
            .ignore()
            .expire(&key, ENTRIES_KEPT_SECS)
            .ignore()
            .exec_async(&mut self.redis.connection())
            .await
    }

    /// Marks the turns of those who left before the draw, so that the line passes over them.
    ///
    /// # Errors
    /// Redis away; doing it again does no harm.
    pub async fn follow_draw(&self, room: &RoomName, draw: &Draw) -> RedisResult<()> {
        for lane in 0..draw.cohort().lanes() {
            let Ok(number) = i32::try_from(lane) else { break };
            let bits: Option<Vec<u8>> = redis::cmd("GET")
                .arg(self.entries_key(room, number))
                .query_async(&mut self.redis.connection())
                .await?;
            let entries = LeftPlaces::of(vec![bits.unwrap_or_default()]);
            for offset in entries.all(0).filter(|offset| *offset < draw.cohort().end(lane)) {
                let Ok(offset) = i64::try_from(offset) else { break };
                let place = PlaceId { room: room.clone(), lane: number, offset };
                self.gate.leave(&draw.turn_of(&place)).await?;
            }
        }
        Ok(())
    }

    /// Reads the marks of those rooms in which some came, or Redis lost them.
    ///
    /// # Errors
    /// Redis away: what was read before stays.
    pub async fn follow(&self, rooms: &Rooms) -> RedisResult<()> {
        let mut rooms = rooms.all();
        rooms.retain(|room| !room.info().sleep.asleep);
        let mut connection = self.redis.connection();
        let mut versions = redis::pipe();
        rooms.iter().for_each(|room| {
            versions.get(self.version_key(&room.name));
        });
        if rooms.is_empty() {
            return Ok(());
        }
        let versions: Vec<Option<i64>> = versions.query_async(&mut connection).await?;
        for (room, version) in rooms.iter().zip(versions) {
            let version = version.unwrap_or(0);
            if version == room.left_version() {
                continue;
            }
            let mut lanes = redis::pipe();
            let count = room.info().lanes;
            for lane in 0..count {
                lanes.get(self.lane_key(&room.name, lane));
            }
            for lane in 0..count {
                lanes.get(self.entries_key(&room.name, lane));
            }
            let lanes: Vec<Option<Vec<u8>>> = lanes.query_async(&mut connection).await?;
            let mut lanes = lanes.into_iter().map(Option::unwrap_or_default);
            let turns = lanes.by_ref().take(usize::try_from(count).unwrap_or_default()).collect();
            room.follow_left(version, LeftPlaces::of(turns), LeftPlaces::of(lanes.collect()));
        }
        Ok(())
    }
}
