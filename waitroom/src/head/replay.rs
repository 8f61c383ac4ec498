//! From when on a process that starts reads `heads`, and what it takes from snapshots before. Pure.

use std::collections::{HashMap, HashSet};

use admission::contract::{HeadsMoved, HeadsSnapshot, RoomName};
use chrono::{DateTime, TimeDelta, Utc};

use crate::place::standing::RESUME_WITHIN;

/// Records are stamped by the broker, a moment after they were made, and clocks differ a little.
const SLACK: TimeDelta = TimeDelta::seconds(30);
/// A controller that said nothing for so long is not waited for: its lanes are another's, or
/// nobody's, and then nobody is let in and nobody's window ends.
const SILENT: TimeDelta = TimeDelta::hours(2);

/// What to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// `None`: everything there is.
    pub since: Option<DateTime<Utc>>,
    /// Records to be taken in before, the oldest first.
    pub before: Vec<HeadsMoved>,
}

/// Reads as far back as anybody who was let in may still come, or have a second turn for the one
/// that was missed, in the rooms that are known and not closed; `longest` is the longest window of
/// all rooms by the wall. Of what was told before then, the last word is enough. Without any
/// snapshot, those who wrote `heads` wrote none.
pub fn replay(
    snapshots: Vec<HeadsSnapshot>,
    open: &HashSet<RoomName>,
    longest: TimeDelta,
    now: DateTime<Utc>,
) -> Replay {
    if snapshots.is_empty() {
        return Replay { since: None, before: Vec::new() };
    }
    let mut door: HashMap<&RoomName, i64> = HashMap::new();
    for HeadsSnapshot { moved, .. } in &snapshots {
        let newest = door.entry(&moved.room).or_default();
        *newest = moved.door_ms.unwrap_or_default().max(*newest);
    }
    let may_be_open = |snapshot: &&HeadsSnapshot| {
        let moved = &snapshot.moved;
        let window_ms = (moved.claim_until - moved.at).num_milliseconds();
        let newest_ms = door.get(&moved.room).copied().unwrap_or_default();
        open.contains(&moved.room)
            && moved.at >= now - SILENT
            && moved.door_ms.unwrap_or_default() > newest_ms - window_ms
    };
    let earliest = snapshots.iter().filter(may_be_open).map(|snapshot| snapshot.windows_from).min();
    let begun = earliest.map_or(now - longest, |earliest| earliest.min(now - longest));
    let since = begun - RESUME_WITHIN - SLACK;
    let mut before: Vec<HeadsMoved> =
        snapshots.into_iter().map(|snapshot| snapshot.moved).collect();
    // Later ones are among what is read, and would hide from it who was let in when.
    before.retain(|moved| moved.at < since);
    before.sort_by_key(|moved| moved.at);
    Replay { since: Some(since), before }
}

#[cfg(test)]
mod tests {
    use admission::contract::LaneHead;

    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time")
    }

    fn snapshot(room: &str, secs: i64, door_secs: i64, windows_from: i64) -> HeadsSnapshot {
        let moved = HeadsMoved {
            room: room.parse().expect("a name"),
            at: at(secs),
            claim_until: at(secs + 60),
            rate_per_sec: 1.0,
            heads: vec![LaneHead { lane: 0, head: secs, tail: secs }],
            from: vec![secs],
            drawn: false,
            door_ms: Some(door_secs * 1000),
            door_open: true,
            pace: None,
            stock: None,
        };
        HeadsSnapshot { moved, windows_from: at(windows_from) }
    }

    fn planned(snapshots: Vec<HeadsSnapshot>) -> (Option<i64>, Vec<i64>) {
        let open = ["a", "b"].map(|room| room.parse().expect("a name")).into();
        let found = replay(snapshots, &open, TimeDelta::seconds(100), at(10_000));
        let since = found.since.map(|since| (since - at(0)).num_seconds());
        (since, found.before.iter().map(|moved| (moved.at - at(0)).num_seconds()).collect())
    }

    #[test]
    fn the_longest_window_is_read_and_of_what_was_before_the_last_word() {
        assert_eq!(planned(Vec::new()), (None, vec![]), "an earlier version wrote the heads");
        let live = snapshot("a", 9_990, 5_000, 9_925);
        assert_eq!(planned(vec![live.clone()]), (Some(9_270), vec![]));
        let closed = snapshot("closed", 400, 300, 300);
        let dead = snapshot("b", 100, 100, 50);
        let (since, before) = planned(vec![closed, live, dead]);
        assert_eq!((since, before), (Some(9_270), vec![100, 400]), "the oldest first");
    }

    #[test]
    fn a_door_that_was_shut_is_read_back_to_where_windows_began() {
        let shut = snapshot("a", 9_990, 5_000, 2_000);
        assert_eq!(planned(vec![shut.clone()]).0, Some(1_370));
        // Whoever had the lanes before, and was taken over from while the door was shut.
        let now = snapshot("a", 9_990, 5_020, 9_000);
        let before = snapshot("a", 8_990, 5_000, 2_000);
        assert_eq!(planned(vec![before.clone(), now]), (Some(1_370), vec![]));
        let long_ago = snapshot("a", 9_990, 5_061, 9_000);
        assert_eq!(planned(vec![before, long_ago]).0, Some(8_370), "those windows are over");
    }
}
