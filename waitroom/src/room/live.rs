//! What is the same for everybody in a room, kept in memory and answered from there.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use admission::contract::{Draw, GateSettings, HeadsMoved, LaneTurns, LineAt, PlaceId, RoomName};
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use catalog::contract::{Show, ShowId};
use chrono::{TimeDelta, Utc};
use kit::kafka::reader::Read;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::{
    error::Error,
    head::{
        document::{Document, document},
        head_log::HeadLog,
        line_now::LineNow,
    },
    line::{lane_picker::LanePicker, left::LeftPlaces},
    room::{info::Info, seller::Seller},
    store::RoomRow,
};

/// One room on this instance.
pub struct Room {
    pub name: RoomName,
    info: ArcSwap<Info>,
    /// When what is known of it began to be read: what was read before changes nothing.
    asked: Mutex<Instant>,
    /// What is sold, so that pages need no database; absent until it was read, and while it is not
    /// published.
    show: ArcSwapOption<Show>,
    log: RwLock<HeadLog>,
    /// Of the log, what everybody's place follows from: read without its lock.
    line: ArcSwap<LineNow>,
    document: ArcSwap<Document>,
    /// Everybody's turn, once the draw was made.
    draw: ArcSwapOption<Draw>,
    left: ArcSwap<LeftPlaces>,
    /// Those who left before the draw, by their places.
    left_entries: ArcSwap<LeftPlaces>,
    /// Told whenever a record came.
    moved: watch::Sender<()>,
    /// Which reading of those who left this instance has.
    left_version: AtomicI64,
    /// When this instance learned of it.
    found: Instant,
    lanes: LanePicker,
    /// How many joined here.
    joins: metrics::Counter,
    /// Whether the document may say something else than what is known now.
    changed: AtomicBool,
    pub seller: Seller,
    /// The line that this instance woke it with last; whoever holds it is waking it.
    pub woken: tokio::sync::Mutex<Option<LineAt>>,
    /// When somebody asked for it last.
    used: Mutex<Instant>,
}

impl Room {
    fn new(name: RoomName, info: Info, asked: Instant, log: HeadLog) -> Self {
        let document = ArcSwap::from_pointee(document(&name, &info, &log, 0, Utc::now()));
        // Going on with the shortest lane keeps the lanes even, and with that the numbers of places
        // true.
        let shortest =
            log.heads().iter().min_by_key(|lane| lane.tail).map_or(0, |lane| lane.lane as usize);
        let joins = metrics::counter!("fairgate_joined_total", "room" => name.to_string());
        let room = Self {
            name,
            info: ArcSwap::from_pointee(info),
            asked: Mutex::new(asked),
            show: ArcSwapOption::empty(),
            line: ArcSwap::new(LineNow::of(&log)),
            log: RwLock::new(log),
            document,
            draw: ArcSwapOption::empty(),
            left: ArcSwap::default(),
            left_entries: ArcSwap::default(),
            moved: watch::Sender::new(()),
            left_version: AtomicI64::new(0),
            found: Instant::now(),
            lanes: LanePicker::starting_at(shortest),
            joins,
            changed: AtomicBool::new(false),
            seller: Seller::default(),
            woken: tokio::sync::Mutex::default(),
            used: Mutex::new(Instant::now()),
        };
        room.follow_draw(&room.info());
        room.begin_line(&room.info());
        room
    }

    pub fn info(&self) -> Arc<Info> {
        self.info.load_full()
    }

    pub fn show(&self) -> Option<Arc<Show>> {
        self.show.load_full()
    }

    pub fn document(&self) -> Arc<Document> {
        self.document.load_full()
    }

    /// Where the line stands now.
    pub fn line(&self) -> Guard<Arc<LineNow>> {
        self.line.load()
    }

    /// Changes the head log, and what is read of it without its lock.
    fn change_log(&self, change: impl FnOnce(&mut HeadLog)) {
        let mut log = self.log.write();
        let line = self.line.load();
        log.reach(line.ends().iter().map(|end| end.load(Ordering::Relaxed)), Utc::now());
        change(&mut log);
        self.line.store(line.next(&log));
    }

    /// Reads the head log under its lock; `read` must be quick.
    pub fn with_log<T>(&self, read: impl FnOnce(&HeadLog) -> T) -> T {
        read(&self.log.read())
    }

    /// Lanes are assigned by the server, evenly.
    pub fn pick_lane(&self) -> i32 {
        // Goes round after 49 days, as the picker knows.
        let now_ms = self.found.elapsed().as_millis() as u32;
        self.lanes.pick(self.line.load().ends(), now_ms)
    }

