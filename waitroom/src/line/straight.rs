//! Coming to a room that sleeps: straight in, or behind a line that begins in this moment.

use std::{sync::Arc, time::Duration};

use admission::contract::{DirectPass, Gate, HexBytes, LineAt, Straight};

use crate::{
    error::Error,
    place::PlaceClaims,
    room::{live::Room, phase::Phase, sleep, wake::Waker},
};

/// Whoever has heard nothing of a room for so long lets nobody straight in: it may have been
/// paused, or closed.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// Which way a join goes.
pub enum Way {
    /// Past no line: this is the place.
    Straight(PlaceClaims),
    /// Into this line.
    Line(LineAt),
}

/// Decides which way joins go. Cheap to clone.
#[derive(Clone)]
pub struct Ways {
    gate: Gate,
    waker: Waker,
}

impl Ways {
    pub fn new(gate: Gate, waker: Waker) -> Self {
        Self { gate, waker }
    }

    /// The way into the line of a room that is awake. One that may fall asleep is looked at first:
    /// nobody is appended to a line that may have ended.
    async fn behind(&self, room: &Arc<Room>) -> Result<Way, Error> {
        let info = room.info();
        let line = info.sleep.line.clone();
        if !info.sleep.sleeps {
            return Ok(Way::Line(line));
        }
        if room.known_for() > sleep::KNOWN_FOR {
            return Err(Error::Starting);
        }
        if info.sleep.drowsy && !self.waker.stir(room).await? {
            // It fell asleep in this moment.
            return self.waker.wake(room).await.map(Way::Line);
        }
        Ok(Way::Line(line))
    }

    /// The way of one who joins now; wakes the room where its threshold is crossed.
    ///
    /// # Errors
    /// [`Error::NotAwake`], [`Error::Starting`] where nothing was heard of the room lately, and
    /// Redis being away: nobody was given a place.
    pub async fn of(&self, room: &Arc<Room>) -> Result<Way, Error> {
        let info = room.info();
        if !info.sleep.asleep {
            return self.behind(room).await;
        }
        if info.phase == Phase::Open {
            if room.known_for() > KNOWN_FOR {
                return Err(Error::Starting);
            }
            let asked = DirectPass {
                room: &room.name,
                waking: info.sleep.line.waking,
                max_active: info.max_active,
                wake_active: info.sleep.wakes_at(info.max_active),
                wake_per_sec: info.sleep.wake_per_sec,
                claim_window_secs: info.claim_window_secs,
            };
            if let Straight::In { place, at } = self.gate.pass_straight(&asked).await? {
                let labels = [("room", room.name.to_string())];
                metrics::counter!("fairgate_straight_in_total", &labels).increment(1);
                return Ok(Way::Straight(PlaceClaims {
                    place,
                    joined_ms: at.timestamp_millis(),
                    ahead_at_join: 0,
                    nonce: HexBytes([0; 16]),
                }));
            }
        }
        self.waker.wake(room).await.map(Way::Line)
    }
}
