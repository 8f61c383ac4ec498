//! Leaving a line on purpose: the place is marked in the gate, so that the line passes over it, and
//! a slot that it was granted is free at once.

use admission::contract::{Gate, PlaceId, RoomName};
use kit::redis::Redis;
use redis::{AsyncTypedCommands, RedisResult};

use crate::{line::left::LeftPlaces, room::live::Rooms};

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

    /// Marks a place as left and takes back what it was granted. Twice is the same as once.
    ///
    /// # Errors
    /// Redis away: whether it is marked is not known; doing it again makes sure.
    pub async fn leave(&self, place: &PlaceId) -> RedisResult<()> {
        let left = self.gate.leave(place).await;
        // Instances read the marks when this count changes. Where the answer was lost, the mark may
        // be there all the same.
        let told = self.redis.connection().incr(self.version_key(&place.room), 1).await;
        left.and(told.map(drop))
    }

    /// Reads the marks of those rooms in which some came, or Redis lost them.
    ///
    /// # Errors
    /// Redis away: what was read before stays.
    pub async fn follow(&self, rooms: &Rooms) -> RedisResult<()> {
        let rooms = rooms.all();
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
            for lane in 0..room.info().lanes {
                lanes.get(self.lane_key(&room.name, lane));
            }
            let lanes: Vec<Option<Vec<u8>>> = lanes.query_async(&mut connection).await?;
            let lanes = lanes.into_iter().map(Option::unwrap_or_default).collect();
            room.follow_left(version, LeftPlaces::of(lanes));
        }
        Ok(())
    }
}