    /// When a place is served: its turn by the draw, once that was made, and itself otherwise.
    /// Heads count turns.
    pub fn turn(&self, place: &PlaceId) -> PlaceId {
        let draw = self.draw.load();
        let draw = draw.as_ref().filter(|_| !place.is_direct());
        draw.map_or_else(|| place.clone(), |draw| draw.turn_of(place))
    }

    /// Takes in the draw, once it was made.
    fn follow_draw(&self, info: &Info) {
        let Some(made) = info.draw.as_ref().filter(|draw| draw.is_made()) else { return };
        if self.draw.load().is_some() {
            return;
        }
        match made.turns(&self.name) {
            Ok(Some(draw)) => {
                self.change_log(|_| ());
                let mut log = self.log.write();
                log.draw(&draw);
                // Before there are ends that count turns: no join is noted there by its place.
                self.draw.store(Some(Arc::new(draw)));
                self.line.store(LineNow::of(&log));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(room = %self.name, %error, "the draw cannot be computed"),
        }
    }

    /// Has the lanes go on from where those of earlier lines ended.
    fn begin_line(&self, info: &Info) {
        if info.sleep.line.bases.is_empty() {
            return;
        }
        let made = info.draw.as_ref().filter(|draw| draw.is_made());
        let cohort = made.and_then(|draw| draw.frozen.as_ref()).map(|frozen| &frozen.cohort);
        let turns = |(lane, base): (i32, &i64)| LaneTurns::of(cohort, lane).tail(*base);
        let turns: Vec<i64> = (0..).zip(&info.sleep.line.bases).map(turns).collect();
        self.change_log(|log| log.begin_at(&turns));
        self.changed.store(true, Ordering::Release);
    }

    /// Notes a join that was acknowledged, without a lock; the log takes it in when it next
    /// changes, or the head document is written.
    pub fn joined(&self, place: &PlaceId) {
        // Before the turn: ends that count turns are there after the draw.
        let line = self.line.load();
        let turn = self.turn(place);
        line.joined(turn.lane, turn.offset);
        self.joins.increment(1);
        self.changed.store(true, Ordering::Release);
    }

    /// Whether nothing was heard of the line for too long.
    pub fn is_stale(&self) -> bool {
        let info = self.info.load();
        let is_told_of = info.phase.takes_joins() && !info.sleep.asleep;
        is_told_of && self.line.load().is_stale(Utc::now())
    }

    /// When began what is known of it.
    pub fn known_since(&self) -> Instant {
        *self.asked.lock()
    }

    /// How long ago began what is known of it.
    pub fn known_for(&self) -> Duration {
        self.asked.lock().elapsed()
    }

    /// Whether the place's fan left on purpose.
    pub fn has_left(&self, place: &PlaceId) -> bool {
        self.has_left_at(&self.turn(place)) || self.has_left_entry(place)
    }

    /// Whether the fan whose turn it is left on purpose.
    pub fn has_left_at(&self, turn: &PlaceId) -> bool {
        self.left.load().has(turn.lane, turn.offset)
    }

    /// Whether the place's fan left before the draw.
    pub fn has_left_entry(&self, place: &PlaceId) -> bool {
        self.left_entries.load().has(place.lane, place.offset)
    }

    pub fn mark_left_at(&self, turn: &PlaceId) {
        self.mark(&self.left, turn);
    }

    pub fn mark_left_entry(&self, place: &PlaceId) {
        self.mark(&self.left_entries, place);
    }

    /// Few leave, and everybody looks: who leaves copies the marks.
    fn mark(&self, left: &ArcSwap<LeftPlaces>, at: &PlaceId) {
        left.rcu(|left| {
            let mut left = LeftPlaces::clone(left);
            left.mark(at.lane, at.offset);
            left
        });
        self.changed.store(true, Ordering::Release);
    }

    /// Takes in who has left, as all instances know, by turns and by the places of those who left
    /// before the draw, and which reading of that it is.
    pub fn follow_left(&self, version: i64, left: LeftPlaces, entries: LeftPlaces) {
        self.left.store(Arc::new(left));
        self.left_entries.store(Arc::new(entries));
        self.changed.store(true, Ordering::Release);
        self.left_version.store(version, Ordering::Relaxed);
    }

    /// The reading of those who left that was taken in last; 0 for none.
    pub fn left_version(&self) -> i64 {
        self.left_version.load(Ordering::Relaxed)
    }

    /// Hears of each record that comes from now on.
    pub fn follow_moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    fn apply(&self, moved: &HeadsMoved) {
        self.change_log(|log| log.apply(moved));
        self.changed.store(true, Ordering::Release);
        self.moved.send_replace(());
    }

    fn follow_info(&self, info: Info, asked: Instant) {
        let mut latest = self.asked.lock();
        if asked < *latest {
            return;
        }
        *latest = asked;
        let info = info.at(Utc::now(), self.show.load().as_ref().map(|show| show.starts_at));
        let before = self.info.load_full();
        if *before == info {
            return;
        }
        if before.phase != info.phase {
            self.log.write().forget_pace();
        }
        // Before anybody hears that it is open.
        self.follow_draw(&info);
        if before.sleep.line != info.sleep.line {
            self.begin_line(&info);
        }
        self.info.store(Arc::new(info));
        self.changed.store(true, Ordering::Release);
        self.refresh_document();
    }

    /// Writes the document anew where it may say something else.
    fn refresh_document(&self) {
        let changed = self.changed.swap(false, Ordering::AcqRel);
        if changed {
            self.change_log(|_| ());
        }
        let log = self.log.read();
        let is_as_stale = || self.document.load().head.stale == log.is_stale(Utc::now());
        if !changed && !log.ages() && is_as_stale() {
            return;
        }
        let left: i64 = {
            let awaits_draw = self.info.load().awaits_draw();
            let left = if awaits_draw { self.left_entries.load() } else { self.left.load() };
            log.heads().iter().map(|lane| left.count_from(lane.lane, lane.head)).sum()
        };
        let document = document(&self.name, &self.info.load(), &log, left, Utc::now());
        self.document.store(Arc::new(document));
    }
}

/// All rooms of this instance.
#[derive(Default)]
pub struct Rooms {
    rooms: RwLock<HashMap<RoomName, Arc<Room>>>,
    /// Which room is a show's. One that is not there any more may still be named.
    by_show: RwLock<HashMap<ShowId, RoomName>>,
    /// Records of late of rooms that are not known: they were made just now.
    early: Mutex<VecDeque<HeadsMoved>>,
    /// Whether the rooms were read once.
    known: watch::Sender<bool>,
    /// Whether the heads that were published before the start were read.
    caught_up: AtomicBool,
    /// How often the reader of heads met anything.
    heard: AtomicUsize,
    /// Whether heads are published, and none of them is read.
    reader_stands: AtomicBool,
}

/// A room that sleeps is forgotten when nobody asked for it for so long, or so many others were
/// asked for since.
const ASLEEP_HELD: Duration = Duration::from_secs(60);
const ASLEEP_MAX: usize = 2_000;
/// Records that are kept although no such room is known; earlier ones are dropped.
const EARLY_MAX: usize = 2000;
/// For so long. A room is read from the database within a second of being made.
const EARLY: TimeDelta = TimeDelta::seconds(60);

impl Rooms {
    /// # Errors
    /// No such room, or [`Error::Starting`]: until the rooms and their heads were read, a room that
    /// is missing here may well exist, and one that is here seems to stand at its beginning.
    pub fn get(&self, room: &str) -> Result<Arc<Room>, Error> {
        self.ready()?;
        let rooms = self.rooms.read();
        let room: RoomName = room.parse().map_err(|_| Error::RoomUnknown)?;
        let room = rooms.get(&room).cloned().ok_or(Error::RoomUnknown)?;
        *room.used.lock() = Instant::now();
        Ok(room)
    }

