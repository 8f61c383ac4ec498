//! How far this process has seen each gate: one that is behind that came back from a copy.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// The highest sequence of each room's gate. Shared by all handles of a process.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<HashMap<String, i64>>>);

impl Seen {
    /// 0 where nothing was seen.
    pub fn of(&self, room: &str) -> i64 {
        self.0.lock().get(room).copied().unwrap_or_default()
    }

    /// Notes a sequence; an earlier one says nothing new.
    pub fn note(&self, room: &str, sequence: i64) {
        let mut seen = self.0.lock();
        let highest = seen.entry(room.to_owned()).or_default();
        *highest = sequence.max(*highest);
    }
}
