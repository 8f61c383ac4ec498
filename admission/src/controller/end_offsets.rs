//! Where the lanes of a room end, looked up beside the fetching: a question about an end waits
//! behind a long poll on the same connection, and the gate must not wait with it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
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
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_millis(1000);
/// While other controllers wait to hear that a lane is still empty.
const LOOK_OFTEN: Duration = Duration::from_millis(60);
const CALL: Duration = Duration::from_secs(2);

/// Where a lane ended at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub tail: i64,
    /// Just before the question was sent.
    pub looked_ms: i64,
}

/// The ends of a room's lanes, as they were last looked up.
#[derive(Clone, Default)]
pub struct EndOffsets {
    found: Arc<Mutex<BTreeMap<i32, End>>>,
    often: Arc<AtomicBool>,
    hurry: Arc<Notify>,
}

impl EndOffsets {
    /// Takes what was found since the last time.
    pub fn take(&self) -> BTreeMap<i32, End> {
        std::mem::take(&mut *self.found.lock())
    }

    /// Whether to look many times a second from now on, and at once.
    pub fn look_often(&self, often: bool) {
        if !self.often.swap(often, Ordering::Relaxed) && often {
            self.hurry.notify_one();
        }
    }

    /// Looks until `stop`. Kafka being away is waited out.
    ///
    /// # Errors
    /// When the Kafka client cannot be made.
    pub fn watch(
        &self,
        kafka: &Kafka,
        topic: String,
        lanes: i32,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let reader: Arc<BaseConsumer<ReaderContext>> = Arc::new(kafka.reader()?);
        let ends = self.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                let (reader, topic, found) = (reader.clone(), topic.clone(), ends.found.clone());
                let look = tokio::task::spawn_blocking(move || {
                    let looked_ms = Utc::now().timestamp_millis();
                    if let Ok(tails) = tails(&reader, &topic, lanes) {
                        let ends =
                            tails.into_iter().map(|(lane, tail)| (lane, End { tail, looked_ms }));
                        found.lock().extend(ends);
                    }
                });
                let _ = look.await;
                let often = ends.often.load(Ordering::Relaxed);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = ends.hurry.notified() => {}
                    () = tokio::time::sleep(if often { LOOK_OFTEN } else { LOOK_EVERY }) => {}
                }
            }
        });
        Ok(())
    }
}

/// Where all lanes end, in one question to each broker. A lane without an answer is left out.
fn tails(
    reader: &BaseConsumer<ReaderContext>,
    topic: &str,
    lanes: i32,
) -> KafkaResult<Vec<(i32, i64)>> {
    let mut list = TopicPartitionList::new();
    for lane in 0..lanes {
        list.add_partition_offset(topic, lane, Offset::End)?;
    }
    let found = reader.offsets_for_times(list, CALL)?;
    let tail = |offset| if let Offset::Offset(tail) = offset { Some(tail) } else { None };
    let answered = found.elements().into_iter().filter(|element| element.error().is_ok());
    Ok(answered
        .filter_map(|element| Some((element.partition(), tail(element.offset())?)))
        .collect())
}
