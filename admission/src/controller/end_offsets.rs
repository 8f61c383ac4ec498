//! Where the lanes of all rooms end, looked up beside the fetching: a question about an end waits
//! behind a long poll on the same connection, and no gate must wait with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use kit::kafka::{Kafka, ReaderContext};
use parking_lot::Mutex;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

const LOOK_EVERY: Duration = Duration::from_millis(1000);
/// While other controllers of a room wait to hear that a lane is still empty.
const LOOK_OFTEN: Duration = Duration::from_millis(60);
const CALL: Duration = Duration::from_secs(2);
/// A question about many topics fails where one of them is gone; it is asked by halves then, but
/// no longer than this.
const HALVES: Duration = Duration::from_secs(3);

/// Where a lane ended at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub tail: i64,
    /// Just before the question was sent.
    pub looked_ms: i64,
}

struct Looked {
    topic: Arc<str>,
    lanes: Mutex<BTreeSet<i32>>,
    found: Mutex<BTreeMap<i32, End>>,
    often: AtomicBool,
}

/// The ends of a room's lanes, as they were last looked up. Dropping it ends the looking.
pub struct EndOffsets {
    looked: Arc<Looked>,
    hurry: Arc<Notify>,
}

impl EndOffsets {
    /// Takes what was found since the last time.
    pub fn take(&self) -> BTreeMap<i32, End> {
        std::mem::take(&mut *self.looked.found.lock())
    }

    /// Looks at a lane from now on, or no more.
    pub fn look_at(&self, lane: i32, look: bool) {
        let mut lanes = self.looked.lanes.lock();
        if look {
            lanes.insert(lane)
        } else {
            lanes.remove(&lane)
        };
    }

    /// Whether to look many times a second from now on, and at once.
    pub fn look_often(&self, often: bool) {
        if !self.looked.often.swap(often, Ordering::Relaxed) && often {
            self.hurry.notify_one();
        }
    }
}

/// The one who looks for all rooms.
pub struct EndWatch {
    reader: Arc<BaseConsumer<ReaderContext>>,
    rooms: Arc<Mutex<Vec<Arc<Looked>>>>,
    hurry: Arc<Notify>,
    _ends_with_it: DropGuard,
}

impl EndWatch {
    /// Kafka being away is waited out.
    ///
    /// # Errors
    /// When the Kafka client cannot be made.
    pub fn start(kafka: &Kafka) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let watch = Self {
            reader: Arc::new(kafka.reader()?),
            rooms: Arc::default(),
            hurry: Arc::default(),
            _ends_with_it: stop.clone().drop_guard(),
        };
        let (reader, rooms) = (watch.reader.clone(), watch.rooms.clone());
        let hurry = watch.hurry.clone();
        tokio::spawn(async move {
            let mut all_due = Instant::now();
            while !stop.is_cancelled() {
                let all = Instant::now() >= all_due;
                if all {
                    all_due = Instant::now() + LOOK_EVERY;
                }
                let (due, some_often) = due(&rooms, all);
                if !due.is_empty() {
                    let reader = reader.clone();
                    let _ = tokio::task::spawn_blocking(move || {
                        look(&reader, &due, Instant::now() + HALVES);
                    })
                    .await;
                }
                let rest = all_due.saturating_duration_since(Instant::now());
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = hurry.notified() => {}
                    () = tokio::time::sleep(if some_often { LOOK_OFTEN.min(rest) } else { rest })
                        => {}
                }
            }
        });
        Ok(watch)
    }

    /// Looks where a topic's lanes end from now on, as they are named.
    pub fn follow(&self, topic: &Arc<str>) -> EndOffsets {
        let looked = Arc::new(Looked {
            topic: topic.clone(),
            lanes: Mutex::default(),
            found: Mutex::default(),
            often: AtomicBool::new(false),
        });
        self.rooms.lock().push(looked.clone());
        EndOffsets { looked, hurry: self.hurry.clone() }
    }

    /// Where these lanes end now, and where they begin where that is asked.
    ///
    /// # Errors
    /// Kafka away, or no such topic.
    pub async fn look_now(
        &self,
        topic: &Arc<str>,
        lanes: Vec<i32>,
        beginnings_of: Vec<i32>,
    ) -> anyhow::Result<(BTreeMap<i32, End>, BTreeMap<i32, i64>)> {
        let (reader, topic) = (self.reader.clone(), topic.clone());
        tokio::task::spawn_blocking(move || {
            let looked_ms = Utc::now().timestamp_millis();
            let asked: Vec<(&str, i32)> = lanes.iter().map(|lane| (&*topic, *lane)).collect();
            let found = tails(&reader, &asked)?;
            let ends =
                found.into_iter().map(|(_, lane, tail)| (lane, End { tail, looked_ms })).collect();
            let mut beginnings = BTreeMap::new();
            for lane in beginnings_of {
                beginnings.insert(lane, reader.fetch_watermarks(&topic, lane, CALL)?.0);
            }
            Ok((ends, beginnings))
        })
        .await?
    }
}