    fn ready(&self) -> Result<(), Error> {
        if self.are_ready() { Ok(()) } else { Err(Error::Starting) }
    }

    /// Whether rooms and heads were read since this instance started.
    pub fn are_ready(&self) -> bool {
        *self.known.borrow() && self.caught_up.load(Ordering::Acquire)
    }

    /// Waits until the rooms were read once: a head that is read before its room says nothing.
    pub async fn until_known(&self) {
        // The sender is ours, so it is there.
        let _ = self.known.subscribe().wait_for(|known| *known).await;
    }

    /// The room of a show, `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Starting`], as [`Rooms::get`].
    pub fn of_show(&self, show: &ShowId) -> Result<Option<Arc<Room>>, Error> {
        self.ready()?;
        let name = self.by_show.read().get(show).cloned();
        let room = name.and_then(|name| self.rooms.read().get(&name).cloned());
        if let Some(room) = &room {
            *room.used.lock() = Instant::now();
        }
        Ok(room)
    }

    /// The rooms that sleep of which somebody asked lately: nobody else's are held.
    pub fn asleep_in_use(&self) -> Vec<RoomName> {
        let rooms = self.rooms.read();
        let asleep = rooms.values().filter(|room| room.info.load().sleep.asleep);
        let mut used: Vec<(Duration, RoomName)> =
            asleep.map(|room| (room.used.lock().elapsed(), room.name.clone())).collect();
        used.retain(|(ago, _)| *ago < ASLEEP_HELD);
        used.sort();
        used.truncate(ASLEEP_MAX);
        used.into_iter().map(|(_, name)| name).collect()
    }

