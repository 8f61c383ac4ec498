//! The life of a room.

use std::{fmt, str::FromStr};

use admission::contract::GateState;
use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `draft → scheduled → pre_queue → drawing → open ⇄ paused → closed`; only rooms that draw are
/// `drawing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Draft,
    Scheduled,
    /// Fans may join; nobody is let in yet.
    PreQueue,
    /// Entries are closed and the draw is made: whoever joins now stands behind.
    Drawing,
    Open,
    /// Fans may join; nobody is let in for now.
    Paused,
    Closed,
}

impl Phase {
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Scheduled,
        Self::PreQueue,
        Self::Drawing,
        Self::Open,
        Self::Paused,
        Self::Closed,
    ];

    /// Whether a room may go from this phase to `next`.
    pub fn allows(self, next: Self) -> bool {
        use Phase::{Closed, Draft, Drawing, Open, Paused, PreQueue, Scheduled};
        match (self, next) {
            (Draft, Scheduled | PreQueue | Drawing | Open)
            | (Scheduled, Draft | PreQueue | Drawing | Open)
            | (PreQueue, Drawing | Open)
            | (Drawing, Open)
            | (Open, Paused)
            | (Paused, Open) => true,
            (from, Closed) => from != Closed,
            _ => false,
        }
    }

    pub fn takes_joins(self) -> bool {
        matches!(self, Self::PreQueue | Self::Drawing | Self::Open | Self::Paused)
    }

    /// Whether it takes no joins yet.
    pub fn may_open_yet(self) -> bool {
        matches!(self, Self::Draft | Self::Scheduled)
    }

    /// Whether it lets people in, or would but for a pause.
    pub fn has_opened(self) -> bool {
        matches!(self, Self::Open | Self::Paused)
    }

    /// What the gate does meanwhile.
    pub fn gate(self) -> GateState {
        match self {
            Self::Draft | Self::Scheduled | Self::PreQueue | Self::Drawing => GateState::Waiting,
            Self::Open => GateState::Running,
            Self::Paused => GateState::Paused,
            Self::Closed => GateState::Closed,
        }
    }
}

/// As in the database and in JSON.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::PreQueue => "pre_queue",
            Self::Drawing => "drawing",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
        })
    }
}

impl FromStr for Phase {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|phase| phase.to_string() == text);
        known.ok_or(InvalidId("room's phase"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_room_stays_closed_and_an_opened_one_never_waits_again() {
        for next in Phase::ALL {
            assert!(!Phase::Closed.allows(next), "{next:?}");
        }
        for earlier in [Phase::Draft, Phase::Scheduled, Phase::PreQueue, Phase::Drawing] {
            assert!(!Phase::Open.allows(earlier) && !Phase::Paused.allows(earlier), "{earlier:?}");
        }
    }

    #[test]
    fn every_phase_has_a_text_of_its_own() {
        for phase in Phase::ALL {
            assert_eq!(phase.to_string().parse::<Phase>(), Ok(phase));
        }
        assert!("ajar".parse::<Phase>().is_err());
    }
}
