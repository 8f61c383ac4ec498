//! Keeps the gates of rooms true to Postgres: one that forgot with Redis who is inside is told.

use std::collections::{HashMap, HashSet};

use crate::{App, store};
use admission::contract::RoomName;
use parking_lot::Mutex;

/// Rounds after a gate was restored in which it is told again, for sessions that opened or ended
/// meanwhile.
const RESTORE_ROUNDS: u32 = 3;
/// Sessions that ended within this many seconds are told to a restored gate.
const ENDED_SECS: f64 = 10.0;

/// Gates that were restored lately, with the rounds in which they are told again.
#[derive(Default)]
pub struct GateReconciler(Mutex<HashMap<RoomName, u32>>);

impl GateReconciler {
    /// One round over the gates of rooms that are not closed.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let gates = admission::contract::open_gates(&app.pool).await?;
        let rooms: Vec<RoomName> = gates.into_iter().map(|gate| gate.room).collect();
        // In one question: there may be hundreds of rooms.
        let unrestored: HashSet<RoomName> =
            app.gate.unrestored(&rooms).await?.into_iter().collect();
        for room in rooms {
            if unrestored.contains(&room) {
                let inside = store::session::active(&app.pool, &room).await?;
                app.gate.restore(&room, &inside).await?;
                tracing::info!(%room, inside = inside.len(), "a gate was told who is inside");
                self.0.lock().insert(room, RESTORE_ROUNDS);
            } else if self.tell_again(&room) {
                let inside = store::session::active(&app.pool, &room).await?;
                app.gate.restore(&room, &inside).await?;
                for session in store::session::ended_within(&app.pool, &room, ENDED_SECS).await? {
                    app.gate.release(&room, &session.to_string()).await?;
                }
            }
        }
        Ok(())
    }

    fn tell_again(&self, room: &RoomName) -> bool {
        let mut restored = self.0.lock();
        match restored.get_mut(room) {
            Some(rounds) if *rounds > 0 => {
                *rounds -= 1;
                true
            }
            Some(_) => {
                restored.remove(room);
                false
            }
            None => false,
        }
    }
}
