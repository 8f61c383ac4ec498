//! Waking rooms. The truth of it is the room's row: whoever wakes one makes the topic of its next
//! line first, which can be done twice, and writes the row after it, which is done once. Whoever is
//! stopped in between is followed by the next who comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use admission::contract::{Gate, LINE_SETTINGS, LineAt, RoomName, put_gate};
use anyhow::Context;
use futures::{StreamExt, stream};
use kit::{kafka::Kafka, serve::Tasks};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::{
    error::Error,
    room::{
        RoomState,
        find::take_in,
        live::{Room, rooms::Rooms},
        sleep::Sleep,
    },
    store,
};

/// How soon a room is awake that an operator, or its phase, wants awake.
const WANTED_EVERY: Duration = Duration::from_millis(250);
/// So many at once.
const WAKING_MAX: usize = 4;

/// Wakes rooms. Cheap to clone.
#[derive(Clone)]
pub struct Waker {
    rooms: Arc<Rooms>,
    pool: PgPool,
    kafka: Kafka,
    gate: Gate,
    /// Whoever waits longer for it is told to come again.
    patience: Duration,
    /// Whether the topic of heads is known to be there.
    has_heads: Arc<AtomicBool>,
}

impl Waker {
    pub fn new(
        rooms: Arc<Rooms>,
        pool: PgPool,
        kafka: Kafka,
        gate: Gate,
        patience: Duration,
    ) -> Self {
        Self { rooms, pool, kafka, gate, patience, has_heads: Arc::default() }
    }

    /// Wakes a room, and gives its line; also where another instance has woken it. It goes on when
    /// its caller hangs up.
    ///
    /// # Errors
    /// [`Error::NotAwake`]: Kafka or Postgres is away, or slow.
    pub async fn wake(&self, room: &Arc<Room>) -> Result<LineAt, Error> {
        let (waker, room) = (self.clone(), room.clone());
        let waking = tokio::spawn(async move {
            // One of those who come in this moment does it, and the others find it done.
            let mut woken = room.woken.lock().await;
            let known = room.info();
            if !known.sleep.asleep {
                return Ok(known.sleep.line.clone());
            }
            let is_done = woken.as_ref().filter(|line| line.waking > known.sleep.line.waking);
            match is_done {
                Some(line) => Ok(line.clone()),
                None => {
                    let line = waker.wake_named(&room.name).await?;
                    *woken = Some(line.clone());
                    anyhow::Ok(line)
                }
            }
        });
        match timeout(self.patience, waking).await {
            Ok(Ok(Ok(line))) => Ok(line),
            Ok(Ok(Err(error))) => Err(Error::NotAwake(format!("{error:#}"))),
            Ok(Err(error)) => Err(Error::Internal(error.into())),
            Err(_) => Err(Error::NotAwake("it takes long".to_owned())),
        }
    }

    /// Has a room stay awake that was about to sleep; `false` where it sleeps by now.
    ///
    /// # Errors
    /// The database's: nobody knows.
    pub async fn stir(&self, room: &Room) -> Result<bool, Error> {
        let is_awake = store::sleep::stir(&self.pool, &room.name).await?;
        take_in(&self.rooms, &self.pool, &room.name).await?;
        Ok(is_awake)
    }

    async fn wake_named(&self, room: &RoomName) -> anyhow::Result<LineAt> {
        let began = Instant::now();
        let row = store::room(&self.pool, room).await?.context("there is no such room")?;
        if row.sleep.asleep {
            let line = row.sleep.line.next();
            self.kafka.ensure_topic(&line.topic(room), row.lanes, &LINE_SETTINGS).await?;
            if !self.has_heads.load(Ordering::Relaxed) {
                admission::contract::ensure_heads_topic(&self.kafka).await?;
                self.has_heads.store(true, Ordering::Relaxed);
            }
            self.write(room, &line).await?;
            metrics::counter!("fairgate_rooms_woken_total").increment(1);
            let took_ms = began.elapsed().as_millis() as u64;
            tracing::info!(%room, waking = line.waking, took_ms, "a room woke");
        }
        let line = take_in(&self.rooms, &self.pool, room).await?.context("the room is gone")?;
        // Instances that have not heard of it are told by the gate. Should that be away, nobody is
        // let straight in either.
        if let Err(error) = self.gate.note_woken(room, line.waking).await {
            tracing::debug!(%room, %error, "the gate was not told that its room woke");
        }
        Ok(line)
    }

    /// Writes that a room has this line, unless another did meanwhile.
    async fn write(&self, room: &RoomName, line: &LineAt) -> anyhow::Result<()> {
        let mut tx = self.pool.begin().await?;
        let row = store::room_for_update(&mut tx, room).await?.context("the room is gone")?;
        if !row.sleep.asleep {
            return Ok(());
        }
        let gate = admission::contract::gate(&mut *tx, room).await?;
        let before = row.state(gate.context("the room has no gate")?);
        let sleep = Sleep { asleep: false, line: line.clone(), ..before.sleep.clone() };
        store::sleep::set_awake(&mut tx, room, line).await?;
        put_gate(&mut tx, &RoomState { sleep, ..before }.gate()).await?;
        tx.commit().await.context("writing that the room woke")
    }
}

/// Starts waking rooms that an operator, or their phase, wants awake. Instances share the work;
/// doing it twice does nothing.
pub fn start(waker: &Waker, tasks: &Tasks) {
    let waker = waker.clone();
    tasks.every("wake rooms", WANTED_EVERY, move || {
        let waker = waker.clone();
        async move {
            let wanted = store::sleep::rooms_to_wake(&waker.pool).await?;
            let woken: Vec<anyhow::Result<LineAt>> = stream::iter(wanted)
                .map(|room| {
                    let waker = waker.clone();
                    async move {
                        let woken = waker.wake_named(&room).await;
                        woken.with_context(|| format!("waking {room}"))
                    }
                })
                .buffer_unordered(WAKING_MAX)
                .collect()
                .await;
            woken.into_iter().collect::<anyhow::Result<Vec<_>>>().map(drop)
        }
    });
}
