//! Whose turn is near. Pure.

use admission::contract::PlaceId;
use chrono::{DateTime, Utc};

use crate::{
    head::HeadDocument,
    place::{ahead, is_admitted, wait::WaitCurve},
};

/// A turn is near once it may come so soon.
pub const NEAR_SECS: u64 = 600;

/// How a place stands to its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    /// Too far off, or nobody can say.
    Far,
    /// It is likely to come between then and then.
    Near { from: DateTime<Utc>, to: DateTime<Utc> },
    /// It has come.
    Come,
}

/// How `place` stands to its turn, as the head document has it.
pub fn nearness(head: &HeadDocument, place: &PlaceId, now: DateTime<Utc>) -> Nearness {
    if is_admitted(place, &head.lanes) {
        return Nearness::Come;
    }
    let range = head.wait.range(ahead(place, &head.lanes));
    let near = range.filter(|range| range.low_secs <= NEAR_SECS);
    near.and_then(|range| range.clock(now))
        .map_or(Nearness::Far, |(from, to)| Nearness::Near { from, to })
}

/// For each lane the first place that is too far back: those before it are near, or had their turn.
/// Where there is no range to tell, they are those that had it.
pub fn bounds(head: &HeadDocument) -> Vec<i64> {
    let farthest = farthest(&head.wait);
    let bound = |lane: i32, from: i64| {
        let Some(farthest) = farthest else { return from };
        let mut place = PlaceId { room: head.room.clone(), lane, offset: from };
        first_without(from, from + farthest + 1, |offset| {
            place.offset = offset;
            ahead(&place, &head.lanes) <= farthest
        })
    };
    head.lanes.iter().map(|lane| bound(lane.lane, lane.head)).collect()
}

/// How many may be ahead at most of whoever's turn is near; `None` where nobody's is known to be.
fn farthest(wait: &WaitCurve) -> Option<i64> {
    let last = wait.points.last()?.ahead;
    let is_near = |ahead| wait.range(ahead).is_some_and(|range| range.low_secs <= NEAR_SECS);
    let first_far = first_without(0, last + 1, is_near);
    (first_far > 0).then(|| first_far - 1)
}

/// The first of `from..end` that `has` does not hold of, or `end`. It holds of none after that.
fn first_without(mut from: i64, mut end: i64, mut has: impl FnMut(i64) -> bool) -> i64 {
    while from < end {
        let middle = from + (end - from) / 2;
        if has(middle) { from = middle + 1 } else { end = middle }
    }
    from
}

#[cfg(test)]
mod tests;
