//! Finding a room that this instance has not heard of: it may have been made a moment ago.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{LineAt, RoomName};
use catalog::contract::ShowId;
use kit::cache::Cache;
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    error::Error,
    room::{
        live::{Room, rooms::Rooms},
        phase::Phase,
    },
    store,
};

/// Names that are no rooms' are asked for again after so long.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const UNKNOWN_MAX: u64 = 10_000;
/// And whether a room has opened meanwhile, before a join is refused.
const SHUT_FOR: Duration = Duration::from_millis(100);
/// A look for that takes longer tells nothing: what is known holds.
const SHUT_LOOK: Duration = Duration::from_millis(300);
/// So many are looked for at once: strangers may ask for whatever they like.
const LOOKS_MAX: usize = 4;
/// A look that others keep waiting for longer is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rooms by name and by show, from memory, else from the database.
pub struct RoomFinder {
    rooms: Arc<Rooms>,
    pool: PgPool,
    looked: Cache<()>,
    looked_at_shut: Cache<()>,
    looks: Semaphore,
    looks_at_shut: Semaphore,
}

impl RoomFinder {
    pub fn new(rooms: Arc<Rooms>, pool: PgPool) -> Self {
        let looked = Cache::new(UNKNOWN_FOR, UNKNOWN_MAX);
        let looked_at_shut = Cache::new(SHUT_FOR, UNKNOWN_MAX);
        let (looks, looks_at_shut) = (Semaphore::new(LOOKS_MAX), Semaphore::new(LOOKS_MAX));
        Self { rooms, pool, looked, looked_at_shut, looks, looks_at_shut }
    }

    /// # Errors
    /// [`Error::RoomUnknown`], [`Error::Starting`], or the database's: then nobody knows.
    pub async fn room(&self, name: &str) -> Result<Arc<Room>, Error> {
        match self.rooms.get(name) {
            Err(Error::RoomUnknown) => {}
            answer => return answer,
        }
        let room: RoomName = name.parse().map_err(|_| Error::RoomUnknown)?;
        let known = || async { Ok(Some(room.clone())) };
        self.look(format!("room {room}"), known).await?;
        self.rooms.get(name)
    }

    /// Looks whether a room that takes no joins, as far as this instance has heard, has opened
    /// meanwhile: another instance may have opened it a moment ago. Where the database does not
    /// say so soon, what is known holds.
    pub async fn look_again(&self, room: &Room) {
        if !room.info().phase.may_open_yet() {
            return;
        }
        let look = || async {
            let seen = timeout(SHUT_LOOK, async {
                let _turn = self.looks_at_shut.acquire().await;
                self.take_in(&room.name).await
            });
            if let Ok(Err(error)) = seen.await {
                tracing::debug!(room = %room.name, %error, "looking whether a room has opened");
            }
            Ok::<_, Error>(())
        };
        let _ = self.looked_at_shut.get_or_look(room.name.as_str(), look).await;
    }

    /// The room of a show, `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Starting`], or the database's: then nobody knows.
    pub async fn of_show(&self, show: &ShowId) -> Result<Option<Arc<Room>>, Error> {
        if let Some(room) = self.rooms.of_show(show)? {
            return Ok(Some(room));
        }
        let room = || async { Ok(store::room_of_show(&self.pool, show).await?) };
        self.look(format!("show {show}"), room).await?;
        self.rooms.of_show(show)
    }

    /// Looks for a room in the database and takes it in; once a while for each key.
    async fn look<F>(&self, key: String, name: impl Fn() -> F + Send + Sync) -> Result<(), Error>
    where
        F: Future<Output = Result<Option<RoomName>, Error>> + Send,
    {
        let look = || async {
            let turn = timeout(PATIENCE, self.looks.acquire()).await;
            let _turn = turn.map_err(|_| Error::Starting)?;
            let Some(name) = name().await? else { return Ok(()) };
            self.take_in(&name).await
        };
        self.looked.get_or_look(key, look).await.map(drop)
    }

    async fn take_in(&self, name: &RoomName) -> Result<(), Error> {
        take_in(&self.rooms, &self.pool, name).await?;
        Ok(())
    }
}

/// Reads a room and takes it in. Gives its line; `None` where there is no such room.
///
/// # Errors
/// The database's.
pub async fn take_in(
    rooms: &Rooms,
    pool: &PgPool,
    name: &RoomName,
) -> sqlx::Result<Option<LineAt>> {
    let asked = Instant::now();
    let Some(row) = store::room(pool, name).await? else { return Ok(None) };
    // One that closed long ago is not kept; one that closed just now is known. Of those that sleep
    // none is known unless somebody asks.
    if row.phase != Phase::Closed || row.sleep.asleep {
        let gate = admission::contract::gate(pool, name).await?;
        rooms.follow_room(asked, &row, gate.as_ref());
    }
    Ok(Some(row.sleep.line))
}
