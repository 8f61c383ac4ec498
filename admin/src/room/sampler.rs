//! Looks at every room that is not closed once a second, and keeps what it saw for ten minutes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use admission::contract::{HEADS, HeadsMoved, LaneHead};
use chrono::Utc;
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
        count::count,
        figures::{Counts, Flow, History, LaneFlow, Picture, RoomFigures, Sample, flow, lanes},
    },
};

const EVERY: Duration = Duration::from_secs(1);
/// Rooms looked at side by side.
const CONCURRENT_MAX: usize = 4;
/// A room where nothing can happen yet is counted in every so manieth round.
const QUIET_ROUNDS: u64 = 10;

/// What this instance saw.
#[derive(Default)]
pub struct Seen(Mutex<Known>);

#[derive(Default)]
struct Known {
    heads: HashMap<String, BTreeMap<i32, LaneHead>>,
    rooms: HashMap<String, Watched>,
}

#[derive(Default)]
struct Watched {
    history: History,
    counts: Counts,
}

impl Seen {
    fn known(&self) -> parking_lot::MutexGuard<'_, Known> {
        self.0.lock()
    }

    /// Heads only grow, so records may be read twice or out of order.
    fn follow(&self, moved: &HeadsMoved) {
        let mut known = self.known();
        let lanes = known.heads.entry(moved.room.to_string()).or_default();
        for head in &moved.heads {
            let lane = lanes.entry(head.lane).or_insert(*head);
            lane.head = lane.head.max(head.head);
            lane.tail = lane.tail.max(head.tail).max(lane.head);
        }
    }

    /// Where a room's lanes stand.
    pub fn lanes(&self, room: &str) -> Box<[LaneHead]> {
        self.known()
            .heads
            .get(room)
            .map(|lanes| lanes.values().copied().collect())
            .unwrap_or_default()
    }

    fn counts(&self, room: &str) -> Option<Counts> {
        self.known().rooms.get(room).map(|watched| watched.counts)
    }

    fn add(&self, room: &str, sample: Sample, counts: Counts) -> (Flow, Vec<LaneFlow>) {
        let mut known = self.known();
        let watched = known.rooms.entry(room.to_owned()).or_default();
        watched.history.add(sample);
        watched.counts = counts;
        (flow(&watched.history, &counts), lanes(&watched.history))
    }

    fn keep(&self, rooms: &[RoomState]) {
        self.known().rooms.retain(|known, _| rooms.iter().any(|room| *room.room == **known));
    }

    /// The last ten minutes of a room.
    pub fn picture(&self, room: &str) -> Picture {
        self.known().rooms.get(room).map(|watched| watched.history.picture()).unwrap_or_default()
    }
}

/// Starts looking.
pub fn start(app: &App, tasks: &Tasks) {
    let (looking, round) = (app.clone(), Arc::new(std::sync::atomic::AtomicU64::new(0)));
    tasks.every("look at rooms", EVERY, move || {
        let (app, number) =
            (looking.clone(), round.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
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
    app.seen.keep(&rooms);
    let figures = stream::iter(rooms)
        .map(|room| async move {
            let counts = match app.seen.counts(&room.room) {
                Some(known) if is_quiet(room.phase) && !round.is_multiple_of(QUIET_ROUNDS) => known,
                // What cannot be counted for a moment is told as it was.
                known => count(app, &room).await.unwrap_or_else(|error| {
                    tracing::debug!(
                        room = %room.room,
                        error = format!("{error:#}"),
                        "counting a room"
                    );
                    known.unwrap_or_default()
                }),
            };
            let sample = Sample { at: Utc::now(), lanes: app.seen.lanes(&room.room) };
            let (flow, lanes) = app.seen.add(&room.room, sample, counts);
            RoomFigures::new(room, flow, counts.stock, lanes)
        })
        .buffered(CONCURRENT_MAX)
        .collect::<Vec<_>>()
        .await;
    app.live.publish(figures);
    Ok(())
}

/// Nobody is in the room, nor can be.
fn is_quiet(phase: Phase) -> bool {
    matches!(phase, Phase::Draft | Phase::Scheduled)
}
