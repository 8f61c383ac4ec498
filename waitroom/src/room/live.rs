//! What is the same for everybody in a room, kept in memory and answered from there.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use admission::contract::{GateSettings, HeadsMoved, RoomName};
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use catalog::contract::{Show, Stop};
use chrono::Utc;
use kit::kept::KeptBody;
use parking_lot::RwLock;

use crate::{
    error::Error,
    head::{HeadDocument, head_log::HeadLog},
    room::{phase::Phase, seller::Seller, stopped_phase},
    store::RoomRow,
};

/// One room on this instance.
pub struct Room {
    pub name: RoomName,
    info: ArcSwap<Info>,
    /// What is sold, so that pages need no database; absent until it was read, and while it is not
    /// published.
    show: ArcSwapOption<Show>,
    log: RwLock<HeadLog>,
    document: ArcSwap<Document>,
    next_lane: AtomicUsize,
    pub seller: Seller,
}

/// What operators decide about a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    pub show: String,
    /// As fans meet it.
    pub phase: Phase,
    pub lanes: i32,
    /// What everybody is told: why the sale was stopped, if it was, and what operators say.
    pub message: String,
    pub stop: Option<Stop>,
    pub rate_per_sec: f64,
    pub claim_window_secs: i32,
}

impl Info {
    pub fn of(row: &RoomRow, gate: Option<&GateSettings>) -> Self {
        Self {
            show: row.show.clone(),
            phase: stopped_phase(row.phase, row.stop),
            lanes: row.lanes,
            message: told(row),
            stop: row.stop,
            rate_per_sec: gate.map_or(0.0, |gate| gate.rate_per_sec),
            claim_window_secs: gate.map_or(0, |gate| gate.claim_window_secs),
        }
    }
}

const SUSPENDED: &str = "Tickets for this show are not sold right now: its seller may not sell at \
    the moment. Nobody is let \
    in meanwhile. Places in line are safe, and tickets that were bought stay valid.";
const WITHDRAWN: &str = "This show was withdrawn. Nothing of it is sold any more and nobody is let \
    in. Tickets that were \
    bought stay valid.";

fn told(row: &RoomRow) -> String {
    let stopped = match row.stop {
        // A line that has closed does not go on, whether or not its seller may sell again.
        Some(Stop::Suspended) if row.phase == Phase::Closed => return row.message.clone(),
        None => return row.message.clone(),
        Some(Stop::Suspended) => SUSPENDED,
        Some(Stop::Withdrawn) => WITHDRAWN,
    };
    format!("{stopped} {}", row.message).trim_end().to_owned()
}

/// The head document as it goes out.
pub struct Document {
    pub body: KeptBody,
    pub head: HeadDocument,
}

impl Room {
    fn new(name: RoomName, info: Info, log: HeadLog) -> Self {
        let document = ArcSwap::from_pointee(document(&name, &info, &log));
        // Going on with the shortest lane keeps the lanes even, and with that the numbers of places
        // true.
        let shortest =
            log.heads().iter().min_by_key(|lane| lane.tail).map_or(0, |lane| lane.lane as usize);
        Self {
            name,
            info: ArcSwap::from_pointee(info),
            show: ArcSwapOption::empty(),
            log: RwLock::new(log),
            document,
            next_lane: AtomicUsize::new(shortest),
            seller: Seller::default(),
        }
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

    /// Reads the head log under its lock; `read` must be quick.
    pub fn with_log<T>(&self, read: impl FnOnce(&HeadLog) -> T) -> T {
        read(&self.log.read())
    }

    /// Lanes are assigned in turn, by the server.
    pub fn pick_lane(&self) -> i32 {
        let lanes = self.info.load().lanes.max(1) as usize;
        (self.next_lane.fetch_add(1, Ordering::Relaxed) % lanes) as i32
    }

    pub fn joined(&self, lane: i32, offset: i64) {
        self.log.write().joined(lane, offset);
    }

    fn refresh_document(&self) {
        let log = self.log.read();
        self.document.store(Arc::new(document(&self.name, &self.info.load(), &log)));
    }
}

fn document(room: &RoomName, info: &Info, log: &HeadLog) -> Document {
    let now = Utc::now();
    let lanes = log.heads();
    let head = HeadDocument {
        room: room.clone(),
        show: info.show.clone(),
        phase: info.phase,
        waiting: lanes.iter().map(|lane| lane.tail - lane.head).sum(),
        admitted: log.total_admitted(),
        lanes,
        rate_per_sec: info.rate_per_sec,
        pace_per_sec: log.pace_per_sec(now).map(|pace| (pace * 100.0).round() / 100.0),
        claim_window_secs: info.claim_window_secs,
        message: info.message.clone(),
        as_of: now,
        poll_after_ms: 2000,
    };
    let body = Bytes::from(serde_json::to_vec(&head).unwrap_or_default());
    // Weak: what counts is whether the line moved, not when the document was written.
    let etag = format!(
        "W/\"{:x}-{:x}-{}-{:x}\"",
        head.admitted,
        head.admitted + head.waiting,
        head.phase,
        (head.pace_per_sec.unwrap_or(-1.0).to_bits() ^ head.rate_per_sec.to_bits().rotate_left(7))
            .wrapping_add(
                head.message.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte))
            )
    );
    Document { body: KeptBody::tagged(body, &etag), head }
}

