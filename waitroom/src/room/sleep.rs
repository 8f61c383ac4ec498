//! Whether a room sleeps: whoever comes goes straight in, counted, and there is no line. Pure.

use std::time::Duration;

use admission::contract::LineAt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::room::phase::Phase;

/// How a room sleeps and what wakes it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sleep {
    /// It has no line now: whoever comes goes straight in.
    pub asleep: bool,
    /// It is about to sleep: whoever joins has to stir it first.
    #[serde(skip)]
    pub drowsy: bool,
    /// Whether it goes to sleep by itself where nobody has waited for a while.
    pub sleeps: bool,
    /// It wakes where more fans a second come than this, for a few seconds.
    pub wake_per_sec: f64,
    /// It wakes where so many are in checkout or on their way there; null for half of those who
    /// may be.
    pub wake_active: Option<i32>,
    /// Which line it has, or had last.
    #[serde(skip)]
    pub line: LineAt,
}

/// What an instance read of a room that may sleep is good for appending to its line for so long.
pub const KNOWN_FOR: Duration = Duration::from_secs(20);
/// A join that was acknowledged longer after that is taken for none. It is seen through for half a
/// minute at most.
pub const TRUSTED: Duration = Duration::from_secs(55);

/// Sixty fans in half a minute are no crowd; a hundred in ten seconds are.
pub const WAKE_PER_SEC: f64 = 5.0;

impl Default for Sleep {
    /// Of a room that is awake and stays so.
    fn default() -> Self {
        Self {
            asleep: false,
            drowsy: false,
            sleeps: false,
            wake_per_sec: WAKE_PER_SEC,
            wake_active: None,
            line: LineAt::default(),
        }
    }
}

impl Sleep {
    /// At how many inside it wakes, where `max_active` may be.
    pub fn wakes_at(&self, max_active: i32) -> i32 {
        self.wake_active.unwrap_or(max_active - max_active / 2).min(max_active)
    }

    /// Whether a room in this phase has to have a line: fans wait for its opening, or it is not to
    /// sleep.
    pub fn needs_line(&self, phase: Phase) -> bool {
        match phase {
            Phase::PreQueue | Phase::Drawing => true,
            Phase::Open | Phase::Paused => !self.sleeps,
            Phase::Draft | Phase::Scheduled | Phase::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_wakes_at_half_its_cap_unless_told_otherwise_and_never_later() {
        let at = |wake_active, cap| Sleep { wake_active, ..Sleep::default() }.wakes_at(cap);
        assert_eq!((at(None, 100), at(None, 1), at(None, 0)), (50, 1, 0));
        assert_eq!((at(Some(70), 100), at(Some(700), 100)), (70, 100));
    }

    #[test]
    fn whoever_waits_for_an_opening_has_a_line() {
        let needs = |sleeps| {
            let sleep = Sleep { sleeps, ..Sleep::default() };
            Phase::ALL.map(|phase| sleep.needs_line(phase))
        };
        assert_eq!(needs(true), [false, false, true, true, false, false, false]);
        assert_eq!(needs(false), [false, false, true, true, true, true, false]);
    }
}
