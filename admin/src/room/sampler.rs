//! Looks at every room that is not closed once a second, and keeps what it saw for ten minutes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use admission::contract::{HEADS, HeadsMoved};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use kit::{
    kafka::reader::{Read, read},
    serve::Tasks,
};
use parking_lot::Mutex;
use waitroom::contract::{Phase, RoomState};

use crate::{
    App,
    room::{
        alarm::{AlarmKind, watch::Watch},
        count::count,
        figures::{Details, RoomFigures},
        history::{History, Picture, Sample},
        line::Line,
        measures::{Counts, Measures, flow, lanes},
        show_name::Shows,
    },
};

const EVERY: Duration = Duration::from_secs(1);
/// Rooms looked at side by side.
const CONCURRENT_MAX: usize = 4;
/// A room where nothing can happen yet, or that sleeps, is counted in every so manieth round.
const QUIET_ROUNDS: u64 = 10;
/// Names of shows are asked for in every so manieth round, and where one is missing.
const NAMES_ROUNDS: u64 = 30;

/// What this instance saw.
#[derive(Default)]
pub struct Seen(Mutex<Known>);

#[derive(Default)]
struct Known {
    lines: HashMap<String, Line>,
    rooms: HashMap<String, Watched>,
    shows: Arc<Shows>,
}

#[derive(Default)]
struct Watched {
    history: History,
    counts: Option<Counts>,
    alarms: Watch,
}

impl Seen {
    fn known(&self) -> parking_lot::MutexGuard<'_, Known> {
        self.0.lock()
    }

    fn follow(&self, moved: &HeadsMoved) {
        self.known().lines.entry(moved.room.to_string()).or_default().follow(moved);
    }

    /// What was heard of a room's line.
    pub fn line(&self, room: &str) -> Line {
        self.known().lines.get(room).cloned().unwrap_or_default()
    }

    fn counts(&self, room: &str) -> Option<Counts> {
        self.known().rooms.get(room).and_then(|watched| watched.counts.clone())
    }

    /// Adds what was seen of a room at one moment, and gives what follows of all that was.
    fn add(&self, room: RoomState, counts: Option<Counts>, now: DateTime<Utc>) -> RoomFigures {
        let mut known = self.known();
        let Known { lines, rooms, shows } = &mut *known;
        let unheard = Line::default();
        let line = lines.get(&*room.room).unwrap_or(&unheard);
        let watched = rooms.entry(room.room.to_string()).or_default();
        watched.history.add(sample(line, counts.as_ref(), now));
        watched.counts.clone_from(&counts);
        let measures = measure(&watched.history, &counts.clone().unwrap_or_default(), line, now);
        let alarms = watched.alarms.look(now, &room, &measures);
        let details = Details {
            name: shows.name(&room.show),
            types: counts.unwrap_or_default().types,
            lanes: lanes(&watched.history),
        };
        RoomFigures::new(room, measures, alarms, details)
    }

    /// Forgets rooms that are not among `rooms`, and gives the names of those.
    fn keep(&self, rooms: &[RoomState]) -> Vec<String> {
        let is_there = |known: &str| rooms.iter().any(|room| *room.room == *known);
        let mut known = self.known();
        known.rooms.extract_if(|known, _| !is_there(known)).map(|(room, _)| room).collect()
    }

    /// The last ten minutes of a room.
    pub fn picture(&self, room: &str) -> Picture {
        self.known().rooms.get(room).map(|watched| watched.history.picture()).unwrap_or_default()
    }

    fn shows(&self) -> Arc<Shows> {
        self.known().shows.clone()
    }
}

/// A room as it is at one moment.
pub fn sample(line: &Line, counts: Option<&Counts>, now: DateTime<Utc>) -> Sample {
    let pace = line.pace(now);
    Sample {
        left: line.left(),
        settled_per_sec: pace.settled_per_sec,
        held_back: pace.held_back.iter().map(|reason| reason.held_by).collect(),
        counted: counts.map(|counts| counts.counted(pace.comes())),
        ..Sample::of_lanes(now, line.lanes())
    }
}

