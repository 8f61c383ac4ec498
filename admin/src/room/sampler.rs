//! Looks at every room that is not closed once a second, and keeps what it saw for ten minutes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use admission::contract::{HEADS_TOPIC, HeadsMoved, LaneHead, ensure_heads_topic};
use anyhow::Context;
use chrono::Utc;
use futures::{StreamExt, stream};
use kit::{kafka::ReaderContext, serve::Tasks};
use parking_lot::Mutex;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::KafkaError,
};
use tokio_util::sync::CancellationToken;
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
    let (app, stop) = (app.clone(), tasks.stop());
    tasks.spawn(async move {
        while !stop.is_cancelled() {
            if let Err(error) = follow_heads(&app, &stop).await {
                tracing::warn!(error = format!("{error:#}"), "following the heads, will try again");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        }
    });
}

async fn follow_heads(app: &App, stop: &CancellationToken) -> anyhow::Result<()> {
    ensure_heads_topic(&app.kafka).await?;
    let reader: StreamConsumer<ReaderContext> = app.kafka.reader()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&app.kafka.name(HEADS_TOPIC), 0, Offset::Beginning)?;
    reader.assign(&list).context("reading the heads")?;
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            received = reader.recv() => received,
        };
        match received {
            Ok(message) => {
                match serde_json::from_slice::<HeadsMoved>(message.payload().unwrap_or_default()) {
                    Ok(moved) => app.seen.follow(&moved),
                    Err(error) => {
                        tracing::error!(offset = message.offset(), %error, "a heads record cannot \
                            be read")
                    }
                }
            }
            Err(KafkaError::PartitionEOF(_)) => {}
            // librdkafka reconnects by itself and goes on where it was.
            Err(error) => {
                tracing::debug!(%error, "reading heads");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
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