    /// The shows of rooms that do not know theirs.
    pub fn without_show(&self) -> Vec<ShowId> {
        let rooms = self.rooms.read();
        rooms
            .values()
            .filter(|room| room.show.load().is_none())
            .map(|room| room.info.load().show.clone())
            .collect()
    }

    /// Takes in what was read when asking for the shows `asked`.
    pub fn follow_shows(&self, asked: &[ShowId], found: Vec<Show>) {
        let asked: HashSet<&ShowId> = asked.iter().collect();
        let found: HashMap<_, _> =
            found.into_iter().map(|show| (show.show.clone(), Arc::new(show))).collect();
        let rooms = self.rooms.read();
        for room in rooms.values() {
            let show = room.info.load().show.clone();
            if asked.contains(&show) {
                room.show.store(found.get(&show).cloned());
            }
        }
    }

    /// Takes in what operators decided about all rooms that are held, as it was read beginning at
    /// `asked`.
    pub fn follow_settings(&self, asked: Instant, rows: &[RoomRow], gates: &[GateSettings]) {
        let names: HashSet<&RoomName> = rows.iter().map(|row| &row.room).collect();
        let gates: HashMap<&RoomName, &GateSettings> =
            gates.iter().map(|gate| (&gate.room, gate)).collect();
        // A room that was found meanwhile was made meanwhile.
        let is_there =
            |name: &RoomName, room: &Arc<Room>| room.found > asked || names.contains(name);
        if !self.rooms.read().iter().all(|(name, room)| is_there(name, room)) {
            self.rooms.write().retain(|name, room| is_there(name, room));
            let rooms = self.rooms.read();
            self.by_show.write().retain(|_, name| rooms.contains_key(name));
        }
        for row in rows {
            self.follow_room(asked, row, gates.get(&row.room).copied());
        }
        self.known.send_if_modified(|known| !std::mem::replace(known, true));
    }

    /// Takes in what operators decided about a room, as it was read beginning at `asked`.
    pub fn follow_room(&self, asked: Instant, row: &RoomRow, gate: Option<&GateSettings>) {
        let info = Info::of(row, gate);
        let known = self.rooms.read().get(&row.room).cloned();
        if let Some(room) = known {
            return room.follow_info(info, asked);
        }
        let mut rooms = self.rooms.write();
        if let Some(room) = rooms.get(&row.room).cloned() {
            drop(rooms);
            return room.follow_info(info, asked);
        }
        let mut log = HeadLog::with_lanes(usize::try_from(row.lanes).unwrap_or(1));

        // Heads are followed under the same lock, so that none falls in between.
        for moved in self.early.lock().iter().filter(|moved| moved.room == row.room) {
            log.apply(moved);
        }
        rooms.insert(row.room.clone(), Arc::new(Room::new(row.room.clone(), info, asked, log)));
        self.by_show.write().insert(row.show.clone(), row.room.clone());
    }

    /// Takes in what the reader of heads met.
    pub fn follow_heads(&self, met: Read<HeadsMoved>) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let moved = match met {
            Read::Event { event, .. } => event,
            Read::CaughtUp => return self.caught_up.store(true, Ordering::Release),
        };
        let rooms = self.rooms.read();
        if let Some(room) = rooms.get(&moved.room) {
            return room.apply(&moved);
        }
        // Of a room that was closed long ago, or made just now.
        let now = Utc::now();
        if moved.at > now - EARLY {
            let mut early = self.early.lock();
            early.retain(|moved| moved.at > now - EARLY);
            if early.len() >= EARLY_MAX {
                early.pop_front();
            }
            early.push_back(moved);
        }
    }

    /// Whether some room's line was not told of for too long.
    pub fn some_stale(&self) -> bool {
        self.rooms.read().values().any(|room| room.is_stale())
    }

    /// How often the reader of heads met anything so far.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    /// Notes whether heads are published that the reader does not read.
    pub fn note_reader(&self, stands: bool) {
        self.reader_stands.store(stands, Ordering::Relaxed);
    }

    /// Whether heads are published that the reader does not read.
    pub fn reader_stands(&self) -> bool {
        self.reader_stands.load(Ordering::Relaxed)
    }

    pub fn all(&self) -> Vec<Arc<Room>> {
        self.rooms.read().values().cloned().collect()
    }

    /// Writes each room's head document anew that may say something else.
    pub fn refresh_documents(&self) {
        for room in self.all() {
            room.refresh_document();
        }
    }
}

#[cfg(test)]
mod tests;
