//! Rooms go back to sleep by themselves where nobody has waited for a while.
//!
//! First a room is *drowsy*: its row says so, and whoever joins then stirs it before the join is
//! appended. After a minute no instance is left that could still append to its line without
//! having heard of that (see [`TRUSTED`]), so where it was not stirred its line has ended. What it
//! held is read and kept, and the row says that the room sleeps, in one transaction; only then its
//! topic and its keys are deleted.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{Gate, LaneRecord, LaneTurns, LineAt, RoomName, put_gate};
use anyhow::{Context, ensure};
use kit::{kafka::Kafka, redis::Redis, serve::Tasks};
use parking_lot::Mutex;
use redis::AsyncTypedCommands;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    room::{
        RoomState,
        find::take_in,
        info::Info,
        live::{Room, rooms::Rooms},
        phase::Phase,
        sleep::{Sleep, TRUSTED},
    },
    store::{self, sealed::OldLine},
    transcript::{
        line_reader::{LineReader, Stretch},
        sealed::parts,
    },
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longer than what an instance was told of a room is acted upon, with the time that a join that
/// was begun then may take.
const DROWSY_SECS: f64 = 60.0;
const _: () = assert!(TRUSTED.as_secs() + 5 <= DROWSY_SECS as u64);

struct Sleepers {
    rooms: Arc<Rooms>,
    pool: PgPool,
    redis: Redis,
    kafka: Kafka,
    gate: Gate,
    reader: LineReader,
    after: Duration,
    /// How far each room's lanes had come when they were seen to move last, and when that was.
    still: Mutex<HashMap<RoomName, (i64, Instant)>>,
}

/// Starts putting rooms to sleep in which nobody waited for `after`. Instances share the work;
/// doing it twice does nothing.
///
/// # Errors
/// When no Kafka client can be made.
pub fn start(
    rooms: &Arc<Rooms>,
    (pool, redis, kafka): (&PgPool, &Redis, &Kafka),
    after: Duration,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let stop: CancellationToken = tasks.stop();
    let sleepers = Arc::new(Sleepers {
        rooms: rooms.clone(),
        pool: pool.clone(),
        redis: redis.clone(),
        kafka: kafka.clone(),
        gate: Gate::new(redis.clone()),
        reader: LineReader::new(kafka, stop)?,
        after,
        still: Mutex::default(),
    });
    tasks.every("put rooms to sleep", LOOK_EVERY, move || {
        let sleepers = sleepers.clone();
        async move { sleepers.look().await }
    });
    Ok(())
}

impl Sleepers {
    async fn look(&self) -> anyhow::Result<()> {
        let rooms = self.rooms.all();
        let may_sleep: Vec<&Arc<Room>> = rooms.iter().filter(|room| may_sleep(room)).collect();
        let mut outcome = Ok(());
        for room in &may_sleep {
            if self.is_still(room) {
                let looked = self.look_at(room).await;
                outcome = outcome.and(looked.with_context(|| format!("room {}", room.name)));
            }
        }
        self.still.lock().retain(|name, _| may_sleep.iter().any(|room| room.name == *name));
        let deleted = self.delete_old().await;
        outcome.and(deleted)
    }

    /// Whether nobody has waited, come or been let in for long enough.
    fn is_still(&self, room: &Room) -> bool {
        let heads = &room.line().heads;
        let waits = heads.iter().any(|lane| lane.head < lane.tail) || room.is_stale();
        let come: i64 = heads.iter().map(|lane| lane.tail).sum();
        let mut still = self.still.lock();
        let known = still.entry(room.name.clone()).or_insert((come, Instant::now()));
        if waits || known.0 != come {
            *known = (come, Instant::now());
        }
        known.1.elapsed() >= self.after
    }

    async fn look_at(&self, room: &Room) -> anyhow::Result<()> {
        // Whoever was let in may still come.
        if self.gate.view(&room.name).await?.unclaimed > 0 {
            return Ok(());
        }
        if !store::sleep::make_drowsy(&self.pool, &room.name, DROWSY_SECS).await? {
            return Ok(());
        }
        self.seal(room).await
    }

