//! What is the same for everybody in a room, kept in memory and answered from there.

pub mod rooms;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use admission::contract::{Draw, HeadsMoved, LaneTurns, LineAt, PlaceId, RoomName};
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use catalog::contract::Show;
use chrono::Utc;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::{
    head::{
        document::{Document, document},
        head_log::HeadLog,
        line_now::LineNow,
    },
    line::{lane_picker::LanePicker, left::LeftPlaces},
    room::{info::Info, seller::Seller},
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

#[cfg(test)]
mod tests;