/// The rooms to be looked at now, and whether some are looked at often.
fn due(rooms: &Mutex<Vec<Arc<Looked>>>, all: bool) -> (Vec<Arc<Looked>>, bool) {
    let mut rooms = rooms.lock();
    // The controller's own handle is gone with it.
    rooms.retain(|room| Arc::strong_count(room) > 1);
    let is_often = |room: &Arc<Looked>| room.often.load(Ordering::Relaxed);
    let due = rooms.iter().filter(|room| all || is_often(room)).cloned().collect();
    (due, rooms.iter().any(is_often))
}

fn look(reader: &BaseConsumer<ReaderContext>, rooms: &[Arc<Looked>], until: Instant) {
    let lanes: Vec<Vec<i32>> =
        rooms.iter().map(|room| room.lanes.lock().iter().copied().collect()).collect();
    let asked: Vec<(&str, i32)> = rooms
        .iter()
        .zip(&lanes)
        .flat_map(|(room, lanes)| lanes.iter().map(|lane| (&*room.topic, *lane)))
        .collect();
    if asked.is_empty() {
        return;
    }
    let looked_ms = Utc::now().timestamp_millis();
    match tails(reader, &asked) {
        Ok(found) => {
            let mut ends: BTreeMap<String, BTreeMap<i32, End>> = BTreeMap::new();
            for (topic, lane, tail) in found {
                ends.entry(topic).or_default().insert(lane, End { tail, looked_ms });
            }
            for room in rooms {
                if let Some(ends) = ends.remove(&*room.topic) {
                    room.found.lock().extend(ends);
                }
            }
        }
        Err(error) if rooms.len() > 1 && Instant::now() < until => {
            tracing::debug!(%error, rooms = rooms.len(), "looking where lanes end");
            let (first, second) = rooms.split_at(rooms.len() / 2);
            look(reader, first, until);
            look(reader, second, until);
        }
        Err(error) => tracing::debug!(%error, "looking where lanes end"),
    }
}

/// Where lanes end, in one question to each broker. A lane without an answer is left out.
fn tails(
    reader: &BaseConsumer<ReaderContext>,
    lanes: &[(&str, i32)],
) -> KafkaResult<Vec<(String, i32, i64)>> {
    let mut list = TopicPartitionList::new();
    for (topic, lane) in lanes {
        list.add_partition_offset(topic, *lane, Offset::End)?;
    }
    let found = reader.offsets_for_times(list, CALL)?;
    let tail = |offset| if let Offset::Offset(tail) = offset { Some(tail) } else { None };
    let answered = found.elements().into_iter().filter(|element| element.error().is_ok());
    Ok(answered
        .filter_map(|element| {
            Some((element.topic().to_owned(), element.partition(), tail(element.offset())?))
        })
        .collect())
}
