//! All rooms of this instance, by name and by show.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use admission::contract::{GateSettings, HeadsMoved, RoomName};
use catalog::contract::{Show, ShowId};
use chrono::{TimeDelta, Utc};
use kit::kafka::reader::Read;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::Room;
use crate::{error::Error, head::head_log::HeadLog, room::info::Info, store::RoomRow};

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
mod tests {
    use super::*;
    use crate::room::phase::Phase;

    #[test]
    fn a_room_is_found_by_its_show_until_it_is_gone() {
        let rooms = Rooms::default();
        rooms.follow_settings(Instant::now(), &[RoomRow::for_tests("r", Phase::Open)], &[]);
        rooms.follow_heads(Read::CaughtUp);
        let show = "s".parse().expect("an id");
        assert!(rooms.of_show(&show).expect("ready").is_some());
        rooms.follow_settings(Instant::now(), &[], &[]);
        assert!(rooms.of_show(&show).expect("ready").is_none());
        assert!(rooms.by_show.read().is_empty());
    }

    #[test]
    fn what_was_read_earlier_does_not_undo_what_was_read_since() {
        let rooms = Rooms::default();
        let earlier = Instant::now();
        let scheduled = RoomRow::for_tests("r", Phase::Scheduled);
        rooms.follow_room(earlier, &scheduled, None);
        let since = earlier + std::time::Duration::from_millis(1);
        rooms.follow_room(since, &RoomRow::for_tests("r", Phase::Open), None);
        rooms.follow_room(earlier, &scheduled, None);
        let phase =
            || rooms.rooms.read().values().map(|room| room.info().phase).collect::<Vec<_>>();
        assert_eq!(phase(), [Phase::Open]);
        rooms.follow_room(since, &scheduled, None);
        assert_eq!(phase(), [Phase::Scheduled]);
    }
}