    /// Keeps what a room's line held, and has it sleep. Nothing is done where it was stirred, or
    /// its roots and heads are not all published yet.
    async fn seal(&self, room: &Room) -> anyhow::Result<()> {
        let (name, info) = (&room.name, room.info());
        let (lanes, line) = (u32::try_from(info.lanes)?, info.sleep.line.clone());
        let (reader, of) = (self.reader.clone(), (name.clone(), line.clone()));
        let read = tokio::task::spawn_blocking(move || read(&reader, &of, lanes));
        let (ends, records) = read.await??;
        let heads = &room.line().heads;
        let turns = turns(&info, &ends);
        let passed = |(lane, turn): (i32, &i64)| {
            heads.iter().any(|known| known.lane == lane && known.head == *turn)
        };
        if !(0..).zip(&turns).all(passed) {
            return Ok(());
        }
        if !store::sleep::is_recorded(&self.pool, name, &ends, &turns).await? {
            tracing::debug!(room = %name, "its roots are not all published yet");
            return Ok(());
        }
        let mut tx = self.pool.begin().await?;
        let row = store::room_for_update(&mut tx, name).await?.context("the room is gone")?;
        let is_same = !row.sleep.asleep && row.sleep.line == line && row.phase == Phase::Open;
        if !is_same || !store::sleep::is_drowsy(&mut tx, name, DROWSY_SECS).await? {
            return Ok(());
        }
        for (lane, records) in (0..).zip(&records) {
            for part in parts(lane, records) {
                store::sealed::keep(&mut tx, name, &part).await?;
            }
        }
        let sealed = LineAt { bases: ends, ..line.clone() };
        store::sleep::set_asleep(&mut tx, name, &sealed).await?;
        store::sealed::note_old(&mut tx, name, &line).await?;
        let gate = admission::contract::gate(&mut *tx, name).await?;
        let before = row.state(gate.context("the room has no gate")?);
        let sleep = Sleep { asleep: true, line: sealed, ..before.sleep.clone() };
        put_gate(&mut tx, &RoomState { sleep, ..before }.gate()).await?;
        tx.commit().await.context("putting a room to sleep")?;
        metrics::counter!("fairgate_rooms_fell_asleep_total").increment(1);
        tracing::info!(room = %name, waking = line.waking, "a room fell asleep");
        take_in(&self.rooms, &self.pool, name).await?;
        Ok(())
    }

    /// Deletes topics and keys of lines whose rooms sleep.
    async fn delete_old(&self) -> anyhow::Result<()> {
        for OldLine { room, waking, lanes, is_last } in store::sealed::old_lines(&self.pool).await?
        {
            let line = LineAt { waking, ..LineAt::default() };
            // What the processes' group committed of it goes with it.
            self.kafka.delete_topic(&line.topic(&room)).await?;
            if is_last {
                self.delete_keys(&room, lanes).await?;
            }
            store::sealed::forget_old(&self.pool, &room, waking).await?;
            tracing::info!(%room, waking, "a line that is sealed was deleted");
        }
        Ok(())
    }

    /// Marks of those who left and came have the places of all of a room's lines in them, so that
    /// one that has woken meanwhile keeps them.
    async fn delete_keys(&self, room: &RoomName, lanes: i32) -> anyhow::Result<()> {
        let of_lanes = (0..lanes)
            .flat_map(|lane| ["left", "left-entries", "came"].map(|kind| format!("{kind}-{lane}")));
        let kinds = of_lanes.chain(["left-version", "granted-again"].map(str::to_owned));
        let keys: Vec<String> = kinds.map(|kind| self.redis.key(&kind, room)).collect();
        self.redis.connection().del(keys).await?;
        Ok(())
    }
}

fn may_sleep(room: &Room) -> bool {
    let info = room.info();
    let sleep = &info.sleep;
    sleep.sleeps && !sleep.asleep && info.phase == Phase::Open && info.stop.is_none()
}

/// How many turns there are in lanes that end there.
fn turns(info: &Info, ends: &[i64]) -> Vec<i64> {
    let made = info.draw.as_ref().filter(|draw| draw.is_made());
    let cohort = made.and_then(|draw| draw.frozen.as_ref()).map(|frozen| &frozen.cohort);
    let turns = |(lane, end): (i32, &i64)| LaneTurns::of(cohort, lane).tail(*end);
    (0..).zip(ends).map(turns).collect()
}

type Lanes = (Vec<i64>, Vec<Vec<LaneRecord>>);

/// Where the lanes end, and all that is in them. Blocks.
fn read(
    reader: &LineReader,
    (room, line): &(RoomName, LineAt),
    lanes: u32,
) -> anyhow::Result<Lanes> {
    let ends = reader.ends(room, line, lanes)?;
    let mut stretches = Vec::new();
    for (lane, to) in (0..).zip(&ends) {
        let from = u64::try_from(line.base(i32::try_from(lane)?))?;
        stretches.push(Stretch { lane, from, to: *to });
    }
    let mut records: Vec<Vec<LaneRecord>> = vec![Vec::new(); ends.len()];
    reader.read(room, line, &stretches, |lane, record| {
        let Some(records) = records.get_mut(lane as usize) else { return false };
        records.push(*record);
        true
    })?;
    for (stretch, records) in stretches.iter().zip(&records) {
        let is_whole = (stretch.from..stretch.to).eq(records.iter().map(|record| record.offset));
        ensure!(is_whole, "records of lane {} are missing", stretch.lane);
    }
    let ends = ends.into_iter().map(i64::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok((ends, records))
}