/// What was measured of a room until `now`.
pub fn measure(history: &History, counts: &Counts, line: &Line, now: DateTime<Utc>) -> Measures {
    Measures {
        flow: flow(history, counts),
        measured: history.measured(),
        freed_per_sec: history.freed_per_sec(),
        learnt_per_sec: history.learnt_per_sec(),
        pace: line.pace(now),
        stock: counts.stock.with(line.stock(now)),
    }
}

/// Starts looking.
pub fn start(app: &App, tasks: &Tasks) {
    let (looking, round) = (app.clone(), Arc::new(AtomicU64::new(0)));
    tasks.every("look at rooms", EVERY, move || {
        let (app, number) = (looking.clone(), round.fetch_add(1, Ordering::Relaxed));
        async move { look(&app, number).await }
    });
    let (seeing, kafka) = (app.clone(), app.kafka.clone());
    tasks.spawn(read(kafka, HEADS, tasks.stop(), move |met: Read<HeadsMoved>| {
        if let Read::Event { event, .. } = met {
            seeing.seen.follow(&event);
        }
    }));
}

async fn look(app: &App, round: u64) -> anyhow::Result<()> {
    let mut rooms = waitroom::contract::rooms(&app.pool).await?;
    rooms.retain(|room| room.phase != Phase::Closed);
    for gone in app.seen.keep(&rooms) {
        tell_metrics(&gone, &[]);
    }
    let shows = names(app, &rooms, round).await;
    let figures = stream::iter(rooms)
        .map(|room| async {
            let counts = counts(app, &room, &shows, round).await;
            app.seen.add(room, counts, Utc::now())
        })
        .buffered(CONCURRENT_MAX)
        .collect::<Vec<_>>()
        .await;
    for room in &figures {
        let raised: Vec<AlarmKind> = room.alarms.iter().map(|alarm| alarm.alarm).collect();
        tell_metrics(&room.room.room, &raised);
    }
    app.live.publish(figures);
    Ok(())
}

/// What is counted of a room in this round; as it was where it cannot be counted, or need not.
async fn counts(app: &App, room: &RoomState, shows: &Shows, round: u64) -> Option<Counts> {
    let known = app.seen.counts(&room.room);
    if known.is_some()
        && (is_quiet(room.phase) || room.sleep.asleep)
        && !round.is_multiple_of(QUIET_ROUNDS)
    {
        return known;
    }
    match count(app, room, shows).await {
        Ok(counts) => Some(counts),
        Err(error) => {
            tracing::debug!(room = %room.room, error = format!("{error:#}"), "counting a room");
            known
        }
    }
}

/// What the rooms' shows are called; as they were called where nobody can tell.
async fn names(app: &App, rooms: &[RoomState], round: u64) -> Arc<Shows> {
    let known = app.seen.shows();
    let all_known = rooms.iter().all(|room| known.knows(&room.show));
    if all_known && !round.is_multiple_of(NAMES_ROUNDS) {
        return known;
    }
    let ids: Vec<_> = rooms.iter().map(|room| room.show.clone()).collect();
    match Shows::of(&app.pool, &ids).await {
        Ok(shows) => {
            let shows = Arc::new(shows);
            app.seen.known().shows = shows.clone();
            shows
        }
        Err(error) => {
            tracing::debug!(%error, "looking up what shows are called");
            known
        }
    }
}

/// `fairgate_alarm{room,alarm}`: 1 while an alarm stands, 0 while it does not.
fn tell_metrics(room: &str, raised: &[AlarmKind]) {
    for alarm in AlarmKind::ALL {
        let value = if raised.contains(&alarm) { 1.0 } else { 0.0 };
        metrics::gauge!("fairgate_alarm", "room" => room.to_owned(), "alarm" => alarm.to_string())
            .set(value);
    }
}

/// Nobody is in the room, nor can be.
fn is_quiet(phase: Phase) -> bool {
    matches!(phase, Phase::Draft | Phase::Scheduled)
}
