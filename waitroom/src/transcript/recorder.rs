//! Publishes roots and heads of the rooms that this instance records. Each room has one recorder at
//! a time, by a lease that it renews; what it writes is written only while it has that.
//!
//! Whoever begins to record a line reads all of it, and holds it against every root that was
//! published before: so a past that was rewritten is found, and nothing more is published of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{Digest32, LaneHead, LineAt, MerkleTree, RoomName};
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use kit::{kafka::Kafka, serve::Tasks};
use parking_lot::Mutex;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    head::head_log::HeadLog,
    room::{
        info::Info,
        live::{Room, rooms::Rooms},
        phase::Phase,
    },
    store,
    transcript::{
        line_reader::{LineReader, Stretch},
        recorded::Recorded,
        sealed::Sealed,
    },
};

/// A draw waits for its cohort's roots.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const HOLD_EVERY: Duration = Duration::from_secs(2);
/// Longer than a look takes.
const LEASE_SECS: f64 = 20.0;
/// So many records of a line are read at a look, over all its lanes; the others at the next.
const RECORDS_MAX: u64 = 500_000;
/// A line that cannot be read rests for so long: each try may take as long as that.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// Joins that were on their way when a room closed are in its line by then.
const CLOSED_FOR: Duration = Duration::from_secs(60);

/// Shared with the thread that reads.
type Line = Arc<Mutex<Recorded>>;

/// Why a line is read now.
enum Reading {
    /// Its roots are due.
    Rooted,
    /// Its draw is to come.
    Followed,
}

/// What one instance records.
struct Recorder {
    id: Uuid,
    rooms: Arc<Rooms>,
    pool: PgPool,
    reader: LineReader,
    roots_every: TimeDelta,
    held: HashSet<RoomName>,
    held_at: Option<Instant>,
    /// Rooms whose lines could not be read a moment ago.
    failed: HashMap<RoomName, Instant>,
    lines: HashMap<RoomName, Line>,
}

/// Starts recording.
///
/// # Errors
/// When no Kafka client can be made.
pub fn start(
    rooms: &Arc<Rooms>,
    pool: &PgPool,
    kafka: &Kafka,
    roots_every: Duration,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let recorder = Recorder {
        id: Uuid::new_v4(),
        rooms: rooms.clone(),
        pool: pool.clone(),
        reader: LineReader::new(kafka, tasks.stop())?,
        roots_every: TimeDelta::from_std(roots_every)?,
        held: HashSet::new(),
        held_at: None,
        failed: HashMap::new(),
        lines: HashMap::new(),
    };
    let (id, pool, stop) = (recorder.id, pool.clone(), tasks.stop());
    tasks.spawn(async move {
        stop.cancelled().await;
        // Others go on at once; where this fails they do so a little later.
        if let Err(error) = store::transcript::release(&pool, id).await {
            tracing::debug!(%error, "letting others record");
        }
    });
    let recorder = Arc::new(tokio::sync::Mutex::new(recorder));
    tasks.every("record lines", LOOK_EVERY, move || {
        let recorder = recorder.clone();
        async move { recorder.lock().await.look().await }
    });
    Ok(())
}

impl Recorder {
    async fn look(&mut self) -> anyhow::Result<()> {
        let mut rooms = self.rooms.all();
        self.failed.retain(|_, at| at.elapsed() < FAILED_FOR);
        rooms.retain(|room| {
            let info = room.info();
            !info.phase.may_open_yet() && !info.sleep.asleep
        });
        if self.held_at.is_none_or(|at| at.elapsed() >= HOLD_EVERY) {
            self.hold(&rooms).await?;
        }
        let mut outcome = Ok(());
        for room in &rooms {
            if self.failed.contains_key(&room.name) || !self.held.contains(&room.name) {
                continue;
            }
            let recorded = self.look_at(room).await;
            if recorded.is_err() {
                self.failed.insert(room.name.clone(), Instant::now());
                // Others are not lost by how long this one took.
                self.hold(&rooms).await?;
            }
            outcome = outcome.and(recorded.with_context(|| format!("the line of {}", room.name)));
        }
        outcome
    }

    async fn hold(&mut self, rooms: &[Arc<Room>]) -> anyhow::Result<()> {
        let names: Vec<String> = rooms.iter().map(|room| room.name.to_string()).collect();
        let held = store::transcript::hold(&self.pool, self.id, &names, LEASE_SECS).await?;
        self.held = held.into_iter().collect();
        self.held_at = Some(Instant::now());
        // Another one's work is not gone on with.
        self.lines.retain(|name, _| self.held.contains(name));
        Ok(())
    }

