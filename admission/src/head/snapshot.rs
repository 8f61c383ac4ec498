//! The last word about each room's lanes, kept for whoever starts to read `heads`: with it, what is
//! older than the longest claim window need not be read.

use chrono::{DateTime, Utc};
use kit::kafka::Topic;
use serde::{Deserialize, Serialize};

use super::HeadsMoved;

/// Keyed by room and controller. Those who are gone are forgotten after as long as heads are.
pub const SNAPSHOTS: Topic =
    Topic { name: "heads.latest", partitions: 1, retention_ms: "604800000", compacted: true };

/// What a controller says of its lanes now and then, and when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadsSnapshot {
    /// As it was published to `heads`.
    pub moved: HeadsMoved,
    /// All whose claim window may be open were let in since then, as far as this controller knows:
    /// a door that was shut makes windows long.
    pub windows_from: DateTime<Utc>,
}
