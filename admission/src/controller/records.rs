//! Reading the lanes of all rooms with one client, which hands each record to its room.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use kit::kafka::{Kafka, ReaderContext};
use parking_lot::{Mutex, RwLock};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use tokio::sync::mpsc;

const POLL: Duration = Duration::from_millis(100);
/// After an error, of which librdkafka recovers by itself.
const BREATHER: Duration = Duration::from_millis(5);
/// So many records of a room wait for its controller; of a lane that brings more, fetching stops
/// until the controller asks again.
const WAITING_MAX: usize = 4_096;

/// A record of a lane, as the broker has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneRecord {
    pub lane: i32,
    pub offset: i64,
    pub joined_ms: i64,
}

struct Room {
    records: mpsc::Sender<LaneRecord>,
    /// Lanes of which something did not fit, and that are not fetched until they are sought.
    overflowed: Arc<Mutex<BTreeSet<i32>>>,
}

/// What comes of one room.
pub struct Incoming {
    pub records: mpsc::Receiver<LaneRecord>,
    overflowed: Arc<Mutex<BTreeSet<i32>>>,
}

impl Incoming {
    /// The lanes of which something was left out since the last time.
    pub fn take_overflowed(&self) -> BTreeSet<i32> {
        std::mem::take(&mut *self.overflowed.lock())
    }
}

/// The one reader of all lines.
pub struct Records {
    consumer: Arc<BaseConsumer<ReaderContext>>,
    rooms: Arc<RwLock<HashMap<Arc<str>, Room>>>,
    /// What is read, by topic.
    assigned: Mutex<BTreeMap<Arc<str>, BTreeSet<i32>>>,
    ended: Arc<AtomicBool>,
}

impl Drop for Records {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn list(topic: &str, lanes: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for lane in lanes {
        list.add_partition(topic, *lane);
    }
    list
}

impl Records {
    /// # Errors
    /// When the Kafka client or its thread cannot be made.
    pub fn start(kafka: &Kafka) -> anyhow::Result<Self> {
        let consumer: Arc<BaseConsumer<ReaderContext>> = Arc::new(kafka.line_reader()?);
        let rooms: Arc<RwLock<HashMap<Arc<str>, Room>>> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (reader, readers, is_over) = (consumer.clone(), rooms.clone(), ended.clone());
        thread::Builder::new().name("lines".to_owned()).spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                match reader.poll(POLL) {
                    Some(Ok(message)) => hand_on(&reader, &readers, &message),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "reading lines");
                        thread::sleep(BREATHER);
                    }
                    None => {}
                }
            }
        })?;
        Ok(Self { consumer, rooms, assigned: Mutex::default(), ended })
    }

    /// Hands the records of a topic's lanes on from now, to whoever asked last.
    pub fn follow(&self, topic: &Arc<str>) -> Incoming {
        let (sender, records) = mpsc::channel(WAITING_MAX);
        let overflowed: Arc<Mutex<BTreeSet<i32>>> = Arc::default();
        let room = Room { records: sender, overflowed: overflowed.clone() };
        self.rooms.write().insert(topic.clone(), room);
        Incoming { records, overflowed }
    }

    /// Reads a topic no more, unless somebody else asked for it since.
    pub fn forget(&self, topic: &Arc<str>, incoming: &Incoming) {
        {
            let mut rooms = self.rooms.write();
            let is_own = |room: &Room| Arc::ptr_eq(&room.overflowed, &incoming.overflowed);
            if !rooms.get(topic).is_some_and(is_own) {
                return;
            }
            rooms.remove(topic);
        }
        let lanes = self.assigned.lock().get(topic).cloned().unwrap_or_default();
        for lane in lanes {
            self.drop_lane(topic, lane);
        }
    }

    /// Reads a lane from an offset on. No other lane is touched.
    ///
    /// # Errors
    /// The client refuses.
    pub fn read_lane(&self, topic: &Arc<str>, lane: i32, offset: i64) -> anyhow::Result<()> {
        self.drop_lane(topic, lane);
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, lane, Offset::Offset(offset))?;
        self.consumer.incremental_assign(&from)?;
        // A pause outlives the assignment in librdkafka.
        let _ = self.consumer.resume(&list(topic, &[lane]));
        self.assigned.lock().entry(topic.clone()).or_default().insert(lane);
        Ok(())
    }

    /// Reads a lane no more.
    pub fn drop_lane(&self, topic: &Arc<str>, lane: i32) {
        let mut assigned = self.assigned.lock();
        let Some(lanes) = assigned.get_mut(topic) else { return };
        if lanes.remove(&lane)
            && let Err(error) = self.consumer.incremental_unassign(&list(topic, &[lane]))
        {
            tracing::debug!(%topic, lane, %error, "a lane that was not read");
        }
        if lanes.is_empty() {
            assigned.remove(topic);
        }
    }

    /// Asks for a record again.
    pub fn seek(&self, topic: &str, lane: i32, offset: i64) {
        // Without a timeout it only asks; should it fail, the next gap or look at the ends asks
        // again.
        let _ = self.consumer.seek(topic, lane, Offset::Offset(offset), Duration::ZERO);
    }

    /// Whether it worked.
    pub fn pause(&self, topic: &str, lane: i32) -> bool {
        self.consumer.pause(&list(topic, &[lane])).is_ok()
    }

    /// Whether it worked.
    pub fn resume(&self, topic: &str, lanes: &[i32]) -> bool {
        self.consumer.resume(&list(topic, lanes)).is_ok()
    }
}

fn hand_on(
    reader: &BaseConsumer<ReaderContext>,
    rooms: &RwLock<HashMap<Arc<str>, Room>>,
    message: &impl Message,
) {
    let rooms = rooms.read();
    let Some(room) = rooms.get(message.topic()) else { return };
    let record = LaneRecord {
        lane: message.partition(),
        offset: message.offset(),
        joined_ms: message.timestamp().to_millis().unwrap_or_default(),
    };
    if let Err(mpsc::error::TrySendError::Full(record)) = room.records.try_send(record)
        && room.overflowed.lock().insert(record.lane)
    {
        let _ = reader.pause(&list(message.topic(), &[record.lane]));
    }
}