    /// Gives a room up, which is another's by now, or recorded to its end.
    fn leave(&mut self, room: &RoomName) {
        self.held.remove(room);
        self.lines.remove(room);
    }

    async fn look_at(&mut self, room: &Room) -> anyhow::Result<()> {
        let line = match self.lines.get(&room.name) {
            Some(line) => line.clone(),
            None => {
                let line = self.begin(&room.name).await?;
                self.lines.insert(room.name.clone(), line.clone());
                line
            }
        };
        let outcome = self.record(room, &line).await;
        for (lane, contradiction) in line.lock().untold() {
            let labels = [("room", room.name.to_string())];
            metrics::counter!("fairgate_records_contradicted_total", &labels).increment(1);
            tracing::error!(
                room = %room.name, lane, %contradiction,
                "a line's past is not the one that was published; it has no roots from here on"
            );
        }
        outcome
    }

    async fn begin(&self, room: &RoomName) -> anyhow::Result<Line> {
        let roots = store::transcript::roots(&self.pool, room).await?;
        let heads = store::transcript::heads(&self.pool, room).await?;
        Ok(Arc::new(Mutex::new(Recorded::new(self.roots_every, &roots, &heads))))
    }

    async fn record(&mut self, room: &Room, line: &Line) -> anyhow::Result<()> {
        let info = room.info();
        // Before the lanes' ends are asked for: whoever was let in is under the roots that follow.
        let heads = room.with_log(HeadLog::heads);
        let lanes = u32::try_from(info.lanes)?;
        let is_closed = info.phase == Phase::Closed && !info.has_begun;
        let (now, reading, closed) = {
            let (now, mut line) = (Utc::now(), line.lock());
            line.grow(lanes);
            if is_closed {
                line.closed.get_or_insert_with(Instant::now);
            }
            let reading = if line.roots.is_due(now, is_closed) {
                Some(Reading::Rooted)
            } else {
                let is_drawn_soon = info.draw.as_ref().is_some_and(|draw| draw.frozen.is_none());
                let is_due = is_drawn_soon && line.is_follow_due(Instant::now());
                is_due.then_some(Reading::Followed)
            };
            (now, reading, line.closed)
        };
        let cohort = self.root_cohort(room, &info, line).await;
        let is_read = match reading {
            Some(Reading::Rooted) => self.root_lanes(room, lanes, line).await?,
            Some(Reading::Followed) => {
                self.read_lanes(room, lanes, line).await?;
                false
            }
            None => false,
        };
        self.note_heads(room, &info, (&heads, now, is_closed), line).await?;
        if is_read && closed.is_some_and(|closed| closed.elapsed() >= CLOSED_FOR) {
            store::transcript::end(&self.pool, self.id, &room.name).await?;
            self.leave(&room.name);
        }
        cohort
    }

    /// Reads each lane to where it ends now, and publishes its root. `true` where all were read.
    async fn root_lanes(&mut self, room: &Room, lanes: u32, line: &Line) -> anyhow::Result<bool> {
        let at = store::transcript::now(&self.pool).await?;
        let ends = self.read_lanes(room, lanes, line).await?;
        let (roots, is_read) = {
            let line = line.lock();
            (line.new_roots(&ends, at), line.is_read(&ends))
        };
        if !roots.is_empty()
            && !store::transcript::publish_roots(&self.pool, self.id, &room.name, &roots).await?
        {
            tracing::info!(room = %room.name, "another instance records its line by now");
            self.leave(&room.name);
            return Ok(false);
        }
        let mut line = line.lock();
        line.note_roots(&roots);
        if is_read {
            line.roots.note(Utc::now());
        }
        Ok(is_read)
    }

