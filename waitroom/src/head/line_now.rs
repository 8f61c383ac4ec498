//! Where a room's line stands, as its log has it: what everybody's place follows from, read without
//! the log's lock.

use std::sync::Arc;

use admission::contract::LaneHead;
use chrono::{DateTime, Utc};

use crate::head::head_log::HeadLog;

pub struct LineNow {
    pub heads: Vec<LaneHead>,
    /// From when on nobody knows, unless something is heard; `None` where it never grows old.
    stale_after: Option<DateTime<Utc>>,
}

impl LineNow {
    pub fn of(log: &HeadLog) -> Arc<Self> {
        Arc::new(Self { heads: log.heads(), stale_after: log.stale_after() })
    }

    /// Whether nothing was heard of it for too long.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.stale_after.is_some_and(|after| now > after)
    }
}
