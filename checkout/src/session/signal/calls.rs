//! How the calls of each room went lately: how long they took, and which failed by our fault.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use admission::contract::{CallSignal, OrderFlow, PlaceId, RoomName};
use catalog::contract::ShowId;
use parking_lot::Mutex;

use crate::{Error, session::signal::sliding::Sliding};

/// Two of these are looked at.
const WINDOW: Duration = Duration::from_secs(1);
/// A room that is not called for so long is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// Whoever was turned away and does not try again for so long has gone. Pages try every two
/// seconds.
const AT_DOOR: Duration = Duration::from_secs(4);
/// More at the door than this change nothing.
const AT_DOOR_MAX: usize = 1_000;
/// A caller who hangs up sooner than this was not kept waiting by us.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    Redeem,
    Hold,
    Order,
}

/// Calls of all rooms that were called within the last minute.
#[derive(Default)]
pub struct Calls {
    rooms: Mutex<HashMap<RoomName, RoomCalls>>,
    /// By number: what was not answered yet.
    under_way: Mutex<HashMap<u64, (RoomName, CallKind, Instant)>>,
    begun: AtomicU64,
}

struct RoomCalls {
    show: ShowId,
    last: Instant,
    redeem: Sliding,
    hold: Sliding,
    order: Sliding,
    /// Orders that were begun, by how long their fans had been inside.
    begun: Sliding,
    at_door: AtDoor,
}

/// Whose good passes were turned away, and when last: until they come in, or try no more.
#[derive(Default)]
struct AtDoor(HashMap<PlaceId, TurnedAway>);

struct TurnedAway {
    last: Instant,
    /// Because as many were inside as may be: nothing failed.
    full: bool,
}

impl AtDoor {
    fn turn_away(&mut self, place: PlaceId, away: TurnedAway) {
        if self.0.len() < AT_DOOR_MAX || self.0.contains_key(&place) {
            self.0.insert(place, away);
        }
    }

    /// How many stand there, and how many of them only because it is full.
    fn count(&mut self, now: Instant) -> (u32, u32) {
        self.0.retain(|_, away| now.saturating_duration_since(away.last) < AT_DOOR);
        let full = self.0.values().filter(|away| away.full).count();
        (self.0.len() as u32, full as u32)
    }
}

impl RoomCalls {
    fn new(show: ShowId, now: Instant) -> Self {
        let [redeem, hold, order, begun] = [(); 4].map(|()| Sliding::new(WINDOW, now));
        Self { show, last: now, redeem, hold, order, begun, at_door: AtDoor::default() }
    }

    fn of(&mut self, kind: CallKind) -> &mut Sliding {
        match kind {
            CallKind::Redeem => &mut self.redeem,
            CallKind::Hold => &mut self.hold,
            CallKind::Order => &mut self.order,
        }
    }
}

/// What a room's calls come to.
#[derive(Debug, Default)]
pub struct RoomTally {
    pub redeem: CallSignal,
    pub hold: CallSignal,
    pub order: CallSignal,
    pub orders: OrderFlow,
    pub turned_away: u32,
    /// Of those, how many only because as many were inside as may be.
    pub turned_away_full: u32,
}

