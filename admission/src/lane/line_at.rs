//! Which line a room has now. A room that sleeps has none; each time it wakes it gets a new one, in
//! which places are counted on from where the earlier one ended: no place's id is given twice.
//! Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lane::line_topic;

/// A room's line, by how often the room woke.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineAt {
    /// 0 for a room that was awake from the beginning.
    pub waking: i32,
    /// The place of each lane's first record; 0 where it says nothing.
    pub bases: Vec<i64>,
}

impl LineAt {
    /// The topic that is the line.
    pub fn topic(&self, room: &str) -> String {
        match self.waking {
            0 => line_topic(room),
            // A room's name has no dot in it.
            waking => format!("{}.{waking}", line_topic(room)),
        }
    }

    /// The place of a lane's first record.
    pub fn base(&self, lane: i32) -> i64 {
        let index = usize::try_from(lane).ok();
        index.and_then(|lane| self.bases.get(lane)).copied().unwrap_or_default()
    }

    /// The line of the next waking.
    pub fn next(&self) -> Self {
        Self { waking: self.waking + 1, bases: self.bases.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waking_has_a_line_of_its_own() {
        let first = LineAt::default();
        let second = LineAt { bases: vec![5, 0], ..first.next() };
        assert_eq!(first.topic("r"), "line.r");
        assert_eq!(
            (second.topic("r"), second.next().topic("r")),
            ("line.r.1".into(), "line.r.2".into())
        );
        assert_eq!([0, 1, 2, -1].map(|lane| second.base(lane)), [5, 0, 0, 0]);
    }
}
