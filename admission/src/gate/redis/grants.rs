//! The grants that controllers remember, and what becomes of them in Redis.

use redis::{AsyncTypedCommands, RedisResult};

use super::{Gate, member};

/// A place within its room.
pub(crate) type LanePlace = (i32, i64);

impl Gate {
    /// Makes grants last until then at least by the door clock, each; those that Redis lost are put
    /// back. Of two controllers that remember one, the later end counts.
    pub(crate) async fn regrant(
        &self,
        room: &str,
        grants: impl Iterator<Item = (LanePlace, i64)>,
    ) -> RedisResult<()> {
        if self.forgets {
            return Ok(());
        }
        self.lengthen(room, grants, &["GT"]).await
    }

    /// Makes grants last until then at least, each, as far as they are there.
    pub(crate) async fn prolong(
        &self,
        room: &str,
        grants: impl Iterator<Item = (LanePlace, i64)>,
    ) -> RedisResult<()> {
        self.lengthen(room, grants, &["XX", "GT"]).await
    }

    async fn lengthen(
        &self,
        room: &str,
        grants: impl Iterator<Item = (LanePlace, i64)>,
        how: &[&str],
    ) -> RedisResult<()> {
        let [_, granted, _] = self.keys(room);
        let grants: Vec<(LanePlace, i64)> = grants.collect();
        for chunk in grants.chunks(1000) {
            let mut call = redis::cmd("ZADD");
            call.arg(&granted).arg(how);
            for ((lane, offset), ends_ms) in chunk {
                call.arg(*ends_ms).arg(member(*lane, *offset));
            }
            call.query_async::<()>(&mut self.redis.connection()).await?;
        }
        Ok(())
    }

    /// The grants of a lane that stand, with their ends.
    pub(crate) async fn of_lane(
        &self,
        room: &str,
        lane: i32,
    ) -> RedisResult<Vec<(LanePlace, i64)>> {
        let [_, granted, _] = self.keys(room);
        let all = self.redis.connection().zrange_withscores(granted, 0, -1).await?;
        let read = |(member, ends_ms): (String, f64)| {
            let (of, offset) = member.split_once('.')?;
            let place = (of.parse().ok()?, offset.parse().ok()?);
            (place.0 == lane).then_some((place, ends_ms as i64))
        };
        Ok(all.into_iter().filter_map(read).collect())
    }

    /// Which of these places have no grant any more, and the epoch of the gate that says so.
    pub(crate) async fn gone(
        &self,
        room: &str,
        places: &[LanePlace],
    ) -> RedisResult<(String, Vec<LanePlace>)> {
        let [gate, granted, _] = self.keys(room);
        let mut connection = self.redis.connection();
        let mut gone = Vec::new();
        for chunk in places.chunks(1000) {
            let members: Vec<String> =
                chunk.iter().map(|(lane, offset)| member(*lane, *offset)).collect();
            let mut asking = redis::cmd("ZMSCORE");
            asking.arg(&granted).arg(members);
            let ends: Vec<Option<f64>> = asking.query_async(&mut connection).await?;
            let without = chunk.iter().zip(ends).filter(|(_, ends)| ends.is_none());
            gone.extend(without.map(|(place, _)| *place));
        }
        // Asked last: a gate that began anew meanwhile is another one.
        let epoch: Option<String> = connection.hget(gate, "epoch").await?;
        Ok((epoch.unwrap_or_default(), gone))
    }

    /// Where the last owner of a lane had published its head, as far as the gate knows.
    pub(crate) async fn published_head(&self, room: &str, lane: i32) -> RedisResult<Option<i64>> {
        let [gate, ..] = self.keys(room);
        let told: Option<String> =
            self.redis.connection().hget(gate, format!("lane:{lane}")).await?;
        Ok(told.and_then(|told| told.split(' ').nth(3)?.parse().ok()))
    }

    /// The highest sequence that this process saw of a room's gate.
    pub(crate) fn sequence(&self, room: &str) -> i64 {
        self.seen.of(room)
    }

    /// Takes note of a sequence that another process saw.
    pub(crate) fn note_sequence(&self, room: &str, sequence: i64) {
        self.seen.note(room, sequence);
    }
}
