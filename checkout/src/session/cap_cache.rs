//! The caps of rooms, read at most twice a second.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sqlx::PgPool;

const FRESH: Duration = Duration::from_millis(500);
/// Rooms remembered at most; there are far fewer.
const ROOMS_MAX: usize = 10_000;

/// What is known of rooms' gates.
#[derive(Default)]
pub struct CapCache(Mutex<HashMap<String, (Instant, Option<i32>)>>);

impl CapCache {
    /// How many sessions a room may have at once; `None` where it has no gate.
    pub async fn max_active(&self, pool: &PgPool, room: &str) -> sqlx::Result<Option<i32>> {
        if let Some((read_at, cap)) = self.known().get(room)
            && read_at.elapsed() < FRESH
        {
            return Ok(*cap);
        }
        let cap = admission::contract::gate(pool, room).await?.map(|gate| gate.max_active);
        let mut known = self.known();
        if known.len() >= ROOMS_MAX {
            known.clear();
        }
        known.insert(room.to_owned(), (Instant::now(), cap));
        Ok(cap)
    }

    fn known(&self) -> parking_lot::MutexGuard<'_, HashMap<String, (Instant, Option<i32>)>> {
        self.0.lock()
    }
}
