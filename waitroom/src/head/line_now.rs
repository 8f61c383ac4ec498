//! Where a room's line stands, as its log has it: what everybody's place follows from, read without
//! the log's lock, and how far its lanes reach, which every join moves on without that.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use admission::contract::LaneHead;
use chrono::{DateTime, Utc};

use crate::head::head_log::HeadLog;

pub struct LineNow {
    pub heads: Vec<LaneHead>,
    /// From when on nobody knows, unless something is heard; `None` where it never grows old.
    stale_after: Option<DateTime<Utc>>,
    /// Where lanes end, as far as this instance knows: by the log, and by joins since. Shared with
    /// those before and after it, up to the draw: from then on ends count turns.
    ends: Arc<[AtomicI64]>,
}

impl LineNow {
    pub fn of(log: &HeadLog) -> Arc<Self> {
        let ends = log.tails().into_iter().map(AtomicI64::new).collect();
        Arc::new(Self { heads: log.heads(), stale_after: log.stale_after(), ends })
    }

    /// The next one, once the log changed.
    pub fn next(&self, log: &HeadLog) -> Arc<Self> {
        for (end, tail) in self.ends.iter().zip(log.tails()) {
            end.fetch_max(tail, Ordering::Relaxed);
        }
        let (heads, stale_after) = (log.heads(), log.stale_after());
        Arc::new(Self { heads, stale_after, ends: self.ends.clone() })
    }

    /// Notes that a lane reaches beyond this offset. The log hears of it when it next changes.
    pub fn joined(&self, lane: i32, offset: i64) {
        if let Some(end) = usize::try_from(lane).ok().and_then(|lane| self.ends.get(lane)) {
            end.fetch_max(offset.saturating_add(1), Ordering::Relaxed);
        }
    }

    pub fn ends(&self) -> &[AtomicI64] {
        &self.ends
    }

    /// Whether nothing was heard of it for too long.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.stale_after.is_some_and(|after| now > after)
    }
}