impl Calls {
    /// A call that begins now.
    pub fn begin(&self, room: &RoomName, show: &ShowId, kind: CallKind) -> Call<'_> {
        let (room, show, began) = (room.clone(), show.clone(), Instant::now());
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.lock().insert(number, (room.clone(), kind, began));
        Call { calls: self, number, room, show, kind, place: None, began, ended: false }
    }

    /// An order that begins now, of a fan who has been inside for so long.
    pub fn begin_order(&self, room: &RoomName, show: &ShowId, inside: Duration) -> Call<'_> {
        let now = Instant::now();
        called(&mut self.rooms.lock(), room, show, now).begun.record(inside, false, now);
        self.begin(room, show, CallKind::Order)
    }

    fn record(&self, call: &Call<'_>, failed: bool, is_at_door: bool) {
        let now = Instant::now();
        let mut rooms = self.rooms.lock();
        let room = called(&mut rooms, &call.room, &call.show, now);
        room.of(call.kind).record(now.saturating_duration_since(call.began), failed, now);
        match &call.place {
            Some(place) if is_at_door => {
                room.at_door.turn_away(place.clone(), TurnedAway { last: now, full: !failed });
            }
            Some(place) => drop(room.at_door.0.remove(place)),
            None => {}
        }
    }

    /// Rooms that were called within the last minute, with their shows. Others are forgotten.
    pub fn rooms(&self) -> Vec<(RoomName, ShowId)> {
        let now = Instant::now();
        let mut rooms = self.rooms.lock();
        rooms.retain(|_, room| now.saturating_duration_since(room.last) < IDLE);
        rooms.iter().map(|(room, calls)| (room.clone(), calls.show.clone())).collect()
    }

    /// What to say of a room now.
    pub fn tally(&self, room: &RoomName) -> RoomTally {
        let now = Instant::now();
        let mut under_way = Vec::new();
        for (of, kind, began) in self.under_way.lock().values() {
            if of == room {
                under_way.push((*kind, now.saturating_duration_since(*began)));
            }
        }
        let of = |wanted: CallKind| {
            under_way.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, age)| *age)
        };
        let mut rooms = self.rooms.lock();
        let Some(calls) = rooms.get_mut(room) else { return RoomTally::default() };
        let (turned_away, turned_away_full) = calls.at_door.count(now);
        RoomTally {
            redeem: calls.redeem.signal(now, of(CallKind::Redeem)),
            hold: calls.hold.signal(now, of(CallKind::Hold)),
            order: calls.order.signal(now, of(CallKind::Order)),
            orders: OrderFlow {
                begun_per_min: calls.begun.per_min(now),
                answered_per_min: calls.order.per_min(now),
                after_ms: calls.begun.signal(now, std::iter::empty()).p50_ms,
                under_way: of(CallKind::Order).count() as u32,
            },
            turned_away,
            turned_away_full,
        }
    }
}

/// A room that is called now.
fn called<'a>(
    rooms: &'a mut HashMap<RoomName, RoomCalls>,
    room: &RoomName,
    show: &ShowId,
    now: Instant,
) -> &'a mut RoomCalls {
    let calls = rooms.entry(room.clone()).or_insert_with(|| RoomCalls::new(show.clone(), now));
    calls.last = now;
    calls
}

/// A call under way. One that is dropped was given up: by its caller, or for the time it took.
pub struct Call<'a> {
    calls: &'a Calls,
    number: u64,
    room: RoomName,
    show: ShowId,
    kind: CallKind,
    /// Whose pass is redeemed.
    place: Option<PlaceId>,
    began: Instant,
    ended: bool,
}

