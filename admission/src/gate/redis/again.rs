//! A second grant for a place that missed its window.

use chrono::{DateTime, Utc};
use redis::{AsyncTypedCommands, RedisResult};

use super::{Gate, LEFT_KEPT_SECS, member};
use crate::place::{PlaceId, RoomName};

/// Of all grants, so many at most are second ones: nobody in the line notices them.
const SHARE_MAX: f64 = 0.05;

/// What became of asking for a second grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondGrant {
    /// The place has it, since then; asking again gives the same.
    Since(DateTime<Utc>),
    /// Not at this moment: the door is shut, checkout is full, or too many had one lately.
    NotNow,
    /// The place has come in already.
    Came,
}

impl Gate {
    /// Grants a place that missed its window once more, as long as a grant lasts. It goes in beside
    /// the line, which pays for it with one fan's time: a place has one second grant, and of all
    /// grants one in twenty is a second one at most.
    ///
    /// # Errors
    /// Redis away.
    pub async fn grant_again(&self, place: &PlaceId, max_active: i32) -> RedisResult<SecondGrant> {
        let mut call = self.again.prepare_invoke();
        for key in self.keys(&place.room) {
            call.key(key);
        }
        call.key(self.again_key(&place.room)).key(self.came_key(&place.room, place.lane));
        call.arg(self.seen.of(&place.room)).arg(member(place.lane, place.offset));
        call.arg(place.offset).arg(max_active).arg(SHARE_MAX).arg(LEFT_KEPT_SECS);
        let (granted, at_ms, sequence): (i64, i64, i64) =
            call.invoke_async(&mut self.redis.connection()).await?;
        self.seen.note(&place.room, sequence);
        let at = DateTime::from_timestamp_millis(at_ms).filter(|_| granted > 0);
        Ok(match at {
            Some(at) => SecondGrant::Since(at),
            None if granted < 0 => SecondGrant::Came,
            None => SecondGrant::NotNow,
        })
    }

    /// The places of a room that had a second grant, and since when.
    ///
    /// # Errors
    /// Redis away.
    pub async fn second_grants(
        &self,
        room: &RoomName,
    ) -> RedisResult<Vec<(PlaceId, DateTime<Utc>)>> {
        let all = self.redis.connection().hgetall(self.again_key(room)).await?;
        let read = |(member, at_ms): (&String, &String)| {
            let (lane, offset) = member.split_once('.')?;
            let (lane, offset) = (lane.parse().ok()?, offset.parse().ok()?);
            let at = DateTime::from_timestamp_millis(at_ms.parse().ok()?)?;
            Some((PlaceId { room: room.clone(), lane, offset }, at))
        };
        Ok(all.iter().filter_map(read).collect())
    }

    fn again_key(&self, room: &str) -> String {
        self.redis.key("granted-again", room)
    }
}