/// All rooms of this instance.
#[derive(Default)]
pub struct Rooms {
    rooms: RwLock<HashMap<RoomName, Arc<Room>>>,
    /// Heads that were read before their room was known (at start).
    early: RwLock<HashMap<RoomName, HeadLog>>,
    /// Whether the rooms were read once.
    known: AtomicBool,
    /// Whether the heads that were published before the start were read.
    caught_up: AtomicBool,
}

/// Rooms whose heads are kept although no such room is known; more are dropped.
const EARLY_ROOMS_MAX: usize = 1000;
const LANES_MAX: usize = 256;

impl Rooms {
    /// # Errors
    /// No such room, or [`Error::Starting`]: until the rooms and their heads were read, a room that
    /// is missing here may well exist, and one that is here seems to stand at its beginning.
    pub fn get(&self, room: &str) -> Result<Arc<Room>, Error> {
        self.ready()?;
        let rooms = self.rooms.read();
        let room: RoomName = room.parse().map_err(|_| Error::RoomUnknown)?;
        rooms.get(&room).cloned().ok_or(Error::RoomUnknown)
    }

    fn ready(&self) -> Result<(), Error> {
        if self.are_ready() { Ok(()) } else { Err(Error::Starting) }
    }

    /// Whether rooms and heads were read since this instance started.
    pub fn are_ready(&self) -> bool {
        self.known.load(Ordering::Acquire) && self.caught_up.load(Ordering::Acquire)
    }

    /// The room of a show, `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Starting`], as [`Rooms::get`].
    pub fn of_show(&self, show: &str) -> Result<Option<Arc<Room>>, Error> {
        self.ready()?;
        let rooms = self.rooms.read();
        Ok(rooms.values().find(|room| room.info.load().show == show).cloned())
    }

    /// Notes that the heads published before the start were read.
    pub fn caught_up(&self) {
        self.caught_up.store(true, Ordering::Release);
    }

    /// The shows of rooms that do not know theirs.
    pub fn without_show(&self) -> Vec<String> {
        let rooms = self.rooms.read();
        rooms
            .values()
            .filter(|room| room.show.load().is_none())
            .map(|room| room.info.load().show.clone())
            .collect()
    }

    /// Takes in what was read when asking for the shows `asked`.
    pub fn follow_shows(&self, asked: &[String], found: Vec<Show>) {
        let asked: HashSet<&String> = asked.iter().collect();
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

    /// Takes in what operators decided.
    pub fn follow_settings(&self, rows: &[RoomRow], gates: &[GateSettings]) {
        let mut rooms = self.rooms.write();
        rooms.retain(|name, _| rows.iter().any(|row| row.room == *name));
        for row in rows {
            let info = Info::of(row, gates.iter().find(|gate| gate.room == row.room));
            if let Some(room) = rooms.get(&row.room) {
                if *room.info.load_full() != info {
                    room.info.store(Arc::new(info));
                    room.refresh_document();
                }
                continue;
            }
            let early = self.early.write().remove(&row.room);
            let mut log = early.unwrap_or_default();
            log.resize(usize::try_from(row.lanes).unwrap_or(1));
            rooms.insert(row.room.clone(), Arc::new(Room::new(row.room.clone(), info, log)));
        }
        drop(rooms);
        self.known.store(true, Ordering::Release);
    }

    /// Takes in published heads.
    pub fn follow_heads(&self, moved: &HeadsMoved) {
        let rooms = self.rooms.read();
        if let Some(room) = rooms.get(&moved.room) {
            room.log.write().apply(moved);
            return;
        }
        let mut early = self.early.write();
        if early.len() < EARLY_ROOMS_MAX || early.contains_key(&moved.room) {
            early
                .entry(moved.room.clone())
                .or_insert_with(|| HeadLog::with_lanes(LANES_MAX))
                .apply(moved);
        }
    }

    /// Writes every room's head document anew.
    pub fn refresh_documents(&self) {
        let rooms: Vec<_> = self.rooms.read().values().cloned().collect();
        for room in rooms {
            room.refresh_document();
        }
    }
}
