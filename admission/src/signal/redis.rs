//! The words of checkout in Redis: one hash for all processes, one a room. What is lost with Redis
//! is said again within a second.

use kit::redis::Redis;
use redis::{AsyncTypedCommands, RedisResult};
use uuid::Uuid;

use crate::{
    place::RoomName,
    signal::{CheckoutSignal, RoomSignal, Signals, merge},
};

/// A process that said nothing for so long is forgotten.
const KEPT_SECS: i64 = 60;
const CHECKOUT: &str = "checkout";

/// Where processes of checkout leave their words, and controllers find them.
#[derive(Clone)]
pub struct SignalBoard {
    redis: Redis,
}

impl SignalBoard {
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn room_key(&self, room: &RoomName) -> String {
        self.redis.key("room-signals", room)
    }

    fn checkout_key(&self) -> String {
        self.redis.key("checkout-signals", CHECKOUT)
    }

    /// Leaves a process's word about a room.
    ///
    /// # Errors
    /// Redis away.
    pub async fn tell_room(
        &self,
        process: Uuid,
        room: &RoomName,
        signal: &RoomSignal,
    ) -> RedisResult<()> {
        let key = self.room_key(room);
        self.tell(&key, process, serde_json::to_string(signal).unwrap_or_default()).await
    }

    /// Leaves a process's word about itself.
    ///
    /// # Errors
    /// Redis away.
    pub async fn tell_checkout(&self, process: Uuid, signal: &CheckoutSignal) -> RedisResult<()> {
        let key = self.checkout_key();
        self.tell(&key, process, serde_json::to_string(signal).unwrap_or_default()).await
    }

    async fn tell(&self, key: &str, process: Uuid, word: String) -> RedisResult<()> {
        redis::pipe()
            .hset(key, process.to_string(), word)
            .ignore()
            .expire(key, KEPT_SECS)
            .ignore()
            .exec_async(&mut self.redis.connection())
            .await
    }

    /// Takes a process's words back, as it ends in good order.
    ///
    /// # Errors
    /// Redis away.
    pub async fn leave(&self, process: Uuid) -> RedisResult<()> {
        self.redis.connection().hdel(self.checkout_key(), process.to_string()).await?;
        Ok(())
    }

    /// What all processes say to one room, now.
    ///
    /// # Errors
    /// Redis away.
    pub async fn read(&self, room: &RoomName) -> RedisResult<Signals> {
        let said = self.read_all(std::slice::from_ref(room)).await?;
        Ok(said.into_iter().next().unwrap_or_default())
    }

    /// What all processes say to each of these rooms, now, in their order.
    ///
    /// # Errors
    /// Redis away.
    pub async fn read_all(&self, rooms: &[RoomName]) -> RedisResult<Vec<Signals>> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.redis.connection();
        // Two questions: the keys may be on two nodes.
        let mut asking = redis::pipe();
        for room in rooms {
            asking.hvals(self.room_key(room));
        }
        let said: Vec<Vec<String>> = asking.query_async(&mut connection).await?;
        let processes: Vec<String> =
            redis::cmd("HVALS").arg(self.checkout_key()).query_async(&mut connection).await?;
        let (processes, now): (Vec<CheckoutSignal>, _) = (parsed(&processes), chrono::Utc::now());
        Ok(said.iter().map(|words| merge(&parsed(words), &processes, now)).collect())
    }
}

/// What cannot be read is of another version, and says nothing to this one.
fn parsed<T: serde::de::DeserializeOwned>(words: &[String]) -> Vec<T> {
    words.iter().filter_map(|word| serde_json::from_str(word).ok()).collect()
}
