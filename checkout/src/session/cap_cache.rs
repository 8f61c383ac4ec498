//! The caps of rooms, read at most twice a second.

use std::time::Duration;

use admission::contract::RoomName;
use kit::cache::Cache;
use sqlx::PgPool;

const FRESH: Duration = Duration::from_millis(500);
/// Rooms remembered at most; there are far fewer.
const ROOMS_MAX: u64 = 10_000;

/// How many sessions each room may have at once, as read lately.
pub struct CapCache(Cache<Option<i32>>);

impl Default for CapCache {
    fn default() -> Self {
        Self(Cache::new(FRESH, ROOMS_MAX))
    }
}

impl CapCache {
    /// How many sessions a room may have at once; `None` where it has no gate.
    pub async fn max_active(&self, pool: &PgPool, room: &RoomName) -> sqlx::Result<Option<i32>> {
        let cap = self.0.get_or_look(room.as_str(), || async {
            let gate = admission::contract::gate(pool, room).await?;
            Ok(gate.map(|gate| gate.max_active))
        });
        cap.await.map(|cap| *cap)
    }
}