    /// Reads each lane to where it ends now, or as far as one look goes, and keeps the blocks that
    /// became full; where the lanes ended.
    async fn read_lanes(
        &mut self,
        room: &Room,
        lanes: u32,
        line: &Line,
    ) -> anyhow::Result<Vec<u64>> {
        let (reader, name, read) = (self.reader.clone(), room.name.clone(), line.clone());
        let at_line = room.info().sleep.line.clone();
        let sealed = self.sealed(&room.name, &at_line, line).await?;
        let ends = tokio::task::spawn_blocking(move || {
            let ends = reader.ends(&name, &at_line, lanes)?;
            let mut line = read.lock();
            let unread = line.unread(&ends, (RECORDS_MAX / u64::from(lanes.max(1))).max(1));
            let unread = sealed.show(&unread, &at_line, |lane, record| line.append(lane, record));
            reader.read(&name, &at_line, &unread, |lane, record| line.append(lane, record))?;
            anyhow::Ok(ends)
        });
        let ends = ends.await??;
        let blocks = {
            let mut line = line.lock();
            line.read_at = Some(Instant::now());
            line.take_full()
        };
        if !blocks.is_empty() {
            let kept = store::transcript::keep_blocks(&self.pool, self.id, &room.name, &blocks);
            // They are not told again: all is read anew.
            kept.await.inspect_err(|_| self.leave(&room.name))?;
        }
        Ok(ends)
    }

    /// What is kept of the room's earlier lines, as far as it was not read.
    async fn sealed(&self, room: &RoomName, at: &LineAt, line: &Line) -> anyhow::Result<Sealed> {
        let sizes = line.lock().sizes();
        let mut sealed = Sealed::default();
        for ((lane, size), base) in (0..).zip(sizes).zip(&at.bases) {
            let base = u64::try_from(*base)?;
            if size < base {
                let parts = store::sealed::parts(&self.pool, room, lane, (size, base)).await?;
                sealed.add(parts);
            }
        }
        Ok(sealed)
    }

    async fn note_heads(
        &mut self,
        room: &Room,
        info: &Info,
        (heads, now, is_closed): (&[LaneHead], DateTime<Utc>, bool),
        line: &Line,
    ) -> anyhow::Result<()> {
        let made = info.draw.as_ref().filter(|draw| draw.is_made());
        let cohort = made.and_then(|draw| draw.frozen.as_ref()).map(|frozen| &frozen.cohort);
        let moved = {
            let line = line.lock();
            if line.heads.is_due(now, is_closed) { line.new_heads(heads, cohort) } else { vec![] }
        };
        if moved.is_empty() || !self.held.contains(&room.name) {
            return Ok(());
        }
        if !store::transcript::publish_heads(&self.pool, self.id, &room.name, &moved).await? {
            self.leave(&room.name);
            return Ok(());
        }
        let mut line = line.lock();
        moved.iter().for_each(|(lane, head)| line.note_head(*lane, *head));
        line.heads.note(now);
        Ok(())
    }

    /// Publishes the roots over the cohort of a room whose entries have closed, unless they stand.
    async fn root_cohort(&self, room: &Room, info: &Info, line: &Line) -> anyhow::Result<()> {
        let frozen = info.draw.as_ref().and_then(|draw| draw.frozen.as_ref());
        let Some(frozen) = frozen.filter(|frozen| frozen.roots.is_none()) else { return Ok(()) };
        let ends = frozen.cohort.ends().to_vec();
        let Some(trees) = line.lock().cohort_trees(&ends, Instant::now()) else { return Ok(()) };
        let of = (room.name.clone(), info.sleep.line.clone());
        let reader = self.reader.clone();
        let roots = tokio::task::spawn_blocking(move || cohort_roots(&reader, &of, trees, &ends));
        if store::draw::publish_roots(&self.pool, &room.name, &roots.await??).await? {
            Ok(())
        } else {
            bail!("other roots stand over its cohort")
        }
    }
}

/// Reads on to where each lane's cohort ends. Blocks.
fn cohort_roots(
    reader: &LineReader,
    (room, line): &(RoomName, LineAt),
    mut trees: Vec<MerkleTree>,
    ends: &[u64],
) -> anyhow::Result<Vec<Digest32>> {
    let stretch = |((lane, tree), to): ((u32, &MerkleTree), &u64)| Stretch {
        lane,
        from: tree.size(),
        to: *to,
    };
    let unread: Vec<Stretch> = (0..).zip(&trees).zip(ends).map(stretch).collect();
    reader.read(room, line, &unread, |lane, record| {
        let Some(tree) = trees.get_mut(lane as usize) else { return false };
        let is_next = record.offset == tree.size();
        if is_next {
            tree.append(record.leaf());
        }
        is_next
    })?;
    ensure!(trees.iter().zip(ends).all(|(tree, end)| tree.size() == *end), "its cohort has gaps");
    Ok(trees.iter().map(MerkleTree::root).collect())
}
