//! What the controllers of all rooms share in a process: one member of the group, one reader of
//! lines, one who looks where they end, one who hears checkout.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kit::kafka::Kafka;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{end_offsets::EndWatch, leases::Leases, records::Records, words::Words};
use crate::{place::RoomName, signal::redis::SignalBoard};

/// Whoever handed its leases over asks for some again after so long.
const REJOIN_AFTER: Duration = Duration::from_secs(10);
/// Leases are handed over where one in so many lanes cannot be seen from here. A room alone that
/// has lost its topic moves no other.
const UNSEEN_SHARE: usize = 10;
const TAKING_OVER_MAX: usize = 16;

/// How many lanes a room's controller has, and how many of them it has not seen for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sight {
    pub lanes: usize,
    pub unseen: usize,
}

/// Whether what cannot be seen is likely to be seen by another process. Where none of several lanes
/// can be, Kafka is away from all. Pure.
fn is_worth_handing_over(all: impl Iterator<Item = Sight>) -> bool {
    let sum = all.fold(Sight::default(), |sum, of| Sight {
        lanes: sum.lanes + of.lanes,
        unseen: sum.unseen + of.unseen,
    });
    sum.unseen > 0
        && sum.unseen * UNSEEN_SHARE >= sum.lanes
        && (sum.lanes == 1 || sum.unseen < sum.lanes)
}

pub struct Shared {
    pub kafka: Kafka,
    pub leases: Leases,
    pub records: Records,
    pub ends: EndWatch,
    pub words: Words,
    /// Taking over lanes takes a few questions; a process that starts does so for so many rooms at
    /// once.
    pub taking_over: Semaphore,
    sight: Mutex<HashMap<RoomName, Sight>>,
    rejoin_at: Mutex<Option<Instant>>,
}

impl Shared {
    /// The topic of the leases must be there.
    ///
    /// # Errors
    /// When a Kafka client cannot be made.
    pub fn start(kafka: &Kafka, board: SignalBoard) -> anyhow::Result<Self> {
        Ok(Self {
            kafka: kafka.clone(),
            leases: Leases::join(kafka)?,
            records: Records::start(kafka)?,
            ends: EndWatch::start(kafka)?,
            words: Words::start(board),
            taking_over: Semaphore::new(TAKING_OVER_MAX),
            sight: Mutex::default(),
            rejoin_at: Mutex::default(),
        })
    }

    /// Notes how a room's lanes are seen; one without lanes is forgotten.
    pub fn note_sight(&self, room: &RoomName, sight: Sight) {
        let mut all = self.sight.lock();
        if sight.lanes == 0 {
            all.remove(room);
        } else {
            all.insert(room.clone(), sight);
        }
    }

    /// Hands the leases over where too much of what they are about cannot be seen from here, and
    /// asks for some again after a while.
    ///
    /// # Errors
    /// When the client refuses to ask again.
    pub fn see_to_sight(&self) -> anyhow::Result<()> {
        let mut rejoin_at = self.rejoin_at.lock();
        if let Some(at) = *rejoin_at {
            if Instant::now() >= at {
                self.leases.rejoin()?;
                *rejoin_at = None;
            }
        } else if self.leases.are_shared()
            && is_worth_handing_over(self.sight.lock().values().copied())
        {
            tracing::warn!("some lanes cannot be seen from here; handing over");
            self.leases.hand_over();
            *rejoin_at = Some(Instant::now() + REJOIN_AFTER);
        }
        Ok(())
    }

    /// Leaves the group in good order.
    pub async fn leave(self) {
        self.leases.leave().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_handed_over_where_some_of_them_cannot_be_seen_from_here_alone() {
        let worth = |of: &[(usize, usize)]| {
            is_worth_handing_over(
                of.iter().map(|(lanes, unseen)| Sight { lanes: *lanes, unseen: *unseen }),
            )
        };
        assert!(!worth(&[]) && !worth(&[(4, 0)]));
        assert!(worth(&[(1, 1)]) && worth(&[(2, 1)]) && worth(&[(4, 4), (4, 0)]));
        assert!(!worth(&[(2, 2)]) && !worth(&[(4, 4), (4, 4)]), "Kafka is away from all");
        assert!(!worth(&[(100, 0), (4, 4)]), "one room's topic is gone");
    }
}