impl Call<'_> {
    /// It redeems the pass of this place.
    pub fn of(mut self, place: &PlaceId) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// It was answered so.
    pub fn end<T>(mut self, outcome: &Result<T, Error>) {
        self.ended = true;
        let failed = outcome.as_ref().is_err_and(Error::is_our_fault);
        // A pass whose place has no grant is no business of the door's.
        let full = matches!(outcome, Err(Error::CheckoutFull { turn_kept: true }));
        self.calls.record(&self, failed, failed || full);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.under_way.lock().remove(&self.number);
        if !self.ended && self.began.elapsed() >= PATIENCE {
            self.calls.record(self, true, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (RoomName, ShowId) {
        ("r".parse().expect("a room"), "s".parse().expect("a show"))
    }

    #[test]
    fn refusals_by_the_rules_are_no_failures() {
        let (calls, (room, show)) = (Calls::default(), names());
        let answer = |kind, outcome: Result<(), Error>| {
            calls.begin(&room, &show, kind).end(&outcome);
        };
        answer(CallKind::Redeem, Ok(()));
        answer(CallKind::Redeem, Err(Error::PassUsed));
        answer(CallKind::Redeem, Err(Error::CheckoutFull { turn_kept: true }));
        answer(CallKind::Redeem, Err(Error::Unavailable("away".to_owned())));
        answer(CallKind::Hold, Err(Error::HoldExpired));
        answer(CallKind::Order, Err(Error::OrderUnwritable));
        let told = calls.tally(&room);
        assert_eq!((told.redeem.count, told.redeem.failed), (4, 1));
        assert_eq!((told.hold.count, told.hold.failed), (1, 0));
        assert_eq!((told.order.count, told.order.failed), (1, 1));
    }

    #[test]
    fn a_call_under_way_is_heard_of_until_it_ends() {
        let (calls, (room, show)) = (Calls::default(), names());
        calls.begin(&room, &show, CallKind::Order).end(&Ok(()));
        let order = calls.begin(&room, &show, CallKind::Order);
        if let Some((_, _, began)) = calls.under_way.lock().get_mut(&order.number) {
            *began -= Duration::from_secs(3);
        }
        let told = calls.tally(&room);
        assert_eq!((told.order.count, told.hold.count), (2, 0));
        assert!(told.order.p99_ms >= 2_900, "{told:?}");
        drop(order);
        assert_eq!(calls.tally(&room).order.count, 1);
        assert!(calls.under_way.lock().is_empty());
    }

    #[test]
    fn orders_are_counted_as_they_begin_and_as_they_are_answered() {
        let (calls, (room, show)) = (Calls::default(), names());
        let one = calls.begin_order(&room, &show, Duration::from_secs(7));
        let _other = calls.begin_order(&room, &show, Duration::from_secs(7));
        one.end(&Ok(()));
        let told = calls.tally(&room).orders;
        assert_eq!((told.begun_per_min, told.answered_per_min, told.under_way), (240, 120, 1));
        assert!((6_900..=7_100).contains(&told.after_ms), "{told:?}");
    }

    #[test]
    fn whose_turn_is_kept_stands_at_the_door_until_they_come_in_or_try_no_more() {
        let (calls, (room, show)) = (Calls::default(), names());
        let redeem = |place: &str, outcome: Result<(), Error>| {
            let place = place.parse().expect("a place");
            calls.begin(&room, &show, CallKind::Redeem).of(&place).end(&outcome);
        };
        let at_door = || {
            let told = calls.tally(&room);
            (told.turned_away, told.turned_away_full)
        };
        redeem("r.0.1", Err(Error::CheckoutFull { turn_kept: false }));
        assert_eq!(at_door(), (0, 0), "nobody keeps a slot for that one");
        redeem("r.0.2", Err(Error::CheckoutFull { turn_kept: true }));
        redeem("r.0.3", Err(Error::Unavailable("away".to_owned())));
        assert_eq!([at_door(), at_door()], [(2, 1), (2, 1)]);
        redeem("r.0.2", Ok(()));
        assert_eq!(at_door(), (1, 0));
        if let Some(known) = calls.rooms.lock().get_mut(&room) {
            known.at_door.0.values_mut().for_each(|away| away.last -= AT_DOOR);
        }
        assert_eq!(at_door(), (0, 0));
    }

    #[test]
    fn a_caller_who_hangs_up_early_says_nothing_about_us() {
        let (calls, (room, show)) = (Calls::default(), names());
        drop(calls.begin(&room, &show, CallKind::Hold));
        assert!(calls.rooms().is_empty());
        let place = "r.0.1".parse().expect("a place");
        let mut late = calls.begin(&room, &show, CallKind::Redeem).of(&place);
        late.began -= PATIENCE;
        drop(late);
        let told = calls.tally(&room);
        assert_eq!((told.redeem.count, told.redeem.failed, told.turned_away), (1, 1, 1));
    }

    #[test]
    fn rooms_that_nobody_calls_are_forgotten() {
        let (calls, (room, show)) = (Calls::default(), names());
        calls.begin(&room, &show, CallKind::Hold).end(&Ok(()));
        assert_eq!(calls.rooms(), [(room.clone(), show)]);
        if let Some(known) = calls.rooms.lock().get_mut(&room) {
            known.last -= IDLE;
        }
        assert!(calls.rooms().is_empty() && calls.rooms.lock().is_empty());
    }
}
